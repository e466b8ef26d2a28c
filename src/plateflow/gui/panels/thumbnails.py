"""Small pictures of files with their names, read by a thread while they can be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QIcon, QImageReader, QPainter, QPixmap, QTextOption
from qtpy.QtWidgets import QListView, QListWidget, QListWidgetItem, QWidget

from plateflow.gui.panels.naming import given
from plateflow.gui.panels.picture_loader import PictureLoader, Seen
from plateflow.gui.theme import current_theme

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qtpy.QtGui import QHideEvent, QShowEvent

    from plateflow.gui.panels.result_files import Picture

SIDE = 96
"""Pixels."""
UNREADABLE = "cannot be read"


class Thumbnails(QListWidget):
    """Pictures of files; Enter or a double click activates one.

    Parameters
    ----------
    read
        Reads a file, in another thread, and makes it no larger than is of use.
    side
        Pixels.
    """

    def __init__(
        self, parent: QWidget | None = None, read: Callable[[Picture], Seen] | None = None, side: int = SIDE
    ) -> None:
        super().__init__(parent)
        self._side = side
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setIconSize(QSize(side, side))
        self.setGridSize(QSize(side + 16, side + self.fontMetrics().height() + 14))
        self._pictures: list[Picture] = []
        self._missing: dict[int, Picture] = {}
        self._loader = PictureLoader(read or read_thumbnail, self)
        self._loader.loaded.connect(self._show)

    def show_pictures(self, pictures: Sequence[Picture]) -> None:
        """Show other pictures: at once their names, then what is on them; those that are shown are not read again."""
        if list(pictures) == self._pictures:
            return
        self._loader.stop()
        place = given(self.verticalScrollBar()).value()
        icons = {p: given(self.item(row)).icon() for row, p in enumerate(self._pictures) if row not in self._missing}
        self.clear()
        blank = self._blank()
        for picture in pictures:
            item = QListWidgetItem(icons.get(picture, QIcon(blank)), picture.label, self)
            item.setToolTip(f"{picture.path}\nEnter or double click opens it")
            item.setData(Qt.ItemDataRole.UserRole, str(picture.path))
        self._pictures = list(pictures)
        self._missing = {row: picture for row, picture in enumerate(pictures) if picture not in icons}
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

    def _show(self, number: int, place: int, seen: Seen) -> None:
        if number != self._loader.round or place not in self._missing:
            return
        del self._missing[place]
        item = given(self.item(place))
        if seen.problem:
            item.setText(f"{item.text()}: {UNREADABLE}")
            item.setToolTip(f"{item.toolTip()}\n{seen.problem}")
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{item.text()}: {seen.problem}")
            item.setIcon(QIcon(self._words(seen.problem)))
        else:
            item.setIcon(QIcon(QPixmap.fromImage(seen.image)))

    def _blank(self) -> QPixmap:
        blank = QPixmap(self._side, self._side)
        blank.fill(QColor(Qt.GlobalColor.transparent))
        return blank

    def _words(self, problem: str) -> QPixmap:
        picture = self._blank()
        painter = QPainter(picture)
        painter.setPen(QColor(current_theme().dimmed))
        painter.setFont(self.font())
        how = QTextOption(Qt.AlignmentFlag.AlignCenter)
        how.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)  # a path may be longer than a line
        painter.drawText(QRectF(6, 6, self._side - 12, self._side - 12), problem, how)
        painter.end()
        return picture


def read_thumbnail(picture: Picture) -> Seen:
    """Read a picture and make it small. In any thread."""
    reader = QImageReader(str(picture.path))
    whole = reader.size()
    if whole.isValid():
        reader.setScaledSize(whole.scaled(SIDE, SIDE, Qt.AspectRatioMode.KeepAspectRatio))
    image = reader.read()
    return Seen(image, reader.errorString() if image.isNull() else "")
