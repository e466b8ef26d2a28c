"""The server's one poll loop."""

from __future__ import annotations

import importlib.metadata
import math
import os
import time
import uuid
from contextlib import ExitStack
from typing import TYPE_CHECKING

import zmq

from plateflow.errors import SchemaError
from plateflow.runtime.control import is_execution_id
from plateflow.runtime.desk import Desk
from plateflow.runtime.endpoints import Connection, Endpoints, ServerLock, private_directory
from plateflow.runtime.executions import Execution, Executions
from plateflow.runtime.intake import Intake
from plateflow.runtime.ports import Context, ControlPort, StreamPort
from plateflow.runtime.runners import RunnerPool
from plateflow.runtime.supervisor import Source, Supervisor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plateflow.runtime.mailbox import Letter, Mailbox

HEARTBEAT = 1.0
"""Seconds."""


class ServerLoop:
    """Everything that a running server holds; made, run and closed in one thread.

    Parameters
    ----------
    endpoints
        Its directory.
    runner
        Command of a runner.
    exit_when_idle
        Seconds without work and requests after which it ends; None for never.
    mailbox
        How other threads reach it; closed with it.

    Raises
    ------
    ServerError
        If the directory is not private, its path too long, or another server runs there.
    """

    def __init__(
        self, endpoints: Endpoints, runner: Sequence[str], exit_when_idle: float | None, mailbox: Mailbox
    ) -> None:
        self._exit_when_idle = exit_when_idle
        self._mailbox = mailbox
        with ExitStack() as opened:
            mailbox.open()
            opened.callback(mailbox.close)
            self._open_directory(endpoints, opened)
            self._open_ports(endpoints, opened)
            self._executions = Executions()
            self._intake = Intake(self._stream)
            self._supervisor = Supervisor(self._executions, RunnerPool(runner, endpoints.logs), self._intake)
            opened.callback(self._supervisor.close)
            self._desk = Desk(self._connection, self._executions, self._supervisor)
            endpoints.publish(self._connection)
            opened.callback(endpoints.connection.unlink, missing_ok=True)
            self._opened = opened.pop_all()
        self._last_request = self._next_beat = time.monotonic()

    def run(self) -> None:
        """Serve until asked to stop, or idle for long enough; then close everything."""
        with self._opened:
            while not (self._mailbox.stopping or self._desk.stopping or self._is_idle()):
                self._turn()

    def _open_directory(self, endpoints: Endpoints, opened: ExitStack) -> None:
        endpoints.check_paths()
        private_directory(endpoints.directory)
        private_directory(endpoints.logs)
        lock = ServerLock(endpoints)
        opened.callback(lock.release)
        endpoints.remove_sockets()
        opened.callback(endpoints.remove_sockets)

    def _open_ports(self, endpoints: Endpoints, opened: ExitStack) -> None:
        self._connection = Connection(
            server=uuid.uuid4().hex,
            pid=os.getpid(),
            control=f"ipc://{endpoints.control}",
            stream=f"ipc://{endpoints.stream}",
            version=importlib.metadata.version("plateflow"),
        )
        context: Context = zmq.Context()
        opened.callback(context.term)
        self._control = ControlPort(context, endpoints.control)
        opened.callback(self._control.socket.close)
        self._stream = StreamPort(context, endpoints.stream, self._connection.server)
        opened.callback(self._stream.socket.close)

    def _turn(self) -> None:
        sources = self._sources()
        handlers = {source.fd: source.handle for source in sources}
        ready = zmq.zmq_poll([(source.fd, source.events) for source in sources], self._timeout())
        for fd, events in ready:
            handlers[fd](events)
        now = time.monotonic()
        self._supervisor.tick(now)
        if self._stream.heard and now >= self._next_beat:
            self._beat(self._executions.all)
            self._next_beat = now + HEARTBEAT

    def _sources(self) -> list[Source]:
        return [
            Source(self._control.socket, zmq.POLLIN, self._on_request),
            Source(self._stream.socket, zmq.POLLIN, self._on_subscription),
            Source(self._mailbox.fd, zmq.POLLIN, self._on_letter),
            *self._supervisor.sources(),
        ]

    def _timeout(self) -> int:
        # Milliseconds until something is due; -1, for ever, where nothing is.
        deadlines = [self._supervisor.deadline(), self._idle_at()]
        if self._stream.heard and self._executions.all:
            deadlines.append(self._next_beat)
        due = min((deadline for deadline in deadlines if deadline is not None), default=None)
        return -1 if due is None else max(0, math.ceil(1000 * (due - time.monotonic())))

    def _on_request(self, _events: int) -> None:
        for client, request in self._control.receive():
            self._last_request = time.monotonic()
            self._control.reply(client, self._desk.answer(request, self._control.bad_messages))

    def _on_subscription(self, _events: int) -> None:
        for topic in self._stream.subscriptions():
            self._beat([e for e in self._executions.all if e.execution_id.startswith(topic)])
            if is_execution_id(topic) and self._executions.find(topic) is None:
                self._stream.beat(topic, 0)  # not submitted yet: nothing of it was missed

    def _on_letter(self, _events: int) -> None:
        for letter in self._mailbox.take():
            try:
                letter.answer.set_result(self._deliver(letter))
            except SchemaError as e:
                letter.answer.set_exception(e)

    def _deliver(self, letter: Letter) -> int:
        execution = self._executions.get(letter.update.execution_id)
        execution.check(letter.update)
        if execution.ending:
            raise SchemaError("execution_id", f"execution {execution.execution_id!r} has ended")
        return self._intake.take(execution, [letter.update], letter.line)

    def _beat(self, executions: list[Execution]) -> None:
        for execution in executions:
            self._stream.beat(execution.execution_id, execution.progress.seq)

    def _idle_at(self) -> float | None:
        if self._exit_when_idle is None or self._executions.live:
            return None
        return max(self._last_request, self._supervisor.last_end) + self._exit_when_idle

    def _is_idle(self) -> bool:
        idle_at = self._idle_at()
        return idle_at is not None and time.monotonic() >= idle_at
