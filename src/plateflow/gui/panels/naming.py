"""Names and tips of controls, so that none is without."""

from __future__ import annotations

from typing import TypeVar

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QStackedWidget, QWidget

Thing = TypeVar("Thing")
AnyWidget = TypeVar("AnyWidget", bound=QWidget)


def named(widget: AnyWidget, name: str, tip: str) -> AnyWidget:
    """Give a control the name that screen readers say, and the tip that the mouse finds."""
    widget.setAccessibleName(name)
    widget.setToolTip(tip)
    return widget


def given(thing: Thing | None) -> Thing:
    """Return what Qt always gives, though its types say that it may be None."""
    assert thing is not None
    return thing


class OrWords(QStackedWidget):
    """A widget, or where it has nothing to show, words that say why."""

    def __init__(self, content: QWidget, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._label = named(QLabel(), name, "Why there is nothing to be seen here")
        self._label.setWordWrap(True)
        self._label.setMargin(12)
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        self._label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self._label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.addWidget(content)
        self.addWidget(self._label)

    @property
    def words(self) -> str:
        """What is said now; "" where the content is shown."""
        return self._label.text() if self.currentWidget() is self._label else ""

    def say(self, words: str) -> None:
        """Show words, or the content where there are none."""
        self._label.setText(words)
        self.setCurrentIndex(1 if words else 0)
