"""What happens, as it happens."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QAction, QKeySequence
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from plateflow.gui.panels.desktop import copy_text
from plateflow.gui.panels.event_lines import entry, events_text
from plateflow.gui.panels.events_model import MOST_EVENTS, TITLES, EventsModel
from plateflow.gui.panels.naming import OrWords, given, named
from plateflow.gui.panels.table import TableView

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qtpy.QtGui import QHideEvent, QShowEvent

    from plateflow.gui.panels.event_lines import Entry
    from plateflow.progress.messages import Message

FLUSH_INTERVAL = 100
"""Milliseconds between redraws at least."""
_CHARACTERS = (10, 8, 26)
"""Width of the columns but the last."""
_EMPTY = "No messages yet: what a run does is listed here as it happens."


class EventsPanel(QWidget):
    """The newest 5,000 messages; it follows them unless somebody has scrolled up."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Events")
        self._waiting: deque[Entry] = deque(maxlen=MOST_EVENTS)
        self._flushing = False
        self._model = EventsModel(self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(FLUSH_INTERVAL)
        self._timer.timeout.connect(self.flush)
        self.view = named(TableView(), "Events", f"The newest {MOST_EVENTS:,} messages. Copy: Ctrl+C")
        self.view.setModel(self._model)
        given(self.view.horizontalHeader()).setStretchLastSection(True)
        for column, characters in enumerate(_CHARACTERS):
            self.view.setColumnWidth(column, characters * self.fontMetrics().averageCharWidth() + 12)
        bar = given(self.view.verticalScrollBar())
        bar.valueChanged.connect(self._note_scroll)
        bar.rangeChanged.connect(lambda: self._follow(self.follow_box.isChecked()))
        self.content = OrWords(self.view, "Why no events are listed")
        self.content.say(_EMPTY)
        self._lay_out()
        self._add_copy()

    def take(self, messages: Iterable[Message]) -> None:
        """Take messages, the latest last; they are shown soon, while the panel is."""
        self._waiting.extend(map(entry, messages))
        if self.isVisible() and not self._timer.isActive():
            self._timer.start()

    def clear(self) -> None:
        """Drop all of them."""
        self._waiting.clear()
        self._model.clear()
        self.follow_box.setChecked(True)
        self._tell()

    def flush(self) -> None:
        """Show what waits."""
        bar = given(self.view.verticalScrollBar())
        place, follows = bar.value(), self.follow_box.isChecked()
        self._flushing = True  # lines that come and go are not somebody's scrolling
        dropped = self._model.add(list(self._waiting))
        self._waiting.clear()
        self._tell()
        if follows:
            self.view.scrollToBottom()
        else:
            bar.setValue(max(0, place - dropped))
        self._flushing = False

    def copy(self) -> None:
        """Put the selected lines on the clipboard, or all where none is selected."""
        places = self.view.selected_rows() or range(self._model.rowCount())
        lines = ["\t".join(TITLES), events_text([self._model.line(place) for place in places])]
        copy_text("\n".join(lines))

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - as Qt has it
        """Catch up."""
        super().showEvent(event)
        self.flush()

    def hideEvent(self, event: QHideEvent | None) -> None:  # noqa: N802 - as Qt has it
        """Rest."""
        self._timer.stop()
        super().hideEvent(event)

    def _note_scroll(self, value: int) -> None:
        if not self._flushing:
            self.follow_box.setChecked(value >= given(self.view.verticalScrollBar()).maximum())

    def _follow(self, checked: bool) -> None:
        if checked:
            self.view.scrollToBottom()

    def _tell(self) -> None:
        count = self._model.rowCount()
        self.content.say("" if count else _EMPTY)
        self.count_label.setText(f"the newest {count:,}" if count == MOST_EVENTS else f"{count:,}")

    def _lay_out(self) -> None:
        self.follow_box = named(QCheckBox("&Follow"), "Follow the newest event", "Keep the newest message in sight")
        self.follow_box.setChecked(True)
        self.follow_box.toggled.connect(self._follow)
        self.count_label = named(QLabel("0"), "How many events are listed", "How many messages are listed")
        clear = named(QPushButton("C&lear"), "Clear the events", "Empty this list; the server keeps its journal")
        clear.clicked.connect(self.clear)
        top = QHBoxLayout()
        top.addWidget(self.follow_box)
        top.addStretch(1)
        top.addWidget(self.count_label)
        top.addWidget(clear)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.content, 1)

    def _add_copy(self) -> None:
        copy = QAction("Copy", self.view)
        copy.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        copy.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        copy.triggered.connect(self.copy)
        self.view.addAction(copy)
