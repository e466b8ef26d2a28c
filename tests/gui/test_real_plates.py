"""The real window on real plates: every label in order, every step told, and what fails told by its name."""

import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from tests.gui.labels import Labels
from tests.gui.steps import TIMEOUT, journal_of, press, settle

from plateflow.gui.manager import Manager
from plateflow.gui.panels.contents import failure_rows
from plateflow.gui.plates import Plate, PlateStore
from plateflow.gui.states import PlateState
from plateflow.gui.texts import state_text, status_bar, step_text
from plateflow.gui.window import MainWindow
from plateflow.progress.messages import ExecutionKind
from plateflow.progress.state import AxisState
from plateflow.runtime.client import ExecutionClient
from plateflow.service.connect import connect
from plateflow.storage.tiff import write_plane

EXAMPLE = Path(__file__).parents[2] / "examples" / "translocation.py"
TRANSLOCATION = ("find_nuclei", "ring_around", "measure_nuclei", "measure_cytoplasm", "ratio")
WELLS = ("C04", "C05", "C06", "D04", "D05", "D06")
WHOLE_WAY = ["Created", "⏳ Init", "Ready", "⏳ Compile", "✓ Compiled", "Queued", "▶ Running", "✓ Complete"]
LOST_WITHIN = 4.0
"""Seconds."""
PACED = """
import time
import numpy as np
from plateflow import FunctionStep, Pipeline
{slowly}

def look(image: np.ndarray) -> np.ndarray:
    time.sleep({seconds})
    if not image.any():
        raise ValueError("an empty image: was the well filled?")
    return image

def see(image: np.ndarray) -> np.ndarray:
    time.sleep({seconds})
    return image

pipeline = Pipeline(
    "paced",
    channels={{"DNA": {channel!r}}},
    filenames={filenames!r},
    steps=[FunctionStep(look, inputs="DNA"), FunctionStep(see, inputs="DNA")],
)
"""
BBBC013 = r"Channel(?P<channel>\d)-\d+-(?P<row>[A-H])-(?P<column>\d\d)\.tif"


@pytest.fixture
def labels(manager: Manager) -> Labels:
    return Labels(manager)


@pytest.fixture
def six_wells(test_data: Path, tmp_path: Path) -> Path:
    """Six wells of BBBC013, to damage."""
    plate = tmp_path / "BBBC013"
    plate.mkdir()
    for well in WELLS:
        for image in (test_data / "sbs_bbbc013" / "images").glob(f"Channel?-*-{well[0]}-{well[1:]}.tif"):
            shutil.copyfile(image, plate / image.name)
    return plate


def paced(
    folder: Path, *, seconds: float = 0.15, slowly: str = "", channel: str = "2", filenames: str = BBBC013
) -> str:
    """Write a pipeline of two steps of so many seconds each; ``slowly`` is done while it is loaded."""
    path = folder / "paced.py"
    text = PACED.format(seconds=seconds, slowly=slowly, channel=channel, filenames=filenames or None)
    path.write_text(text, encoding="utf-8")
    return str(path)


def add(qtbot: QtBot, window: MainWindow, manager: Manager, plate: Path, pipeline: str) -> str:
    window.add_plates([str(plate)])
    manager.set_pipeline([str(plate)], pipeline)
    settle(qtbot, manager, str(plate), PlateState.CREATED)
    return str(plate)


def whole_way(qtbot: QtBot, window: MainWindow, manager: Manager, path: str, end: PlateState) -> list[str]:
    """Press init, compile and run; return what the status bar said meanwhile."""
    texts: list[str] = []
    manager.rows_changed.connect(lambda _: texts.append(window.status_text()))
    press(qtbot, window, "init")
    assert state_text(manager.store.plates[path]) == "⏳ Init"
    settle(qtbot, manager, path, PlateState.READY)
    press(qtbot, window, "compile")
    assert state_text(manager.store.plates[path]) == "⏳ Compile"
    settle(qtbot, manager, path, PlateState.COMPILED)
    press(qtbot, window, "run")
    settle(qtbot, manager, path, end, timeout=2 * TIMEOUT)
    return texts


def steps_told(texts: list[str], count: int) -> set[tuple[int, str]]:
    """Return the steps that status texts name, with axis, step i/n and percent."""
    where = re.compile(rf"[A-H]\d\d · step (\d)/{count} (\w+) \d+% · plate \d+%")
    return {(int(found[1]), found[2]) for text in texts if (found := where.search(text))}


def texts_of_journal(directory: Path, plate: Plate) -> list[str]:
    """Return what the status bar says of each message, were each drawn: a step may be shorter than a frame."""
    assert plate.details is not None
    execution_id = plate.details.execution_id
    store = PlateStore()
    store.add(plate.path)
    store.request(plate.path, ExecutionKind.RUN, execution_id)
    shown = store.plates[plate.path]
    texts = []
    with ExecutionClient(directory) as client:
        for seq, message in enumerate(journal_of(client, execution_id), 1):
            store.apply(execution_id, [message], seq)
            texts.append(status_bar("server", [shown], shown))
    return texts


