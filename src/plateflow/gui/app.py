"""Opens the Plate Manager."""

from __future__ import annotations

import signal
import socket
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qtpy.QtCore import QSettings, QSocketNotifier
from qtpy.QtWidgets import QApplication

from plateflow.gui.manager import Manager
from plateflow.gui.palette import DARK, LIGHT
from plateflow.gui.theme import apply_theme
from plateflow.gui.window import MainWindow
from plateflow.settings import runtime_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def open_window(folders: Sequence[str]) -> int:
    """Show the window, with the plates of the last time and these, until it is closed; return 0."""
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    settings = QSettings("plateflow", "plate-manager")
    dark = settings.value("dark", True, bool)
    apply_theme(app, DARK if dark else LIGHT)
    manager = Manager(runtime_directory())

    def change_theme() -> None:
        nonlocal dark
        dark = not dark
        settings.setValue("dark", dark)
        apply_theme(app, DARK if dark else LIGHT)

    window = MainWindow(manager, change_theme)
    window.add_plates([*_paths(settings), *folders])
    manager.plates_changed.connect(lambda: settings.setValue("plates", list(manager.store.plates)))
    signal.signal(signal.SIGINT, lambda *_: window.close())
    with _awake_for_signals():
        window.show()
        return int(app.exec())


@contextmanager
def _awake_for_signals() -> Iterator[None]:
    # Python sees a signal only when Qt calls it: a signal writes into this socket, which wakes Qt. A timer would wake
    # the process when nothing happens.
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    notifier = QSocketNotifier(ours.fileno(), QSocketNotifier.Type.Read)  # type: ignore[call-overload] # takes an int
    notifier.activated.connect(lambda *_: ours.recv(64))
    before = signal.set_wakeup_fd(theirs.fileno())
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        notifier.setEnabled(False)
        ours.close()
        theirs.close()


def _paths(settings: QSettings) -> list[str]:
    kept = settings.value("plates", [])
    if isinstance(kept, str):  # how Qt gives back a list of one
        return [kept]
    return [str(path) for path in kept or []]
