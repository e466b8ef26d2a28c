"""The executions that a server knows: who waits, who may start, and what a line of one may say. Pure: no I/O."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from plateflow.errors import SchemaError
from plateflow.progress.messages import ENDED, ExecutionKind, ExecutionMessage, ExecutionState, WorkerMessage
from plateflow.progress.state import ExecutionProgress
from plateflow.progress.wells import count_wells
from plateflow.runtime.control import Submit, Summary

if TYPE_CHECKING:
    from plateflow.runtime.journal import Record
    from plateflow.runtime.runners import Runner

RUNS_AT_ONCE = 1
PREPARATIONS_AT_ONCE = 2
"""Executions of kind init and compile that go on beside a run."""
ENDED_KEPT = 100

_FROM_RUNNER = frozenset(
    {
        ExecutionState.RUNNING,
        ExecutionState.PAUSED,
        ExecutionState.COMPLETED,
        ExecutionState.FAILED,
        ExecutionState.CANCELLED,
    }
)


@dataclass(slots=True)
class Execution:
    """One execution, from its submission on."""

    execution_id: str
    plate_id: str
    kind: ExecutionKind
    job: msgspec.Raw | None
    """For the runner; None once it has been handed over."""
    progress: ExecutionProgress
    """All messages so far, folded."""
    number: int = 0
    """Its key in the journal."""
    submitted: float = field(default_factory=time.time)
    """Seconds since the epoch, for display."""
    started: float = 0.0
    """Seconds since the epoch, for display; 0 where it has not."""
    began: float = 0.0
    """The same on the monotonic clock."""
    ran: float = 0.0
    """Seconds that it ran, where it does so no more."""
    concluded: bool = False
    """Whether its last message was taken; it may wait for the journal yet."""
    runner: Runner | None = None
    conclusion: ExecutionMessage | None = None
    """The runner's last message, held back until its end shows that nothing follows."""
    verdict: str = ""
    """Why the server ends it as failed, whatever the runner said."""
    asked: ExecutionState | None = None
    """How it ends where its runner leaves without a last message, since somebody asked: cancelled or interrupted."""
    draining: bool = False
    """Whether the wells under way may end before it is cancelled."""

    @classmethod
    def of(cls, request: Submit) -> Execution:
        """Make the execution that a client asks for."""
        return cls(
            execution_id=request.execution_id,
            plate_id=request.plate_id,
            kind=request.kind,
            job=request.job.copy(),  # the request's own is a view of the whole message
            progress=ExecutionProgress(execution_id=request.execution_id, plate_id=request.plate_id),
        )

    @property
    def ended(self) -> bool:
        """Whether nothing more is published of it."""
        return self.progress.ended

    @property
    def queued(self) -> bool:
        """Whether it waits for a runner."""
        return self.runner is None and not self.concluded

    @property
    def ending(self) -> bool:
        """Whether its end is decided, though perhaps not published yet."""
        return self.concluded or self.conclusion is not None or bool(self.verdict)

    @classmethod
    def of_record(cls, record: Record, progress: ExecutionProgress) -> Execution:
        """Make an execution again that a server left unfinished."""
        summary = record.summary
        return cls(
            execution_id=summary.execution_id,
            plate_id=summary.plate_id,
            kind=summary.kind,
            job=msgspec.Raw(record.job),
            progress=progress,
            number=record.number,
            submitted=summary.submitted,
            started=summary.started,
        )

    def start(self, runner: Runner) -> None:
        """Note that a runner has it from now on."""
        self.runner = runner
        self.started, self.began = time.time(), time.monotonic()

    def conclude(self) -> None:
        """Note that its last message was taken."""
        self.concluded = True
        if self.began:
            self.ran, self.began = time.monotonic() - self.began, 0.0

    def judge(self, message: ExecutionMessage | WorkerMessage) -> bool:
        """Tell whether a message from the runner is its last, which is then held back in ``conclusion``.

        Raises
        ------
        SchemaError
            If a runner may not say that; names the field.
        """
        if not isinstance(message, ExecutionMessage):
            return False
        if message.kind is not self.kind:
            raise SchemaError("kind", f"must be {self.kind.value!r} here, got {message.kind.value!r}")
        if message.state not in _FROM_RUNNER:
            raise SchemaError("state", f"{message.state.value!r} is not for a runner to say")
        if message.state in ENDED:
            self.conclusion = message
        return self.conclusion is not None

    def summary(self) -> Summary:
        """Return its row for ``status``."""
        return self.summary_of(self.progress)

    def summary_of(self, progress: ExecutionProgress) -> Summary:
        """Return its row for ``status`` as it is when its progress is that."""
        return Summary(
            execution_id=self.execution_id,
            plate_id=self.plate_id,
            kind=self.kind,
            state=progress.state or ExecutionState.QUEUED,
            reason=progress.reason,
            seq=progress.seq,
            percent=progress.percent,
            counts=count_wells(progress),
            submitted=self.submitted,
            started=self.started,
            seconds=time.monotonic() - self.began if self.began else self.ran,
        )


class Executions:
    """Those that have not ended, in the order of submission, and the last few that have."""

    def __init__(self) -> None:
        self._live: dict[str, Execution] = {}
        self._ended: dict[str, int] = {}

    @property
    def live(self) -> list[Execution]:
        """Those that have not ended, and those whose runner has not."""
        return list(self._live.values())

    @property
    def last_seqs(self) -> dict[str, int]:
        """How far each is, those too that ended not long ago: what heartbeats tell."""
        return self._ended | {e.execution_id: e.progress.seq for e in self._live.values()}

    @property
    def any(self) -> bool:
        """Whether there is one to tell of in a heartbeat."""
        return bool(self._live or self._ended)

    @property
    def running(self) -> list[tuple[Execution, Runner]]:
        """Those that have a runner, and it."""
        return [(e, e.runner) for e in self._live.values() if e.runner is not None]

    @property
    def waiting(self) -> bool:
        """Whether one is queued."""
        return any(e.queued for e in self._live.values())

    def find(self, execution_id: str) -> Execution | None:
        """Return an execution that has not ended; None where there is no such."""
        return self._live.get(execution_id)

    def add(self, execution: Execution) -> None:
        """Add one at the end of the queue."""
        self._live[execution.execution_id] = execution

    def sweep(self) -> None:
        """Forget those that have ended, but for how far they are; the journal has the rest."""
        for execution in [e for e in self._live.values() if e.ended and e.runner is None]:
            del self._live[execution.execution_id]
            self._ended[execution.execution_id] = execution.progress.seq
        for execution_id in list(self._ended)[:-ENDED_KEPT]:
            del self._ended[execution_id]

    def next_due(self) -> Execution | None:
        """Return the next that may start: one run at a time, and beside it two that only prepare."""
        runs = [e.kind is ExecutionKind.RUN for e, _ in self.running]
        for execution in self._live.values():
            is_run = execution.kind is ExecutionKind.RUN
            limit = RUNS_AT_ONCE if is_run else PREPARATIONS_AT_ONCE
            if execution.queued and runs.count(is_run) < limit:
                return execution
        return None
