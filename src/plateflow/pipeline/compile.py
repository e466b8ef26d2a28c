"""Compile: find every error of a pipeline on a plate before a pixel is read, and fix all totals."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING
from uuid import uuid4

from plateflow.errors import CompileError, PlateError
from plateflow.pipeline.compile_steps import check_steps, require_keys, require_lengths, require_where
from plateflow.pipeline.files import check_wells
from plateflow.pipeline.pipeline import Pipeline
from plateflow.pipeline.plan import AxisPlan, PlanError, PlateInfo, PlatePlan, Shape
from plateflow.pipeline.plate_tables import plan_table_steps
from plateflow.pipeline.plate_wide import Acquired, PlateSteps, plan_plate_steps
from plateflow.pipeline.shapes import PlateImages, StepContext, no_shape, plan_shape
from plateflow.pipeline.step_checks import WELL
from plateflow.pipeline.written import describe_written
from plateflow.plate.model import Plate
from plateflow.plate.pattern_groups import Address, make_series, sort_key
from plateflow.plate.wells import canonical_well
from plateflow.progress.emitter import Emitter, Report, no_report
from plateflow.progress.update import ProgressPhase, ProgressStatus
from plateflow.progress.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plateflow.plate.model import ImageRecord

NO_ROOM = ("Plate", "Well", "Row", "Column", "Site", "Z", "T", "ObjectNumber")
"""Columns of every table: one of the plate map that is called so gets ``PlateMap_`` before its name."""

Channels = tuple[tuple[str, tuple[Address, ...]], ...]
"""The addresses of each channel of a well."""
Layout = tuple[Channels, frozenset[int]]
"""And which steps are not for it: wells that have the same share their plan."""


def compile_plate(
    plate: Plate,
    pipeline: Pipeline,
    *,
    wells: Sequence[str] | None = None,
    execution_id: str | None = None,
    report: Report | None = None,
) -> PlatePlan:
    """Fit a pipeline to a plate.

    Parameters
    ----------
    plate
        As :func:`~plateflow.plate.open.open_plate` read it.
    pipeline
        What to do.
    wells
        Only these; None: all.
    execution_id
        Of the updates; None: a new one.
    report
        Takes ``compile`` updates, one for each well.

    Raises
    ------
    CompileError
        If the pipeline does not fit the plate, or no well can run; carries every problem found. A well that cannot run
        while others can is an error of that well, in the plan.
    TypeError
        If `plate` is no plate, or `pipeline` no pipeline.
    """
    _require(plate, pipeline)
    emitter = Emitter(report or no_report, execution_id or uuid4().hex, plate.path, total_steps=len(pipeline.steps))
    chosen: tuple[str, ...] = ()
    try:
        chosen = _choose_wells(plate, wells)
        emitter.emit(ProgressPhase.COMPILE, ProgressStatus.STARTED, 0, len(chosen))
        plan = _compile(plate, pipeline, chosen, emitter)
    except CompileError as e:
        emitter.emit(ProgressPhase.COMPILE, ProgressStatus.ERROR, 0, len(chosen), error=str(e))
        raise
    message = f"{describe_plan(plan)}; writes {describe_written(plan)}"
    emitter.emit(ProgressPhase.COMPILE, ProgressStatus.COMPLETED, len(chosen), len(chosen), message=message)
    return plan


def _require(plate: object, pipeline: object) -> None:
    # Of two arguments, either comes first in somebody's mind.
    for name, given, wanted in (("plate", plate, Plate), ("pipeline", pipeline, Pipeline)):
        if not isinstance(given, wanted):
            found = type(given).__name__
            raise TypeError(f"compile_plate(plate, pipeline): {name} must be a {wanted.__name__}, not a {found}")


def describe_plan(plan: PlatePlan) -> str:
    """Return what a plan comes to, in words."""
    groups = sum(sum(plan.groups(axis)) for axis in plan.axes)
    failed = sum(1 for axis in plan.axes if axis.error)
    text = ", ".join(
        [counted(len(plan.wells), "well"), counted(len(plan.step_names), "step"), counted(groups, "pattern group")]
    )
    return f"{text}; {failed} of the wells cannot run" if failed else text


@dataclass(slots=True)
class _Shapes:
    """Plans of the well shapes met so far."""

    pipeline: Pipeline
    contexts: tuple[StepContext, ...]
    images: PlateImages
    plans: dict[Layout, tuple[int, PlanError | None]] = field(default_factory=dict)
    shapes: list[Shape] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)

    def index(self, layout: Layout) -> tuple[int, PlanError | None]:
        """Return the index of a layout's plan, making it at first sight, and why the steps do not fit, if they do not.

        What does not fit has a plan without groups.
        """
        if layout not in self.plans:
            self.plans[layout] = (len(self.shapes), self._add(layout))
        return self.plans[layout]

    def _add(self, layout: Layout) -> PlanError | None:
        channels, left_out = layout
        series = {name: make_series(addresses) for name, addresses in channels}
        try:
            shape, names = plan_shape(self.pipeline, self.contexts, series, self.images, left_out)
        except PlanError as e:
            self.shapes.append(no_shape(self.contexts))
            return e
        self.shapes.append(shape)
        self.sources.update(names.sources)
        return None


def _compile(plate: Plate, pipeline: Pipeline, chosen: tuple[str, ...], emitter: Emitter) -> PlatePlan:
    channel_names = _channel_names(plate, pipeline)
    contexts = check_steps(pipeline)
    require_lengths(pipeline, plate)
    require_where(contexts, plate)
    plate_steps = _fit_plate(contexts, plate, channel_names)
    shapes = _Shapes(pipeline, contexts, plate_steps.images)
    wells = _fit_wells(plate, chosen, channel_names, shapes)
    _check_errors(wells)
    require_keys(contexts, [*plate_steps.shapes, *shapes.shapes])
    checked, declared = check_wells(wells, shapes.shapes, emitter)
    _check_errors(checked)
    before = tuple(axis.axis_id for axis in plate_steps.axes)
    after, after_shapes = plan_table_steps(contexts, tuple(axis.axis_id for axis in checked), len(plate.wells))
    parts = (shapes.shapes, plate_steps.shapes, after_shapes)
    return PlatePlan(
        pipeline=pipeline,
        plate=_plate_info(plate),
        shapes=tuple(chain.from_iterable(parts)),
        axes=(
            *_moved(plate_steps.axes, len(parts[0])),
            *(replace(axis, after=before) for axis in checked),
            *_moved(after, len(parts[0]) + len(parts[1])),
        ),
        declared=declared,
        label_sources=shapes.sources,
        step_names=pipeline.step_names,
    )


def _moved(axes: Iterable[AxisPlan], shapes: int) -> list[AxisPlan]:
    # Their shapes come after so many others.
    return [replace(axis, shape=axis.shape + shapes) for axis in axes]


def _fit_plate(contexts: tuple[StepContext, ...], plate: Plate, channel_names: dict[str, str]) -> PlateSteps:
    if not any(context.step.is_plate_wide for context in contexts):
        return PlateSteps()
    acquired: Acquired = {name: [] for name in channel_names.values()}
    for records in plate.wells.values():  # of all wells, also where few are chosen
        for record in records:
            channel, address = _place(record, channel_names)
            acquired[channel].append((address, record))
    try:
        return plan_plate_steps(contexts, {name: places for name, places in acquired.items() if places})
    except PlanError as e:
        raise CompileError((str(e),)) from e


def _plate_info(plate: Plate) -> PlateInfo:
    columns = {
        _map_column(column): isinstance(value, str) for row in plate.plate_map.values() for column, value in row.items()
    }
    return PlateInfo(plate.path, plate.name, plate.rows, plate.columns, plate.pixel_size_um, columns)


def _map_column(name: str) -> str:
    return f"PlateMap_{name}" if name in NO_ROOM else name


def _check_errors(axes: tuple[AxisPlan, ...]) -> None:
    """Let a plate pass of which a well can run.

    Raises
    ------
    CompileError
        If none can; an error that all share is said once.
    """
    if not all(axis.error for axis in axes):
        return
    if len({axis.error for axis in axes}) == 1 and len(axes) > 1:
        raise CompileError((axes[0].error,))
    raise CompileError(tuple(f"no well can run; well {axis.axis_id}, {axis.error}" for axis in axes))


def _choose_wells(plate: Plate, wells: Sequence[str] | None) -> tuple[str, ...]:
    if wells is None:
        return tuple(plate.wells)
    if not wells:
        raise CompileError(("no well is chosen; name some, or leave wells= out for all",))
    try:
        names = {canonical_well(well) for well in wells}
    except PlateError as e:
        raise CompileError((str(e),)) from e
    if unknown := sorted(names - set(plate.wells)):
        have = f"{next(iter(plate.wells))}..{list(plate.wells)[-1]}"
        raise CompileError(
            (f"plate {plate.name!r} has no well {', '.join(unknown)}; it has {len(plate.wells)}: {have}",)
        )
    return tuple(well for well in plate.wells if well in names)


def _channel_names(plate: Plate, pipeline: Pipeline) -> dict[str, str]:
    # The pipeline's name of each of the plate's channels.
    labels = Counter(channel.label for channel in plate.channels)
    by_any = {channel.label: channel.name for channel in plate.channels if labels[channel.label] == 1}
    by_any |= {channel.name: channel.name for channel in plate.channels}
    have = ", ".join(f"{c.name} ({c.label})" if c.label else c.name for c in plate.channels)
    problems = tuple(
        f"{_user_of(role, pipeline)}channel {role!r} is {wanted!r}, which plate {plate.name!r} lacks; it has {have}"
        for role, wanted in pipeline.channels.items()
        if wanted not in by_any
    )
    if problems:
        raise CompileError(problems)
    roles = {by_any[wanted]: role for role, wanted in pipeline.channels.items()}
    names = {channel.name: roles.get(channel.name, channel.name) for channel in plate.channels}
    if len(roles) < len(pipeline.channels):
        raise CompileError((f"pipeline {pipeline.name!r}: channels= has two names for one channel of the plate",))
    if len(set(names.values())) < len(names):
        raise CompileError((f"pipeline {pipeline.name!r}: a name in channels= is another channel's on this plate",))
    return names


def _user_of(role: str, pipeline: Pipeline) -> str:
    for name, step in zip(pipeline.step_names, pipeline.steps, strict=True):
        if any(role == given or (isinstance(given, list) and role in given) for given in step.inputs or ()):
            return f"step {name!r}: "
    return f"pipeline {pipeline.name!r}: "


def _fit_wells(
    plate: Plate, chosen: tuple[str, ...], channel_names: dict[str, str], shapes: _Shapes
) -> tuple[AxisPlan, ...]:
    axes = []
    for well in chosen:
        files = {_place(record, channel_names): record for record in plate.wells[well]}
        left_out = frozenset(i for i, c in enumerate(shapes.contexts) if well not in c.step.where.get(WELL, (well,)))
        shape, error = shapes.index((_layout(files, channel_names), left_out))
        used = shapes.shapes[shape].channels
        axes.append(
            AxisPlan(
                axis_id=well,
                shape=shape,
                files={place: record for place, record in files.items() if place[0] in used},
                metadata={_map_column(name): value for name, value in plate.plate_map.get(well, {}).items()},
                sites=len({record.site for record in plate.wells[well]}),
                error=str(error or ""),
                error_step=error.step if error else 0,
            )
        )
    return tuple(axes)


def _place(record: ImageRecord, channel_names: dict[str, str]) -> tuple[str, Address]:
    return channel_names[record.channel], Address(record.site, record.z, record.timepoint)


def _layout(files: Iterable[tuple[str, Address]], channel_names: dict[str, str]) -> Channels:
    by_channel: dict[str, list[Address]] = {name: [] for name in channel_names.values()}
    for channel, address in files:
        by_channel[channel].append(address)
    return tuple((name, tuple(sorted(addresses, key=sort_key))) for name, addresses in by_channel.items() if addresses)
