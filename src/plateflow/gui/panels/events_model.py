"""The newest messages as a table, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt
from qtpy.QtGui import QFont

from plateflow.gui.panels.event_lines import EventLine, as_line
from plateflow.gui.panels.rows_model import tip_html

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plateflow.gui.panels.event_lines import Entry

MOST_EVENTS = 5000
TITLES: Final = ("Time", "Well", "Step", "What")
_TIPS = (
    "When it was sent, by the clock of the sender",
    "The well that it is about",
    "The step that it is about",
    "What happened",
)
_DISPLAY = Qt.ItemDataRole.DisplayRole


class EventsModel(QAbstractTableModel):
    """The newest messages, the latest last."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._entries: list[Entry] = []
        self._bold = QFont()
        self._bold.setBold(True)

    def add(self, entries: Sequence[Entry]) -> int:
        """Add at the end, and drop from the beginning what is too much; return how many were dropped."""
        entries = entries[-MOST_EVENTS:]
        surplus = max(0, len(self._entries) + len(entries) - MOST_EVENTS)
        if surplus:
            self.beginRemoveRows(QModelIndex(), 0, surplus - 1)
            del self._entries[:surplus]
            self.endRemoveRows()
        if entries:
            self.beginInsertRows(QModelIndex(), len(self._entries), len(self._entries) + len(entries) - 1)
            self._entries.extend(entries)
            self.endInsertRows()
        return surplus

    def clear(self) -> None:
        """Drop everything."""
        self.beginResetModel()
        self._entries = []
        self.endResetModel()

    def line(self, place: int) -> EventLine:
        """Return one line."""
        return as_line(self._entries[place])

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, N802 - as Qt has it
        """Return how many lines there are."""
        return 0 if parent.isValid() else len(self._entries)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, N802 - as Qt has it
        """Return how many parts a line has."""
        return 0 if parent.isValid() else len(TITLES)

    def data(self, index: QModelIndex, role: int = _DISPLAY) -> Any:
        """Return a part of a line, which is made only now that somebody looks at it."""
        if role == _DISPLAY:
            return self.line(index.row())[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip_html(self.line(index.row()).what)
        if role == Qt.ItemDataRole.FontRole and self.line(index.row()).failed:
            return self._bold
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _DISPLAY) -> Any:  # noqa: N802
        """Return the title of a part, and what it tells."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return {_DISPLAY: TITLES[section], Qt.ItemDataRole.ToolTipRole: _TIPS[section]}.get(Qt.ItemDataRole(role))
