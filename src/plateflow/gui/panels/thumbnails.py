"""Small pictures of the overlays, read by a thread while they can be seen."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QImage, QImageReader, QPixmap
from qtpy.QtWidgets import QListView, QListWidget, QListWidgetItem, QWidget

from plateflow.gui.panels.naming import given

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qtpy.QtGui import QHideEvent, QShowEvent

    from plateflow.gui.panels.result_files import Picture

SIDE = 96
"""Pixels."""
UNREADABLE = "cannot be read"


class ThumbnailLoader(QObject):
    """A thread that reads pictures one after the other; it ends with the last, or when it is stopped."""

    loaded = Signal(int, int, QImage)
    """Round, place in the list, and the picture; a null one where it cannot be read."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.round = 0
        """Pictures of another round than the last are out of date."""

    def start(self, wanted: Sequence[tuple[int, Path]]) -> None:
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

    def _run(self, number: int, wanted: list[tuple[int, Path]]) -> None:
        for place, path in wanted:
            if self._stopping.is_set():
                return
            self.loaded.emit(number, place, read_thumbnail(path))


class Thumbnails(QListWidget):
    """Overlays of a plate; Enter or a double click opens one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setIconSize(QSize(SIDE, SIDE))
        self.setGridSize(QSize(SIDE + 16, SIDE + self.fontMetrics().height() + 14))
        self._pictures: list[Picture] = []
        self._missing: dict[int, Path] = {}
        self._loader = ThumbnailLoader(self)
        self._loader.loaded.connect(self._show)

    def show_pictures(self, pictures: Sequence[Picture]) -> None:
        """Show other pictures: at once their names, then what is on them; those that are shown are not read again."""
        if list(pictures) == self._pictures:
            return
        self._loader.stop()
        place = given(self.verticalScrollBar()).value()
        icons = {p: given(self.item(row)).icon() for row, p in enumerate(self._pictures) if row not in self._missing}
        self.clear()
        blank = QPixmap(SIDE, SIDE)
        blank.fill(QColor(Qt.GlobalColor.transparent))
        for picture in pictures:
            item = QListWidgetItem(icons.get(picture, QIcon(blank)), picture.label, self)
            item.setToolTip(f"{picture.path}\nEnter or double click opens it")
            item.setData(Qt.ItemDataRole.UserRole, str(picture.path))
        self._pictures = list(pictures)
        self._missing = {row: picture.path for row, picture in enumerate(pictures) if picture not in icons}
        self.executeDelayedItemsLayout()
        given(self.verticalScrollBar()).setValue(place)
        self._resume()

    @property
    def loading(self) -> int:
        """How many pictures are not read yet."""
        return len(self._missing)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - as Qt has it
        """Go on reading."""
        super().showEvent(event)
        self._resume()

    def hideEvent(self, event: QHideEvent | None) -> None:  # noqa: N802 - as Qt has it
        """Stop reading."""
        self._loader.stop()
        super().hideEvent(event)

    def _resume(self) -> None:
        if self.isVisible() and self._missing:
            self._loader.start(list(self._missing.items()))

    def _show(self, number: int, place: int, image: QImage) -> None:
        if number != self._loader.round or place not in self._missing:
            return
        del self._missing[place]
        item = given(self.item(place))
        if image.isNull():
            item.setText(f"{item.text()}: {UNREADABLE}")
        else:
            item.setIcon(QIcon(QPixmap.fromImage(image)))


def read_thumbnail(path: Path) -> QImage:
    """Read a picture and make it small; return a null one where it cannot be read. In any thread."""
    reader = QImageReader(str(path))
    whole = reader.size()
    if whole.isValid():
        reader.setScaledSize(whole.scaled(SIDE, SIDE, Qt.AspectRatioMode.KeepAspectRatio))
    return reader.read()
