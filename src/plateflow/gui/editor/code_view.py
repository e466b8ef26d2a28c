"""The pipeline as Python text, which can be changed too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Signal
from qtpy.QtGui import QFontDatabase, QKeySequence, QTextCursor
from qtpy.QtWidgets import QPlainTextEdit

from plateflow.gui.editor.highlighter import PythonHighlighter
from plateflow.gui.panels.naming import given, named

if TYPE_CHECKING:
    from qtpy.QtGui import QKeyEvent
    from qtpy.QtWidgets import QWidget


class CodeView(QPlainTextEdit):
    """Its history is that of the window: undo there takes back what was typed here."""

    typed = Signal(str)
    """The whole text, after somebody changed it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "Python code", "The pipeline file as it will be saved; changes here are read after a pause")
        self.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setUndoRedoEnabled(False)
        self._shown, self._is_showing = "", False
        self._highlighter = PythonHighlighter(given(self.document()))
        self.textChanged.connect(self._take)

    def show_text(self, text: str) -> None:
        """Show another text; what is equal stays as it is, cursor and scroll position too."""
        if text == self._shown:
            return
        start = _agreeing(self._shown, text)
        end = _agreeing(self._shown[start:][::-1], text[start:][::-1])
        cursor = QTextCursor(self.document())
        before, own = self._shown, self.textCursor()
        stood_before = own.position() <= _units(before[:start])
        place = own.position()
        self._shown = text
        cursor.setPosition(_units(before[:start]))
        cursor.setPosition(_units(before[: len(before) - end]), QTextCursor.MoveMode.KeepAnchor)
        self._is_showing = True
        cursor.insertText(text[start : len(text) - end])
        self._is_showing = False
        if stood_before:  # else what is put in right there would push it on
            own.setPosition(place)
            self.setTextCursor(own)

    def go_to(self, line: int) -> None:
        """Put the cursor on a line, from 1."""
        block = given(self.document()).findBlockByNumber(line - 1)
        if block.isValid():
            self.setTextCursor(QTextCursor(block))
            self.centerCursor()
            self.setFocus()

    def event(self, event: QEvent | None) -> bool:
        """Leave undo and redo to the window."""
        if event is not None and event.type() == QEvent.Type.ShortcutOverride and _is_history(event):
            event.ignore()
            return False
        return super().event(event)

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - as Qt has it
        """Take the colours of another theme."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            self._highlighter.rehighlight()

    def _take(self) -> None:
        if self._is_showing:
            return
        # Not toPlainText: that makes ordinary spaces of those that do not break.
        text = given(self.document()).toRawText().replace("\u2029", "\n")
        if text != self._shown:
            self._shown = text
            self.typed.emit(text)


def _is_history(event: QEvent) -> bool:
    pressed: QKeyEvent = event  # type: ignore[assignment] # of this type by its kind
    return pressed.matches(QKeySequence.StandardKey.Undo) or pressed.matches(QKeySequence.StandardKey.Redo)


def _agreeing(one: str, other: str) -> int:
    """Return how many characters two texts begin with together."""
    differ = (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(differ, min(len(one), len(other)))


def _units(text: str) -> int:
    # Qt counts UTF-16 units.
    return len(text.encode("utf-16-le")) // 2
