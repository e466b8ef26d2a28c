"""Runs a plan: one task a well to whichever worker is free, and a word for every well however it ends."""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import UNSET

from plateflow.execution.deaths import death_text, report_death, step_of
from plateflow.execution.executor import Died, Event, Executor, Finished, Lines, WorkerInfo
from plateflow.lines.pace import Pace
from plateflow.progress.emitter import Emitter
from plateflow.progress.messages import (
    PLATE_AXIS,
    ExecutionKind,
    ExecutionMessage,
    ExecutionState,
    WorkerMessage,
    WorkerState,
    encode_message,
)
from plateflow.progress.update import ProgressPhase, ProgressUpdate, decode
from plateflow.progress.wells import is_well

if TYPE_CHECKING:
    from plateflow.execution.steering import Steering
    from plateflow.pipeline.plan import AxisPlan, PlatePlan

Forward = Callable[[bytes], None]
"""Takes lines of messages, each ended by a newline, in order."""
POLL = 0.1
"""Seconds within which a cancel is seen."""
WORKER_MESSAGE_INTERVAL = 1.0
MOST_ATTEMPTS = 2
"""Of a well whose worker died."""
CANCEL_GRACE = 1.0
"""Seconds for the groups under way once a run is cancelled; a thread that takes longer is not waited for."""


@dataclass(slots=True)
class Outcome:
    """How the wells of a run ended, and whether a step over the whole plate failed."""

    completed: list[str] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    """By well, those that did not compile included."""
    plate_error: str = ""
    """Why a step over the whole plate failed, so that nothing after it was begun; "" where none did."""
    cancelled: bool = False


