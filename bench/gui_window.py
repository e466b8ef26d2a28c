"""The window's process: ``plateflow gui PLATE ...`` as users start it, with a meter, and told what to do on stdin.

Each line is a command with its argument; the answer is a line of JSON on stdout. ``--start`` prints only when the
window was painted first, and ends.
"""

from __future__ import annotations

import hashlib
import os
import runpy
import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec
from qtpy.QtCore import QEvent, QObject, QSocketNotifier, Qt, QTimer
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QApplication

from bench.gui_meter import Meter
from plateflow.gui import app as app_module
from plateflow.gui.window import MainWindow
from plateflow.progress.state import AxisState

if TYPE_CHECKING:
    from collections.abc import Callable

    from plateflow.gui.manager import Manager


class Trace(QObject):
    """Tells when a traceback has been painted."""

    def __init__(self, window: MainWindow, tell: Callable[[float], object]) -> None:
        super().__init__(window)
        self._view, self._tell = window.detail.well.trace, tell
        self._view.viewport().installEventFilter(self)  # type: ignore[union-attr]

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        if event is not None and event.type() is QEvent.Type.Paint and "Traceback" in self._view.toPlainText():
            QTimer.singleShot(0, lambda: self._tell(time.time()))  # after this very paint
        return super().eventFilter(watched, event)


class Commands:
    """Carries out what is told."""

    def __init__(self, meter: Meter, window: MainWindow, manager: Manager) -> None:
        self._meter, self._window, self._manager = meter, window, manager
        self._unread = b""
        self._notifier = QSocketNotifier(0, QSocketNotifier.Type.Read)  # type: ignore[call-overload] # takes an int
        self._notifier.activated.connect(lambda *_: self._read())
        self._does: dict[str, Callable[[str], object]] = {
            "select": self._select,
            "meter": self._measure,
            "figures": lambda _: self._say(self._meter.figures()),
            "taken": lambda _: self._say(self._meter.taken),
            "states": lambda _: self._say(self._states()),
            "said": lambda _: self._say(self._meter.painted),
            "stop": self._stop,
            "traceback": self._traceback,
            "quit": lambda _: self._window.close(),
        }

    def _read(self) -> None:
        self._unread += os.read(0, 65536)
        *lines, self._unread = self._unread.split(b"\n")
        for line in lines:
            word, _, argument = line.decode().partition(" ")
            self._does[word](argument)

    def _say(self, value: object) -> None:
        sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
        sys.stdout.buffer.flush()

    def _measure(self, word: str) -> None:
        self._meter.reset(running=word == "on")
        self._say(None)

    def _select(self, row: str) -> None:
        self._window.plates.list.setCurrentIndex(self._window.plates.shown.index(int(row), 0))
        self._say(None)

    def _states(self) -> dict[str, Any]:
        return {
            path: {
                "state": plate.state.value,
                "fold": hashlib.sha256(plate.progress.snapshot()).hexdigest() if plate.progress else "",
                "groups": plate.progress.groups_done if plate.progress else 0,
                "wells": plate.progress.counts if plate.progress else {},
            }
            for path, plate in self._manager.store.plates.items()
        }

    def _stop(self, _: str) -> None:
        clicked = time.time()
        self._window.actions_by_name["stop"].trigger()
        self._await(lambda: [t for t, words in self._meter.painted if t > clicked and "Stopping" in words], clicked)

    def _traceback(self, _: str) -> None:
        plate = self._window.detail.plate
        assert plate is not None
        assert plate.details is not None
        failed = next(name for name, axis in plate.details.axes.items() if axis.state is AxisState.FAILED)
        found: list[float] = []
        self._trace = Trace(self._window, found.append)
        plate_map = self._window.detail.map
        plate_map.setFocus()
        plate_map.select_wells([failed])
        QTimer.singleShot(500, lambda: self._press_enter(found))  # so that selecting it is not measured

    def _press_enter(self, found: list[float]) -> None:
        pressed = time.time()
        plain = Qt.KeyboardModifier.NoModifier
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            QApplication.postEvent(self._window.detail.map, QKeyEvent(kind, Qt.Key.Key_Return, plain))
        self._await(lambda: found, pressed)

    def _await(self, find: Callable[[], list[float]], since: float) -> None:
        # Says the milliseconds, or that it did not come; looked for so seldom that looking costs nothing.
        if found := find():
            self._say(1000 * (found[0] - since))
        elif time.time() > since + 5:
            self._say(None)
        else:
            QTimer.singleShot(20, lambda: self._await(find, since))


def main() -> None:
    only_start = sys.argv[1] == "--start"
    plates = sys.argv[2:] if only_start else sys.argv[1:]
    meter = Meter()

    class Window(MainWindow):
        def __init__(
            self, manager: Manager, change_theme: Callable[[], object], notify: Callable[[str, str], object]
        ) -> None:
            super().__init__(manager, change_theme, notify)
            meter.watch(self, manager)
            if only_start:
                self._look = QTimer(self)
                self._look.timeout.connect(self._leave)
                self._look.start(1)
            else:
                self._commands = Commands(meter, self, manager)

        def _leave(self) -> None:
            if meter.painted and len(self._manager.store.plates) == len(plates):
                self._look.stop()
                sys.stdout.write(f"{meter.painted[0][0]}\n")
                self.close()

    setattr(app_module, "MainWindow", Window)  # noqa: B010 - what the module uses, not what it exports
    sys.argv = ["plateflow", "gui", *plates]
    runpy.run_module("plateflow", run_name="__main__")


if __name__ == "__main__":
    main()
