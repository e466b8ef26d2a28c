"""Answers requests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, assert_never

import msgspec

from plateflow.errors import SchemaError
from plateflow.progress.messages import ExecutionKind
from plateflow.progress.state import ExecutionProgress
from plateflow.runtime import control
from plateflow.runtime.executions import Execution, Executions
from plateflow.runtime.jobs import ContinueJob, PauseJob
from plateflow.runtime.journal import Journal, JournalError, Record

if TYPE_CHECKING:
    from plateflow.runtime.endpoints import Connection
    from plateflow.runtime.intake import Intake
    from plateflow.runtime.supervisor import Supervisor


class Desk:
    """Carries out one request after another.

    Parameters
    ----------
    connection
        Who this server is.
    executions
        Those that have not ended.
    supervisor
        Starts and cancels them.
    intake
        Knows whether the journal can be written.
    journal
        Holds all messages, and the executions that have ended.
    """

    def __init__(
        self,
        connection: Connection,
        executions: Executions,
        supervisor: Supervisor,
        intake: Intake,
        journal: Journal,
    ) -> None:
        self._connection = connection
        self._executions = executions
        self._supervisor = supervisor
        self._intake = intake
        self._journal = journal
        self.stopping = False
        """Whether a client asked the server to stop."""

    def answer(self, request: control.PromptRequest, bad_messages: int) -> control.Reply:
        """Carry a request out, or refuse it."""
        try:
            return self._answer(request, bad_messages)
        except SchemaError as e:
            reason = str(e).removeprefix(f"{e.field}: ")
            return control.Refused(request_id=request.request_id, field=e.field, reason=reason)
        except JournalError as e:
            return control.Refused(request_id=request.request_id, field="", reason=str(e))

    def _answer(self, request: control.PromptRequest, bad_messages: int) -> control.Reply:
        match request:
            case control.Ping():
                return self._pong(request, bad_messages)
            case control.Submit():
                return self._submit(request)
            case control.Status():
                return self._status(request)
            case control.Describe():
                return self._describe(request)
            case control.Cancel():
                return self._cancel(request)
            case control.Pause() | control.Continue():
                return self._steer(request)
            case control.Snapshot():
                return self._snapshot(request)
            case control.Replay():
                return self._replay(request)
            case control.Shutdown():
                self.stopping = True
                return control.ShuttingDown(request_id=request.request_id)
        assert_never(request)

    def _pong(self, request: control.Ping, bad_messages: int) -> control.Pong:
        return control.Pong(
            request_id=request.request_id,
            server=self._connection.server,
            pid=os.getpid(),
            version=self._connection.version,
            bad_messages=bad_messages,
            degraded=self._intake.problem,
        )

    def _submit(self, request: control.Submit) -> control.Accepted:
        if self.stopping:
            raise SchemaError("", "the server is shutting down; submit it again once it is back")
        known = self._find(request.execution_id)
        if known is None:
            known = Execution.of(request)
            self._supervisor.submit(known)
        summary = _summary(known)
        if (summary.plate_id, summary.kind) != (request.plate_id, request.kind):
            raise SchemaError("execution_id", f"is taken, by {summary.kind.value} of {summary.plate_id!r}")
        return control.Accepted(
            request_id=request.request_id, execution_id=request.execution_id, state=_summary(known).state
        )

    def _status(self, request: control.Status) -> control.Summaries:
        found = self._journal.newest(request.begins_with, request.limit)
        live = {e.execution_id: e.summary() for e in self._executions.live}
        now = tuple(live.get(summary.execution_id, summary) for summary in found)
        return control.Summaries(request_id=request.request_id, executions=now)

    def _describe(self, request: control.Describe) -> control.Described:
        record = self._journal.find(request.execution_id)
        if record is None:
            raise _unknown(request.execution_id)
        live = self._executions.find(request.execution_id)
        summary = record.summary if live is None else live.summary()
        return control.Described(request_id=request.request_id, summary=summary, job=msgspec.Raw(record.job))

    def _cancel(self, request: control.Cancel) -> control.Cancelling:
        known = self._find(request.execution_id)
        if known is None:
            raise _unknown(request.execution_id)
        if isinstance(known, Execution):
            self._supervisor.cancel(known, drain=request.drain)
        return control.Cancelling(
            request_id=request.request_id, execution_id=request.execution_id, state=_summary(known).state
        )

    def _steer(self, request: control.Pause | control.Continue) -> control.Told:
        known = self._find(request.execution_id)
        if known is None:
            raise _unknown(request.execution_id)
        if not isinstance(known, Execution) or known.ending:
            raise SchemaError("execution_id", f"execution {request.execution_id!r} has ended")
        if known.kind is not ExecutionKind.RUN or known.runner is None or known.job is not None:
            what = "waits in the queue" if known.queued else f"is of kind {known.kind.value!r}"
            raise SchemaError(
                "execution_id", f"execution {request.execution_id!r} {what}; a run under way can be paused"
            )
        known.runner.send(PauseJob() if isinstance(request, control.Pause) else ContinueJob())
        return control.Told(
            request_id=request.request_id, execution_id=request.execution_id, state=_summary(known).state
        )

    def _snapshot(self, request: control.Snapshot) -> control.Snapshotted:
        known = self._find(request.execution_id)
        if known is None:
            state = ExecutionProgress(execution_id=request.execution_id, plate_id="").snapshot()
        else:
            state = known.progress.snapshot() if isinstance(known, Execution) else self._journal.snapshot(known)
        return control.Snapshotted(
            request_id=request.request_id, server=self._connection.server, state=msgspec.Raw(state)
        )

    def _replay(self, request: control.Replay) -> control.Replayed:
        known = self._find(request.execution_id)
        lines = [] if known is None else self._journal.chunk(known.number, request.from_seq)
        return control.Replayed(
            request_id=request.request_id,
            server=self._connection.server,
            messages=tuple(msgspec.Raw(line[:-1]) for line in lines),
            next_seq=request.from_seq + len(lines),
            last_seq=0 if known is None else _summary(known).seq,
        )

    def _find(self, execution_id: str) -> Execution | Record | None:
        return self._executions.find(execution_id) or self._journal.find(execution_id)


def _summary(known: Execution | Record) -> control.Summary:
    return known.summary() if isinstance(known, Execution) else known.summary


def _unknown(execution_id: str) -> SchemaError:
    return SchemaError("execution_id", f"this server knows no execution {execution_id!r}")
