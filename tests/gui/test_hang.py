"""A server that hangs is told as lost in time, and is shown again as soon as it goes on."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from tests.gui.steps import SLOW, TIMEOUT, settle

from plateflow.gui.manager import Manager
from plateflow.gui.states import PlateState
from plateflow.gui.window import MainWindow
from plateflow.service.connect import connect

WAITS = SLOW.replace("time.sleep(2)", "time.sleep(30)")
REAPER = "plateflow-reaper"
"""Waits for the end of a server that this process has started."""
LOST_WITHIN = 4.0
BACK_WITHIN = 2.0


@pytest.fixture
def window(qtbot: QtBot, short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    """A window over a server in a process of its own."""
    monkeypatch.chdir(short_tmp)
    window = MainWindow(Manager(short_tmp / "run"))
    qtbot.addWidget(window)
    qtbot.addWidget(window)
    window.show()
    yield window
    window.close()
    with connect(short_tmp / "run") as client:
        client.shutdown()
    qtbot.waitUntil(lambda: REAPER not in {thread.name for thread in threading.enumerate()}, timeout=TIMEOUT)


def run_slowly(qtbot: QtBot, window: MainWindow, plate: Path, folder: Path) -> str:
    pipeline = folder / "waits.py"
    pipeline.write_text(WAITS, encoding="utf-8")
    window.add_plates([str(plate)])
    manager = window._manager
    manager.set_pipeline([str(plate)], str(pipeline))
    manager.run([str(plate)])
    settle(qtbot, manager, str(plate), PlateState.RUNNING)
    progress = manager.store.plates[str(plate)].progress
    assert progress is not None
    qtbot.waitUntil(lambda: any(axis.in_step for axis in progress.axes.values()), timeout=TIMEOUT)
    return str(plate)


def test_lag_is_since_the_last_heartbeat_while_nothing_happens(
    qtbot: QtBot, window: MainWindow, small_plate: Path, tmp_path: Path
) -> None:
    run_slowly(qtbot, window, small_plate, tmp_path)
    lags = []
    for _ in range(40):
        qtbot.wait(100)
        lags.append(time.monotonic() - window._manager.heard)
    assert max(lags) < 1.8  # a frame each second, though all wells wait
    assert "· lag " in window.status_text()


def test_a_server_that_hangs_is_lost_in_time_and_resynced(
    qtbot: QtBot, window: MainWindow, short_tmp: Path, small_plate: Path, tmp_path: Path
) -> None:
    path = run_slowly(qtbot, window, small_plate, tmp_path)
    plate = window._manager.store.plates[path]
    with connect(short_tmp / "run") as client:
        pid = client.ping().pid
    os.kill(pid, signal.SIGSTOP)
    try:
        stopped = time.monotonic()
        qtbot.waitUntil(lambda: plate.state is PlateState.LOST, timeout=20_000)
        lost = time.monotonic() - stopped
        assert window.banner.notice is not None
        assert window.banner.notice.role == "lost"
        qtbot.wait(2500)  # so that it goes on in the middle of an attempt to connect
    finally:
        os.kill(pid, signal.SIGCONT)
    went_on = time.monotonic()
    qtbot.waitUntil(lambda: plate.state is PlateState.RUNNING, timeout=20_000)
    back = time.monotonic() - went_on
    print(f"lost after {lost:.2f} s, back after {back:.2f} s")
    assert lost <= LOST_WITHIN
    assert back <= BACK_WITHIN
    assert window.banner.isHidden()
