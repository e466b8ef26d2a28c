"""Small widgets that the editor's forms share."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QPalette
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from plateflow.gui.panels.naming import named

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class _WheelGuard(QObject):
    """Lets the wheel scroll the page, not change the values that it passes over."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 - as Qt has it
        """Refuse the wheel where the keyboard is elsewhere."""
        wheel = event is not None and event.type() == QEvent.Type.Wheel
        if wheel and event is not None and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False


def guard_wheel(widget: QWidget) -> None:
    """Let the wheel change a widget only while it has the focus."""
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(_WheelGuard(widget))


def words(text: str, name: str, *, dimmed: bool = False) -> QLabel:
    """Return a text that wraps and can be selected."""
    label = QLabel(text)
    label.setAccessibleName(name)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if dimmed:
        label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
    return label


def line(text: str, name: str, tip: str, then: Callable[[str], object]) -> QLineEdit:
    """Return a field for one line; `then` gets what is typed."""
    edit = named(QLineEdit(text), name, tip)
    edit.textEdited.connect(then)
    return edit


def button(text: str, tip: str, then: Callable[[], object]) -> QPushButton:
    """Return a button."""
    made = named(QPushButton(text), text, tip)
    made.setAutoDefault(False)
    made.clicked.connect(lambda _checked=False: then())
    return made


def bold(label: QLabel) -> QLabel:
    """Make a label a heading."""
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    return label


class Picker(QComboBox):
    """A choice among values that are no texts; one that is given but not listed is shown too.

    Parameters
    ----------
    choices
        Texts and values.
    value
        The one that is chosen.
    told
        How a value that is not listed is called.
    then
        Gets the value that somebody picks.
    """

    def __init__(
        self,
        choices: Sequence[tuple[str, object]],
        value: object,
        told: str,
        then: Callable[[object], object],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._choices = list(choices)
        if value not in [each for _, each in self._choices]:
            self._choices.insert(0, (told, value))
        self.addItems([text for text, _ in self._choices])
        self.setCurrentIndex([each for _, each in self._choices].index(value))
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.activated.connect(lambda at: then(self._choices[at][1]))
        guard_wheel(self)


class Banner(QWidget):
    """One line at the top of a window that says what is the matter, and what can be done; never in the way."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.Highlight)
        self.setAccessibleName(name)
        self.label = words("", name)
        self.label.setForegroundRole(QPalette.ColorRole.HighlightedText)
        self._buttons = QHBoxLayout()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 4, 6, 4)
        layout.addWidget(self.label, 1)
        layout.addLayout(self._buttons)
        self.hide()

    def say(self, text: str, answers: Sequence[tuple[str, str, Callable[[], object]]] = ()) -> None:
        """Show a text with buttons: what each says, its tip, and what it does; each of them hides the banner."""
        while (item := self._buttons.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        for said, tip, act in answers:
            self._buttons.addWidget(button(said, tip, partial(self._answer, act)))
        self.label.setText(text)
        self.setAccessibleDescription(text)
        self.show()

    def _answer(self, act: Callable[[], object]) -> None:
        self.hide()
        act()


class Section(QWidget):
    """A heading with what belongs to it."""

    def __init__(self, title: str, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box = QVBoxLayout(self)
        self.box.setContentsMargins(0, 6, 0, 6)
        self.box.setSpacing(4)
        head = bold(words(title, title))
        head.setToolTip(tip)
        self.box.addWidget(head)
        if tip:
            self.box.addWidget(words(tip, f"About {title.lower()}", dimmed=True))

    def add_row(self, label: str, *widgets: QWidget) -> None:
        """Add a line: what it is, and its controls."""
        row = QHBoxLayout()
        told = QLabel(label)
        told.setMinimumWidth(150)
        row.addWidget(told)
        for widget in widgets:
            row.addWidget(widget)
        row.addStretch(1)
        self.box.addLayout(row)
