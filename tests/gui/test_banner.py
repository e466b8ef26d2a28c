"""The notice at the top of the window: at the end of a run, and while the server is not heard."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices, QIcon
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QSystemTrayIcon
from tests.gui.steps import TIMEOUT, press, settle
from tests.gui.test_window import RAISES
from tests.runtime.fake_server import FakeServer
from tests.unit.cli.view.script import Script

from plateflow.gui.banner import Banner
from plateflow.gui.icons import window_icon
from plateflow.gui.manager import Manager
from plateflow.gui.notices import Notice
from plateflow.gui.palette import DARK, THEMES, Theme
from plateflow.gui.states import PlateState
from plateflow.gui.theme import apply_theme
from plateflow.gui.tray import Tray
from plateflow.gui.window import MainWindow
from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.service.connect import connect

DONE = Notice("Plate_A: Complete · 384 done", "done", "/results/a")


@pytest.fixture
def banner(qtbot: QtBot, qapp: QApplication) -> Iterator[Banner]:
    apply_theme(qapp, DARK)
    widget = Banner()
    qtbot.addWidget(widget)
    widget.resize(900, 40)
    yield widget
    apply_theme(qapp, DARK)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("role", ["done", "failed", "cancelled", "lost"])
def test_a_notice_has_words_a_colour_and_a_sign(banner: Banner, qapp: QApplication, theme: Theme, role: str) -> None:
    apply_theme(qapp, theme)
    banner.tell(Notice("Plate_A: as it is", role))
    assert (banner.label.text(), banner.accessibleDescription()) == ("Plate_A: as it is",) * 2
    image = banner.grab().toImage()
    assert image.pixelColor(2, 20).name() == theme.colour(role)
    near = {image.pixelColor(x, y).name() for x in range(14, 30) for y in range(image.height())}
    assert theme.text in near
    assert banner.results_button.isHidden()


def test_the_last_notice_counts_and_can_be_closed(qtbot: QtBot, banner: Banner) -> None:
    assert banner.isHidden()
    banner.tell(DONE)
    banner.tell(Notice("Plate_B: Cancelled", "cancelled", "/results/b"))
    assert banner.isVisible()
    with qtbot.waitSignal(banner.results_wanted) as wanted:
        banner.results_button.click()
    assert wanted.args == ["/results/b"]
    banner.close_button.click()
    assert (banner.isHidden(), banner.notice) == (True, None)


def test_a_long_notice_widens_nothing_and_is_told_whole(banner: Banner) -> None:
    banner.tell(Notice("a: Failed · " + "/a/long/path" * 60, "failed"))
    assert banner.minimumSizeHint().width() < 400
    assert banner.heightForWidth(500) > banner.heightForWidth(5000)


@pytest.fixture
def notes() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def window(qtbot: QtBot, manager: Manager, notes: list[tuple[str, str]]) -> Iterator[MainWindow]:
    window = MainWindow(manager, notify=lambda title, text: notes.append((title, text)))
    qtbot.addWidget(window)
    window.show()
    yield window
    window.close()


def test_the_end_of_a_run_is_told(
    qtbot: QtBot,
    window: MainWindow,
    manager: Manager,
    notes: list[tuple[str, str]],
    small_plate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raises = tmp_path / "raises.py"
    raises.write_text(RAISES, encoding="utf-8")
    window.add_plates([str(small_plate)])
    path = str(small_plate)
    manager.set_pipeline([path], str(raises))
    notify = window.actions_by_name["notify"]
    notify.setChecked(True)
    press(qtbot, window, "compile")
    settle(qtbot, manager, path, PlateState.COMPILED)
    assert (window.banner.isHidden(), notes) == (True, [])  # only runs are told
    press(qtbot, window, "run")
    settle(qtbot, manager, path, PlateState.COMPLETE_WITH_FAILURES)
    text = "small_plate: Complete with failures 0/6 · 6 fail"
    assert window.banner.notice == Notice(text, "failed", manager.store.plates[path].output)
    assert window.banner.isVisible()
    assert notes == [("plateflow", text)]
    assert QApplication.activeModalWidget() is None
    opened: list[QUrl] = []

    def take(url: QUrl) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr(QDesktopServices, "openUrl", take)
    window.banner.results_button.click()
    assert [url.toLocalFile() for url in opened] == [manager.store.plates[path].output]
    window.plates.list.setFocus()
    QTest.keyClick(window.plates.list, Qt.Key.Key_Escape)  # type: ignore[call-overload]  # PyQt's stubs take self twice
    assert window.banner.isHidden()
    notify.setChecked(False)
    press(qtbot, window, "run")
    qtbot.waitUntil(window.banner.isVisible, timeout=TIMEOUT)
    assert len(notes) == 1


def test_an_end_that_was_missed_is_told_when_the_server_is_heard_again(
    window: MainWindow, manager: Manager, small_plate: Path
) -> None:
    window.add_plates([str(small_plate)])
    path = str(small_plate)
    plate = manager.store.plates[path]
    ended = as_it_ended(path)
    assert manager.store.adopt(ended) is None  # an end of long ago
    manager.store.request(path, ExecutionKind.RUN, "b" * 32)
    manager.store.lose("no answer")
    assert str(plate.state) == "lost"
    assert manager.store.adopt(ended.replace(b"a" * 32, b"b" * 32)) is plate
    assert str(plate.state) == "complete"


def test_a_lost_server_is_told_until_it_is_found(
    qtbot: QtBot, short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(short_tmp)
    with connect(short_tmp / "run") as client:
        pid = client.ping().pid
    manager = Manager(short_tmp / "run")
    window = MainWindow(manager)
    qtbot.addWidget(window)
    window.show()
    told: list[Notice | None] = []
    manager.disconnected.connect(lambda *_: told.append(window.banner.notice))
    try:
        qtbot.waitUntil(lambda: manager.connection == f"server {pid}", timeout=TIMEOUT)
        assert window.banner.isHidden()
        os.kill(pid, signal.SIGKILL)
        qtbot.waitUntil(lambda: bool(told), timeout=TIMEOUT)
        assert told[0] is not None
        assert told[0].role == "lost"
        qtbot.waitUntil(lambda: manager.connection.startswith("server"), timeout=TIMEOUT)
        assert window.banner.isHidden()
    finally:
        window.close()
        with connect(short_tmp / "run") as client:
            client.shutdown()


def test_a_message_that_breaks_the_schema_is_told_and_stays_closed(qtbot: QtBot, short_tmp: Path) -> None:
    with FakeServer(short_tmp / "run") as server:
        manager = Manager(short_tmp / "run")
        window = MainWindow(manager)
        qtbot.addWidget(window)
        window.show()
        manager.link.follow("c" * 32)
        qtbot.waitUntil(lambda: manager.connection.startswith("server"), timeout=TIMEOUT)
        qtbot.wait(300)
        server.publish("c" * 32, 1, 1, b'{"type":"progress","percent":101}\n')
        qtbot.waitUntil(window.banner.isVisible, timeout=TIMEOUT)
        notice = window.banner.notice
        assert notice is not None
        assert notice.role == "failed"
        assert notice.text.startswith("The server sent a message that breaks the schema")
        with qtbot.waitSignal(manager.connected, timeout=TIMEOUT):
            pass
        assert window.banner.isVisible()  # it is there again, and the reason still stands
        window.banner.close_button.click()
        with qtbot.waitSignal(manager.disconnected, timeout=TIMEOUT):
            qtbot.wait(300)  # until it follows again: what is published before is lost
            server.publish("c" * 32, 1, 1, b'{"type":"progress","percent":101}\n')
        assert window.banner.isHidden()
        window.close()


def test_without_a_tray_nothing_is_shown_and_nothing_fails(qtbot: QtBot) -> None:
    assert not QSystemTrayIcon.isSystemTrayAvailable()  # offscreen
    tray = Tray(QIcon())
    tray.show_note("plateflow", "Plate_A: Complete")
    tray.close()


def test_with_a_tray_the_note_is_handed_to_it(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[object, ...]] = []
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", lambda: True)
    monkeypatch.setattr(QSystemTrayIcon, "showMessage", lambda _self, *args: said.append(args))
    tray = Tray(window_icon())
    tray.show_note("plateflow", "Plate_A: Complete")
    tray.close()
    assert [args[:2] for args in said] == [("plateflow", "Plate_A: Complete")]


def as_it_ended(path: str) -> bytes:
    """Return the snapshot of a run that has completed."""
    script = Script(2, 3)
    script.prepare()
    for _ in script.run():
        pass
    script.execution(ExecutionState.COMPLETED)
    script.state.plate_id, script.state.execution_id = path, "a" * 32
    return script.state.snapshot()
