"""The executions that a server knows: who waits, who may start, and what a line of one may say. Pure: no I/O."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from plateflow.errors import SchemaError
from plateflow.progress.messages import ENDED, ExecutionKind, ExecutionMessage, ExecutionState, Message
from plateflow.progress.state import ExecutionProgress
from plateflow.runtime.control import Submit, Summary

if TYPE_CHECKING:
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
    job: msgspec.Raw
    """For the runner; emptied when it has been handed over."""
    progress: ExecutionProgress
    """All messages so far, folded."""
    submitted: float = field(default_factory=time.time)
    """Seconds since the epoch, for display."""
    runner: Runner | None = None
    conclusion: ExecutionMessage | None = None
    """The runner's last message, held back until its end shows that nothing follows."""
    verdict: str = ""
    """Why the server ends it as failed, whatever the runner said."""
    asked: ExecutionState | None = None
    """How it ends where its runner leaves without a last message, since somebody asked: cancelled or interrupted."""

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
    def ending(self) -> bool:
        """Whether its end is decided, though perhaps not published yet."""
        return self.ended or self.conclusion is not None or bool(self.verdict)

    def forget_job(self) -> None:
        """Drop the job, which its runner now holds."""
        self.job = msgspec.Raw(b"{}")

    def check(self, message: Message) -> None:
        """Check that a message belongs here.

        Raises
        ------
        SchemaError
            If it is about another execution or plate; names the field.
        """
        if message.execution_id != self.execution_id:
            raise SchemaError("execution_id", f"must be {self.execution_id!r} here, got {message.execution_id!r}")
        if message.plate_id != self.plate_id:
            raise SchemaError("plate_id", f"must be {self.plate_id!r} here, got {message.plate_id!r}")

    def check_line(self, message: Message) -> None:
        """Check a message from the runner, and hold its last one back in ``conclusion``.

        Raises
        ------
        SchemaError
            If it may not say that, or has already said its last; names the field.
        """
        self.check(message)
        if self.conclusion is not None:
            raise SchemaError("", f"a line follows the last one, state {self.conclusion.state.value!r}")
        if not isinstance(message, ExecutionMessage):
            return
        if message.kind is not self.kind:
            raise SchemaError("kind", f"must be {self.kind.value!r} here, got {message.kind.value!r}")
        if message.state not in _FROM_RUNNER:
            raise SchemaError("state", f"{message.state.value!r} is not for a runner to say")
        if message.state in ENDED:
            self.conclusion = message

    def summary(self) -> Summary:
        """Return its row for ``status``."""
        progress = self.progress
        return Summary(
            execution_id=self.execution_id,
            plate_id=self.plate_id,
            kind=self.kind,
            state=progress.state or ExecutionState.QUEUED,
            reason=progress.reason,
            seq=progress.seq,
            percent=progress.percent,
            counts=dict(progress.counts),
            submitted=self.submitted,
        )


class Executions:
    """All that the server knows, in the order of submission."""

    def __init__(self) -> None:
        self._by_id: dict[str, Execution] = {}

    @property
    def all(self) -> list[Execution]:
        """Every execution, ended ones included."""
        return list(self._by_id.values())

    @property
    def live(self) -> list[Execution]:
        """Those that have not ended, and those whose runner has not."""
        return [e for e in self._by_id.values() if not e.ended or e.runner is not None]

    @property
    def running(self) -> list[tuple[Execution, Runner]]:
        """Those that have a runner, and it."""
        return [(e, e.runner) for e in self._by_id.values() if e.runner is not None]

    @property
    def waiting(self) -> bool:
        """Whether one is queued."""
        return any(e.runner is None and not e.ended for e in self._by_id.values())

    def find(self, execution_id: str) -> Execution | None:
        """Return an execution; None where it is not known."""
        return self._by_id.get(execution_id)

    def get(self, execution_id: str) -> Execution:
        """Return an execution.

        Raises
        ------
        SchemaError
            If it is not known.
        """
        execution = self.find(execution_id)
        if execution is None:
            raise SchemaError("execution_id", f"this server knows no execution {execution_id!r}")
        return execution

    def add(self, execution: Execution) -> None:
        """Add one at the end of the queue; the oldest of more than 100 ended ones are forgotten."""
        self._by_id[execution.execution_id] = execution
        ended = [e.execution_id for e in self._by_id.values() if e.ended and e.runner is None]
        for execution_id in ended[: max(0, len(ended) - ENDED_KEPT)]:
            del self._by_id[execution_id]

    def next_due(self) -> Execution | None:
        """Return the next that may start: one run at a time, and beside it two that only prepare."""
        runs = [e.kind is ExecutionKind.RUN for e, _ in self.running]
        for execution in self._by_id.values():
            is_run = execution.kind is ExecutionKind.RUN
            limit = RUNS_AT_ONCE if is_run else PREPARATIONS_AT_ONCE
            if execution.runner is None and not execution.ended and runs.count(is_run) < limit:
                return execution
        return None
