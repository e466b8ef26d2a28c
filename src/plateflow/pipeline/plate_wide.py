"""Fit the steps over the whole plate before its wells: which planes each call gets, and what wells find made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plateflow.errors import PipelineError
from plateflow.functions.kinds import Kind
from plateflow.pipeline.operands import Names, make_lanes
from plateflow.pipeline.plan import AxisPlan, Group, Output, PlanError, Ref, Shape, StepPlan
from plateflow.pipeline.shapes import PlateImages, StepContext, companion_name
from plateflow.pipeline.step_checks import WELL
from plateflow.plate.pattern_groups import Address, group_keys, make_series, pattern_text
from plateflow.progress.messages import PLATE_AXIS, AxisKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plateflow.pipeline.operands import Lane
    from plateflow.pipeline.step import FunctionStep
    from plateflow.plate.model import ImageRecord
    from plateflow.plate.pattern_groups import Series

Acquired = dict[str, list[tuple[Address, "ImageRecord"]]]
"""Of each channel, by the pipeline's name, its images and where in their wells they lie, in the order of wells."""


@dataclass(slots=True)
class PlateSteps:
    """All steps over the whole plate before its wells, fitted to it."""

    axes: list[AxisPlan] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    """Of each axis, in their order."""
    images: PlateImages = field(default_factory=lambda: PlateImages({}, {}))


def plan_plate_steps(contexts: tuple[StepContext, ...], acquired: Acquired) -> PlateSteps:
    """Fit all steps over the whole plate before its wells.

    Raises
    ------
    PlanError
        For the first step that does not fit.
    """
    found = PlateSteps()
    series = {name: make_series(address for address, _ in records) for name, records in acquired.items()}
    for index, context in enumerate(contexts):
        if context.step.is_plate_wide and not context.reads_tables:
            try:
                _add(found, context, index, acquired, series)
            except PipelineError as e:
                raise PlanError(context.name, index, str(e)) from e
    return found


def _add(found: PlateSteps, context: StepContext, index: int, acquired: Acquired, series: dict[str, Series]) -> None:
    lanes = make_lanes(context.step, context.signature, Names(tuple(series), series, {}, {}))
    name = _output_name(context, {*series, *found.images.series, *found.images.companions})
    groups: list[Group] = []
    planes: dict[str, tuple[ImageRecord, ...]] = {}
    for lane in lanes:
        channel = _channel(lane)
        made = companion_name(name, channel) if len(lanes) > 1 or context.step.inputs in (None, ("*",)) else name
        own = _groups(context, lane, made, acquired[channel], series[channel], planes)
        if own:
            _require_own_file(made, found.images.series)
            found.images.series[made] = make_series(group.address for group in own)
            if made != name:
                found.images.companions.setdefault(name, {})[channel] = made
        groups += own
    axis = f"{PLATE_AXIS}{context.name}"
    step = StepPlan(context.name, index, tuple(groups), (Kind.PLANES,))
    found.axes.append(AxisPlan(axis, len(found.shapes), {}, {}, 0, kind=AxisKind.PLATE, planes=planes))
    found.shapes.append(Shape((step,), (), (), (), frozenset(), {}))


def _output_name(context: StepContext, taken: set[str]) -> str:
    names = context.step.outputs
    if context.returns != (Kind.IMAGE,):
        told = ", ".join(kind.value for kind in context.returns)
        raise PipelineError(f"makes {told}, but a step over the whole plate makes one image for each of its groups")
    if len(names) != 1:
        raise PipelineError("makes an image for the wells to read: name it by outputs=, once")
    if names[0] in taken:
        raise PipelineError(f"makes image {names[0]!r} but there is one already; choose another name")
    return names[0]


def _require_own_file(made: str, others: Iterable[str]) -> None:
    # In files' names a companion's colon is an underscore.
    for other in others:
        if other.replace(":", "_") == made.replace(":", "_"):
            raise PipelineError(f"makes image {made!r}, whose file is that of {other!r}; choose another name")


def _channel(lane: Lane) -> str:
    (operand,) = lane
    if len(operand.names) != 1:
        raise PipelineError("takes several channels; a step over the whole plate takes one, or each by itself")
    return operand.names[0]


def _groups(
    context: StepContext,
    lane: Lane,
    made: str,
    records: list[tuple[Address, ImageRecord]],
    series: Series,
    planes: dict[str, tuple[ImageRecord, ...]],
) -> list[Group]:
    step = context.step
    variable = frozenset(step.variable_components)
    component = _channel(lane) if step.group_by == "channel" else ""
    groups = []
    for key in group_keys([series], variable):
        address = _fixed(key, series, variable)
        if step.group_by not in (None, "channel"):
            component = str({"site": address.site, "z": address.z, "timepoint": address.timepoint}[step.group_by] or "")
        if None not in step.branches and component not in step.branches:
            continue
        pattern = pattern_text(address, _channel(lane))
        components = series.components - variable
        own = key.only(components)
        chosen = [record for at, record in records if at.only(components) == own and _is_wanted(record, step)]
        planes[pattern] = _spread(chosen, step.sample)
        if not planes[pattern]:
            raise PipelineError(f"has no image of {pattern} on the whole plate")
        groups.append(
            Group(
                pattern=pattern,
                component=component,
                branch=component if component in step.branches else None,
                inputs=(),
                outputs=(Output(Kind.IMAGE, (Ref(Kind.IMAGE, made, address),)),),
                address=address,
                bound={operand.parameter: "_".join(operand.names) for operand in lane},
            )
        )
    return groups


def _is_wanted(record: ImageRecord, step: FunctionStep) -> bool:
    where = {WELL: record.well, "site": record.site, "z": record.z, "timepoint": record.timepoint}
    return not record.missing and all(value in step.where.get(name, (value,)) for name, value in where.items())


def _fixed(key: Address, series: Series, variable: frozenset[str]) -> Address:
    # A component with one value on the plate is that value, but for those that are worked over.
    first = series.addresses[0]
    values = []
    for name, of_key, of_first in zip(("site", "z", "timepoint"), key, first, strict=True):
        values.append(None if name in variable else of_key if name in series.components else of_first)
    return Address(*values)


def _spread(records: list[ImageRecord], most: int) -> tuple[ImageRecord, ...]:
    """Choose at most so many, evenly: the same ones whenever they are asked for."""
    count = min(most, len(records))
    return tuple(records[(2 * i + 1) * len(records) // (2 * count)] for i in range(count))
