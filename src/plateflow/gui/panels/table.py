"""A table of rows with a filter box, copying, and words where it is empty: what several panels consist of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QModelIndex, Qt, Signal
from qtpy.QtGui import QAction, QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from plateflow.gui.panels.desktop import copy_text
from plateflow.gui.panels.naming import OrWords, given, named
from plateflow.gui.panels.rows import as_text
from plateflow.gui.panels.rows_model import RowsFilter, RowsModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QKeyEvent

    from plateflow.gui.panels.rows import Column, Row

WIDEST = 320
"""Pixels of a column but the one that stretches."""


class TableView(QTableView):
    """A view of lines, which the keyboard reaches, leaves and opens."""

    opened = Signal(QModelIndex)
    """Enter, or a double click."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.setAlternatingRowColors(True)
        lines = given(self.verticalHeader())
        lines.setVisible(False)
        lines.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        lines.setMinimumSectionSize(1)
        lines.setDefaultSectionSize(self.fontMetrics().height() + 6)
        given(self.horizontalHeader()).setHighlightSections(False)
        self.doubleClicked.connect(self.opened)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 - as Qt has it
        """Open the current line on Enter."""
        if event is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.opened.emit(self.currentIndex())
            return
        super().keyPressEvent(event)

    def selected_rows(self) -> list[int]:
        """Return the places of the selected lines, from the top."""
        return sorted({index.row() for index in given(self.selectionModel()).selectedRows()})


class Table(QWidget):
    """Rows under their titles; the filter looks in all of them, whatever is scrolled into sight.

    Parameters
    ----------
    columns
    stretched
        The column that takes the room which the others leave; None for none.
    name
        What its rows are, in the plural: "failed wells".
    open_words
        What Enter and a double click do, as a command: "Show the traceback".
    """

    opened = Signal(str)
    """The id of a row."""

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        stretched: int | None,
        name: str,
        open_words: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._name, self._columns, self._why_empty = name, columns, ""
        self._model = RowsModel(columns, self)
        self._shown = RowsFilter(self._model, self)
        tip = f"{open_words}: Enter or double click. Copy: Ctrl+C" if open_words else "Copy: Ctrl+C"
        self.view = named(TableView(), name.capitalize(), tip)
        self.view.setModel(self._shown)
        self.view.opened.connect(lambda index: self.opened.emit(self._shown.row_at(index.row()).id))
        self.content = OrWords(self.view, f"Why no {name} are listed")
        self.filter_box = named(QLineEdit(), f"Filter {name}", f"Show only {name} with all of these words (all rows)")
        self.filter_box.setPlaceholderText(f"Filter {name}…")
        self.filter_box.setClearButtonEnabled(True)
        self.filter_box.textChanged.connect(self._filter)
        self.count_label = named(QLabel(), f"How many {name} are shown", f"How many {name} are shown, of how many")
        self._set_up_header(stretched)
        self._add_actions(open_words)
        top = QHBoxLayout()
        top.addWidget(self.filter_box, 1)
        top.addWidget(self.count_label)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.content, 1)
        self.show_rows([], "")

    def show_rows(self, rows: list[Row], why_empty: str) -> None:
        """Show rows; where there are none, why."""
        was_empty = not self._model.rows
        self._model.show_rows(rows)
        self._why_empty = why_empty
        self._tell()
        if was_empty and rows:
            self._fit()

    def selected(self) -> list[Row]:
        """Return the selected rows as they are shown, from the top."""
        return [self._shown.row_at(place) for place in self.view.selected_rows()]

    def copy(self) -> None:
        """Put the selected rows on the clipboard, or all that are shown where none is selected."""
        rows = self.selected() or [self._shown.row_at(place) for place in range(self._shown.rowCount())]
        copy_text(as_text(self._columns, rows))

    def _filter(self, text: str) -> None:
        self._shown.set_words(text)
        self._tell()

    def _tell(self) -> None:
        shown, total = self._shown.rowCount(), len(self._model.rows)
        filtered = f"None of {total:,} {self._name} has all of these words: {self.filter_box.text().strip()}"
        self.content.say("" if shown else filtered if total else self._why_empty)
        self.count_label.setText(f"{shown:,} of {total:,}" if shown != total else f"{total:,}")
        self.filter_box.setEnabled(bool(total or self.filter_box.text()))

    def _set_up_header(self, stretched: int | None) -> None:
        header = given(self.view.horizontalHeader())
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)  # as they come, until somebody asks for another order
        header.setSortIndicatorClearable(True)
        header.setResizeContentsPrecision(0)  # the rows in sight
        if stretched is not None:
            header.setSectionResizeMode(stretched, QHeaderView.ResizeMode.Stretch)
        self.view.setSortingEnabled(True)

    def _add_actions(self, open_words: str) -> None:
        copy = QAction("Copy", self.view)
        copy.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        copy.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        copy.triggered.connect(self.copy)
        if open_words:
            opens = QAction(open_words, self.view)
            opens.triggered.connect(lambda: [self.opened.emit(row.id) for row in self.selected()[:1]])
            self.view.addAction(opens)
        self.view.addAction(copy)

    def _fit(self) -> None:
        header = given(self.view.horizontalHeader())
        for column in range(len(self._columns)):
            if header.sectionResizeMode(column) != QHeaderView.ResizeMode.Stretch:
                self.view.resizeColumnToContents(column)
                self.view.setColumnWidth(column, min(WIDEST, self.view.columnWidth(column) + 12))
