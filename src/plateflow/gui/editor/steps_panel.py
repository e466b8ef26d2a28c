"""The steps of the pipeline: chosen, added, removed, moved, copied, turned off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Signal
from qtpy.QtWidgets import QAbstractItemView, QHBoxLayout, QListView, QToolButton, QVBoxLayout, QWidget

from plateflow.gui.editor.steps_model import StepsModel
from plateflow.gui.panels.naming import given, named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QAction

    from plateflow.gui.editor.words import StepRow

_BUTTONS = ("add", "remove", "up", "down", "duplicate", "enable")


class StepsPanel(QWidget):
    """A list with buttons.

    Parameters
    ----------
    actions
        Of the window, by name.
    """

    selected = Signal(int)
    """A row; -1 for none."""

    def __init__(self, actions: dict[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = StepsModel(self)
        self.view = named(QListView(self), "Steps", "The steps in their order; drag to move, space turns one on or off")
        self.view.setModel(self.model)
        self.view.setIconSize(QSize(16, 16))
        self.view.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.view.setDropIndicatorShown(True)
        self.view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.view.setSpacing(2)
        given(self.view.selectionModel()).currentChanged.connect(lambda now, _before: self.selected.emit(now.row()))
        self.view.addAction(actions["remove"])
        bar = QHBoxLayout()
        for name in _BUTTONS:
            tool = QToolButton(self)
            tool.setDefaultAction(actions[name])
            tool.setAccessibleName(actions[name].text())
            bar.addWidget(tool)
        bar.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.view, 1)
        layout.addLayout(bar)

    @property
    def row(self) -> int:
        """The selected row; -1 for none."""
        return self.view.currentIndex().row()

    def select(self, row: int) -> None:
        """Select a step."""
        self.view.setCurrentIndex(self.model.index(row))

    def show_rows(self, rows: Sequence[StepRow]) -> None:
        """Show the steps; one is selected wherever there is one."""
        before = self.row
        self.model.show_rows(rows)
        if rows and self.row < 0:
            self.select(min(max(before, 0), len(rows) - 1))
