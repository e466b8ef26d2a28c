"""The work of one well: the same in a thread, a process or anywhere else."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from plateflow.execution.call import Calls, make_calls
from plateflow.execution.plate_images import PlateData
from plateflow.execution.plate_tables import TableData
from plateflow.execution.well_data import WellData
from plateflow.pipeline.plan import AxisPlan, Group, PlatePlan, StepPlan
from plateflow.progress.failure import Failure, describe
from plateflow.progress.messages import AxisKind
from plateflow.progress.update import ProgressPhase, ProgressStatus

if TYPE_CHECKING:
    from plateflow.execution.executor import PackedWork
    from plateflow.execution.faults import Fault
    from plateflow.progress.emitter import Emitter

Data = WellData | PlateData | TableData
WriteResults = Callable[[AxisPlan, WellData, dict[str, float]], None]
"""Takes a well's results and the seconds of each step; all is safely on disk when it returns."""
Cancelled = Callable[[], bool]


class CancelledError(Exception):
    """The execution was cancelled while the well was worked on: it ends without ``axis_completed``."""


@dataclass(frozen=True, slots=True)
class AxisRunner:
    """Runs wells of one plan, and its steps over the whole plate.

    Parameters
    ----------
    plan
        May lack its axes: each is handed to :meth:`run`.
    emitter
        Of the execution.
    write_results
        Called as part of the last step.
    cancelled
        Asked before each pattern group.
    plate_images
        Folder where steps over the whole plate put their images, and wells find them.
    fault
        Put in by a test.
    output
        Results folder; "" for none, and then no step reads the wells' tables.
    """

    plan: PlatePlan
    emitter: Emitter
    write_results: WriteResults
    cancelled: Cancelled
    plate_images: Path
    fault: Fault | None = None
    output: str = ""
    calls: Calls = field(init=False)
    process: int = field(init=False, default_factory=os.getpid)

    def __post_init__(self) -> None:
        object.__setattr__(self, "calls", make_calls(self.plan.pipeline, self.plan.plate.pixel_size_um))

    def run(self, axis: AxisPlan) -> Failure | None:
        """Run all steps of one axis, reporting each; return what ended it early, if something did.

        Raises
        ------
        CancelledError
            If the execution was cancelled meanwhile.
        """
        shape = self.plan.shapes[axis.shape]
        steps = shape.steps
        emitter = self.emitter.axis(axis.axis_id, len(self.plan.step_names))
        emitter.emit(ProgressPhase.AXIS_STARTED, ProgressStatus.STARTED, 0, len(steps))
        data = self._data(axis)
        seconds = dict.fromkeys((step.name for step in steps), 0.0)
        for turn, (done, step) in product(range(shape.turns), enumerate(steps)):
            is_last = turn == shape.turns - 1
            started = time.monotonic()
            at_step = emitter.step(step.name, step.index)
            failure = self._run_groups(step, turn, data, at_step)
            seconds[step.name] += time.monotonic() - started
            if failure is None and is_last and done == len(steps) - 1:
                failure = self._write(data, seconds, step, at_step)
            if failure is not None:
                done = done if is_last else 0
                at_step.emit(ProgressPhase.AXIS_COMPLETED, ProgressStatus.ERROR, done, len(steps), error=failure.error)
                return failure
            if is_last:
                total = len(step.groups)
                at_step.emit(ProgressPhase.STEP_COMPLETED, ProgressStatus.COMPLETED, total, total)
            data.release(step.release)
        emitter.emit(ProgressPhase.AXIS_COMPLETED, ProgressStatus.COMPLETED, len(steps), len(steps))
        return None

    def _data(self, axis: AxisPlan) -> Data:
        if axis.reads_tables:
            return TableData(axis, Path(self.output))
        if axis.kind is AxisKind.PLATE:
            return PlateData(axis)
        return WellData(axis, self.plan.declared, self.plan.shapes[axis.shape].shown, self.plate_images)

    def _run_groups(self, step: StepPlan, turn: int, data: Data, emitter: Emitter) -> Failure | None:
        total = len(step.groups)
        if turn == 0:
            emitter.emit(ProgressPhase.STEP_STARTED, ProgressStatus.STARTED, 0, total)
        for done, group in enumerate(step.groups):
            if group.turn != turn:
                continue
            if self.cancelled():
                raise CancelledError
            where = {"pattern": f"{emitter.axis_id} {group.pattern}", "component": group.component}
            failure = self._run_group(step, group, data)
            if failure is not None:
                emitter.emit(
                    ProgressPhase.PATTERN_GROUP,
                    ProgressStatus.ERROR,
                    done,
                    total,
                    error=failure.error,
                    traceback=failure.traceback,
                    **where,
                )
                emitter.emit(ProgressPhase.STEP_COMPLETED, ProgressStatus.ERROR, done, total, error=failure.error)
                return failure
            where["message"] = data.remark(group)
            emitter.emit(ProgressPhase.PATTERN_GROUP, ProgressStatus.RUNNING, done + 1, total, **where)
        return None

    def _run_group(self, step: StepPlan, group: Group, data: Data) -> Failure | None:
        call = self.calls[step.index][group.branch]

        def work() -> None:
            if self.fault is not None:
                self.fault.strike(data.axis.axis_id, step.index + 1, data.axis.attempt)
            kinds = tuple(output.kind for output in group.outputs)
            made = call(data.arguments(group, step.input_kinds), kinds, data.info(group, self.plan.plate))
            for output, thing in zip(group.outputs, made, strict=True):
                data.keep(output, thing, group)

        failure = _failure_of(work)
        if os.getpid() != self.process:  # a child that the function forked came out of it: the well is not its own
            os._exit(0)
        return failure

    def _write(self, data: Data, seconds: dict[str, float], step: StepPlan, emitter: Emitter) -> Failure | None:
        def write() -> None:
            if isinstance(data, TableData):
                data.write(sum(seconds.values()))
            elif isinstance(data, PlateData):
                data.write(self.plate_images, sum(seconds.values()))
            else:
                self.write_results(data.axis, data, seconds)

        failure = _failure_of(write)
        if failure is not None:
            total = len(step.groups)
            emitter.emit(
                ProgressPhase.STEP_COMPLETED,
                ProgressStatus.ERROR,
                total,
                total,
                error=failure.error,
                traceback=failure.traceback,
            )
        return failure


def _failure_of(work: Callable[[], None]) -> Failure | None:
    try:
        work()
    except BaseException as e:  # noqa: BLE001 - the boundary of a well's work: whatever it is, it ends here
        return describe(e)
    return None


def refuse_axis(emitter: Emitter, axis: AxisPlan, work: PackedWork, failure: Failure) -> Failure:
    """Report a well that cannot begin where this runs; return why."""
    well = emitter.axis(axis.axis_id, work.total_steps)
    total_steps = work.steps_of(axis)
    well.emit(ProgressPhase.AXIS_STARTED, ProgressStatus.STARTED, 0, total_steps)
    well.emit(
        ProgressPhase.AXIS_COMPLETED,
        ProgressStatus.ERROR,
        0,
        total_steps,
        error=failure.error,
        traceback=failure.traceback,
    )
    return failure
