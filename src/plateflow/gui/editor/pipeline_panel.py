"""What belongs to the pipeline as a whole: its name, its names for channels, how files are called."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from plateflow.gui.editor import edits
from plateflow.gui.editor.widgets import Section, bold, button, line, words
from plateflow.gui.panels.naming import given, named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plateflow.pipeline.forms import PipelineForm

_CHANNELS_TIP = "Your names for the plate's channels, so that the same steps fit plates that number them otherwise."
_FILES_TIP = "For folders that no microscope's reader knows; leave empty for the others."


class PipelinePanel(QScrollArea):
    """Fields of the pipeline."""

    wanted = Signal(object, str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._form: PipelineForm | None = None
        self.name = line("", "Name of the pipeline", "Shown with its runs and in its results", self._rename)
        self.filenames = line(
            "", "File names", "A regular expression with named groups", partial(self._file, "filenames")
        )
        self.filenames.setPlaceholderText(r"(?P<row>[A-H])(?P<column>\d\d)_w(?P<channel>\d)\.tif")
        self.metadata = line(
            "", "Metadata", "A CSV of one row a well, in the plate's folder", partial(self._file, "metadata")
        )
        self.metadata.setPlaceholderText("plate_map.csv")
        self.table = named(
            QTableWidget(0, 2, self), "Channels", "Your name, and the plate's number or label of the channel"
        )
        self.table.setHorizontalHeaderLabels(["Your name", "Channel of the plate"])
        self.table.setTabKeyNavigation(False)
        self.table.setMaximumHeight(180)
        given(self.table.horizontalHeader()).setStretchLastSection(True)
        given(self.table.verticalHeader()).setVisible(False)
        self.table.itemChanged.connect(lambda _: self._give_channels())
        self.known = words("", "Channels of the plate")
        self.wrong = bold(words("", "What is wrong with the channels"))
        self.wrong.hide()
        self._lay_out()

    def show_form(self, form: PipelineForm, channels: Sequence[str]) -> None:
        """Show a pipeline's fields, and what channels the plate has."""
        self.known.setText(f"The selected plate has: {', '.join(channels)}" if channels else "")
        self.known.setVisible(bool(channels))
        self._form = form
        for edit, text in ((self.name, form.name), (self.filenames, form.filenames), (self.metadata, form.metadata)):
            if edit.text() != (text or ""):
                edit.setText(text or "")
        if self._channels() != list(form.channels.items()) and not self.wrong.text():
            self._fill(list(form.channels.items()))

    def _fill(self, channels: list[tuple[str, str]]) -> None:
        self.table.blockSignals(True)
        self.table.setRowCount(len(channels))
        for row, pair in enumerate(channels):
            for column, text in enumerate(pair):
                self.table.setItem(row, column, QTableWidgetItem(text))
        self.table.blockSignals(False)

    def _channels(self) -> list[tuple[str, str]]:
        rows = range(self.table.rowCount())
        return [(self._text(row, 0), self._text(row, 1)) for row in rows if self._text(row, 0) or self._text(row, 1)]

    def _text(self, row: int, column: int) -> str:
        item = self.table.item(row, column)
        return item.text().strip() if item is not None else ""

    def _give_channels(self) -> None:
        channels = self._channels()
        names = [name for name, _ in channels]
        halves = any(not name or not channel for name, channel in channels)
        wrong = "Each name is needed once" if len(set(names)) < len(names) else ""
        self._complain("Name and channel are both needed" if halves else wrong)
        if not self.wrong.text():
            self.wanted.emit(partial(edits.set_channels, channels=dict(channels)), "Name channels", "")

    def _complain(self, wrong: str) -> None:
        self.wrong.setText(f"Not taken: {wrong}" if wrong else "")
        self.wrong.setVisible(bool(wrong))

    def _rename(self, name: str) -> None:
        self.wanted.emit(partial(replace, name=name), "Rename the pipeline", "pipeline name")

    def _file(self, field: str, text: str) -> None:
        self.wanted.emit(partial(replace, **{field: text or None}), f"Change {field}", field)

    def _add(self) -> None:
        row = self.table.rowCount()
        self.table.insertRow(row)
        self.table.setCurrentCell(row, 0)
        self.table.setFocus()
        self.table.edit(self.table.currentIndex())

    def _remove(self) -> None:
        if self.table.currentRow() >= 0:
            self.table.removeRow(self.table.currentRow())
            self._give_channels()

    def _lay_out(self) -> None:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(12, 8, 12, 8)
        column.addWidget(words("Name of the pipeline", "Name of the pipeline", dimmed=True))
        column.addWidget(self.name)
        channels = Section("Channels", _CHANNELS_TIP)
        channels.box.addWidget(self.known)
        channels.box.addWidget(self.table)
        channels.box.addWidget(self.wrong)
        buttons = QHBoxLayout()
        buttons.addWidget(button("Add channel", "Give one of the plate's channels a name", self._add))
        buttons.addWidget(button("Remove channel", "Take the selected name out", self._remove))
        buttons.addStretch(1)
        channels.box.addLayout(buttons)
        column.addWidget(channels)
        files = Section("Files", _FILES_TIP)
        for told, edit in (("File names", self.filenames), ("Plate map", self.metadata)):
            files.box.addWidget(words(told, told))
            files.box.addWidget(edit)
        column.addWidget(files)
        column.addStretch(1)
        self.setWidget(page)
