"""Opens the Plate Manager."""

from __future__ import annotations

import signal
import socket
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qtpy.QtCore import QSettings, QSocketNotifier
from qtpy.QtWidgets import QApplication

from plateflow.gui.colouring import ColourBy
from plateflow.gui.icons import window_icon
from plateflow.gui.manager import Manager
from plateflow.gui.palette import DARK, LIGHT
from plateflow.gui.session import load_session, save_session
from plateflow.gui.theme import apply_theme
from plateflow.gui.tray import Tray
from plateflow.gui.window import MainWindow
from plateflow.settings import runtime_directory, session_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qtpy.QtGui import QAction


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

    app.setWindowIcon(window_icon())
    tray = Tray(window_icon())
    window = MainWindow(manager, change_theme, tray.show_note)
    _remember(window.actions_by_name["notify"], settings, "notify", at_first=True)
    _remember(window.actions_by_name["threads"], settings, "threads", at_first=False)
    window.detail.set_colour_by(_colour_by(settings))
    window.detail.colour_changed.connect(lambda by: settings.setValue("colour", by))
    kept = session_file()
    window.restore(load_session(kept))
    window.session_changed.connect(lambda session: save_session(kept, session))
    window.add_plates(folders)
    signal.signal(signal.SIGINT, lambda *_: window.close())
    with _awake_for_signals():
        window.show()
        code = int(app.exec())
    tray.close()
    return code


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


def _remember(switch: QAction, settings: QSettings, name: str, *, at_first: bool) -> None:
    switch.setChecked(settings.value(name, at_first, bool))
    switch.toggled.connect(lambda on: settings.setValue(name, on))


def _colour_by(settings: QSettings) -> ColourBy:
    kept = settings.value("colour", "")
    return ColourBy(kept) if kept in set(ColourBy) else ColourBy.STATE
