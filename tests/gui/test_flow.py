"""A plate on its way through the window's states, over a real server and real workers."""

import os
import signal
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from tests.gui.labels import Labels
from tests.gui.steps import SLOW, TIMEOUT, settle

from plateflow.gui.manager import Manager
from plateflow.gui.states import PlateState
from plateflow.gui.texts import state_text, step_text
from plateflow.progress.state import AxisState
from plateflow.service.connect import connect


@pytest.fixture
def labels(manager: Manager) -> Labels:
    return Labels(manager)


def test_a_plate_goes_through_all_states(
    qtbot: QtBot, manager: Manager, labels: Labels, small_plate: Path, pipeline: Path
) -> None:
    [path] = manager.add([small_plate])
    settle(qtbot, manager, path, PlateState.CREATED)
    manager.set_pipeline([path], str(pipeline))
    manager.init([path])
    assert state_text(manager.store.plates[path]) == "⏳ Init"  # at once, whatever the server does
    settle(qtbot, manager, path, PlateState.READY)
    manager.compile([path])
    assert state_text(manager.store.plates[path]) == "⏳ Compile"
    settle(qtbot, manager, path, PlateState.COMPILED)
    manager.run([path])
    settle(qtbot, manager, path, PlateState.COMPLETE)
    expected = ["Created", "⏳ Init", "Ready", "⏳ Compile", "✓ Compiled", "Queued", "▶ Running", "✓ Complete"]
    assert [word for word in labels.said[path] if word != "Queued"] == [w for w in expected if w != "Queued"]
    plate = manager.store.plates[path]
    assert (Path(plate.output) / "wells.csv").is_file()
    assert plate.details is not None
    assert plate.details.percent == 100


def test_a_plate_that_cannot_be_opened(qtbot: QtBot, manager: Manager, labels: Labels, tmp_path: Path) -> None:
    [path] = manager.add([tmp_path])
    manager.init([path])
    settle(qtbot, manager, path, PlateState.FAILED)
    assert labels.said[path][-2:] == ["⏳ Init", "✕ Failed"]
    assert str(tmp_path) in step_text(manager.store.plates[path])


