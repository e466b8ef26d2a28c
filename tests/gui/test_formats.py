"""Choosing in the window how a plate is read, over a real server; and what a plate's jobs make of it."""

from pathlib import Path

import pytest
from msgspec.json import decode
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractButton, QDialogButtonBox, QWidget
from tests.gui.editor.answering import settle as settle_editor
from tests.gui.editor.answering import type_keys
from tests.gui.steps import TIMEOUT, press, settle

from plateflow.cli.demo import PIPELINE
from plateflow.gui.chosen_format import DETECTED, ChosenFormat
from plateflow.gui.format_dialog import ASKING, FormatDialog
from plateflow.gui.manager import Manager
from plateflow.gui.states import PlateState
from plateflow.gui.window import MainWindow
from plateflow.plate.detect import known_formats
from plateflow.runtime.client import ExecutionClient
from plateflow.service.job import JobSpec
from plateflow.service.questions import FormatWords

NAMES = ["Detect", *(each.name for each in known_formats()), "filenames"]
CELLOMICS, SBS = "AS_09125_050116030001_D03f00d0.tif", "Channel1-01-A-01.tif"
PATTERN = r".*_(?P<well>[A-P]\d\d)f(?P<site>\d\d)d(?P<channel>\d)\.tif"


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    """A folder that two readers know."""
    folder = tmp_path / "two"
    folder.mkdir()
    for name in (CELLOMICS, SBS):
        (folder / name).touch()
    return folder


def opened(qtbot: QtBot, window: MainWindow) -> FormatDialog:
    press(qtbot, window, "format")
    dialog = window.formats.dialog
    assert dialog is not None
    qtbot.waitUntil(lambda: listed(dialog) == NAMES, timeout=TIMEOUT)
    return dialog


def listed(dialog: FormatDialog) -> list[str]:
    items = [dialog.list.topLevelItem(row) for row in range(dialog.list.topLevelItemCount())]
    return [item.text(0) for item in items if item is not None]


def select(dialog: FormatDialog, name: str) -> None:
    dialog.list.setCurrentItem(dialog.list.findItems(name, Qt.MatchFlag.MatchExactly)[0])


def ok(dialog: FormatDialog) -> QAbstractButton:
    button = dialog.buttons.button(QDialogButtonBox.StandardButton.Ok)
    assert button is not None
    return button


def job_of(client: ExecutionClient, manager: Manager, path: str) -> JobSpec:
    """Return the last job of a plate as the server has it."""
    progress = manager.store.plates[path].progress
    assert progress is not None
    return decode(bytes(client.describe(progress.execution_id).job), type=JobSpec)


def test_a_folder_that_two_readers_know_is_opened_by_the_one_that_is_chosen(
    qtbot: QtBot, window: MainWindow, manager: Manager, client: ExecutionClient, plate: Path
) -> None:
    path = str(plate)
    window.add_plates([path])
    press(qtbot, window, "init")
    settle(qtbot, manager, path, PlateState.FAILED)
    assert "or by Format in the window" in window.detail._header.text()
    dialog = opened(qtbot, window)
    assert dialog.list.currentItem() is dialog.list.topLevelItem(0)
    select(dialog, "sbs-names")
    ok(dialog).click()
    qtbot.waitUntil(lambda: window.detail._header.text() == "two · Created · read as sbs-names", timeout=TIMEOUT)
    press(qtbot, window, "init")
    settle(qtbot, manager, path, PlateState.READY, PlateState.FAILED)
    assert manager.store.plates[path].problem == ""
    assert job_of(client, manager, path) == JobSpec(plate=path, layout="sbs-names")
    assert window.session().plates[0].format == ChosenFormat("sbs-names")
    again = opened(qtbot, window)
    assert NAMES[again.list.indexOfTopLevelItem(again.list.currentItem())] == "sbs-names"
    select(again, "Detect")
    ok(again).click()
    assert manager.store.plates[path].format == DETECTED


