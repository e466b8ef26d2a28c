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
from plateflow.runtime.control import Inquire, is_execution_id
from plateflow.runtime.desk import Desk
from plateflow.runtime.endpoints import Connection, Endpoints, ServerLock, private_directory
from plateflow.runtime.executions import Execution, Executions
from plateflow.runtime.frames import check_owner
from plateflow.runtime.inquiries import Inquiries
from plateflow.runtime.intake import Intake
from plateflow.runtime.journal import Journal, JournalError
from plateflow.runtime.ports import Context, ControlPort, StreamPort
from plateflow.runtime.runners import RunnerPool
from plateflow.runtime.supervisor import Source, Supervisor
from plateflow.runtime.upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

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
    journal
        Not opened yet; closed with it.

    Raises
    ------
    ServerError
        If the directory is not private, its path too long, or another server runs there.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        runner: Sequence[str],
        exit_when_idle: float | None,
        mailbox: Mailbox,
        journal: Journal,
    ) -> None:
        self._exit_when_idle = exit_when_idle
        self._mailbox = mailbox
        with ExitStack() as opened:
            mailbox.open()
            opened.callback(mailbox.close)
            self._open_directory(endpoints, opened)
            self._lock_journal(journal.path, opened)
            self._open_ports(endpoints, opened)
            self._executions = Executions()
            self._journal = journal
            opened.callback(journal.close)
            self._upkeep: Upkeep | None = None  # until the journal could be opened
            opened.callback(self._end_upkeep)
            self._intake = Intake(self._stream, journal)
            opened.callback(self._intake.close)
            pool = RunnerPool(runner, endpoints.logs)
            self._supervisor = Supervisor(self._executions, pool, self._intake)
            opened.callback(self._supervisor.close)
            self._inquiries = Inquiries(pool, self._control.reply)
            opened.callback(self._inquiries.close)
            self._desk = Desk(self._connection, self._executions, self._supervisor, self._intake, journal)
            self._tend_journal(time.monotonic())
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
        lock = ServerLock(endpoints.lock, f"runs in {endpoints.directory}")
        opened.callback(lock.release)
        endpoints.remove_sockets()
        opened.callback(endpoints.remove_sockets)

    def _lock_journal(self, path: Path, opened: ExitStack) -> None:
        private_directory(path.parent)
        lock = ServerLock(path.with_suffix(".lock"), f"keeps its journal in {path}")
        opened.callback(lock.release)

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
        self._inquiries.tick(now)
        self._tend_journal(now)
        self._executions.sweep()
        if self._stream.heard and now >= self._next_beat:
            self._beat(self._executions.last_seqs)
            self._next_beat = now + HEARTBEAT

    def _tend_journal(self, now: float) -> None:
        try:
            if self._intake.retry(now):
                if self._upkeep is None:
                    self._recover()
                    self._upkeep = Upkeep(self._journal)
                self._supervisor.start_due()
            if self._upkeep is not None and not self._intake.problem:
                self._upkeep.tick(now)
        except JournalError as e:
            self._intake.degrade(e)

    def _recover(self) -> None:
        # All are read before the first is taken: where that fails, it is tried again from the start.
        records = self._journal.unfinished()
        for execution in [Execution.of_record(record, self._journal.fold(record)) for record in records]:
            if execution.started:
                last = self._journal.time_of(execution.number, execution.progress.seq)
                execution.ran = max(0.0, last - execution.started)
            self._supervisor.recover(execution)

    def _end_upkeep(self) -> None:
        if self._upkeep is not None:
            self._upkeep.close()

    def _sources(self) -> list[Source]:
        return [
            Source(self._control.socket, zmq.POLLIN, self._on_request),
            Source(self._stream.socket, zmq.POLLIN, self._on_subscription),
            *([] if self._pausing else [Source(self._mailbox.fd, zmq.POLLIN, self._on_letter)]),
            *self._supervisor.sources(hear=not self._intake.problem and not self._pausing),
            *self._inquiries.sources(),
        ]

    @property
    def _pausing(self) -> bool:
        return self._upkeep is not None and self._upkeep.pausing

    def _timeout(self) -> int:
        # Milliseconds until something is due; -1, for ever, where nothing is.
        deadlines = [self._supervisor.deadline(), self._inquiries.deadline(), self._intake.deadline, self._idle_at()]
        if self._upkeep is not None and not self._intake.problem and (self._executions.live or self._upkeep.hurries):
            deadlines.append(self._upkeep.deadline)
        if self._stream.heard and self._executions.any:
            deadlines.append(self._next_beat)
        due = min((deadline for deadline in deadlines if deadline is not None), default=None)
        return -1 if due is None else max(0, math.ceil(1000 * (due - time.monotonic())))

    def _on_request(self, _events: int) -> None:
        for client, request in self._control.receive():
            self._last_request = time.monotonic()
            if isinstance(request, Inquire):
                self._inquiries.take(client, request)
            else:
                self._control.reply(client, self._desk.answer(request, self._control.bad_messages))

    def _on_subscription(self, _events: int) -> None:
        for topic in self._stream.subscriptions():
            known = self._executions.last_seqs
            self._beat({name: seq for name, seq in known.items() if name.startswith(topic)})
            if is_execution_id(topic) and topic not in known:
                self._stream.beat(topic, self._last_seq(topic))

    def _last_seq(self, execution_id: str) -> int:
        # Of an execution that ended long ago; 0 for one that is not submitted yet, of which nothing was missed.
        try:
            record = self._journal.find(execution_id)
        except JournalError:  # whoever follows it will be told when it asks
            record = None
        return 0 if record is None else record.summary.seq

    def _on_letter(self, _events: int) -> None:
        for letter in self._mailbox.take():
            try:
                self._deliver(letter)
            except SchemaError as e:
                letter.answer.set_exception(e)

    def _deliver(self, letter: Letter) -> None:
        execution = self._executions.find(letter.update.execution_id)
        if execution is None or execution.ending:
            raise SchemaError("execution_id", f"no execution {letter.update.execution_id!r} is under way")
        check_owner(letter.update, execution.execution_id, execution.plate_id)
        self._intake.take(execution, [letter.update], letter.line, letter.answer)

    def _beat(self, last_seqs: dict[str, int]) -> None:
        for execution_id, seq in last_seqs.items():
            self._stream.beat(execution_id, seq)

    def _idle_at(self) -> float | None:
        if self._exit_when_idle is None or self._executions.live or self._inquiries.any:
            return None
        return max(self._last_request, self._supervisor.last_end) + self._exit_when_idle

    def _is_idle(self) -> bool:
        idle_at = self._idle_at()
        return idle_at is not None and time.monotonic() >= idle_at
