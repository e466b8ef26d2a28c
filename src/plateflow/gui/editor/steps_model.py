"""The steps as a Qt model: a row each, whose text is the whole truth without any painting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import QAbstractListModel, QMimeData, QModelIndex, QPersistentModelIndex, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap

from plateflow.gui.icons import paint_sign
from plateflow.gui.panels.rows_model import tip_html
from plateflow.gui.theme import current_theme

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from qtpy.QtCore import QObject

    from plateflow.gui.editor.words import StepRow

_Role = Qt.ItemDataRole
_MIME: Final = "application/x-plateflow-step"
_SIDE: Final = 16


class StepsModel(QAbstractListModel):
    """Shows rows, and says what is wanted of them."""

    enabled_wanted = Signal(int, bool)
    """Row, and whether it is to run."""
    move_wanted = Signal(int, int)
    """Row, and where it is to stand then."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: list[StepRow] = []

    def show_rows(self, rows: Sequence[StepRow]) -> None:
        """Show other rows; as few as possible come or go, so that the selection stays."""
        old, new = len(self.rows), len(rows)
        if new > old:
            self.beginInsertRows(QModelIndex(), old, new - 1)
            self.rows = list(rows)
            self.endInsertRows()
        elif new < old:
            self.beginRemoveRows(QModelIndex(), new, old - 1)
            self.rows = list(rows)
            self.endRemoveRows()
        self.rows = list(rows)
        if rows:
            self.dataChanged.emit(self.index(0), self.index(new - 1))

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008, N802
        """Return how many steps there are."""
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = _Role.DisplayRole) -> Any:
        """Return a step's text, its tick, its mark and all of it in words."""
        if not index.isValid():
            return None
        row = self.rows[index.row()]
        if role == _Role.DisplayRole:
            return f"{row.title}{'' if row.enabled else '  (off)'}\n    {row.flow}"
        if role == _Role.CheckStateRole:
            return Qt.CheckState.Checked if row.enabled else Qt.CheckState.Unchecked
        if role == _Role.AccessibleTextRole:
            return row.told
        if role == _Role.ToolTipRole:
            return tip_html(row.told)
        if role == _Role.DecorationRole:
            return _mark(current_theme().failed) if row.problems else _blank()
        if role == _Role.ForegroundRole and not row.enabled:
            return QColor(current_theme().dimmed)
        return None

    def setData(  # noqa: N802 - as Qt has it
        self, index: QModelIndex | QPersistentModelIndex, value: Any, role: int = _Role.EditRole
    ) -> bool:
        """Pass on that somebody ticked or unticked a step."""
        if role != _Role.CheckStateRole or not index.isValid():
            return False
        self.enabled_wanted.emit(index.row(), Qt.CheckState(value) == Qt.CheckState.Checked)
        return True

    def flags(self, index: QModelIndex | QPersistentModelIndex) -> Qt.ItemFlag:
        """Return that steps can be selected, ticked and dragged between others."""
        if not index.isValid():
            return Qt.ItemFlag.ItemIsDropEnabled
        flag = Qt.ItemFlag
        return flag.ItemIsEnabled | flag.ItemIsSelectable | flag.ItemIsUserCheckable | flag.ItemIsDragEnabled

    def supportedDropActions(self) -> Qt.DropAction:  # noqa: N802 - as Qt has it
        """Return that steps are moved."""
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:  # noqa: N802 - as Qt has it
        """Return what may be dropped here."""
        return [_MIME]

    def mimeData(self, indexes: Iterable[QModelIndex]) -> QMimeData:  # noqa: N802 - as Qt has it
        """Return a step as it is dragged: its row."""
        data = QMimeData()
        data.setData(_MIME, str(next(iter(indexes)).row()).encode())
        return data

    def dropMimeData(  # noqa: N802 - as Qt has it
        self,
        data: QMimeData | None,
        action: Qt.DropAction,
        row: int,
        column: int,
        parent: QModelIndex | QPersistentModelIndex,
    ) -> bool:
        """Pass on that a step was dropped."""
        if data is None or not data.hasFormat(_MIME) or action != Qt.DropAction.MoveAction:
            return False
        moved = int(bytes(data.data(_MIME).data()))
        before = row if row >= 0 else parent.row() if parent.isValid() else len(self.rows)
        to = before - 1 if before > moved else before
        if to != moved:
            self.move_wanted.emit(moved, to)
        return False  # the rows are moved where the pipeline is; the view removes nothing


def _mark(colour: str) -> QIcon:
    pixmap = QPixmap(2 * _SIDE, 2 * _SIDE)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    paint_sign(painter, "✕", QRectF(4, 4, 2 * _SIDE - 8, 2 * _SIDE - 8), QColor(colour))
    painter.end()
    return QIcon(pixmap)


def _blank() -> QIcon:
    pixmap = QPixmap(2 * _SIDE, 2 * _SIDE)
    pixmap.fill(Qt.GlobalColor.transparent)
    return QIcon(pixmap)