class Orchestrator:
    """Runs the wells of one plan over an executor, and its steps over the whole plate before and after them.

    A well whose worker died is begun once more, and fails where its worker dies again.

    Parameters
    ----------
    plan
        The wells.
    execution_id
        Of the messages.
    executor
        Does the work; stays the caller's to close.
    forward
        Takes all lines.
    steering
        Looked at, at least every 0.1 s.
    """

    def __init__(
        self, plan: PlatePlan, execution_id: str, executor: Executor, forward: Forward, steering: Steering
    ) -> None:
        self._plan = plan
        self._executor = executor
        self._forward_body = forward
        self._lines: list[bytes] = []
        """To be forwarded, together, before the next wait."""
        self._pace = Pace()
        self._steering = steering
        self._paused = False
        """Whether it was said that the run is paused."""
        self._emitter = Emitter(self._send, execution_id, plan.plate.path)
        self._waiting: deque[AxisPlan] = deque()
        self._running = 0
        self._outcome = Outcome(errors={axis.axis_id: axis.error for axis in plan.axes if axis.error})
        self._next_worker_message = time.monotonic() + WORKER_MESSAGE_INTERVAL
        self._leave_at = float("inf")

    def run(self) -> Outcome:
        """Run all that can run; returns when each has ended, or one that all others wait for failed, or on a cancel."""
        for stage in self._plan.stages:
            failed = tuple(self._outcome.errors)
            self._waiting.extend(replace(axis, left_out=failed) if axis.reads_tables else axis for axis in stage)
            self._run_waiting()
            if self._outcome.plate_error or self._outcome.cancelled:
                break
        return self._outcome

    def _run_waiting(self) -> None:
        while self._waiting or (self._running and time.monotonic() < self._leave_at):
            self._steer()
            self._start_wells()
            for event in self._executor.poll(POLL) if self._running or self._waiting else ():
                self._handle(event)
            self._report_workers()
            self._pace.wait(self._send_lines())

    def _steer(self) -> None:
        if self._steering.cancelled and not self._giving_up:
            self._leave_at = time.monotonic() + CANCEL_GRACE
            self._outcome.cancelled = True
            self._executor.cancel()
        if self._waiting and (self._steering.cancelled or self._steering.draining):
            self._outcome.cancelled = True
            self._waiting.clear()
        paused = self._steering.paused and bool(self._waiting) and not self._running
        if paused != self._paused:
            self._paused = paused
            self._send_state(ExecutionState.PAUSED if paused else ExecutionState.RUNNING)

    def _start_wells(self) -> None:
        while self._waiting and self._executor.free and not self._steering.paused:
            self._executor.start(self._waiting.popleft())
            self._running += 1

    @property
    def _giving_up(self) -> bool:
        return self._leave_at != float("inf")

    def _handle(self, event: Event) -> None:
        if isinstance(event, Lines):
            self._lines.append(event.body)
        elif isinstance(event, Finished):
            self._running -= 1
            self._note(event.result.axis_id, event.result.error, cancelled=event.result.cancelled)
        else:
            self._bury(event)

    def _note(self, axis_id: str, error: str, *, cancelled: bool) -> None:
        if not is_well(axis_id):
            if error and not self._outcome.plate_error:
                self._outcome.plate_error = f"step {axis_id.removeprefix(PLATE_AXIS)!r} over the whole plate: {error}"
        elif error:
            self._outcome.errors[axis_id] = error
        elif not cancelled:
            self._outcome.completed.append(axis_id)

    def _bury(self, died: Died) -> None:
        last = decode(died.last_line) if died.last_line else None
        if not self._giving_up:  # then it was asked for: no death to tell of
            self._send_worker(
                WorkerInfo(died.slot, died.pid, died.axis.axis_id if died.axis else "", died.last_line),
                WorkerState.DIED,
                signal=died.cause,
                step_name=step_of(last),
            )
        if died.axis is None:
            return
        self._running -= 1
        if last is not None and last.phase is ProgressPhase.AXIS_COMPLETED:
            self._note(died.axis.axis_id, last.error or "", cancelled=False)  # all is said, and written, but the result
        elif not self._giving_up:
            self._judge(died, died.axis, last)

    def _judge(self, died: Died, axis: AxisPlan, last: ProgressUpdate | None) -> None:
        again = axis.attempt == MOST_ATTEMPTS
        if not (again or died.overdue):
            self._waiting.appendleft(replace(axis, attempt=axis.attempt + 1))
            return
        error = death_text(died, last, again=again)
        self._note(axis.axis_id, error, cancelled=False)
        emitter = self._emitter.axis(axis.axis_id, len(self._plan.step_names))
        report_death(emitter, [step.index for step in self._plan.shapes[axis.shape].steps], last, error)

    def _report_workers(self) -> None:
        if time.monotonic() < self._next_worker_message:
            return
        self._next_worker_message = time.monotonic() + WORKER_MESSAGE_INTERVAL
        for worker in self._executor.workers():
            step_name = decode(worker.last_line).step_name if worker.axis_id and worker.last_line else ""
            self._send_worker(worker, WorkerState.BUSY if worker.axis_id else WorkerState.IDLE, step_name=step_name)

    def _send_state(self, state: ExecutionState) -> None:
        message = ExecutionMessage.now(self._emitter.execution_id, self._emitter.plate_id, ExecutionKind.RUN, state)
        self._lines.append(encode_message(message))

    def _send_worker(self, worker: WorkerInfo, state: WorkerState, *, step_name: str = "", signal: str = "") -> None:
        message = WorkerMessage(
            execution_id=self._emitter.execution_id,
            plate_id=self._emitter.plate_id,
            worker=worker.slot,
            pid=worker.pid,
            host=socket.gethostname(),
            state=state,
            memory_bytes=_memory_bytes(worker.pid),
            timestamp=time.time(),
            axis_id=worker.axis_id or UNSET,
            step_name=step_name or UNSET,
            signal=signal or UNSET,
        )
        self._lines.append(encode_message(message))

    def _send_lines(self) -> int:
        # Return how many lines these were.
        body = b"".join(self._lines)
        self._lines.clear()
        if body:
            self._forward_body(body)
        return body.count(b"\n")

    def _send(self, update: ProgressUpdate) -> None:
        self._lines.append(encode_message(update))


def _memory_bytes(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
