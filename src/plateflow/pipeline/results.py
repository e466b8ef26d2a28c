"""Which of what the steps make is written, and from which step on an image is needed no more."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from plateflow.errors import PipelineError
from plateflow.functions.kinds import Kind
from plateflow.pipeline.plan import Ref, Shape, StepPlan
from plateflow.plate.pattern_groups import sort_key

if TYPE_CHECKING:
    from plateflow.pipeline.operands import Names
    from plateflow.pipeline.pipeline import Pipeline


def make_shape(pipeline: Pipeline, steps: tuple[StepPlan, ...], names: Names) -> Shape:
    """Add to planned steps what is written and what may be forgotten.

    Labels are always results, and so is an image that no later step reads, or whose step says ``keep=True``. What
    objects were found in is shown with them, so it is not forgotten.

    Raises
    ------
    PipelineError
        If a step keeps an image that a later step replaces.
    """
    last_reader = {name: index for index, step in enumerate(steps) for name in _reads(step)}
    images = _kept_images(pipeline, steps, last_reader)
    needed = {ref.name for ref in images} | set(names.sources.values())
    released = {ref.name for ref in _made(steps, Kind.IMAGE)} - needed
    return Shape(
        steps=tuple(
            replace(step, release=tuple(sorted(name for name in released if last_reader.get(name, -1) == index)))
            for index, step in enumerate(steps)
        ),
        channels=tuple(name for name in names.channels if name in last_reader),
        labels=tuple(sorted(_made(steps, Kind.LABELS), key=_order)),
        images=images,
        first_reader={name: index for index, step in reversed(list(enumerate(steps))) for name in _reads(step)},
    )


def _reads(step: StepPlan) -> set[str]:
    return {ref.name for group in step.groups for planes in group.inputs for ref in planes if ref.kind is Kind.IMAGE}


def _made(steps: tuple[StepPlan, ...], kind: Kind) -> set[Ref]:
    outputs = chain.from_iterable(group.outputs for step in steps for group in step.groups)
    return {ref for output in outputs for ref in output.refs if ref.kind is kind}


def _kept_images(pipeline: Pipeline, steps: tuple[StepPlan, ...], last_reader: dict[str, int]) -> tuple[Ref, ...]:
    last_made = {ref.name: index for index, step in enumerate(steps) for ref in _made((step,), Kind.IMAGE)}
    kept: set[Ref] = set()
    for index, (step, plan) in enumerate(zip(pipeline.steps, steps, strict=True)):
        for ref in _made((plan,), Kind.IMAGE):
            final = last_made[ref.name] == index
            if step.keep and not final:
                later = steps[last_made[ref.name]].name
                raise PipelineError(
                    f"step {plan.name!r} keeps image {ref.name!r} but step {later!r} replaces it; name it by outputs="
                )
            if final and (step.keep if step.keep is not None else last_reader.get(ref.name, -1) <= index):
                kept.add(ref)
    return tuple(sorted(kept, key=_order))


def _order(ref: Ref) -> tuple[str, tuple[int, int, int]]:
    return ref.name, sort_key(ref.address)
