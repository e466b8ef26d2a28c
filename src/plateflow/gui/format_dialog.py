"""Where somebody chooses how plates are read: by which reader, or by the names of their files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from plateflow.errors import PlateError
from plateflow.gui.chosen_format import ChosenFormat
from plateflow.gui.panels.naming import given, named
from plateflow.plate.formats.filenames import EXAMPLE_PATTERN, LAYOUT
from plateflow.plate.formats.name_pattern import compile_pattern
from plateflow.service.questions import FormatWords

if TYPE_CHECKING:
    from collections.abc import Iterable

SIZE: Final = QSize(760, 400)
DETECT: Final = FormatWords(
    "Detect", "the file names that the pipeline gives, else whichever of these knows the folder"
)
BY_NAME: Final = FormatWords(LAYOUT, "nothing: the pattern below says what the names of files tell")
ASKING: Final = "Asking which formats there are…"
HINT: Final = (
    "A regular expression for the whole name of a file, or with a / for its path below the folder. Its groups well (or "
    "row and column), site, channel, z and timepoint tell which image it is."
)


class FormatDialog(QDialog):
    """Offers what can be chosen; never modal.

    Parameters
    ----------
    names
        Of the plates.
    now
        What is chosen for them so far.
    """

    chosen = Signal(object)
    """The :class:`~plateflow.gui.chosen_format.ChosenFormat` from now on."""

    def __init__(self, names: Iterable[str], now: ChosenFormat, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Format")
        self.setAccessibleName("Format of plates")
        self.resize(SIZE)
        self._layouts: list[str | None] = []
        """What each row stands for; None for "Detect"."""
        whose = named(QLabel(f"How to read {', '.join(names)}"), "Plates", "The plates that this is about")
        whose.setTextFormat(Qt.TextFormat.PlainText)
        whose.setWordWrap(True)
        self.list = self._make_list()
        self.pattern = named(QLineEdit(now.filenames or "", self), "Pattern of file names", HINT)
        self.pattern.setPlaceholderText(f"Pattern of file names: {EXAMPLE_PATTERN}")
        self.pattern.textEdited.connect(self._take_pattern)
        self.told = named(QLabel(self), "About the choice", "What is needed, or wrong")
        self.told.setTextFormat(Qt.TextFormat.PlainText)
        self.told.setWordWrap(True)
        self.buttons = self._make_buttons()
        column = QVBoxLayout(self)
        for widget in (whose, self.list, self.pattern, self.told, self.buttons):
            column.addWidget(widget)
        column.setStretchFactor(self.list, 1)
        self._fill((), LAYOUT if now.filenames is not None else now.layout)
        self._say(ASKING)

    def offer(self, formats: Iterable[FormatWords], why_none: str = "") -> None:
        """List the formats that there are; where they are not known, why."""
        self._fill(formats, self._layout())
        self._look()
        if why_none:
            self._say(why_none)

    def accept(self) -> None:
        """Choose what is selected."""
        self.chosen.emit(self._choice())
        super().accept()

    @property
    def _ok(self) -> QPushButton:
        return given(self.buttons.button(QDialogButtonBox.StandardButton.Ok))

    def _fill(self, formats: Iterable[FormatWords], layout: str | None) -> None:
        offered = [*formats, BY_NAME]
        if layout is not None and layout not in [each.name for each in offered]:
            offered.insert(0, FormatWords(layout, "as was chosen before"))
        self._layouts = [None, *(each.name for each in offered)]
        self.list.clear()
        for each in (DETECT, *offered):
            item = QTreeWidgetItem(self.list, [each.name, each.looks_for])
            item.setToolTip(1, each.looks_for)
        self.list.setCurrentItem(self.list.topLevelItem(self._layouts.index(layout)))

    def _layout(self) -> str | None:
        return self._layouts[max(0, self.list.indexOfTopLevelItem(self.list.currentItem()))]

    def _choice(self) -> ChosenFormat:
        layout = self._layout()
        return ChosenFormat(filenames=self.pattern.text()) if layout == LAYOUT else ChosenFormat(layout)

    def _look(self) -> None:
        """Say what is wrong with the choice, if something is."""
        pattern = self._choice().filenames
        wrong = _wrong(pattern) if pattern else ""
        self._say(wrong or (HINT if pattern is not None else ""))
        self._ok.setEnabled(pattern is None or (pattern != "" and not wrong))

    def _say(self, text: str) -> None:
        self.told.setText(text)

    def _take_pattern(self) -> None:
        self.list.setCurrentItem(self.list.topLevelItem(self._layouts.index(LAYOUT)))
        self._look()

    def _make_list(self) -> QTreeWidget:
        view = named(QTreeWidget(self), "Formats", "Enter or a double click chooses the format")
        view.setHeaderLabels(["Format", "Looks for"])
        view.setRootIsDecorated(False)
        view.setWordWrap(True)
        view.setAlternatingRowColors(True)
        view.setAllColumnsShowFocus(True)
        given(view.header()).setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        view.currentItemChanged.connect(lambda *_: self._look())
        view.itemDoubleClicked.connect(lambda *_: self._ok.click())
        return view

    def _make_buttons(self) -> QDialogButtonBox:
        ok, cancel = QDialogButtonBox.StandardButton.Ok, QDialogButtonBox.StandardButton.Cancel
        buttons = QDialogButtonBox(ok | cancel, self)
        named(given(buttons.button(ok)), "Choose", "Read the plates so from now on (Enter)")
        named(given(buttons.button(cancel)), "Cancel", "Leave it as it was (Esc)")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        return buttons


def _wrong(pattern: str) -> str:
    try:
        compile_pattern(pattern)
    except PlateError as e:
        return str(e)
    return ""
