"""The editor over the window's plates and a real server: a runner answers, and plates get what is saved."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from tests.gui.editor.answering import TIMEOUT, settle
from tests.gui.steps import settle as settle_plate

from plateflow.gui.editor.widgets import Picker
from plateflow.gui.editor.window import PipelineEditor
from plateflow.gui.manager import Manager
from plateflow.gui.states import PlateState
from plateflow.gui.window import MainWindow

OTHER = "PLATE = 3\n"


@pytest.fixture
def window(qtbot: QtBot, manager: Manager) -> Iterator[MainWindow]:
    window = MainWindow(manager)
    qtbot.addWidget(window)
    window.show()
    yield window
    for editor in window.editors.open:
        editor._leaving = True
    window.close()


def edit(qtbot: QtBot, window: MainWindow) -> PipelineEditor:
    window.actions_by_name["pipeline"].trigger()
    editor = window.editors.open[-1]
    settle(qtbot, editor)
    return editor


def test_a_plate_gets_the_pipeline_that_is_saved(
    qtbot: QtBot, window: MainWindow, manager: Manager, small_plate: Path, pipeline: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(pipeline.read_text(encoding="utf-8"), encoding="utf-8")
    window.add_plates([str(small_plate)])
    path = str(small_plate)
    manager.set_pipeline([path], str(mine))
    manager.compile([path])
    settle_plate(qtbot, manager, path, PlateState.COMPILED)
    editor = edit(qtbot, window)
    assert editor.problems.verdict.text().startswith("No problems · 6 wells")
    assert edit(qtbot, window) is editor  # one for each file
    editor.session.change(lambda form: form.__class__(name="mine", steps=form.steps, channels=form.channels), "x")
    window.close()
    assert window.isVisible()  # there are changes that are not saved
    editor.actions_by_name["save"].trigger()
    assert manager.store.plates[path].state is PlateState.READY  # what was compiled is not what would run now
    assert 'Pipeline(\n    "mine"' in mine.read_text(encoding="utf-8")
    window.close()
    assert not window.isVisible()
    assert not editor.isVisible()


def test_a_plate_without_a_pipeline_gets_a_new_one(
    qtbot: QtBot, window: MainWindow, manager: Manager, small_plate: Path, tmp_path: Path
) -> None:
    window.add_plates([str(small_plate)])
    editor = edit(qtbot, window)
    assert editor.problems.verdict.text().startswith("No problems · 6 wells")
    qtbot.waitUntil(lambda: bool(editor.session.channels), timeout=TIMEOUT)
    assert [channel.name for channel in editor.session.channels] == ["1", "2"]
    assert editor.pipeline.known.text().startswith("The selected plate has: 1")
    [picker] = [each for each in editor.step.findChildren(Picker) if each.accessibleName() == "Input image"]
    assert [picker.itemText(at) for at in range(picker.count())] == ["1", "2", "every channel, one by one"]
    editor._save(tmp_path / "new.py")
    assert manager.store.plates[str(small_plate)].pipeline == str(tmp_path / "new.py")
