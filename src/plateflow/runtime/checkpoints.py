"""Moves what the journal's WAL holds into the journal's file, in a thread, so that no commit has to wait for it."""

from __future__ import annotations

import logging
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

INTERVAL = 0.5
"""Seconds between passes."""
LONG_WAL = 4096
"""Pages, 16 MiB: from there on the WAL should begin anew."""

_log = logging.getLogger(__name__)


class Checkpointer:
    """A thread with a connection of its own.

    A PASSIVE checkpoint waits for nobody and makes nobody wait. But while commits keep coming it never sees the end of
    the WAL, which then grows; so once most of a long one is moved, ``due`` asks the journal's own thread for the little
    that is left, after which the WAL begins anew.

    Parameters
    ----------
    path
        Of the journal, which has been opened.
    """

    def __init__(self, path: Path) -> None:
        self.due = False
        """Whether :meth:`~plateflow.runtime.journal.Journal.checkpoint` should be called now."""
        self._path = path
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="plateflow-checkpoints", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            while not self._stop.wait(INTERVAL):
                try:
                    [(_, pages, moved)] = connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
                except sqlite3.Error as e:  # the journal's own thread meets it too, and says so to all
                    _log.debug("checkpoint: %s", e)
                    continue
                self.due = pages > LONG_WAL and moved > pages // 2
