"""Tells how long a call kept its thread waiting, apart from how long the machine did."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

BEAT = 0.002

SLACK = 0.05
"""Seconds on top of what a call may wait: timers fire late, and the virtual machine itself may be put aside."""


@dataclass(frozen=True)
class Moment:
    """What a thread has lived through so far, in seconds."""

    now: float
    """Monotonic, the same clock for all processes."""
    ran: float
    """On a processor."""
    queued: float
    """Ready to run, but others were on the processors."""

    @classmethod
    def of_this_thread(cls) -> Self:
        queued = int(Path("/proc/thread-self/schedstat").read_text().split()[1])
        return cls(time.monotonic(), time.thread_time(), queued / 1e9)


@dataclass(frozen=True)
class Span:
    """From one moment of a thread to another."""

    begin: Moment
    end: Moment

    @property
    def waited(self) -> float:
        """Seconds in which the thread waited for something other than a processor: a pipe, a lock, Python's lock."""
        ran = self.end.ran - self.begin.ran
        queued = self.end.queued - self.begin.queued
        return max(0.0, self.end.now - self.begin.now - ran - queued)


class Pulse:
    """A thread that wants to wake every 2 ms, as a measure of what this process could not do for other reasons.

    Where a thread that has Python's lock is put aside by the machine, all others wait as long, this one too.
    """

    def __init__(self) -> None:
        self._missed: list[tuple[float, float]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="pulse")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def missed(self, span: Span) -> float:
        """Return the seconds within a span in which this thread was not woken in time."""
        overlaps = (min(end, span.end.now) - max(begin, span.begin.now) for begin, end in self._missed)
        return sum(overlap for overlap in overlaps if overlap > 0)

    def too_long(self, spans: list[Span], limit: float) -> list[float]:
        """Return how long those spans waited that waited longer than the limit, slack and the machine allow."""
        return [span.waited for span in spans if span.waited > limit + SLACK + self.missed(span)]

    def _beat(self) -> None:
        while not self._ended.is_set():
            due = time.monotonic() + BEAT
            time.sleep(BEAT)
            now = time.monotonic()
            if now - due > BEAT:
                self._missed.append((due, now))
