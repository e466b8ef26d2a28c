"""Pipelines that go through all of their steps value by value: site by site, so that one is in memory at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from plateflow.pipeline.plan import PlanError, Shape
from plateflow.plate.pattern_groups import COMPONENTS

if TYPE_CHECKING:
    from plateflow.pipeline.pipeline import Pipeline
    from plateflow.pipeline.plan import StepPlan
    from plateflow.plate.pattern_groups import Address

_Key = tuple[int, ...]


def with_turns(pipeline: Pipeline, shape: Shape) -> Shape:
    """Return the plan of a well with each group in the turn that its address asks for.

    Raises
    ------
    PlanError
        For the first step that works over several values of a component that is done value by value.
    """
    if not pipeline.sequential:
        return shape
    keys = sorted({_key(step, group.address, pipeline) for step in shape.steps for group in step.groups})
    turn = {key: number for number, key in enumerate(keys)}
    steps = tuple(
        replace(
            step,
            groups=tuple(
                sorted(
                    (replace(group, turn=turn[_key(step, group.address, pipeline)]) for group in step.groups),
                    key=lambda group: group.turn,
                )
            ),
        )
        for step in shape.steps
    )
    return replace(shape, steps=steps, turns=max(1, len(keys)))


def _key(step: StepPlan, address: Address, pipeline: Pipeline) -> _Key:
    values = []
    for component in pipeline.sequential:
        value = address[COMPONENTS.index(component)]
        if value is None:
            raise PlanError(
                step.name,
                step.index,
                f"works over several values of {component}, but the pipeline is sequential in it and has one at a "
                f"time; leave {component!r} out of sequential=",
            )
        values.append(value)
    return tuple(values)
