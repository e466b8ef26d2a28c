"""The window as it was the last time."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QToolButton

from plateflow.gui.chosen_format import ChosenFormat
from plateflow.gui.manager import Manager
from plateflow.gui.session import GONE, KeptPlate, Session
from plateflow.gui.texts import step_text
from plateflow.gui.window import MainWindow


@pytest.fixture
def window(qtbot: QtBot, manager: Manager) -> MainWindow:
    window = MainWindow(manager)
    qtbot.addWidget(window)
    window.show()
    return window


def test_a_window_is_restored(
    qtbot: QtBot, window: MainWindow, manager: Manager, directory: Path, small_plate: Path, tmp_path: Path
) -> None:
    other, pipeline, gone = tmp_path / "other", tmp_path / "p.py", str(tmp_path / "gone")
    other.mkdir()
    pipeline.write_text("")
    kept: list[Session] = []
    window.session_changed.connect(kept.append)
    window.add_plates([str(other), str(small_plate)])
    window._take_pipeline(str(pipeline))  # of the selected one, the first that was new
    manager.store.plates[str(small_plate)].output = "/results/small"
    by_name = ChosenFormat(filenames="(?P<well>.*)")
    window.restore(Session(plates=(KeptPlate(gone, format=by_name),)))
    window.plates.list.selectAll()
    window.setGeometry(20, 30, 760, 700)
    window._keep()
    session = kept[-1]
    assert session.plates == (
        KeptPlate(str(other), str(pipeline)),
        KeptPlate(str(small_plate), "", "/results/small"),
        KeptPlate(gone, format=by_name),
    )
    assert session.recent_plates == () == session.recent_pipelines  # as that session had them
    again = Manager(directory)
    second = MainWindow(again)
    qtbot.addWidget(second)
    second.restore(session)
    second.show()
    assert second.geometry() == window.geometry()
    assert replace(second.session(), geometry="") == replace(session, geometry="")
    assert session.selected == (str(other), str(small_plate), gone)
    assert step_text(again.store.plates[gone]) == GONE
    second.close()


def test_recent_plates_are_on_the_add_button(window: MainWindow, tmp_path: Path, small_plate: Path) -> None:
    gone = tmp_path / "gone & lost"
    window.recent_plates.paths = (str(small_plate), str(gone))
    window.recent_plates.fill()
    there, missing = window.recent_plates.actions()
    assert (there.isEnabled(), missing.isEnabled()) == (True, False)
    assert missing.text().endswith("not there now")
    assert "gone && lost" in missing.text()
    there.trigger()
    assert [plate.path for plate in window.selected()] == [str(small_plate)]
    assert window.recent_plates.paths == (str(small_plate), str(gone))
    menus = {button.menu() for button in window.findChildren(QToolButton)}
    assert {window.recent_plates, window.recent_pipelines} <= menus


def test_recent_pipelines_are_given_to_the_selected_plates(
    window: MainWindow, manager: Manager, small_plate: Path, pipeline: Path
) -> None:
    window.add_plates([str(small_plate)])
    window.recent_pipelines.paths = ("/gone.py", str(pipeline))
    window.recent_pipelines.fill()
    window.recent_pipelines.actions()[1].trigger()
    assert manager.store.plates[str(small_plate)].pipeline == str(pipeline)
    assert window.recent_pipelines.paths == (str(pipeline), "/gone.py")


def test_a_key_opens_the_recent_plates(qtbot: QtBot, window: MainWindow) -> None:
    keys = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(window, Qt.Key.Key_O, keys)  # type: ignore[call-overload]  # PyQt's stubs take self twice
    qtbot.waitUntil(window.recent_plates.isVisible)
    assert [action.text() for action in window.recent_plates.actions()] == ["None yet"]
    window.recent_plates.close()
