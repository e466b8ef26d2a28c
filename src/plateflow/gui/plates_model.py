"""The plates as a Qt model: one row each, whose text is the whole truth without any painting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from plateflow.gui.panels.rows import runs
from plateflow.gui.row_delegate import RowContent, row_content
from plateflow.gui.texts import state_text, state_words, step_text

if TYPE_CHECKING:
    from plateflow.gui.manager import Manager
    from plateflow.gui.plates import Plate

PLATE_ROLE = Qt.ItemDataRole.UserRole
"""The :class:`~plateflow.gui.plates.Plate` of a row."""


class PlatesModel(QAbstractListModel):
    """Shows the plates of a manager."""

    def __init__(self, manager: Manager, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._manager = manager
        self._paths: list[str] = []
        self._shown: dict[str, RowContent] = {}  # by path
        manager.plates_changed.connect(self._reset)
        manager.rows_changed.connect(self._update)
        self._reset()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: N802, B008
        """Return how many plates there are."""
        return 0 if parent.isValid() else len(self._paths)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a row's text, its plate, or its state for screen readers."""
        if not index.isValid():
            return None
        plate = self.plate(index.row())
        if role == PLATE_ROLE:
            return plate
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{plate.name}  {state_text(plate)}"
        if role == Qt.ItemDataRole.ToolTipRole:
            parts = (plate.path, state_words(plate), plate.format.words, step_text(plate), plate.problem)
            return "\n".join(filter(None, parts))
        return None

    def plate(self, row: int) -> Plate:
        """Return the plate of a row."""
        return self._manager.store.plates[self._paths[row]]

    def row_of(self, path: str) -> int:
        """Return the row of a plate."""
        return self._paths.index(path)

    def _reset(self) -> None:
        self.beginResetModel()
        self._paths = list(self._manager.store.plates)
        self._shown = {}
        self.endResetModel()

    def _update(self, paths: set[str]) -> None:
        # Of a plate's messages few change what its row says: no other row is painted.
        for first, last in runs(row for row, path in enumerate(self._paths) if path in paths and self._differs(path)):
            self.dataChanged.emit(self.index(first), self.index(last))

    def _differs(self, path: str) -> bool:
        content = row_content(self._manager.store.plates[path])
        before, self._shown[path] = self._shown.get(path), content
        return content != before
