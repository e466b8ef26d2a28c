"""What people ask of a run under way; set from any thread, read between wells."""

from __future__ import annotations

import threading


class Steering:
    """Cancel, drain, pause and continue of one run."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._draining = threading.Event()
        self._paused = threading.Event()

    @property
    def cancelled(self) -> bool:
        """Whether to end at once: wells under way are given up."""
        return self._cancelled.is_set()

    @property
    def draining(self) -> bool:
        """Whether to end once the wells under way have."""
        return self._draining.is_set()

    @property
    def paused(self) -> bool:
        """Whether no well may begin."""
        return self._paused.is_set()

    def cancel(self) -> None:
        """End at once."""
        self._cancelled.set()

    def drain(self) -> None:
        """End once the wells under way have."""
        self._draining.set()

    def pause(self) -> None:
        """Begin no well."""
        self._paused.set()

    def proceed(self) -> None:
        """Go on after a pause."""
        self._paused.clear()
