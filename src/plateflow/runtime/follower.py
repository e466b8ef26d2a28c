"""Follows one execution: exact however late it comes, and whatever the stream drops."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Self

import zmq

from plateflow.errors import SchemaError, ServerError
from plateflow.progress.state import ExecutionProgress, restore
from plateflow.runtime.frames import BODY_LIMIT, Frame, decode_frame, read_batch

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from plateflow.progress.messages import Message
    from plateflow.runtime.control import Snapshotted
    from plateflow.runtime.ports import Context

SILENCE = 3.0
"""Seconds without a frame, of which there should be one each second, after which the server is asked."""
SUBSCRIBE_TIMEOUT = 5.0
_HIGH_WATER = 100_000
_FRAMES_A_POLL = 1000


class Follower:
    """The live state of one execution (the ZeroMQ guide's Clone pattern).

    Subscribed first, and the server's answer to that waited for, then a snapshot: from its ``seq`` on nothing is
    missing. Where the stream skips (this follower was too slow, or the server restarted) the state is fetched anew, so
    it is exact again, and ``lost`` says which messages :meth:`poll` never returned.

    Parameters
    ----------
    context
        Of the client, whose thread this belongs to.
    address
        Of the server's stream.
    execution_id
        32 hex digits; the server need not know it yet.
    snapshot
        Asks the server for the state of an execution.

    Raises
    ------
    ServerError
        If the server does not answer.
    """

    state: ExecutionProgress
    """Folded so far; empty, with seq 0, until the execution is submitted."""

    def __init__(
        self,
        context: Context,
        address: str,
        execution_id: str,
        snapshot: Callable[[str], Snapshotted],
    ) -> None:
        self.execution_id = execution_id
        self.lost: list[tuple[int, int]] = []
        """First and last ``seq`` of each run of messages that never came."""
        self._problem: SchemaError | None = None
        self._snapshot = snapshot
        self._socket = context.socket(zmq.SUB)
        self._socket.linger = 0
        self._socket.rcvhwm = _HIGH_WATER
        self._socket.set(zmq.MAXMSGSIZE, 2 * BODY_LIMIT)
        self._socket.connect(address)
        self._socket.subscribe(execution_id.encode())
        self._heard = time.monotonic()
        try:
            self._await_subscription()
            self.state = self._fetch()
        except ServerError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._socket.closed

    def close(self) -> None:
        """Stop following; may be called twice."""
        self._socket.close()

    def poll(self, timeout: float) -> list[Message]:
        """Wait for news and fold them into ``state``.

        Parameters
        ----------
        timeout
            Seconds; returns sooner where something came, which may be a heartbeat alone.

        Returns
        -------
        list of Message
            What was folded, in order.

        Raises
        ------
        SchemaError
            At the first message that breaks the schema; names the field. The good ones before it are returned first.
        ServerError
            If the server is gone.
        """
        news: list[Message] = []
        wait = max(0.0, min(timeout, self._heard + SILENCE - time.monotonic()))
        if self._problem is None and self._socket.poll(math.ceil(1000 * wait)):
            self._drain(news)
        elif time.monotonic() >= self._heard + SILENCE:
            self._catch_up()
        if self._problem is not None and not news:
            raise self._problem
        return news

    def _drain(self, news: list[Message]) -> None:
        for _ in range(_FRAMES_A_POLL):
            try:
                parts = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            try:
                self._hear(decode_frame(parts), news)
            except SchemaError as e:
                self._problem = e
                break
        self._heard = time.monotonic()

    def _hear(self, frame: Frame, news: list[Message]) -> None:
        header = frame.header
        if header.server != self._server or header.first_seq > self.state.seq + 1:
            self._catch_up()
        if header.server != self._server:
            return  # published by a server that has ended since
        batch = read_batch(frame.body, self._check)
        for seq, message in enumerate(batch.messages, header.first_seq):
            if seq > self.state.seq:
                self._fold(message, seq)
                news.append(message)
        if batch.problem is not None:
            raise batch.problem
        if len(batch.messages) != header.count:
            raise SchemaError("count", f"says {header.count} lines, the body has {len(batch.messages)}")

    def _fold(self, message: Message, seq: int) -> None:
        if not self.state.plate_id:
            self.state.plate_id = message.plate_id
        self.state.apply(message, seq)

    def _check(self, message: Message) -> None:
        if message.execution_id != self.execution_id:
            raise SchemaError("execution_id", f"must be {self.execution_id!r} here, got {message.execution_id!r}")
        if self.state.plate_id and message.plate_id != self.state.plate_id:
            raise SchemaError("plate_id", f"must be {self.state.plate_id!r} here, got {message.plate_id!r}")

    def _catch_up(self) -> None:
        server, before = self._server, self.state.seq
        after = self._fetch()
        self._heard = time.monotonic()
        if self._server != server and before and after.state is None:
            raise ServerError(f"the server was restarted and does not know execution {self.execution_id} any more")
        if after.seq > before:
            self.lost.append((before + 1, after.seq))
        self.state = after

    def _fetch(self) -> ExecutionProgress:
        answer = self._snapshot(self.execution_id)
        self._server = answer.server
        return restore(bytes(answer.state))

    def _await_subscription(self) -> None:
        # The server answers each subscription; a snapshot taken before it knows of ours could leave a gap.
        if not self._socket.poll(int(1000 * SUBSCRIBE_TIMEOUT)):
            raise ServerError(f"the server's stream did not answer within {SUBSCRIBE_TIMEOUT} s; restart the server")
