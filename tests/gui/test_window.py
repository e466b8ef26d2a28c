"""The real window: what it shows, and that every part of it can be reached without a mouse and told in words."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtGui import QIcon, QImage, QPalette
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QApplication, QLineEdit, QWidget
from tests.gui.steps import SLOW, TIMEOUT, press, settle

from plateflow.gui.actions import ACTIONS
from plateflow.gui.manager import Manager
from plateflow.gui.palette import DARK, THEMES, Theme
from plateflow.gui.states import PlateState
from plateflow.gui.theme import apply_theme
from plateflow.gui.window import MainWindow

FOUR_STEPS = """
import time
import numpy as np
from plateflow import FunctionStep, Pipeline

def _wait(image: np.ndarray) -> np.ndarray:
    time.sleep(0.2)
    return image

def first(image: np.ndarray) -> np.ndarray:
    return _wait(image)

def second(image: np.ndarray) -> np.ndarray:
    return _wait(image)

def third(image: np.ndarray) -> np.ndarray:
    return _wait(image)

def fourth(image: np.ndarray) -> np.ndarray:
    return _wait(image)

steps = [FunctionStep(step, inputs="DNA") for step in (first, second, third, fourth)]
pipeline = Pipeline("four", channels={"DNA": "1", "GFP": "2"}, steps=steps)
"""
RAISES = SLOW.replace("time.sleep(2)", 'if image.mean() > 0:\n        raise ValueError("no cells here")')


def test_the_whole_way_in_the_window(
    qtbot: QtBot, window: MainWindow, manager: Manager, small_plate: Path, tmp_path: Path
) -> None:
    pipeline = tmp_path / "four.py"
    pipeline.write_text(FOUR_STEPS, encoding="utf-8")
    window.add_plates([str(small_plate)])
    path = str(small_plate)
    manager.set_pipeline([path], str(pipeline))
    press(qtbot, window, "init")
    assert window.plates.model.data(window.plates.model.index(0)) == "small_plate  ⏳ Init"
    settle(qtbot, manager, path, PlateState.READY)
    press(qtbot, window, "compile")
    assert window.plates.model.data(window.plates.model.index(0)) == "small_plate  ⏳ Compile"
    settle(qtbot, manager, path, PlateState.COMPILED)
    texts: list[str] = []
    manager.rows_changed.connect(lambda _: texts.append(window.status_text()))
    press(qtbot, window, "run")
    settle(qtbot, manager, path, PlateState.COMPLETE)
    for number, step in enumerate(("first", "second", "third", "fourth"), 1):
        said = [text for text in texts if f"step {number}/4 {step} " in text]
        assert said, f"the status bar never named step {step}"
        assert all("% · plate " in text for text in said)
    assert window.windowTitle() == "Plate Manager – plateflow"
    assert "6 wells" in window.detail._header.text()


def test_a_failed_well_tells_its_traceback(
    qtbot: QtBot, window: MainWindow, manager: Manager, small_plate: Path, tmp_path: Path
) -> None:
    raises = tmp_path / "raises.py"
    raises.write_text(RAISES, encoding="utf-8")
    window.add_plates([str(small_plate)])
    path = str(small_plate)
    manager.set_pipeline([path], str(raises))
    press(qtbot, window, "run")
    settle(qtbot, manager, path, PlateState.COMPLETE_WITH_FAILURES)
    assert "Failures (6)" in [window.detail._tabs.tabText(n) for n in range(window.detail._tabs.count())]
    with qtbot.waitSignal(manager.traceback_came, timeout=TIMEOUT) as came:
        window.detail.traceback_wanted.emit("A01")
    assert came.args is not None
    assert came.args[1] == "A01"
    assert 'raise ValueError("no cells here")' in came.args[2]


def test_every_action_has_a_shortcut_a_tooltip_and_a_name(window: MainWindow) -> None:
    shortcuts = [action.shortcut().toString() for action in window.actions_by_name.values()]
    assert all(shortcuts)
    assert len(set(shortcuts)) == len(ACTIONS)
    for action in window.actions_by_name.values():
        assert action.text()
        assert action.shortcut().toString() in action.toolTip()


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_every_action_has_a_sign_that_is_seen_and_looks_disabled(
    window: MainWindow, qapp: QApplication, theme: Theme
) -> None:
    apply_theme(qapp, theme)
    qapp.processEvents()
    for name, action in window.actions_by_name.items():
        pictures = [action.icon().pixmap(32, mode).toImage() for mode in (QIcon.Mode.Normal, QIcon.Mode.Disabled)]
        most = [max(shades(picture).items(), key=lambda shade: shade[1])[0] for picture in pictures]
        assert most[0] == theme.text, name
        assert most[1] == window.palette().color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.ButtonText).name()
    apply_theme(qapp, DARK)


def shades(picture: QImage) -> Counter[str]:
    """Return how many opaque pixels have which colour."""
    colours = [picture.pixelColor(x, y) for x in range(picture.width()) for y in range(picture.height())]
    return Counter(colour.name() for colour in colours if colour.alpha() == 255)


def test_every_control_has_an_accessible_name(window: MainWindow) -> None:
    nameless = [
        widget
        for widget in window.findChildren(QWidget)
        if widget.focusPolicy() != Qt.FocusPolicy.NoFocus
        and not widget.objectName().startswith("qt_")
        and not (widget.accessibleName() or (isinstance(widget, QAbstractButton | QLineEdit) and _text(widget)))
    ]
    assert nameless == []


def _text(widget: QAbstractButton | QLineEdit) -> str:
    return widget.text() if isinstance(widget, QAbstractButton) else widget.placeholderText()


def test_closing_the_window_leaves_the_run_going(
    qtbot: QtBot, directory: Path, small_plate: Path, tmp_path: Path, short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(short_tmp)
    slow = tmp_path / "slow.py"
    slow.write_text(SLOW, encoding="utf-8")
    manager = Manager(directory)
    window = MainWindow(manager)
    qtbot.addWidget(window)
    window.add_plates([str(small_plate)])
    path = str(small_plate)
    manager.set_pipeline([path], str(slow))
    press(qtbot, window, "run")
    settle(qtbot, manager, path, PlateState.RUNNING)
    window.close()
    again = Manager(directory)
    again.add([small_plate])
    settle(qtbot, again, path, PlateState.RUNNING)
    again.stop([path])
    settle(qtbot, again, path, PlateState.CANCELLED)
    again.close()


def test_a_selection_serves_those_that_are_idle(
    qtbot: QtBot, window: MainWindow, manager: Manager, small_plate: Path, pipeline: Path, tmp_path: Path
) -> None:
    slow = tmp_path / "slow.py"
    slow.write_text(SLOW, encoding="utf-8")
    other = tmp_path / "others" / small_plate.name  # of the same name: its results may not be in the way
    shutil.copytree(small_plate, other)
    window.add_plates([str(small_plate), str(other)])
    busy, idle = str(small_plate), str(other)
    manager.set_pipeline([busy], str(slow))
    manager.set_pipeline([idle], str(pipeline))
    manager.run([busy])
    settle(qtbot, manager, busy, PlateState.RUNNING)
    before = manager.store.plates[busy].progress
    window.plates.list.selectAll()
    press(qtbot, window, "run")
    assert manager.store.plates[busy].progress is before
    assert manager.store.plates[idle].state is PlateState.QUEUED
    assert manager.store.plates[idle].output != manager.store.plates[busy].output
    window.plates.list.selectAll()
    press(qtbot, window, "stop")
    settle(qtbot, manager, busy, PlateState.CANCELLED)
    settle(qtbot, manager, idle, PlateState.CANCELLED)
    press(qtbot, window, "init")
    assert not manager.store.plates[idle].stop_pending
    settle(qtbot, manager, idle, PlateState.READY)


def test_a_key_colours_the_wells_by_something_else(qtbot: QtBot, window: MainWindow) -> None:
    with qtbot.waitSignal(window.detail.colour_changed) as told:
        QTest.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)  # type: ignore[call-overload]
    assert told.args == ["step"]
    assert window.detail.colour.currentText() == "Colour: step"
    assert str(window.detail.map.colour_by) == "step"
    window.detail.colour.setCurrentIndex(2)
    assert str(window.detail.map.colour_by) == "time"


def test_the_images_of_the_selected_well_are_asked_for(
    qtbot: QtBot, window: MainWindow, manager: Manager, small_plate: Path, pipeline: Path
) -> None:
    window.add_plates([str(small_plate)])
    manager.set_pipeline([str(small_plate)], str(pipeline))
    press(qtbot, window, "compile")
    settle(qtbot, manager, str(small_plate), PlateState.COMPILED)
    window.detail.map.select_wells(["B02"])
    with qtbot.waitSignal(window.detail.input_wanted) as wanted:
        window.detail.well.input_button.click()
    assert wanted.args == ["B02"]


def test_the_images_of_a_well_are_asked_for_and_shown(
    qtbot: QtBot, window: MainWindow, manager: Manager, small_plate: Path, pipeline: Path
) -> None:
    window.add_plates([str(small_plate)])
    manager.set_pipeline([str(small_plate)], str(pipeline))
    window.detail.input_wanted.emit("B02")
    qtbot.waitUntil(window.images.isVisible, timeout=TIMEOUT)
    assert window.images.windowTitle() == "Input images of B02 – plateflow"
    names = [window.images.pictures.item(n) for n in range(window.images.pictures.count())]
    assert [item.text() for item in names if item is not None] == ["1 (DNA)", "2 (GFP)"]


def test_why_a_well_has_no_images_is_said(
    qtbot: QtBot, window: MainWindow, manager: Manager, small_plate: Path, tmp_path: Path
) -> None:
    window.add_plates([str(tmp_path)])
    window.detail.input_wanted.emit("B02")
    qtbot.waitUntil(lambda: str(tmp_path) in window._bar.currentMessage(), timeout=TIMEOUT)
    assert not window.images.isVisible()
