"""The functions that a step may have, with a search over all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QHBoxLayout, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from plateflow.gui.editor.library import flow, search
from plateflow.gui.editor.widgets import bold, button, words
from plateflow.gui.panels.naming import OrWords, named
from plateflow.gui.panels.rows_model import tip_html

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plateflow.pipeline.forms import FunctionForm


class LibraryPanel(QWidget):
    """A list of functions, and a line for one that is not among them."""

    chosen = Signal(object)
    """The :class:`~plateflow.pipeline.forms.FunctionForm` that a new step is to have."""
    address_wanted = Signal(str)
    """``package.module:function``, to be asked about."""
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._functions: list[FunctionForm] = []
        self._found: list[FunctionForm] = []
        self._why = ""
        self.search_box = named(
            QLineEdit(self), "Search functions", "Looks into name, summary and documentation of all"
        )
        self.search_box.setPlaceholderText("Search: nuclei, intensity, blur…")
        self.search_box.setClearButtonEnabled(True)
        self.search_box.textChanged.connect(self._search)
        self.search_box.installEventFilter(self)
        self.list = named(QListWidget(self), "Functions", "Enter or a double click adds the function as a step")
        self.list.setWordWrap(True)
        self.list.setAlternatingRowColors(True)
        self.list.setSpacing(3)
        self.list.itemActivated.connect(lambda _: self.choose())
        self.content = OrWords(self.list, "Why no functions are listed")
        self.address = named(
            QLineEdit(self), "Another function", "A function that is installed, as package.module:function; then Enter"
        )
        self.address.setPlaceholderText("Other: skimage.filters:median")
        self.address.returnPressed.connect(self._ask)
        self.wrong = bold(words("", "Why the other function cannot be used"))
        self.wrong.hide()
        self._lay_out()

    def show_functions(self, functions: Iterable[FunctionForm], why_empty: str) -> None:
        """Show these functions; where there are none, why."""
        if list(functions) != self._functions or why_empty != self._why:
            self._functions, self._why = list(functions), why_empty
            self._search()

    def begin(self) -> None:
        """Show the panel, ready for a search."""
        self.show()
        self.search_box.setFocus()
        self.search_box.selectAll()

    def choose(self) -> None:
        """Choose the selected function."""
        if 0 <= self.list.currentRow() < len(self._found):
            self.chosen.emit(self._found[self.list.currentRow()])

    def complain(self, wrong: str) -> None:
        """Say why the other function cannot be used; "" where it can."""
        self.wrong.setText(wrong)
        self.wrong.setVisible(bool(wrong))
        if not wrong:
            self.address.clear()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 - as Qt has it
        """Let the arrows and Enter work on the list while the search has the keyboard."""
        if watched is not self.search_box or not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
            return False
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.choose()
            return True
        steps = {int(Qt.Key.Key_Down): 1, int(Qt.Key.Key_Up): -1}.get(event.key(), 0)
        if steps:
            self.list.setCurrentRow(min(max(self.list.currentRow() + steps, 0), self.list.count() - 1))
        return bool(steps)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 - as Qt has it
        """Close on Escape."""
        if event is not None and event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
            return
        super().keyPressEvent(event)

    def _ask(self) -> None:
        if self.address.text().strip():
            self.address_wanted.emit(self.address.text().strip())

    def _search(self) -> None:
        self._found = search(self._functions, self.search_box.text())
        self.list.clear()
        for function in self._found:
            where = " (in this file)" if function.address.startswith(":") else ""
            item = QListWidgetItem(f"{function.name}{where}\n{function.summary}\n{flow(function)}")
            item.setToolTip(tip_html(f"{function.address}\n\n{function.doc}"))
            self.list.addItem(item)
        self.list.setCurrentRow(0 if self._found else -1)
        nothing = self._why if not self._functions else "No function has all of these words"
        self.content.say("" if self._found else nothing)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(bold(words("Add a step", "Add a step")), 1)
        top.addWidget(button("Add", "Add the selected function as a step after the selected one (Enter)", self.choose))
        top.addWidget(button("Close", "Close the list of functions (Escape)", self.closed.emit))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addLayout(top)
        layout.addWidget(self.search_box)
        layout.addWidget(self.content, 1)
        layout.addWidget(self.address)
        layout.addWidget(self.wrong)
