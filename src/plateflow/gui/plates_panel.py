"""The left side of the window: all plates, and a filter over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QItemSelectionModel, QSortFilterProxyModel, Qt, Signal
from qtpy.QtWidgets import QLineEdit, QListView, QVBoxLayout, QWidget

from plateflow.gui.panels.naming import given
from plateflow.gui.plates_model import PLATE_ROLE, PlatesModel
from plateflow.gui.row_delegate import PlateRowDelegate

if TYPE_CHECKING:
    from plateflow.gui.manager import Manager
    from plateflow.gui.plates import Plate


class PlatesPanel(QWidget):
    """Shows the plates of a manager, one row each."""

    selection_changed = Signal()

    def __init__(self, manager: Manager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = PlatesModel(manager, self)
        self.shown = QSortFilterProxyModel(self)
        self.shown.setSourceModel(self.model)
        self.shown.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.filter = self._make_filter()
        self.list = self._make_list()
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 0, 4)
        column.addWidget(self.filter)
        column.addWidget(self.list, 1)
        given(self.list.selectionModel()).selectionChanged.connect(lambda *_: self.selection_changed.emit())

    def selected(self) -> list[Plate]:
        """Return the selected plates."""
        return [index.data(PLATE_ROLE) for index in self.list.selectedIndexes()]

    def select(self, path: str, *, also: bool = False) -> None:
        """Select a plate, alone or beside those that are."""
        flag = QItemSelectionModel.SelectionFlag
        index = self.shown.mapFromSource(self.model.index(self.model.row_of(path)))
        given(self.list.selectionModel()).setCurrentIndex(index, flag.Select if also else flag.ClearAndSelect)

    def _make_filter(self) -> QLineEdit:
        edit = QLineEdit(self)
        edit.setPlaceholderText("Filter plates: name or state")
        edit.setAccessibleName("Filter plates")
        edit.setToolTip("Show only plates whose name or state holds this text (F2)")
        edit.setClearButtonEnabled(True)
        edit.textChanged.connect(self.shown.setFilterFixedString)
        return edit

    def _make_list(self) -> QListView:
        view = QListView(self)
        view.setModel(self.shown)
        view.setItemDelegate(PlateRowDelegate(view))
        view.setSelectionMode(QListView.SelectionMode.ExtendedSelection)
        view.setUniformItemSizes(True)
        view.setAccessibleName("Plates")
        view.setToolTip("Drop plate folders here")
        return view
