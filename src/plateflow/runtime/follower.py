"""Follows one execution: exact however late it comes, and whatever the stream drops."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

import msgspec
import zmq

from plateflow.errors import SchemaError, ServerError
from plateflow.progress.state import Cursor, ExecutionProgress
from plateflow.runtime.frames import BODY_LIMIT, Frame, decode_frame, read_batch
from plateflow.runtime.requester import NoAnswerError

if TYPE_CHECKING:
    from types import TracebackType

    from plateflow.progress.messages import Message
    from plateflow.runtime.control import Replayed, Snapshotted
    from plateflow.runtime.ports import Context

SILENCE = 3.0
"""Seconds without a frame, of which there should be one each second, after which the server is asked."""
SUBSCRIBE_TIMEOUT = 5.0
_SUBSCRIBE_LOOKS = 20
RECEIVE_HIGH_WATER = 64
"""Frames that wait here to be polled; for those beyond, the server drops the newest, which then come by replay."""
MESSAGES_A_POLL = 1000
"""One :meth:`Follower.poll` returns about so many at most, so that a viewer that was away can draw in between."""


class Source(Protocol):
    """What a follower asks the server."""

    def snapshot_of(self, execution_id: str) -> Snapshotted:
        """Return the state of an execution."""
        ...

    def replay_of(self, execution_id: str, from_seq: int) -> Replayed:
        """Return some of its messages."""
        ...


class Folded(Protocol):
    """What messages are folded into."""

    execution_id: str
    plate_id: str
    seq: int

    def __init__(self, *, execution_id: str, plate_id: str) -> None: ...

    @property
    def ended(self) -> bool:
        """Whether no further message follows."""
        ...

    def apply_all(self, messages: list[Message], first_seq: int) -> None:
        """Fold messages in."""
        ...


F = TypeVar("F", bound=Folded)
C = TypeVar("C", bound="Following[Any]")


class Following(Generic[F]):
    """Follows one execution (the ZeroMQ guide's Clone pattern).

    Subscribed first, and the server's answer to that waited for, then a snapshot: from its ``seq`` on nothing is
    missing. Where the stream skips (this follower was too slow, was stopped, lost its connection, or the server was
    started anew) the missing messages are fetched from the journal, so :meth:`poll` returns every one, once, in order.

    Parameters
    ----------
    context
        Of the client, whose thread this belongs to.
    address
        Of the server's stream.
    execution_id
        32 hex digits; the server need not know it yet.
    source
        The server.
    after
        Messages beyond this ``seq`` are returned, those that are past too; None: only those that are still to come.

    Raises
    ------
    ServerError
        If the server does not answer.
    """

    _kind: type[F]
    state: F
    """Folded so far; empty, with seq 0, until the execution is submitted."""

    def __init__(
        self, context: Context, address: str, execution_id: str, source: Source, *, after: int | None = None
    ) -> None:
        self.execution_id = execution_id
        self._problem: SchemaError | None = None
        self._source = source
        self.socket = context.socket(zmq.SUB)
        """For :func:`await_news`."""
        self.socket.linger = 0
        self.socket.rcvhwm = RECEIVE_HIGH_WATER
        self.socket.set(zmq.MAXMSGSIZE, 2 * BODY_LIMIT)
        self.socket.connect(address)
        self.socket.subscribe(execution_id.encode())
        self._heard = self._asked = time.monotonic()
        try:
            self._await_subscription()
            self._take_snapshot()
        except ServerError:
            self.close()
            raise
        self._silent_to = 0
        """Up to this ``seq`` messages are folded but not returned."""
        if after is not None:
            self._silent_to = after
            self.state = self._kind(execution_id=execution_id, plate_id="")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def behind(self) -> bool:
        """Whether messages are known that :meth:`poll` has not returned yet."""
        return self._newest > self.state.seq

    @property
    def heard(self) -> float:
        """When a frame came last, a heartbeat too, or the server answered; on the monotonic clock, in seconds."""
        return self._heard

    @property
    def is_silent(self) -> bool:
        """Whether nothing was heard for so long that :meth:`poll` asks the server."""
        return time.monotonic() >= self._silent_at

    @property
    def _silent_at(self) -> float:
        return max(self._heard, self._asked) + SILENCE

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self.socket.closed

    def close(self) -> None:
        """Stop following; may be called twice."""
        self.socket.close()

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
            If the server is gone, or knows this execution no more.
        """
        news: list[Message] = []
        try:
            if self._problem is None:
                self._listen(timeout, news)
        except SchemaError as e:
            self._problem = e
        if self._problem is not None and not news:
            raise self._problem
        return news

    def _listen(self, timeout: float, news: list[Message]) -> None:
        if self.behind:
            self._catch_up(news)
            return
        wait = max(0.0, min(timeout, self._silent_at - time.monotonic()))
        if not wait or self.socket.poll(math.ceil(1000 * wait)):
            self._drain(news)
        if self.is_silent:
            self._asked = time.monotonic()
            with suppress(NoAnswerError):  # stopped, or busy: as long as it lives, it may be heard again
                self._catch_up(news)

    def _drain(self, news: list[Message]) -> None:
        while len(news) < MESSAGES_A_POLL and self._newest <= self.state.seq:
            try:
                parts = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            self._heard = time.monotonic()
            self._hear(decode_frame(parts), news)

    def _hear(self, frame: Frame, news: list[Message]) -> None:
        header = frame.header
        if header.server != self._server:
            self._meet_server()
        elif header.first_seq > self.state.seq + 1:
            self._newest = header.first_seq + header.count - 1  # what is missing, and this, comes by replay
        else:
            count = self._fold(header.first_seq, frame.body, news)
            if count != header.count:
                raise SchemaError("count", f"says {header.count} lines, the body has {count}")

    def _catch_up(self, news: list[Message]) -> None:
        # What is missing, as much as one replay holds; it also asks whether anything is.
        seq = self.state.seq
        answer = self._source.replay_of(self.execution_id, seq + 1)
        self._heard = time.monotonic()
        if answer.server != self._server:
            self._meet_server()
            return
        if answer.last_seq < self._newest:
            raise ServerError(f"the server's journal does not hold execution {self.execution_id} any more")
        self._newest = answer.last_seq
        self._fold(seq + 1, b"".join(bytes(message) + b"\n" for message in answer.messages), news)

    def _meet_server(self) -> None:
        # A server that was started since: it goes on with the journal, which holds all that was published.
        state = self.state
        self._take_snapshot()
        if state.seq and not self.state.seq:
            raise ServerError(f"the server was restarted and does not know execution {self.execution_id} any more")
        if state.seq <= self.state.seq:
            self.state = state  # else the journal lost its end with the machine's power: what was said is taken back

    def _take_snapshot(self) -> None:
        answer = self._source.snapshot_of(self.execution_id)
        self._server = answer.server
        self.state = self._restore(bytes(answer.state))
        self._newest = self.state.seq
        """The highest ``seq`` that is known to be in the journal."""

    def _restore(self, snapshot: bytes) -> F:
        return msgspec.json.decode(snapshot, type=self._kind)

    def _fold(self, first_seq: int, body: bytes, news: list[Message]) -> int:
        state = self.state
        batch = read_batch(body, self.execution_id, state.plate_id)
        known = max(0, state.seq + 1 - first_seq)
        if fresh := batch.messages[known:]:
            state.plate_id = fresh[0].plate_id
            first = first_seq + known
            state.apply_all(fresh, first)
            news += fresh[max(0, self._silent_to + 1 - first) :]
        self._newest = max(self._newest, state.seq)
        if batch.problem is not None:
            raise batch.problem
        return len(batch.messages)

    def _await_subscription(self) -> None:
        # The server answers each subscription; a snapshot taken before it knows of ours could leave a gap.
        for _ in range(_SUBSCRIBE_LOOKS):  # not one long poll: being stopped meanwhile costs one look
            if self.socket.poll(math.ceil(1000 * SUBSCRIBE_TIMEOUT / _SUBSCRIBE_LOOKS)):
                return
        raise ServerError(f"the server's stream did not answer within {SUBSCRIBE_TIMEOUT} s; restart the server")


class Follower(Following[ExecutionProgress]):
    """The live state of one execution."""

    _kind = ExecutionProgress


class Courier(Following[Cursor]):
    """The messages of one execution and the snapshot that they go on from, for whoever folds them in another thread."""

    _kind = Cursor
    _snapshot = b""

    def take_snapshot(self) -> bytes:
        """Return the snapshot that ``state`` was made of, once; what follows :meth:`poll` returns."""
        snapshot, self._snapshot = self._snapshot, b""
        return snapshot

    def _restore(self, snapshot: bytes) -> Cursor:
        self._snapshot = snapshot
        return super()._restore(snapshot)


def await_news(followers: list[C], fd: int, timeout: float) -> list[C]:
    """Wait until some of these followers have something to poll, or a descriptor can be read; return those that have.

    One that has heard nothing for :data:`SILENCE` is among them: its :meth:`Follower.poll` asks the server.

    Parameters
    ----------
    followers
        Of this thread.
    fd
        To be woken by.
    timeout
        Seconds.
    """
    wait = 0.0 if any(follower.behind for follower in followers) else timeout
    sockets = [(follower.socket, zmq.POLLIN) for follower in followers]
    ready: set[object] = {source for source, _ in zmq.zmq_poll([*sockets, (fd, zmq.POLLIN)], math.ceil(1000 * wait))}
    return [follower for follower in followers if follower.socket in ready or follower.behind or follower.is_silent]
