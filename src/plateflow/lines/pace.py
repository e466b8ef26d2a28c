"""Lets whoever reads many lines wait a moment now and then, so that they come in batches."""

from __future__ import annotations

import time

PAUSE = 0.001
"""Seconds."""
BURST = 20
"""Reads without a pause ..."""
BURST_TIME = 0.008
"""... within so many seconds begin to pause: above 2,500 a second, several times what a plate's wells report."""
FEW = 4
"""A read that brings so few lines after a pause ends the pausing."""


class Pace:
    """Decides when to pause before the next read.

    A reader that is woken by each line costs every process behind it a wake-up for each line too: by itself, the path
    of an update took four times the processor time (`bench progress-path`). Lines that come now and then never wait.
    """

    def __init__(self) -> None:
        self._pausing = False
        self._reads = 0
        self._since = time.monotonic()

    def wait(self, lines: int) -> None:
        """Wait where lines come fast; call it after each read with how many it brought."""
        if self._pausing:
            self._pausing = lines > FEW
        else:
            self._count()
        if self._pausing:
            time.sleep(PAUSE)

    def _count(self) -> None:
        self._reads += 1
        if self._reads < BURST:
            return
        now = time.monotonic()
        self._pausing = now - self._since < BURST_TIME
        self._reads, self._since = 0, now