def test_a_pattern_is_typed_and_checked_before_it_is_chosen(
    qtbot: QtBot, window: MainWindow, manager: Manager, client: ExecutionClient, plate: Path
) -> None:
    path = str(plate)
    window.add_plates([path])
    dialog = opened(qtbot, window)
    select(dialog, "filenames")
    assert not ok(dialog).isEnabled()
    select(dialog, "Detect")
    assert ok(dialog).isEnabled()
    type_keys(dialog.pattern, "(?P<site>.*)")
    assert NAMES[dialog.list.indexOfTopLevelItem(dialog.list.currentItem())] == "filenames"
    assert "tells no well" in dialog.told.text()
    assert not ok(dialog).isEnabled()
    dialog.pattern.clear()
    type_keys(dialog.pattern, PATTERN)
    ok(dialog).click()
    press(qtbot, window, "init")
    settle(qtbot, manager, path, PlateState.READY, PlateState.FAILED)
    assert manager.store.plates[path].problem == ""
    assert job_of(client, manager, path) == JobSpec(plate=path, filenames=PATTERN)
    assert window.detail._header.text() == "two · Ready · read by file names"


def test_images_and_the_editor_read_the_plate_as_chosen(
    qtbot: QtBot, window: MainWindow, manager: Manager, plate: Path, tmp_path: Path
) -> None:
    path, pipeline = str(plate), tmp_path / "pipeline.py"
    pipeline.write_text(PIPELINE.replace('    metadata="plate_map.csv",\n', ""), encoding="utf-8")
    window.add_plates([path])
    manager.set_pipeline([path], str(pipeline))
    press(qtbot, window, "pipeline")
    [editor] = window.editors.open
    settle_editor(qtbot, editor)
    assert "2 readers know this folder" in editor.session.problems[0].text
    window.formats.chosen.emit([path], ChosenFormat("sbs-names"))
    settle_editor(qtbot, editor)
    assert not [problem for problem in editor.session.problems if "readers" in problem.text]
    qtbot.waitUntil(lambda: [channel.name for channel in editor.session.channels] == ["Channel1"], timeout=TIMEOUT)
    window.detail.input_wanted.emit("A01")
    qtbot.waitUntil(window.images.isVisible, timeout=TIMEOUT)


def test_what_was_chosen_of_a_package_that_is_gone_stays_listed(qtbot: QtBot) -> None:
    dialog = FormatDialog(["plate_01", "plate_02"], ChosenFormat("zeiss"))
    qtbot.addWidget(dialog)
    assert (listed(dialog), dialog.told.text()) == (["Detect", "zeiss", "filenames"], ASKING)
    dialog.offer([FormatWords("ome-zarr", "attributes")])
    assert listed(dialog) == ["Detect", "zeiss", "ome-zarr", "filenames"]
    with qtbot.waitSignal(dialog.chosen) as chosen:
        dialog.accept()
    assert chosen.args == [ChosenFormat("zeiss")]


def test_why_no_formats_are_listed_is_said(qtbot: QtBot) -> None:
    dialog = FormatDialog(["plate_01"], DETECTED)
    qtbot.addWidget(dialog)
    dialog.offer((), "two readers of plates are called 'xyz'")
    assert (listed(dialog), dialog.told.text()) == (["Detect", "filenames"], "two readers of plates are called 'xyz'")


def test_every_control_of_it_has_a_name(qtbot: QtBot) -> None:
    dialog = FormatDialog(["plate_01"], DETECTED)
    qtbot.addWidget(dialog)
    focused = [w for w in dialog.findChildren(QWidget) if w.focusPolicy() != Qt.FocusPolicy.NoFocus]
    assert [w for w in focused if not (w.accessibleName() or w.objectName().startswith("qt_"))] == []


def test_an_answer_that_comes_too_late_is_dropped(qtbot: QtBot, window: MainWindow, plate: Path) -> None:
    window.add_plates([str(plate)])
    press(qtbot, window, "format")
    window.formats.close()
    assert window.formats.dialog is None
    opened(qtbot, window)  # the first answer came before this one's
    window.close()
    assert window.formats.dialog is None


def test_runs_are_made_in_threads_where_that_is_switched_on(
    qtbot: QtBot, window: MainWindow, manager: Manager, client: ExecutionClient, small_plate: Path, pipeline: Path
) -> None:
    path = str(small_plate)
    window.add_plates([path])
    manager.set_pipeline([path], str(pipeline))
    for text, executor in (("off", "processes"), ("on", "threads")):
        assert window.actions_by_name["threads"].text() == f"Run wells in threads: {text}"
        press(qtbot, window, "run")
        settle(qtbot, manager, path, PlateState.COMPLETE)
        assert job_of(client, manager, path).executor == executor
        window.actions_by_name["threads"].trigger()
