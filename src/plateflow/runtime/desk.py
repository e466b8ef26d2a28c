"""Answers requests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, assert_never

import msgspec
from msgspec import UNSET

from plateflow.errors import SchemaError
from plateflow.progress.messages import ExecutionState
from plateflow.progress.state import ExecutionProgress
from plateflow.runtime import control
from plateflow.runtime.executions import Execution, Executions

if TYPE_CHECKING:
    from plateflow.runtime.endpoints import Connection
    from plateflow.runtime.supervisor import Supervisor


class Desk:
    """Carries out one request after another.

    Parameters
    ----------
    connection
        Who this server is.
    executions
        All that it knows.
    supervisor
        Starts and cancels them.
    """

    def __init__(self, connection: Connection, executions: Executions, supervisor: Supervisor) -> None:
        self._connection = connection
        self._executions = executions
        self._supervisor = supervisor
        self.stopping = False
        """Whether a client asked the server to stop."""

    def answer(self, request: control.Request, bad_messages: int) -> control.Reply:
        """Carry a request out, or refuse it."""
        try:
            return self._answer(request, bad_messages)
        except SchemaError as e:
            reason = str(e).removeprefix(f"{e.field}: ")
            return control.Refused(request_id=request.request_id, field=e.field, reason=reason)

    def _answer(self, request: control.Request, bad_messages: int) -> control.Reply:
        match request:
            case control.Ping():
                return self._pong(request, bad_messages)
            case control.Submit():
                return self._submit(request)
            case control.Status():
                return self._status(request)
            case control.Cancel():
                execution = self._executions.get(request.execution_id)
                self._supervisor.cancel(execution)
                return control.Cancelling(
                    request_id=request.request_id, execution_id=request.execution_id, state=_state(execution)
                )
            case control.Snapshot():
                return self._snapshot(request)
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
        )

    def _submit(self, request: control.Submit) -> control.Accepted:
        if self.stopping:
            raise SchemaError("", "the server is shutting down; submit it again once it is back")
        execution = self._executions.find(request.execution_id)
        if execution is None:
            execution = Execution.of(request)
            self._supervisor.submit(execution)
        elif (execution.plate_id, execution.kind) != (request.plate_id, request.kind):
            raise SchemaError("execution_id", f"is taken, by {execution.kind.value} of {execution.plate_id!r}")
        return control.Accepted(
            request_id=request.request_id, execution_id=request.execution_id, state=_state(execution)
        )

    def _status(self, request: control.Status) -> control.Summaries:
        asked = request.execution_id
        known = self._executions.all if asked is UNSET else [self._executions.get(asked)]
        return control.Summaries(request_id=request.request_id, executions=tuple(e.summary() for e in known))

    def _snapshot(self, request: control.Snapshot) -> control.Snapshotted:
        execution = self._executions.find(request.execution_id)
        unknown = ExecutionProgress(execution_id=request.execution_id, plate_id="")
        state = unknown if execution is None else execution.progress
        return control.Snapshotted(
            request_id=request.request_id, server=self._connection.server, state=msgspec.Raw(state.snapshot())
        )


def _state(execution: Execution) -> ExecutionState:
    return execution.progress.state or ExecutionState.QUEUED
