"""Keeps the journal as small as it should be, and its WAL short."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from plateflow.runtime.checkpoints import Checkpointer

if TYPE_CHECKING:
    from plateflow.runtime.journal import Journal

INTERVAL = 5.0
"""Seconds between looks at what is kept no longer."""
PAUSE_POLL = 0.005
"""Seconds within which the end of a pause is seen."""


class Upkeep:
    """Does a little at a time, between the turns of the server's loop.

    Parameters
    ----------
    journal
        Opened.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._checkpointer = Checkpointer(journal.path)
        self._next = time.monotonic()
        self.hurries = False
        """Whether there is more to delete."""

    @property
    def deadline(self) -> float:
        """When to look here again, on the monotonic clock."""
        return time.monotonic() + PAUSE_POLL if self.pausing else self._next

    @property
    def pausing(self) -> bool:
        """Whether nothing should be committed just now that can wait."""
        return self._checkpointer.pausing

    def close(self) -> None:
        """End the helper thread."""
        self._checkpointer.close()

    def tick(self, now: float) -> None:
        """Do what is due.

        Raises
        ------
        JournalError
            If the journal cannot be written.
        """
        if now >= self._next and not self.pausing:
            self.hurries = self._journal.tidy()
            self._next = now if self.hurries else now + INTERVAL