def test_a_pipeline_that_does_not_compile(
    qtbot: QtBot, manager: Manager, labels: Labels, small_plate: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("pipeline = 1 / 0\n", encoding="utf-8")
    [path] = manager.add([small_plate], str(wrong))
    manager.compile([path])
    settle(qtbot, manager, path, PlateState.FAILED)
    assert labels.said[path][-2:] == ["⏳ Compile", "✕ Failed"]
    assert "ZeroDivisionError" in manager.store.plates[path].problem


def test_without_a_pipeline_nothing_is_asked(qtbot: QtBot, manager: Manager, small_plate: Path) -> None:
    [path] = manager.add([small_plate])
    with qtbot.waitSignal(manager.problem) as said:
        manager.compile([path])
    assert said.args == ["small_plate has no pipeline yet: choose one first"]
    assert manager.store.plates[path].state is PlateState.CREATED


def test_another_window_sees_the_same(
    qtbot: QtBot, manager: Manager, directory: Path, small_plate: Path, pipeline: Path
) -> None:
    [path] = manager.add([small_plate], str(pipeline))
    manager.run([path])
    settle(qtbot, manager, path, PlateState.RUNNING, PlateState.COMPLETE)
    other = Manager(directory)
    other.add([small_plate])
    qtbot.waitUntil(lambda: other.store.plates[path].state is PlateState.COMPLETE, timeout=TIMEOUT)
    settle(qtbot, manager, path, PlateState.COMPLETE)
    other.close()
    mine, theirs = manager.store.plates[path].details, other.store.plates[path].details
    assert mine is not None
    assert theirs is not None
    assert mine.snapshot() == theirs.snapshot()


def test_stop_says_so_at_once_and_cancels(
    qtbot: QtBot, manager: Manager, labels: Labels, small_plate: Path, tmp_path: Path
) -> None:
    slow = tmp_path / "slow.py"
    slow.write_text(SLOW, encoding="utf-8")
    [path] = manager.add([small_plate], str(slow))
    manager.run([path])
    settle(qtbot, manager, path, PlateState.RUNNING)
    manager.stop([path])
    assert state_text(manager.store.plates[path]).startswith("Stopping")
    settle(qtbot, manager, path, PlateState.CANCELLED)
    assert labels.said[path][-3:] == ["▶ Running", "Stopping", "– Cancelled"]


@pytest.mark.parametrize("action", ["init", "compile", "run"])
def test_a_killed_server_leaves_no_row_pending(
    qtbot: QtBot, short_tmp: Path, small_plate: Path, tmp_path: Path, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(short_tmp)
    slow = tmp_path / "slow.py"
    slow.write_text("import time\ntime.sleep(1.5)\n" + SLOW, encoding="utf-8")
    with connect(short_tmp / "run") as client:
        pid = client.ping().pid
    manager = Manager(short_tmp / "run")
    labels = Labels(manager)
    try:
        qtbot.waitUntil(lambda: manager.connection == f"server {pid}", timeout=TIMEOUT)
        [path] = manager.add([small_plate], str(slow))
        plate = manager.store.plates[path]
        getattr(manager, action)([path])
        os.kill(pid, signal.SIGKILL)
        qtbot.waitUntil(lambda: "? Lost" in labels.said.get(path, []), timeout=TIMEOUT)
        assert not (plate.init_pending)
        assert not (plate.compile_pending)
        qtbot.waitUntil(lambda: manager.connection.startswith("server"), timeout=TIMEOUT)  # started again by the link
        qtbot.wait(300)
        assert plate.state in (PlateState.FAILED, PlateState.LOST)
    finally:
        manager.close()
        with connect(short_tmp / "run") as client:
            client.shutdown()


def test_a_server_that_hangs_is_told_as_lost_and_found_again(
    qtbot: QtBot, short_tmp: Path, small_plate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(short_tmp)
    slow = tmp_path / "slow.py"
    slow.write_text(SLOW, encoding="utf-8")
    with connect(short_tmp / "run") as client:
        pid = client.ping().pid
    manager = Manager(short_tmp / "run")
    try:
        [path] = manager.add([small_plate], str(slow))
        manager.run([path])
        settle(qtbot, manager, path, PlateState.RUNNING)
        os.kill(pid, signal.SIGSTOP)
        settle(qtbot, manager, path, PlateState.LOST)
        os.kill(pid, signal.SIGCONT)
        settle(qtbot, manager, path, PlateState.RUNNING, PlateState.COMPLETE)
        assert manager.connection == f"server {pid}"
        settle(qtbot, manager, path, PlateState.COMPLETE)
    finally:
        os.kill(pid, signal.SIGCONT)
        manager.close()
        with connect(short_tmp / "run") as client:
            client.shutdown()


def test_a_run_pauses_and_goes_on(
    qtbot: QtBot, manager: Manager, labels: Labels, small_plate: Path, tmp_path: Path
) -> None:
    slow = tmp_path / "slow.py"
    slow.write_text(SLOW, encoding="utf-8")
    [path] = manager.add([small_plate], str(slow))
    manager.run([path])
    settle(qtbot, manager, path, PlateState.RUNNING)
    manager.pause([path])
    assert state_text(manager.store.plates[path]).startswith("Pausing")
    settle(qtbot, manager, path, PlateState.PAUSED)
    details = manager.store.plates[path].details
    assert details is not None
    assert not details.at_work
    done = details.counts[AxisState.COMPLETED]
    qtbot.wait(1000)
    assert details.counts[AxisState.COMPLETED] == done < 6
    manager.pause([path])
    settle(qtbot, manager, path, PlateState.COMPLETE)
    assert [w for w in labels.said[path] if "Paus" in w or "Running" in w] == [
        "▶ Running", "Pausing", "Paused", "▶ Running",
    ]  # fmt: skip


FAILS_ONCE = """
import os
import numpy as np
from plateflow import FunctionStep, Pipeline

def fail_once(image: np.ndarray) -> np.ndarray:
    for made in range(2):  # the first two calls fail
        if not os.path.exists(f"{MARKS}/{made}"):
            os.close(os.open(f"{MARKS}/{made}", os.O_CREAT))
            raise ValueError("the first times")
    return image

pipeline = Pipeline("fails", channels={"DNA": "1", "GFP": "2"}, steps=[FunctionStep(fail_once, inputs="DNA")])
"""


def test_failed_wells_are_retried_in_the_same_folder(
    qtbot: QtBot, manager: Manager, small_plate: Path, tmp_path: Path
) -> None:
    pipeline = tmp_path / "fails.py"
    pipeline.write_text(f"MARKS = {str(tmp_path)!r}\n{FAILS_ONCE}", encoding="utf-8")
    [path] = manager.add([small_plate], str(pipeline))
    plate = manager.store.plates[path]
    manager.run([path])
    settle(qtbot, manager, path, PlateState.COMPLETE_WITH_FAILURES)
    output = plate.output
    assert plate.details is not None
    failed = [well for well, axis in plate.details.axes.items() if axis.state is AxisState.FAILED]
    assert 2 <= len(failed) <= 4  # two workers may both have found no mark
    manager.retry([path], (failed[0],))
    settle(qtbot, manager, path, PlateState.COMPLETE_WITH_FAILURES)
    assert state_text(plate) == f"✕ Complete with failures {7 - len(failed)}/6"
    manager.retry([path])
    settle(qtbot, manager, path, PlateState.COMPLETE)
    assert plate.output == output
    assert len(list((Path(output) / "wells").glob("*.json"))) == 6
