"""How long wells and steps take, as far as this window has seen them begin; no Qt.

Of the updates' timestamps, so that what is read late, all at once, is timed as it was; they are the worker's clock and
for display only. The state of an execution holds no times: a well that began before the window looked has none here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from plateflow.progress.update import ProgressPhase, ProgressUpdate
from plateflow.progress.wells import is_well

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plateflow.progress.messages import Message

_BEGIN = (ProgressPhase.AXIS_STARTED, ProgressPhase.STEP_STARTED)
_END = (ProgressPhase.AXIS_COMPLETED, ProgressPhase.STEP_COMPLETED)
_OF_STEPS = (ProgressPhase.STEP_STARTED, ProgressPhase.STEP_COMPLETED)


class WellTimes:
    """Takes the messages of one execution as they come."""

    def __init__(self) -> None:
        self.heard = 0.0
        """The newest timestamp, in seconds since the epoch."""
        self._began: dict[str, float] = {}
        self._took: dict[str, float] = {}
        self._step_began: dict[str, float] = {}
        self._steps: dict[int, tuple[int, float]] = {}

    def take(self, messages: Iterable[Message]) -> None:
        """Take messages, in order."""
        for message in messages:
            self.heard = message.timestamp
            if isinstance(message, ProgressUpdate) and is_well(message.axis_id):
                if message.phase in _BEGIN:
                    self._begin(message)
                elif message.phase in _END:
                    self._end(message)

    def forget_begun(self) -> None:
        """Forget when what is at work began: messages were missed in between."""
        self._began.clear()
        self._step_began.clear()

    def took(self, well: str) -> float | None:
        """Return how many seconds a well took that is done or failed; None where that was not seen."""
        return self._took.get(well)

    def so_far(self, well: str, now: float) -> float | None:
        """Return how many seconds a well has been at work; None where its begin was not seen.

        Parameters
        ----------
        well
            One that has not ended.
        now
            In seconds since the epoch.
        """
        began = self._began.get(well)
        return None if began is None else max(0.0, now - began)

    def per_well(self, step_index: int) -> float | None:
        """Return the mean seconds of a step over the wells that were seen to do it whole; None where none was."""
        count, seconds = self._steps.get(step_index, (0, 0.0))
        return seconds / count if count else None

    def _begin(self, update: ProgressUpdate) -> None:
        if update.phase in _OF_STEPS:
            self._step_began[update.axis_id] = update.timestamp
        else:
            self._took.pop(update.axis_id, None)
            self._began[update.axis_id] = update.timestamp

    def _end(self, update: ProgressUpdate) -> None:
        is_step = update.phase in _OF_STEPS
        began = (self._step_began if is_step else self._began).pop(update.axis_id, None)
        if began is None:
            return
        seconds = max(0.0, update.timestamp - began)
        if is_step:
            count, before = self._steps.get(update.step_index, (0, 0.0))
            self._steps[update.step_index] = (count + 1, before + seconds)
        else:
            self._took[update.axis_id] = seconds