def in_order(said: list[str]) -> list[str]:
    """Return labels without the wait in the queue, which may be too short to be seen."""
    return [word for word in said if word != "Queued"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_whole_of_bbbc013(
    qtbot: QtBot, window: MainWindow, manager: Manager, labels: Labels, test_data: Path, directory: Path
) -> None:
    path = add(qtbot, window, manager, test_data / "sbs_bbbc013", str(EXAMPLE))
    texts = whole_way(qtbot, window, manager, path, PlateState.COMPLETE)
    assert in_order(labels.said[path]) == in_order(WHOLE_WAY)
    steps = set(enumerate(TRANSLOCATION, 1))
    assert (1, "find_nuclei") in steps_told(texts, 5) <= steps
    assert steps_told(texts_of_journal(directory, manager.store.plates[path]), 5) == steps
    details = manager.store.plates[path].details
    assert details is not None
    assert (details.percent, details.counts[AxisState.COMPLETED]) == (100, 96)
    assert (Path(manager.store.plates[path].output) / "wells.csv").is_file()


def test_an_imagexpress_export(
    qtbot: QtBot, window: MainWindow, manager: Manager, labels: Labels, test_data: Path, tmp_path: Path
) -> None:
    plate = test_data / "imagexpress" / "export" / "9987_Plate_3420"
    path = add(qtbot, window, manager, plate, paced(tmp_path, channel="1", filenames=""))
    texts = whole_way(qtbot, window, manager, path, PlateState.COMPLETE)
    assert in_order(labels.said[path]) == in_order(WHOLE_WAY)
    assert steps_told(texts, 2) == {(1, "look"), (2, "see")}
    assert state_text(manager.store.plates[path]) == "✓ Complete"


def test_one_well_fails_and_no_other(
    qtbot: QtBot, window: MainWindow, manager: Manager, labels: Labels, six_wells: Path, tmp_path: Path
) -> None:
    [image] = six_wells.glob("Channel2-*-C-05.tif")
    write_plane(str(image), np.zeros((640, 640), np.uint8))
    path = add(qtbot, window, manager, six_wells, paced(tmp_path))
    texts = whole_way(qtbot, window, manager, path, PlateState.COMPLETE_WITH_FAILURES)
    assert in_order(labels.said[path]) == [*in_order(WHOLE_WAY)[:-1], "✕ Complete with failures"]
    assert steps_told(texts, 2) == {(1, "look"), (2, "see")}
    plate = manager.store.plates[path]
    assert state_text(plate) == "✕ Complete with failures 5/6"
    assert plate.details is not None
    states = {well: axis.state for well, axis in plate.details.axes.items()}
    assert states == dict.fromkeys(WELLS, AxisState.COMPLETED) | {"C05": AxisState.FAILED}
    [row] = failure_rows(plate.details)
    assert row.cells[:3] == ("C05", "look", "ValueError: an empty image: was the well filled?")
    assert window.detail.map.text("C05").startswith("C05: failed in step 1 look: ValueError: an empty image")
    assert window.detail.map.text("C06") == "C06: done"


def test_an_unreadable_plate(
    qtbot: QtBot, window: MainWindow, manager: Manager, labels: Labels, test_data: Path, tmp_path: Path
) -> None:
    plate = tmp_path / "9987_Plate_3420"
    shutil.copytree(test_data / "imagexpress" / "export" / plate.name, plate, copy_function=shutil.copyfile)
    [htd] = plate.glob("*.HTD")
    htd.write_bytes(htd.read_bytes()[:60])
    path = add(qtbot, window, manager, plate, "")
    press(qtbot, window, "init")
    settle(qtbot, manager, path, PlateState.FAILED)
    assert labels.said[path] == ["Created", "⏳ Init", "✕ Failed"]
    assert htd.name in step_text(manager.store.plates[path])


def test_a_pipeline_for_another_plate(
    qtbot: QtBot, window: MainWindow, manager: Manager, labels: Labels, six_wells: Path, tmp_path: Path
) -> None:
    path = add(qtbot, window, manager, six_wells, paced(tmp_path, channel="7"))
    press(qtbot, window, "compile")
    settle(qtbot, manager, path, PlateState.FAILED)
    assert labels.said[path] == ["Created", "⏳ Compile", "✕ Failed"]
    assert "7" in step_text(manager.store.plates[path])


@pytest.fixture
def mortal(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory of a server in a process of its own, which the window starts again."""
    monkeypatch.chdir(short_tmp)
    directory = short_tmp / "run"
    connect(directory).close()
    yield directory
    with connect(directory) as client:
        client.shutdown()


@pytest.mark.parametrize("action", ["init", "compile", "run"])
def test_a_killed_server_is_told_and_its_successor_names_what_became(
    qtbot: QtBot, mortal: Path, six_wells: Path, tmp_path: Path, action: str
) -> None:
    manager = Manager(mortal)
    window, labels = MainWindow(manager), Labels(manager)
    qtbot.addWidget(window)
    window.show()
    slowly = "" if action == "run" else "time.sleep(60)"
    path = add(qtbot, window, manager, six_wells, paced(tmp_path, slowly=slowly, seconds=5))
    plate = manager.store.plates[path]
    press(qtbot, window, action)
    began = "▶ Running" if action == "run" else f"⏳ {action.capitalize()}"
    qtbot.waitUntil(lambda: told_of(plate) and labels.said[path][-1] == began, timeout=TIMEOUT)
    killed = int(manager.connection.split()[1])
    os.kill(killed, signal.SIGKILL)
    at = time.monotonic()
    qtbot.waitUntil(lambda: "? Lost" in labels.said[path], timeout=TIMEOUT)
    assert time.monotonic() - at < LOST_WITHIN
    assert (plate.init_pending, plate.compile_pending) == (False, False)
    settle(qtbot, manager, path, PlateState.FAILED)
    assert labels.said[path][-3:] == [began, "? Lost", "✕ Failed"]
    assert step_text(plate) == "the server died"
    assert manager.connection not in ("no server", f"server {killed}")
    window.close()


def told_of(plate: Plate) -> bool:
    """Tell whether the server works on what was asked."""
    return plate.progress is not None and plate.progress.seq >= 2
