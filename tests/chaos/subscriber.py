"""A subscriber in a process of its own: follows one execution after another, drops its connection, comes back.

Orders come on stdin and reports go to stdout, one JSON line each; a line ``{}`` before a report says that the first
follower of its order is there.
"""

import sys
import time
import zlib
from collections import deque
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from unittest.mock import patch

import msgspec

from plateflow.errors import PlateflowError
from plateflow.progress.messages import Message, encode_message
from plateflow.runtime import client as client_module
from plateflow.runtime import follower as follower_module
from plateflow.runtime.client import ExecutionClient
from plateflow.runtime.follower import Follower
from plateflow.runtime.frames import Frame

POLL = 0.5
PATIENCE = 40.0
"""Seconds until an execution should have ended."""
JOINED = b"{}\n"


class Loss(StrEnum):
    """What a pause costs."""

    NOTHING = "nothing"
    """It is only slow."""
    FOLLOWER = "follower"
    CLIENT = "client"
    """And its followers."""


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    at: int
    """From this ``seq`` on."""
    loss: Loss
    seconds: float
    replayed: bool
    """Whether it asks for all that it missed, not for a snapshot; where it lost its follower."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    directory: str
    execution_id: str
    high_water: int
    after: int | None
    """Of the first follower."""
    pauses: tuple[Pause, ...] = ()


class Leg(msgspec.Struct, kw_only=True):
    """What one follower returned: the messages from ``after`` to ``last``, as it should be."""

    after: int
    last: int
    count: int = 0
    checksum: int = 0
    """CRC-32 of the messages, encoded again."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    legs: tuple[Leg, ...] = ()
    snapshot: str = ""
    """Of the state at the end."""
    gaps: int = 0
    """How often the stream had dropped something."""
    problem: str = ""
    """What was raised."""


class CountingFollower(Follower):
    """Counts where the frames that come do not join, whether or not a replay has closed the gap already."""

    gaps = 0
    """Of all followers."""
    _next_seq = 0
    """That the next frame should begin with; 0 before the first."""

    def _hear(self, frame: Frame, news: list[Message]) -> None:
        first_seq, count = frame.header.first_seq, frame.header.count
        if self._next_seq and first_seq > self._next_seq:
            CountingFollower.gaps += 1
        self._next_seq = first_seq + count
        super()._hear(frame, news)


class Subscriber:
    def __init__(self, order: Order) -> None:
        self._order = order
        self._pauses = deque(order.pauses)
        self._legs: list[Leg] = []
        self._deadline = time.monotonic() + PATIENCE
        self._client = ExecutionClient(Path(order.directory))

    def close(self) -> None:
        self._client.close()

    def follow_to_end(self) -> Report:
        after = self._order.after
        while True:
            follower = self._client.follow(self._order.execution_id, after=after)
            if not self._legs:
                say(JOINED)
            loss = self._listen(follower, follower.state.seq if after is None else after)
            if loss is None:
                snapshot = follower.state.snapshot().decode()
                return Report(legs=tuple(self._legs), snapshot=snapshot, gaps=CountingFollower.gaps)
            after = self._legs[-1].last if loss.replayed else None
            self._lose(follower, loss)

    def _listen(self, follower: Follower, after: int) -> Pause | None:
        # Until the connection is to be lost, or the end.
        leg = Leg(after=after, last=after)
        self._legs.append(leg)
        while not follower.state.ended:
            for message in follower.poll(POLL):
                leg.count += 1
                leg.checksum = zlib.crc32(encode_message(message), leg.checksum)
            leg.last = max(after, follower.state.seq)
            if time.monotonic() > self._deadline:
                raise PlateflowError(f"it has not ended within {PATIENCE} s; seq is {follower.state.seq}")
            if self._pauses and follower.state.seq >= self._pauses[0].at:
                pause = self._pauses.popleft()
                if pause.loss is not Loss.NOTHING:
                    return pause
                time.sleep(pause.seconds)
        return None

    def _lose(self, follower: Follower, pause: Pause) -> None:
        follower.close()
        if pause.loss is Loss.CLIENT:
            self._client.close()
        time.sleep(pause.seconds)
        if pause.loss is Loss.CLIENT:
            self._client = ExecutionClient(Path(self._order.directory))


def carry_out(order: Order) -> Report:
    CountingFollower.gaps = 0
    with (
        patch.object(client_module, "Follower", CountingFollower),
        patch.object(follower_module, "RECEIVE_HIGH_WATER", order.high_water),
    ):
        try:
            with closing(Subscriber(order)) as subscriber:
                return subscriber.follow_to_end()
        except PlateflowError as e:
            return Report(problem=f"{type(e).__name__}: {e}")


def say(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def main() -> None:
    for line in sys.stdin.buffer:
        say(msgspec.json.encode(carry_out(msgspec.json.decode(line, type=Order))) + b"\n")


if __name__ == "__main__":
    main()
