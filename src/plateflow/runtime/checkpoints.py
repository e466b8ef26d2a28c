"""Moves what the journal's WAL holds into the journal's file, in a thread, so that no commit has to wait for it."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

INTERVAL = 0.5
"""Seconds between passes."""
LONG_WAL = 8192
"""Pages, 32 MiB: from there on the WAL should begin anew."""
PASSES = 5
"""In which a long WAL that nobody adds to is surely moved."""
SETTLE = 0.005
"""Seconds after which who heard of a pause commits no more."""

_log = logging.getLogger(__name__)


class Checkpointer:
    """A thread with a connection of its own.

    A PASSIVE checkpoint waits for nobody and makes nobody wait. But while commits keep coming it never sees the end of
    the WAL, which then grows; so once that is long, ``pausing`` asks for a moment without commits, after which the WAL
    begins anew.

    Parameters
    ----------
    path
        Of the journal, which has been opened.
    """

    def __init__(self, path: Path) -> None:
        self.pausing = False
        """Whether nothing should be committed just now that can wait: some milliseconds."""
        self._path = path
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="plateflow-checkpoints", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
                    while not self._stop.wait(INTERVAL):
                        self._move(connection)
                        self.pausing = False
            except sqlite3.Error as e:  # the journal's own thread meets it too, and says so to all
                _log.debug("checkpoint: %s", e)
                self.pausing = False
                self._stop.wait(INTERVAL)

    def _move(self, connection: sqlite3.Connection) -> None:
        before = -1
        for _ in range(PASSES):
            [(_, pages, moved)] = connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            if pages < LONG_WAL or before == pages == moved:  # what was added during a pass is not in its counts
                return
            before = pages
            self.pausing = True
            time.sleep(SETTLE)
