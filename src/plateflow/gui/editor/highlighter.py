"""Colours for Python: the whole text is lexed once a change, for a text in three quotes spans many lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Keyword, Number, String
from qtpy.QtGui import QColor, QFont, QSyntaxHighlighter, QTextCharFormat

from plateflow.gui.panels.naming import given
from plateflow.gui.theme import current_theme

if TYPE_CHECKING:
    from qtpy.QtGui import QTextDocument


class PythonHighlighter(QSyntaxHighlighter):
    """Keywords are bold, comments slanted, so that they are told apart without colour."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self._revision = -1
        self._lines: list[list[tuple[int, int, object]]] = []

    def highlightBlock(self, text: str | None) -> None:  # noqa: N802 - as Qt has it
        """Colour one line."""
        document = given(self.document())
        if document.revision() != self._revision:
            self._revision, self._lines = document.revision(), _lex(document.toPlainText())
        number = self.currentBlock().blockNumber()
        spans = self._lines[number] if number < len(self._lines) else []
        for start, length, token in spans:
            if (look := _look(token)) is not None:
                self.setFormat(start, length, look)
        self.setCurrentBlockState(hash(str(spans[-1][2])) & 0xFFFF if spans else 0)  # another end: the next line anew


def _lex(text: str) -> list[list[tuple[int, int, object]]]:
    lines: list[list[tuple[int, int, object]]] = [[]]
    at = 0
    for token, value in PythonLexer(stripnl=False, ensurenl=False).get_tokens(text):
        for number, part in enumerate(value.split("\n")):
            if number:
                lines.append([])
                at = 0
            if part:
                lines[-1].append((at, _units(part), token))
                at += _units(part)
    return lines


def _units(text: str) -> int:
    # Qt counts UTF-16 units.
    return len(text) + sum(char > "\uffff" for char in text)


def _look(token: object) -> QTextCharFormat | None:
    theme, look = current_theme(), QTextCharFormat()
    if token in Keyword:
        look.setFontWeight(QFont.Weight.Bold)
    elif token in String or token in Number:
        look.setForeground(QColor(theme.link))
    elif token in Comment:
        look.setForeground(QColor(theme.dimmed))
        look.setFontItalic(True)
    else:
        return None
    return look
