"""What a monotonic clock adds to the fold: how long it has been running, and how fast wells finish."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plateflow.progress.messages import ExecutionState
from plateflow.progress.wells import finished_wells

if TYPE_CHECKING:
    from plateflow.progress.state import ExecutionProgress

WINDOW_S = 60.0
"""The rate is that of the last minute, or of a longer time in which FEWEST wells finished."""
FEWEST = 16


@dataclass(frozen=True, slots=True)
class Pace:
    """The times of one execution at one moment; None where they are not known."""

    elapsed_s: float | None = None
    wells_per_minute: float | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """What had been of an execution when one came to look; nothing of one that was not submitted yet."""

    seq: int = 0
    """Of its last message by then: a replay up to there tells nothing of how fast it is."""
    seconds: float = 0.0
    """How long it had been running; where it had ended, in all."""


class RateMeter:
    """Measures wells per minute over a window that moves with time, so that a stall shows as a falling rate."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def feed(self, seconds: float, finished: int) -> None:
        """Note how many wells had finished at a monotonic time."""
        if self._samples and finished < self._samples[-1][1]:
            self._samples.clear()  # a well began its next attempt
        if not self._samples or (finished > self._samples[-1][1] and seconds - self._samples[-1][0] >= 1):
            self._samples.append((seconds, finished))
        while len(self._samples) > 2 and self._is_enough_from(1, seconds, finished):
            self._samples.popleft()

    def wells_per_minute(self, seconds: float, finished: int) -> float | None:
        """Return the rate at a monotonic time; None before a well has finished."""
        if not self._samples:
            return None
        since, before = self._samples[0]
        if finished <= before or seconds - since < 1:
            return None
        return 60 * (finished - before) / (seconds - since)

    def _is_enough_from(self, index: int, seconds: float, finished: int) -> bool:
        since, before = self._samples[index]
        return seconds - since >= WINDOW_S and finished - before >= FEWEST


class Stopwatch:
    """Follows one execution and tells its pace.

    Parameters
    ----------
    past
        Of the execution; without it, no duration is known of one that began before the first look.
    """

    def __init__(self, past: Past | None = None) -> None:
        self._past = past or Past()
        self._rate = RateMeter()
        self._began: float | None = None
        self._missed_begin = False
        self._looked = False
        self._ended: Pace | None = None

    def read(self, state: ExecutionProgress, seconds: float) -> Pace:
        """Return the pace at a monotonic time; that of an ended execution stays."""
        if self._ended is not None:
            return self._ended
        self._notice_begin(state, seconds)
        if state.seq < self._past.seq:
            return Pace()
        if state.ended and state.seq == self._past.seq:
            self._ended = Pace(self._past.seconds or None)
            return self._ended
        finished = finished_wells(state)
        if state.steps:
            self._rate.feed(seconds, finished)
        elapsed = None if self._began is None else seconds - self._began
        pace = Pace(elapsed, self._rate.wells_per_minute(seconds, finished))
        if state.ended:
            self._ended = pace
        return pace

    def _notice_begin(self, state: ExecutionProgress, seconds: float) -> None:
        if not self._looked:
            self._looked = True
            self._missed_begin = bool(state.steps) or state.ended
            if self._past.seconds:
                self._began = seconds - self._past.seconds
        waiting = state.seq == 0 or state.state is ExecutionState.QUEUED
        if self._began is None and not waiting and not self._missed_begin:
            self._began = seconds
