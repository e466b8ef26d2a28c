"""A stream that loses, repeats and mixes up frames, between a journal and the window's own link; no sockets, no thread.

The follower and the link are the real ones; only what carries their frames and answers is played.
"""

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import zmq
from tests.unit.progress.runs import WHO, fold

from plateflow.gui.link import ServerLink
from plateflow.progress.messages import Message, encode_message
from plateflow.runtime.control import Replayed, Snapshotted
from plateflow.runtime.follower import Courier
from plateflow.runtime.frames import Header, encode_frame

EXECUTION = WHO["execution_id"]
A_REPLAY = 7
"""Messages that one holds, so that a gap may need several."""


class Mail:
    """A subscriber's socket: gives what a test has put into it."""

    def __init__(self) -> None:
        self.frames: deque[list[bytes]] = deque()
        self.linger = self.rcvhwm = 0
        self.closed = False

    def set(self, option: int, value: int) -> None: ...

    def connect(self, address: str) -> None: ...

    def subscribe(self, topic: bytes) -> None: ...

    def poll(self, _milliseconds: int) -> bool:
        return bool(self.frames)

    def recv_multipart(self, _flags: int) -> list[bytes]:
        if not self.frames:
            raise zmq.Again
        return self.frames.popleft()

    def close(self) -> None:
        self.closed = True


class Wire:
    """The server as a client sees it: a journal that grows, and a stream of it."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._whole = list(messages)
        self.server = "a" * 32
        self.length = 0
        """Messages that the journal holds by now."""
        self.mail = Mail()

    def socket(self, _kind: int) -> Mail:
        """Make the subscriber's socket, to which the server's answer to a subscription is on its way."""
        self.mail = Mail()
        self.beat()
        return self.mail

    def carry(self, execution_id: str) -> Courier:
        """Follow as a client does."""
        context: Any = self
        return Courier(context, "", execution_id, self)

    def grow(self, count: int) -> list[bytes]:
        """Write so many messages into the journal; return the frame that publishes them."""
        first, self.length = self.length, min(self.length + count, len(self._whole))
        return self._frame(first, self.length)

    def lose_end(self, count: int) -> None:
        """Lose so many messages of the journal with the machine's power; another server goes on with the rest."""
        self.server = f"{int(self.server, 16) + 1:032x}"
        self.length = max(min(self.length, 1), self.length - count)
        self.beat()

    def beat(self) -> None:
        """Send the heartbeat, which tells how far the journal is."""
        self.mail.frames.append(self._frame(self.length, self.length))

    def snapshot_of(self, _execution_id: str) -> Snapshotted:
        state = fold(self._whole[: self.length])
        if not self.length:
            state.plate_id = ""  # the server does not know it yet
        return Snapshotted(request_id=1, server=self.server, state=msgspec.Raw(state.snapshot()))

    def replay_of(self, _execution_id: str, from_seq: int) -> Replayed:
        lines = self._whole[: self.length][from_seq - 1 : from_seq - 1 + A_REPLAY]
        return Replayed(
            request_id=1,
            server=self.server,
            messages=tuple(msgspec.Raw(encode_message(message).rstrip()) for message in lines),
            next_seq=from_seq + len(lines),
            last_seq=self.length,
        )

    def _frame(self, first: int, last: int) -> list[bytes]:
        body = b"".join(map(encode_message, self._whole[first:last]))
        header = Header(server=self.server, first_seq=first + 1, count=last - first)
        return encode_frame(EXECUTION.encode(), header, body)


class HeldLink(ServerLink):
    """The window's link without its thread: a test says when it follows and when it hears."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(Path(), lambda: None)
        self.wire = wire

    def _run(self) -> None: ...

    def join(self) -> None:
        """Follow what is wanted, as after finding a server."""
        client: Any = self.wire
        self._followers.clear()
        for execution_id in list(self._wanted):
            self._follow(client, execution_id)

    def hear(self) -> None:
        """Take what has come."""
        for execution_id, follower in list(self._followers.items()):
            self._hear(execution_id, follower)

    @property
    def behind(self) -> bool:
        """Whether something is known to be missing."""
        return any(follower.behind for follower in self._followers.values())
