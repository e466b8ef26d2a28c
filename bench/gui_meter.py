"""Measures within the window's process: how late its event loop is, what a frame costs, and when an update is seen.

The window's classes are wrapped before it is made; it runs as it is. All clocks of moments are ``time.time()``, which
is what updates carry; CPU is that of the window's thread alone.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QListView

from bench.gui_meter_figures import Figures
from plateflow.gui import plates_panel as panel_module
from plateflow.gui.manager import Manager
from plateflow.gui.plate_map import PlateMap
from plateflow.gui.texts import state_text
from plateflow.progress.update import ProgressUpdate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtCore import QModelIndex
    from qtpy.QtGui import QPaintEvent

    from plateflow.gui.window import MainWindow

TICK_MS: Final = 5
SAMPLE: Final = 4
"""Of the updates of rows that are seen, every so manieth is timed."""


class Meter:
    """Watches one window; made before it."""

    def __init__(self) -> None:
        self.window: MainWindow | None = None
        self.taken: dict[str, int] = {}
        """Updates by plate, since the process began."""
        self.painted: list[tuple[float, str]] = []
        """What the row of the first plate said, and when that was painted for the first time."""
        self._map_waits: list[float] = []
        self._list_waits: dict[str, list[float]] = {}
        self._announced: set[str] = set()
        self._seen: set[str] = set()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._wrap()
        self.reset(running=False)

    def reset(self, *, running: bool) -> None:
        """Begin anew; ``running`` with the timer, which wakes the process itself."""
        self._figures = Figures(0.0, [], [], [], [], 0)
        self._began = self._last = time.perf_counter()
        self._painting = 0.0
        if running:
            self._see_rows()
            self._timer.start(TICK_MS)
        else:
            self._timer.stop()

    def figures(self) -> Figures:
        self._figures.seconds = time.perf_counter() - self._began
        return self._figures

    def watch(self, window: MainWindow, manager: Manager) -> None:
        """Look at this window from now on."""
        self.window, self._manager = window, manager
        manager.messages_came.connect(self._take)
        window.plates.model.dataChanged.connect(self._announce)

    def _tick(self) -> None:
        now = time.perf_counter()
        self._figures.stalls.append(max(0.0, 1000 * (now - self._last) - TICK_MS))
        self._last = now

    def _see_rows(self) -> None:
        window = self.window
        assert window is not None
        view = window.plates.list
        area = view.viewport().rect()  # type: ignore[union-attr]
        rows = range(window.plates.shown.rowCount())
        indexes = [window.plates.shown.index(row, 0) for row in rows]
        seen = [index for index in indexes if view.visualRect(index).intersects(area)]
        places = [window.plates.shown.mapToSource(index).row() for index in seen]
        self._seen = {window.plates.model.plate(place).path for place in places}

    def _take(self, path: str, messages: Sequence[object]) -> None:
        updates = [message for message in messages if isinstance(message, ProgressUpdate)]
        self.taken[path] = self.taken.get(path, 0) + len(updates)
        self._figures.updates += len(updates)
        if path in self._seen:
            assert self.window is not None
            plate = self.window.detail.plate
            is_shown = plate is not None and plate.path == path
            waits = self._map_waits if is_shown else self._list_waits.setdefault(path, [])
            waits += [update.timestamp for update in updates[::SAMPLE]]

    def _announce(self, first: QModelIndex, last: QModelIndex) -> None:
        assert self.window is not None
        self._announced |= {self.window.plates.model.plate(row).path for row in range(first.row(), last.row() + 1)}

    def _forget_unchanged(self) -> None:
        # An update after which the row says the same is not painted: it has nothing to wait for.
        self._list_waits = {path: self._list_waits[path] for path in self._announced & self._list_waits.keys()}
        self._announced.clear()

    def _after_map(self) -> None:
        self._end(self._map_waits)

    def _after_list(self) -> None:
        for waits in self._list_waits.values():
            self._end(waits)
        plates = list(self._manager.store.plates.values()) if self.window is not None else []
        if plates and (not self.painted or state_text(plates[0]) != self.painted[-1][1]):
            self.painted.append((time.time(), state_text(plates[0])))

    def _end(self, waits: list[float]) -> None:
        now = time.time()
        self._figures.delays += [1000 * (now - stamp) for stamp in waits]
        waits.clear()

    def _wrap(self) -> None:
        meter, draw, paint_map = self, Manager._draw, PlateMap.paintEvent  # noqa: SLF001 - the frame itself is measured

        def drawn(manager: Manager) -> None:
            if meter._painting:
                meter._figures.paints.append(1000 * meter._painting)
                meter._painting = 0.0
            before = time.thread_time()
            draw(manager)
            meter._figures.frames.append(1000 * (time.thread_time() - before))
            meter._forget_unchanged()

        def map_painted(widget: PlateMap, event: QPaintEvent | None) -> None:
            before = time.thread_time()
            paint_map(widget, event)
            meter._painting += time.thread_time() - before
            meter._after_map()

        class TimedList(QListView):
            def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
                before = time.thread_time()
                super().paintEvent(event)
                meter._painting += time.thread_time() - before
                meter._after_list()

        for owner, name, wrapped in (
            (Manager, "_draw", drawn),
            (PlateMap, "paintEvent", map_painted),
            (panel_module, "QListView", TimedList),
        ):
            setattr(owner, name, wrapped)
