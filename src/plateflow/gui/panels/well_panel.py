"""The well that is selected: where it stands, what went wrong, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QFontDatabase
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from plateflow.gui.panels.desktop import copy_text
from plateflow.gui.panels.naming import named
from plateflow.gui.panels.rows_model import tip_html
from plateflow.gui.panels.well_words import well_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plateflow.progress.state import ExecutionProgress

RETRY_TIP = "Run this failed well again, in the same results folder, once the run has ended"
_NO_TRACEBACK = "The server has no traceback of this failure."


class WellPanel(QWidget):
    """One well, or several, of one execution."""

    traceback_wanted = Signal(str)
    """The well whose traceback somebody wants; :meth:`show_traceback` is the answer."""
    retry_wanted = Signal(str)
    """The failed well that somebody wants to be run again."""
    input_wanted = Signal(str)
    """The well whose images somebody wants to see."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Selected well")
        self._shown: tuple[str, str, int] = ("", "", 0)
        self._failure = ""
        self._well = ""
        self._may_retry = False
        self.title = _words("Well and its state", "The selected well, and where it stands")
        bold = self.title.font()
        bold.setBold(True)
        self.title.setFont(bold)
        self.lines = _words("Where the well stands", "Its step, how much of it is done, and how often it was begun")
        self.error = _words("Error", "What went wrong")
        self.trace = named(QPlainTextEdit(), "Traceback", "Where the error was raised; Ctrl+C copies what is selected")
        self.trace.setReadOnly(True)
        self.trace.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.trace.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.trace.setTabChangesFocus(True)
        self._lay_out()
        self._set_trace("")
        self.show_wells(None, ())

    def show_well(self, progress: ExecutionProgress | None, well: str) -> None:
        """Show one well; "" for none."""
        self.show_wells(progress, (well,) if well else ())

    def show_wells(self, progress: ExecutionProgress | None, wells: Sequence[str]) -> None:
        """Show the selected wells; a traceback stays for as long as it is the one of this failure."""
        told = well_text(progress, wells)
        self._failure = told.failure
        self._well = wells[0] if len(wells) == 1 else ""
        self.input_button.setEnabled(bool(self._well))
        self.title.setText(told.title)
        self.lines.setText("\n".join(told.lines))
        self.lines.setVisible(bool(told.lines))
        self.error.setText(told.error)
        self.error.setToolTip(tip_html(told.error))
        self.error.setVisible(bool(told.error))
        self.traceback_button.setEnabled(bool(told.failure))
        self.retry_button.setEnabled(self._may_retry and bool(told.failure))
        failure = _failure_id(progress, told.failure)
        if failure != self._shown:
            self._shown = failure
            self._set_trace("")

    def allow_retry(self, *, allowed: bool) -> None:
        """Say whether failed wells of the plate can be run again now."""
        self._may_retry = allowed
        self.retry_button.setEnabled(allowed and bool(self._failure))

    def show_traceback(self, text: str) -> None:
        """Show the traceback that was asked for; "" where there is none."""
        self._set_trace(text or _NO_TRACEBACK)
        self.copy_button.setEnabled(bool(text))

    def copy(self) -> None:
        """Put the whole traceback on the clipboard."""
        copy_text(self.trace.toPlainText())

    def _ask(self) -> None:
        self._set_trace(f"Asking the server for the traceback of {self._failure}…")
        self.copy_button.setEnabled(False)
        self.traceback_wanted.emit(self._failure)

    def _set_trace(self, text: str) -> None:
        self.trace.setPlainText(text)
        self.trace.setVisible(bool(text))
        self.copy_button.setVisible(bool(text))

    def _lay_out(self) -> None:
        self.traceback_button = named(QPushButton("&Traceback"), "Traceback", "Show where the error was raised")
        self.traceback_button.clicked.connect(self._ask)
        self.input_button = named(QPushButton("&Input"), "Input images", "Show the images of the selected well")
        self.input_button.clicked.connect(lambda: self.input_wanted.emit(self._well))
        self.retry_button = named(QPushButton("Retry &well"), "Retry well", RETRY_TIP)
        self.retry_button.clicked.connect(lambda: self.retry_wanted.emit(self._failure))
        self.copy_button = named(QPushButton("&Copy"), "Copy the traceback", "Copy the whole traceback")
        self.copy_button.clicked.connect(self.copy)
        buttons = QHBoxLayout()
        for button in (self.traceback_button, self.input_button, self.retry_button, self.copy_button):
            buttons.addWidget(button)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        for widget in (self.title, self.lines, self.error):
            layout.addWidget(widget)
        layout.addLayout(buttons)
        layout.addWidget(self.trace, 1)
        layout.addStretch(0)


def _words(name: str, tip: str) -> QLabel:
    label = named(QLabel(), name, tip)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setWordWrap(True)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)  # a long path must not widen the window
    return label


def _failure_id(progress: ExecutionProgress | None, well: str) -> tuple[str, str, int]:
    if progress is None or not well:
        return ("", "", 0)
    return (progress.execution_id, well, progress.axes[well].error_seq)
