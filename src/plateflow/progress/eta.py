"""When a run will probably end: a range, from how long its wells have taken and how many are worked on at once."""

from __future__ import annotations

import statistics
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from plateflow.progress.state import AxisState
from plateflow.progress.update import ProgressPhase, ProgressUpdate
from plateflow.progress.wells import count_wells, is_well

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plateflow.progress.messages import Message
    from plateflow.progress.state import ExecutionProgress

LEAST_WELLS = 3
"""Finished wells, at least and no fewer than wells at once, before a range is told."""
REMEMBERED = 200
"""Wells that count, the newest."""
RATE_SECONDS = 60.0
"""The rate is that of so many last seconds."""


class Eta(NamedTuple):
    """A range of seconds from now."""

    low: float
    high: float


class Estimator:
    """Takes the messages of one execution as they come.

    The range: the wells that are left, in as many rows as there are wells at once, each of a length between the
    quartiles of the wells that have ended. Durations are of the clock that is given, never of timestamps.
    """

    def __init__(self) -> None:
        self._began: dict[str, float] = {}
        self._took: deque[float] = deque(maxlen=REMEMBERED)
        self._ended: deque[float] = deque(maxlen=10_000)
        self._at_once = 1

    def take(self, messages: Iterable[Message], now: float) -> None:
        """Take messages that came at that moment of a monotonic clock."""
        for message in messages:
            if isinstance(message, ProgressUpdate) and is_well(message.axis_id):
                self._note(message, now)

    def per_minute(self, now: float) -> float:
        """Return how many wells have ended a minute, lately."""
        while self._ended and self._ended[0] < now - RATE_SECONDS:
            self._ended.popleft()
        if len(self._ended) < LEAST_WELLS:
            return 0.0
        span = max(now - self._ended[0], 1e-3)
        return 60.0 * len(self._ended) / span

    def range(self, progress: ExecutionProgress) -> Eta | None:
        """Return when it will end; None while too few wells have ended.

        And once all have: how long a step over their tables takes nothing tells.
        """
        if len(self._took) < max(LEAST_WELLS, self._at_once):
            return None
        counts = count_wells(progress)
        left = counts[AxisState.PENDING] + counts[AxisState.RUNNING] / 2
        if not left:
            return None
        rows = left / self._at_once
        low, _, high = statistics.quantiles(self._took, n=4, method="inclusive")
        return Eta(rows * low, rows * high)

    def _note(self, update: ProgressUpdate, now: float) -> None:
        if update.phase is ProgressPhase.AXIS_STARTED:
            self._began[update.axis_id] = now
            self._at_once = max(self._at_once, len(self._began))
        elif update.phase is ProgressPhase.AXIS_COMPLETED:
            began = self._began.pop(update.axis_id, None)
            self._ended.append(now)
            if began is not None:
                self._took.append(now - began)
