"""Questions that a runner answers, beside all executions: nothing of them is numbered, kept or published."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import msgspec
import zmq

from plateflow.errors import SchemaError, ServerError
from plateflow.lines.reader import READ_LIMIT, LineTooLongError
from plateflow.runtime import control
from plateflow.runtime.jobs import ANSWER_LIMIT, ANSWER_TIME, Inquiry, compact
from plateflow.runtime.processes import describe_exit
from plateflow.runtime.supervisor import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from plateflow.runtime.runners import Runner, RunnerPool

AT_ONCE = 2
"""Questions that are being answered at the same time."""
WAITING_LIMIT = 32
_LAST_READS = ANSWER_LIMIT // READ_LIMIT + 1

Reply: TypeAlias = "Callable[[bytes, control.Reply], object]"


class _Asked(NamedTuple):
    client: bytes
    request: control.Inquire


@dataclass(slots=True)
class _Answering:
    """A question that a runner has."""

    asked: _Asked
    runner: Runner
    until: float
    """On the monotonic clock."""


class Inquiries:
    """Has each question answered by a runner of its own, so that a user's code is always fresh.

    Parameters
    ----------
    pool
        Where runners come from.
    reply
        Sends a reply to a client.
    """

    def __init__(self, pool: RunnerPool, reply: Reply) -> None:
        self._pool = pool
        self._reply = reply
        self._waiting: deque[_Asked] = deque()
        self._answering: list[_Answering] = []

    @property
    def any(self) -> bool:
        """Whether a question is not answered yet."""
        return bool(self._waiting or self._answering)

    def take(self, client: bytes, request: control.Inquire) -> None:
        """Have a question answered; the reply comes when it is. The same request again changes nothing."""
        asked = _Asked(client, msgspec.structs.replace(request, question=request.question.copy()))
        known = [*self._waiting, *(each.asked for each in self._answering)]
        if any((each.client, each.request.request_id) == (client, request.request_id) for each in known):
            return
        if len(self._waiting) >= WAITING_LIMIT:
            self._refuse(asked, f"{len(known)} questions wait for an answer already; ask again later")
            return
        self._waiting.append(asked)
        self._start_due()

    def sources(self) -> list[Source]:
        """Return what to poll."""
        found = []
        for each in self._answering:
            found.append(Source(each.runner.exit_fd, zmq.POLLIN, partial(self._on_exit, each)))
            events = zmq.POLLIN | (zmq.POLLOUT if each.runner.unsent else 0)
            found.append(Source(each.runner.fd, events, partial(self._on_socket, each)))
        return found

    def deadline(self) -> float | None:
        """Return when :meth:`tick` has something to do, on the monotonic clock."""
        return min((each.until for each in self._answering), default=None)

    def tick(self, now: float) -> None:
        """Give up what takes too long."""
        for each in [each for each in self._answering if now >= each.until]:
            hint = "does the pipeline's file do more than set a pipeline?"
            self._refuse(each.asked, f"there is no answer after {ANSWER_TIME:g} s; {hint}")
            self._leave(each)

    def close(self) -> None:
        """End the runners; who waits is told."""
        for each in self._answering:
            each.runner.kill()
            each.runner.close()
        for asked in [*self._waiting, *(each.asked for each in self._answering)]:
            self._refuse(asked, "the server is shutting down")
        self._answering.clear()
        self._waiting.clear()

    def _start_due(self) -> None:
        while self._waiting and len(self._answering) < AT_ONCE:
            asked = self._waiting.popleft()
            try:
                runner = self._pool.take(f"question-{asked.request.request_id}")
            except ServerError as e:
                self._refuse(asked, str(e))
                continue
            runner.ask(Inquiry(payload=asked.request.question))
            self._answering.append(_Answering(asked, runner, time.monotonic() + ANSWER_TIME))

    def _on_socket(self, each: _Answering, events: int) -> None:
        if each not in self._answering:
            return  # ended by an earlier event of the same turn
        if events & zmq.POLLOUT:
            each.runner.send_unsent()
        if events & ~zmq.POLLOUT:
            self._hear(each)

    def _on_exit(self, each: _Answering, _events: int) -> None:
        # Its last reads: a child that it forked may hold the socket open, so that there is no end to be read.
        for _ in range(_LAST_READS):
            if each in self._answering:
                self._hear(each)
        if each in self._answering:
            self._leave(each, say_end=True)

    def _hear(self, each: _Answering) -> None:
        try:
            lines = each.runner.read()
        except LineTooLongError as e:
            self._refuse(each.asked, f"its answer cannot be carried: {e}")
            self._leave(each)
            return
        if lines.complete:
            self._answer(each.asked, lines.complete.partition(b"\n")[0])
            self._leave(each)
        elif lines.ended:
            self._leave(each, say_end=True)

    def _answer(self, asked: _Asked, line: bytes) -> None:
        try:
            answer = msgspec.Raw(compact(line))
        except SchemaError as e:
            self._refuse(asked, f"its answer cannot be read: {e}")
            return
        self._reply(asked.client, control.Answered(request_id=asked.request.request_id, answer=answer))

    def _refuse(self, asked: _Asked, reason: str) -> None:
        self._reply(asked.client, control.Refused(request_id=asked.request.request_id, field="", reason=reason))

    def _leave(self, each: _Answering, *, say_end: bool = False) -> None:
        self._answering.remove(each)
        each.runner.kill()
        code = each.runner.close()
        if say_end:
            said = f"; what it printed is in {each.runner.log}" if each.runner.log.exists() else ""
            self._refuse(each.asked, f"the runner {describe_exit(code)} before it answered{said}")
        self._start_due()
        self._pool.restock()
