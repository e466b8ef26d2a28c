"""The right side of the window: one plate, live."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QSplitter, QTabWidget, QVBoxLayout, QWidget

from plateflow.gui.colouring import ColourBy
from plateflow.gui.panels.events import EventsPanel
from plateflow.gui.panels.failures import FailuresPanel
from plateflow.gui.panels.history import HistoryPanel
from plateflow.gui.panels.naming import given, named
from plateflow.gui.panels.outputs import OutputsPanel
from plateflow.gui.panels.well_panel import WellPanel
from plateflow.gui.panels.workers import WorkersPanel
from plateflow.gui.plate_map import PlateMap
from plateflow.gui.plates import can_retry
from plateflow.gui.step_bars import StepBars
from plateflow.gui.texts import SEPARATOR, state_words, wells_text
from plateflow.progress.state import AxisState
from plateflow.progress.wells import count_wells
from plateflow.progress.words import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plateflow.gui.plates import Plate
    from plateflow.progress.messages import Message


class PlateDetail(QWidget):
    """Header, plate map, step bars, well panel and tabs of one plate."""

    traceback_wanted = Signal(str)
    """A well whose traceback should be shown."""
    retry_wanted = Signal(str)
    """A failed well that should be run again."""
    input_wanted = Signal(str)
    """A well whose images should be shown."""
    colour_changed = Signal(str)
    """By what the map is coloured from now on, a :class:`~plateflow.gui.colouring.ColourBy`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plate: Plate | None = None
        self._wells: list[str] = []
        self._header = QLabel("No plate is selected", self)
        self._header.setAccessibleName("Selected plate")
        self._header.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._header.setWordWrap(True)
        self._header.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)  # a reason may be long
        self.map = PlateMap(self)
        self.colour = named(QComboBox(self), "Colour of the wells", "What the colours of the plate map tell (Ctrl+K)")
        self.colour.addItems([f"Colour: {by}" for by in ColourBy])
        named(given(self.colour.view()), "Colour of the wells, to choose from", "What the colours can tell")
        self.colour.currentIndexChanged.connect(self._colour)
        self.steps = StepBars(self)
        self.well = WellPanel(self)
        self.failures, self.events, self.workers = FailuresPanel(self), EventsPanel(self), WorkersPanel(self)
        self.history, self.outputs = HistoryPanel(self), OutputsPanel(self)
        self._tabs = self._make_tabs()
        self._lay_out()
        self.map.selection_changed.connect(self._show_wells)
        for source in (self.map.well_activated, self.failures.traceback_wanted, self.well.traceback_wanted):
            source.connect(self.traceback_wanted)
        self.well.input_wanted.connect(self.input_wanted)
        self.well.retry_wanted.connect(self.retry_wanted)

    def show_plate(self, plate: Plate | None) -> None:
        """Show another plate, or the same one as it is now."""
        is_new = plate is not self.plate
        self.plate = plate
        if is_new:
            self.events.clear()
            self._wells = []
        self.refresh()

    def refresh(self) -> None:
        """Show the plate as it is now."""
        plate = self.plate
        progress = plate.details if plate is not None else None
        self._header.setText(_header(plate))
        times = plate.times if plate is not None else None
        self.map.show_progress(progress, times, lost=plate is not None and plate.lost)
        self.steps.show_progress(progress, times)
        self.failures.show_progress(progress)
        self.workers.show_progress(progress, time.time())
        self.outputs.show_folder(plate.output if plate is not None else "")
        self.well.show_wells(progress, self._wells)
        self.well.allow_retry(allowed=plate is not None and can_retry(plate))
        self._count_failures(progress.counts[AxisState.FAILED] if progress is not None else 0)

    def tick(self) -> None:
        """Show what changes with time alone: how long wells have been at work."""
        if self.map.colour_by is ColourBy.TIME:
            self.map.refresh()

    def set_colour_by(self, by: ColourBy) -> None:
        """Colour the wells by something else."""
        self.colour.setCurrentIndex(list(ColourBy).index(by))

    def change_colour(self) -> None:
        """Colour the wells by what comes next."""
        self.set_colour_by(self.map.colour_by.following)

    def take(self, messages: Sequence[Message]) -> None:
        """Take new messages of the plate, which are folded already."""
        self.events.take(messages)

    def _colour(self, index: int) -> None:
        by = list(ColourBy)[index]
        self.map.set_colour_by(by)
        self.colour_changed.emit(by.value)

    def _count_failures(self, count: int) -> None:
        title = f"Failures ({count})"
        if title != self._tabs.tabText(0):  # the same one would lay out and paint the whole window anew
            self._tabs.setTabText(0, title)

    def _show_wells(self, wells: list[str]) -> None:
        self._wells = wells
        self.well.show_wells(self.plate.details if self.plate is not None else None, wells)

    def _make_tabs(self) -> QTabWidget:
        tabs = QTabWidget(self)
        tabs.setAccessibleName("Details of the plate")
        for title, panel in (
            ("Failures", self.failures),
            ("Events", self.events),
            ("Workers", self.workers),
            ("History", self.history),
            ("Outputs", self.outputs),
        ):
            tabs.addTab(panel, title)
        return tabs

    def _lay_out(self) -> None:
        beside = QWidget(self)
        column = QVBoxLayout(beside)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.steps, 1)
        column.addWidget(self.well, 1)
        upper = QSplitter(Qt.Orientation.Horizontal, self)
        upper.addWidget(self.map)
        upper.addWidget(beside)
        upper.setSizes([600, 420])
        upper.setStretchFactor(0, 3)
        upper.setStretchFactor(1, 2)
        whole = QSplitter(Qt.Orientation.Vertical, self)
        whole.addWidget(upper)
        whole.addWidget(self._tabs)
        whole.setStretchFactor(0, 3)
        whole.setStretchFactor(1, 1)
        layout = QVBoxLayout(self)
        head = QHBoxLayout()
        head.addWidget(self._header, 1)
        head.addWidget(self.colour)
        layout.addLayout(head)
        layout.addWidget(whole, 1)


def _header(plate: Plate | None) -> str:
    if plate is None:
        return "No plate is selected"
    progress = plate.details
    parts = [plate.name, state_words(plate), *filter(None, [plate.format.words])]
    if progress is not None and progress.axes:
        parts += [counted(sum(count_wells(progress).values()), "well"), wells_text(progress)]
    if plate.problem:
        parts.append(plate.problem)
    return SEPARATOR.join(parts)
