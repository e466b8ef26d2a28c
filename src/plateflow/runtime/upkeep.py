"""Keeps the journal as small as it should be, and its WAL short."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from plateflow.runtime.checkpoints import Checkpointer

if TYPE_CHECKING:
    from plateflow.runtime.journal import Journal

INTERVAL = 5.0
"""Seconds between looks at what is kept no longer."""


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
        self.next = time.monotonic()
        """When :meth:`tick` has something to do, on the monotonic clock."""
        self.hurries = False
        """Whether there is more to delete."""

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
        if self._checkpointer.due:
            self._checkpointer.due = False
            self._journal.checkpoint()
        if now >= self.next:
            self.hurries = self._journal.tidy()
            self.next = now if self.hurries else now + INTERVAL
