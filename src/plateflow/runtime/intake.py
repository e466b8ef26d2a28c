"""The one path of every message: number, commit, fold, publish."""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from msgspec import UNSET

from plateflow.errors import ServerError
from plateflow.progress.messages import ENDED, ExecutionMessage, ExecutionState, Message, encode_message
from plateflow.progress.state import ExecutionProgress, restore
from plateflow.runtime.journal import Journal, JournalError
from plateflow.runtime.tables import Batch

if TYPE_CHECKING:
    from concurrent.futures import Future

    from plateflow.runtime.executions import Execution
    from plateflow.runtime.ports import StreamPort

REASON_TEXT = 2000
"""Characters of a reason that travel."""
RETRY = 1.0
"""Seconds between tries to write a journal that cannot be written."""

_log = logging.getLogger(__name__)


class _Waiting(NamedTuple):
    execution: Execution
    messages: list[Message]
    body: bytes
    answer: Future[int] | None


class Intake:
    """Takes validated messages of executions and passes their very bytes on, once they are in the journal.

    Where the journal cannot be written, they wait here, in order, and ``problem`` says why; who calls should take
    nothing more from runners meanwhile, so that what waits stays little.

    Parameters
    ----------
    stream
        Where they are published.
    journal
        Where they are kept.
    """

    def __init__(self, stream: StreamPort, journal: Journal) -> None:
        self._stream = stream
        self._journal = journal
        self._waiting: deque[_Waiting] = deque()
        self._retry_at = 0.0
        self.problem = "the journal has not been opened yet"
        """Why the journal cannot be written; "" where it can."""

    @property
    def deadline(self) -> float | None:
        """When :meth:`retry` has something to do, on the monotonic clock."""
        return self._retry_at if self.problem else None

    def admit(self, execution: Execution) -> None:
        """Take a new execution into the journal, queued.

        Raises
        ------
        JournalError
            If the journal cannot be written; then nothing has happened.
        """
        if self.problem:
            raise JournalError(self.problem)
        message = _state_message(execution, ExecutionState.QUEUED)
        body = encode_message(message)
        summary = execution.summary_of(_after(execution, [message]))
        try:
            execution.number = self._journal.add(summary, bytes(execution.job or b"{}"), Batch(1, 1, body))
        except JournalError as e:
            self.degrade(e)
            raise
        self._pass_on(execution, [message], body)

    def take(
        self, execution: Execution, messages: list[Message], body: bytes, answer: Future[int] | None = None
    ) -> None:
        """Take the messages of one body of at most 128 KiB; ``answer`` is given the ``seq`` of the last."""
        if not messages:
            return
        last = messages[-1]
        if isinstance(last, ExecutionMessage) and last.state in ENDED:
            execution.conclude()
        self._waiting.append(_Waiting(execution, messages, body, answer))
        if not self.problem:
            self._write()

    def announce(self, execution: Execution, state: ExecutionState, reason: str = "") -> None:
        """Take a message of the server's own: a new state of an execution."""
        message = _state_message(execution, state, reason)
        self.take(execution, [message], encode_message(message))

    def retry(self, now: float) -> bool:
        """Try the journal again where that is due; return whether it can be written now and could not before."""
        if not self.problem or now < self._retry_at:
            return False
        try:
            self._journal.check()
        except JournalError as e:
            self.degrade(e)
            return False
        self.problem = ""
        self._write()
        return not self.problem

    def degrade(self, error: JournalError) -> None:
        """Take nothing new until the journal can be written again."""
        if str(error) != self.problem:
            _log.error("%s; nothing is published until then", error)
        self.problem = str(error)
        self._retry_at = time.monotonic() + RETRY

    def close(self) -> None:
        """Give up what still waits."""
        for waiting in self._waiting:
            if waiting.answer is not None:
                waiting.answer.set_exception(ServerError(f"the server has ended: {self.problem}"))

    def _write(self) -> None:
        while self._waiting:
            execution, messages, body, answer = self._waiting[0]
            try:
                self._commit(execution, messages, body)
            except JournalError as e:
                self.degrade(e)
                return
            self._waiting.popleft()
            self._pass_on(execution, messages, body)
            if answer is not None:
                answer.set_result(execution.progress.seq)

    def _commit(self, execution: Execution, messages: list[Message], body: bytes) -> None:
        seq = execution.progress.seq
        batch = Batch(seq + 1, seq + len(messages), body)
        if not any(isinstance(message, ExecutionMessage) for message in messages):
            self._journal.append(execution.number, batch)
            return
        after = _after(execution, messages)
        snapshot = after.snapshot() if after.ended else b""
        self._journal.turn(execution.number, batch, execution.summary_of(after), snapshot)

    def _pass_on(self, execution: Execution, messages: list[Message], body: bytes) -> None:
        first_seq = execution.progress.seq + 1
        execution.progress.apply_all(messages, first_seq)
        self._stream.publish(execution.execution_id, first_seq, len(messages), body)


def _after(execution: Execution, messages: list[Message]) -> ExecutionProgress:
    # In a copy: nobody may see what is not committed.
    progress = restore(execution.progress.snapshot())
    progress.apply_all(messages, progress.seq + 1)
    return progress


def _state_message(execution: Execution, state: ExecutionState, reason: str = "") -> ExecutionMessage:
    text = reason[:REASON_TEXT].encode(errors="replace").decode()
    return ExecutionMessage.now(execution.execution_id, execution.plate_id, execution.kind, state, reason=text or UNSET)
