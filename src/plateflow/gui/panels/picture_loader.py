"""Reads pictures in a thread of its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qtpy.QtGui import QImage

    from plateflow.gui.panels.result_files import Picture


class Seen(NamedTuple):
    """What a file shows."""

    image: QImage
    """A null one where it cannot be read."""
    problem: str = ""
    """Why it cannot be read; "" where it can."""


class PictureLoader(QObject):
    """A thread that reads pictures one after the other; it ends with the last, or when it is stopped.

    Parameters
    ----------
    read
        Reads one, in that thread.
    """

    loaded = Signal(int, int, object)
    """Round, place in the list, and what was :class:`Seen`."""

    def __init__(self, read: Callable[[Picture], Seen], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._read = read
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.round = 0
        """Pictures of another round than the last are out of date."""

    def start(self, wanted: Sequence[tuple[int, Picture]]) -> None:
        """Read some pictures, instead of those that were asked for before."""
        self.stop()
        self.round += 1
        self._stopping.clear()
        self._thread = threading.Thread(
            target=self._run, args=(self.round, list(wanted)), name="plateflow-thumbnails", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End the thread, once the picture that it is at has been read."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self, number: int, wanted: list[tuple[int, Picture]]) -> None:
        for place, picture in wanted:
            if self._stopping.is_set():
                return
            self.loaded.emit(number, place, self._read(picture))
