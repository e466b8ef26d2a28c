"""The work of one well: the same in a thread, a process or anywhere else."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plateflow.execution.call import Calls, make_calls
from plateflow.execution.well_data import WellData
from plateflow.pipeline.plan import AxisPlan, Group, PlatePlan, StepPlan
from plateflow.progress.failure import Failure, describe
from plateflow.progress.update import ProgressPhase, ProgressStatus

if TYPE_CHECKING:
    from plateflow.execution.faults import Fault
    from plateflow.progress.emitter import Emitter

WriteResults = Callable[[AxisPlan, WellData, dict[str, float]], None]
"""Takes a well's results and the seconds of each step; all is safely on disk when it returns."""
Cancelled = Callable[[], bool]


class CancelledError(Exception):
    """The execution was cancelled while the well was worked on: it ends without ``axis_completed``."""


@dataclass(frozen=True, slots=True)
class AxisRunner:
    """Runs wells of one plan.

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
    fault
        Put in by a test.
    """

    plan: PlatePlan
    emitter: Emitter
    write_results: WriteResults
    cancelled: Cancelled
    fault: Fault | None = None
    calls: Calls = field(init=False)
    process: int = field(init=False, default_factory=os.getpid)

    def __post_init__(self) -> None:
        object.__setattr__(self, "calls", make_calls(self.plan.pipeline, self.plan.plate.pixel_size_um))

    def run(self, axis: AxisPlan) -> Failure | None:
        """Run all steps of one well, reporting each; return what ended it early, if something did.

        Raises
        ------
        CancelledError
            If the execution was cancelled meanwhile.
        """
        steps = self.plan.shapes[axis.shape].steps
        emitter = self.emitter.axis(axis.axis_id, len(steps))
        emitter.emit(ProgressPhase.AXIS_STARTED, ProgressStatus.STARTED, 0, len(steps))
        data = WellData(axis, self.plan.declared, self.plan.shapes[axis.shape].shown)
        seconds: dict[str, float] = {}
        for index, step in enumerate(steps):
            started = time.monotonic()
            at_step = emitter.step(step.name, index)
            failure = self._run_groups(index, step, data, at_step)
            seconds[step.name] = time.monotonic() - started
            if failure is None and index == len(steps) - 1:
                failure = self._write(axis, data, seconds, step, at_step)
            if failure is not None:
                at_step.emit(ProgressPhase.AXIS_COMPLETED, ProgressStatus.ERROR, index, len(steps), error=failure.error)
                return failure
            at_step.emit(ProgressPhase.STEP_COMPLETED, ProgressStatus.COMPLETED, len(step.groups), len(step.groups))
            data.release(step.release)
        emitter.emit(ProgressPhase.AXIS_COMPLETED, ProgressStatus.COMPLETED, len(steps), len(steps))
        return None

    def _run_groups(self, index: int, step: StepPlan, data: WellData, emitter: Emitter) -> Failure | None:
        total = len(step.groups)
        emitter.emit(ProgressPhase.STEP_STARTED, ProgressStatus.STARTED, 0, total)
        for done, group in enumerate(step.groups):
            if self.cancelled():
                raise CancelledError
            where = {"pattern": f"{emitter.axis_id} {group.pattern}", "component": group.component}
            failure = self._run_group(index, step, group, data)
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
            emitter.emit(ProgressPhase.PATTERN_GROUP, ProgressStatus.RUNNING, done + 1, total, **where)
        return None

    def _run_group(self, index: int, step: StepPlan, group: Group, data: WellData) -> Failure | None:
        call = self.calls[index][group.branch]

        def work() -> None:
            if self.fault is not None:
                self.fault.strike(data.axis.axis_id, index + 1, data.axis.attempt)
            made = call(data.arguments(group, step.input_kinds), tuple(output.kind for output in group.outputs))
            for output, thing in zip(group.outputs, made, strict=True):
                data.keep(output, thing, group)

        failure = _failure_of(work)
        if os.getpid() != self.process:  # a child that the function forked came out of it: the well is not its own
            os._exit(0)
        return failure

    def _write(
        self, axis: AxisPlan, data: WellData, seconds: dict[str, float], step: StepPlan, emitter: Emitter
    ) -> Failure | None:
        failure = _failure_of(lambda: self.write_results(axis, data, seconds))
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


def refuse_axis(emitter: Emitter, axis: AxisPlan, total_steps: int, failure: Failure) -> Failure:
    """Report a well that cannot begin where this runs; return why."""
    well = emitter.axis(axis.axis_id, total_steps)
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
