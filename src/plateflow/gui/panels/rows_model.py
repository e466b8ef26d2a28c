"""The Qt side of rows: a model that changes as little as it can, and a filter over all of its rows."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, QSortFilterProxyModel, Qt
from qtpy.QtGui import QFont

from plateflow.gui.panels.rows import changes, matches, runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plateflow.gui.panels.rows import Column, Row

_DISPLAY = Qt.ItemDataRole.DisplayRole
_TOOL_TIP = Qt.ItemDataRole.ToolTipRole
_FONT = Qt.ItemDataRole.FontRole
_ALIGNMENT = Qt.ItemDataRole.TextAlignmentRole
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class RowsModel(QAbstractTableModel):
    """Rows of values, read only."""

    def __init__(self, columns: Sequence[Column], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns = columns
        self.rows: list[Row] = []
        self._bold = QFont()
        self._bold.setBold(True)

    def show_rows(self, rows: list[Row]) -> None:
        """Show other rows; selection and scroll position stay with the rows that stay."""
        planned = changes([row.id for row in self.rows], [row.id for row in rows])
        if planned is None:
            self.beginResetModel()
            self.rows = rows
            self.endResetModel()
            return
        nowhere = QModelIndex()
        for first, last in planned.removed:
            self.beginRemoveRows(nowhere, first, last)
            del self.rows[first : last + 1]
            self.endRemoveRows()
        for first, last in planned.inserted:
            self.beginInsertRows(nowhere, first, last)
            self.rows[first:first] = rows[first : last + 1]
            self.endInsertRows()
        changed = runs(place for place, row in enumerate(rows) if row != self.rows[place])
        self.rows = rows
        for first, last in changed:
            self.dataChanged.emit(self.index(first, 0), self.index(last, len(self.columns) - 1))

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, N802 - as Qt has it
        """Return how many rows there are."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, N802 - as Qt has it
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: QModelIndex, role: int = _DISPLAY) -> Any:
        """Return a cell's text, and how it looks."""
        row, column = self.rows[index.row()], index.column()
        if role == _DISPLAY:
            return row.cells[column]
        if role == _TOOL_TIP:
            return tip_html(row.tip or row.cells[column])
        if role == _FONT and row.alarming:
            return self._bold
        if role == _ALIGNMENT:
            return _RIGHT if self.columns[column].numeric else _LEFT
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _DISPLAY) -> Any:  # noqa: N802
        """Return a column's title and what it tells."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        if role == _ALIGNMENT:
            return _RIGHT if column.numeric else _LEFT
        return {_DISPLAY: column.title, _TOOL_TIP: column.tip}.get(Qt.ItemDataRole(role))


class RowsFilter(QSortFilterProxyModel):
    """Those of all rows in which every word of the filter is found; sorted by what the columns sort by."""

    def __init__(self, source: RowsModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows = source
        self._words: list[str] = []
        self.setSourceModel(source)

    def set_words(self, text: str) -> None:
        """Filter by the words of a text, whatever their case and order."""
        self._words = text.lower().split()
        self.setFilterFixedString(text)  # filters anew: what says so by its name is deprecated in one Qt or another

    def row_at(self, place: int) -> Row:
        """Return a row by its place in what is shown."""
        return self._rows.rows[self.mapToSource(self.index(place, 0)).row()]

    def lessThan(self, left: QModelIndex, right: QModelIndex) -> bool:  # noqa: N802 - as Qt has it
        """Tell which of two rows comes first."""
        rows, column = self._rows.rows, left.column()
        return rows[left.row()].keys[column] < rows[right.row()].keys[column]  # type: ignore[operator] # of one type

    def filterAcceptsRow(self, source_row: int, source_parent: QModelIndex) -> bool:  # noqa: N802 - as Qt has it
        """Tell whether a row is shown."""
        return matches(self._rows.rows[source_row], self._words)


def tip_html(text: str) -> str:
    """Return a tooltip that wraps long lines, and takes no error text for HTML."""
    return f'<p style="white-space: pre-wrap">{escape(text)}</p>'
