"""How long a worker may be in one step."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from plateflow.progress.update import ProgressPhase, decode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plateflow.execution.executor import WorkerInfo

LOOK = 0.1
"""Seconds between looks."""
STANDSTILL = 2.0
"""A look that comes so many seconds late means that this process stood still (SIGSTOP, a laptop's lid), and its workers
with it: that time does not count."""


class _Place(NamedTuple):
    pid: int
    axis_id: str
    step_index: int
    done: bool


class StepClock:
    """Knows which workers have been in one step of their well for longer than they may.

    Parameters
    ----------
    limit
        Seconds in one step of one well.
    now
        Seconds on the monotonic clock.
    """

    def __init__(self, limit: float, now: float) -> None:
        self.limit = limit
        self._looked = now
        self._since: dict[_Place, float] = {}

    def overdue(self, workers: Iterable[WorkerInfo], now: float | None = None) -> list[WorkerInfo]:
        """Return the workers that are over their limit; call it all the time, it looks ten times a second.

        Parameters
        ----------
        workers
            All of them, and what they do.
        now
            Seconds on the monotonic clock; None: this moment.
        """
        now = time.monotonic() if now is None else now
        if now - self._looked < LOOK:
            return []
        late = now - self._looked
        stood_still = late if late > STANDSTILL else 0.0
        self._looked = now
        places = {_place(worker): worker for worker in workers if worker.axis_id}
        self._since = {place: self._since.get(place, now - stood_still) + stood_still for place in places}
        return [worker for place, worker in places.items() if now - self._since[place] > self.limit]


def _place(worker: WorkerInfo) -> _Place:
    if not worker.last_line:
        return _Place(worker.pid, worker.axis_id, -1, done=False)  # it has not begun: it loads the pipeline
    last = decode(worker.last_line)
    return _Place(worker.pid, worker.axis_id, last.step_index, last.phase is ProgressPhase.STEP_COMPLETED)
