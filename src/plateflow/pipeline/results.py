"""Which of what the steps make is written, and from which step on an image is needed no more."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from plateflow.functions.kinds import Kind
from plateflow.pipeline.plan import PlanError, Ref, Shape, StepPlan, at_start, without_start
from plateflow.plate.pattern_groups import sort_key

if TYPE_CHECKING:
    from plateflow.pipeline.operands import Names
    from plateflow.pipeline.pipeline import Pipeline
    from plateflow.plate.pattern_groups import Series


def make_shape(pipeline: Pipeline, steps: tuple[StepPlan, ...], names: Names, acquired: dict[str, Series]) -> Shape:
    """Add to planned steps what is written and what may be forgotten.

    Labels are results unless their step says ``keep=False``. An image is one if no later step reads it, or its step
    says ``keep=True``. What objects were found in is shown with them, so it is not forgotten where no file holds it.

    Raises
    ------
    PlanError
        If a step keeps an image that a later step replaces, or what is kept does not fit into one image.
    """
    last_reader = {name: index for index, step in enumerate(steps) for name in _reads(step)}
    last_used = {name: index for index, step in enumerate(steps) for name in _reads(step) | _image_names(step)}
    images = _kept_images(pipeline, steps, last_reader)
    labels = _kept_labels(pipeline, steps)
    _check_planes(steps, labels, images)
    on_disk = {(name, address) for name, series in acquired.items() for address in series.addresses}
    sources = {(names.sources[ref.name], ref.address) for ref in labels}
    return Shape(
        steps=tuple(
            replace(step, release=tuple(sorted(name for name, last in last_used.items() if last == index)))
            for index, step in enumerate(steps)
        ),
        channels=tuple(name for name in names.channels if name in last_reader or at_start(name) in last_reader),
        labels=labels,
        images=images,
        shown=frozenset({ref.name for ref in images} | {name for name, _ in sources - on_disk}),
        first_reader={without_start(name): step.index for step in reversed(steps) for name in _reads(step)},
        plate_images=names.plate_images,
    )


def _reads(step: StepPlan) -> set[str]:
    return {ref.name for group in step.groups for planes in group.inputs for ref in planes if ref.kind is Kind.IMAGE}


def _image_names(step: StepPlan) -> set[str]:
    return {ref.name for ref in _made(step, Kind.IMAGE)}


def _made(step: StepPlan, kind: Kind) -> set[Ref]:
    outputs = chain.from_iterable(group.outputs for group in step.groups)
    return {ref for output in outputs for ref in output.refs if ref.kind is kind}


def _kept_labels(pipeline: Pipeline, steps: tuple[StepPlan, ...]) -> tuple[Ref, ...]:
    kept = (_made(plan, Kind.LABELS) for plan in steps if pipeline.steps[plan.index].keep is not False)
    return tuple(sorted(chain.from_iterable(kept), key=_order))


def _kept_images(pipeline: Pipeline, steps: tuple[StepPlan, ...], last_reader: dict[str, int]) -> tuple[Ref, ...]:
    last_made = {name: index for index, step in enumerate(steps) for name in _image_names(step)}
    kept: set[Ref] = set()
    for index, plan in enumerate(steps):
        step = pipeline.steps[plan.index]
        for ref in _made(plan, Kind.IMAGE):
            final = last_made[ref.name] == index
            if step.keep and not final:
                later = steps[last_made[ref.name]].name
                raise PlanError(
                    plan.name,
                    plan.index,
                    f"keeps image {ref.name!r} but step {later!r} replaces it; name it by outputs=",
                )
            if final and (step.keep if step.keep is not None else last_reader.get(ref.name, -1) <= index):
                kept.add(ref)
    return tuple(sorted(kept, key=_order))


def _check_planes(steps: tuple[StepPlan, ...], labels: tuple[Ref, ...], images: tuple[Ref, ...]) -> None:
    """Refuse what OME-Zarr cannot hold: the planes of an image are a grid, and its labels have the same.

    Raises
    ------
    PlanError
        For the step that made the first such.
    """
    makers = {
        (kind, ref.name): (step.name, step.index)
        for step in steps
        for kind in (Kind.IMAGE, Kind.LABELS)
        for ref in _made(step, kind)
    }
    planes: dict[tuple[Kind, str, int], set[tuple[int, int]]] = defaultdict(set)
    for ref in (*labels, *images):
        site, z, timepoint = sort_key(ref.address)
        planes[ref.kind, ref.name, site].add((z, timepoint))
    first: dict[int, tuple[str, set[tuple[int, int]]]] = {}
    for (kind, name, site), found in planes.items():
        if len(found) != len({z for z, _ in found}) * len({timepoint for _, timepoint in found}):
            raise PlanError(
                *makers[kind, name],
                f"{kind.value} {name!r} have not the same planes at each timepoint and cannot be written: keep=False",
            )
        other, others = first.setdefault(site, (name, found)) if kind is Kind.LABELS else (name, found)
        if found != others:
            raise PlanError(
                *makers[kind, name],
                f"labels {name!r} lie in other planes than labels {other!r} and one image cannot show both; "
                "use keep=False on one of the steps",
            )


def _order(ref: Ref) -> tuple[str, tuple[int, int, int]]:
    return ref.name, sort_key(ref.address)
