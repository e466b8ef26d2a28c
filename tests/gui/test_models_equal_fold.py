"""The widgets of the real window over a real server, whose stream drops frames, show what the journal's fold shows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QTabWidget
from tests.gui.steps import TIMEOUT, journal_of
from tests.runtime.scripts import PUPPET, job, new_id, send
from tests.unit.gui.executions import ENDS, executions, told
from tests.unit.progress.runs import WHO

from plateflow.gui.detail import PlateDetail
from plateflow.gui.manager import Manager
from plateflow.gui.panels.table import Table
from plateflow.gui.plates import PlateStore
from plateflow.gui.texts import state_text
from plateflow.gui.window import MainWindow
from plateflow.progress.messages import ExecutionMessage, ExecutionState, Message
from plateflow.progress.state import ExecutionProgress
from plateflow.runtime import client as client_module
from plateflow.runtime.client import ExecutionClient
from plateflow.runtime.follower import Courier
from plateflow.runtime.frames import Frame
from plateflow.runtime.server import ExecutionServer

PLATE = WHO["plate_id"]
HALF = {"type": "cancel"}
"""What the puppet waits for in the middle."""


@pytest.fixture
def puppets(short_tmp: Path) -> Iterator[Path]:
    """The directory of a server whose runners send what they are told to."""
    with ExecutionServer(short_tmp / "run", PUPPET):
        yield short_tmp / "run"


class Lossy(Courier):
    """Loses every third frame, as if the stream had dropped it, and gets every fourth twice."""

    frames = gaps = 0
    """Of all: those that came, and where one that was let through did not join the last."""
    _next_seq = 0

    def _hear(self, frame: Frame, news: list[Message]) -> None:
        Lossy.frames += 1
        for _ in range(bool(Lossy.frames % 3) + (not Lossy.frames % 4)):
            first_seq, count = frame.header.first_seq, frame.header.count
            Lossy.gaps += bool(self._next_seq and first_seq > self._next_seq)
            self._next_seq = first_seq + count
            super()._hear(frame, news)


def shown(detail: PlateDetail) -> dict[str, Any]:
    """Return all that the widgets of a plate show."""
    grid, tabs = detail.map._grid, detail.findChildren(QTabWidget)[0]
    return {
        "header": detail._header.text(),
        "map": [grid.codes.tolist(), bytes(grid._levels), detail.map.accessibleDescription()],
        "wells": [detail.map.text(well) for well in grid.wells],
        "steps": [(r.number, r.name, r.done, r.running, r.failed, r.total, r.stopped) for r in detail.steps.rows],
        "failures": cells(detail.failures),
        "workers": [row[:-1] for row in cells(detail.workers)],  # all but how many seconds ago
        "tabs": [tabs.tabText(place) for place in range(tabs.count())],
    }


def cells(table: Table) -> list[tuple[str, ...]]:
    return [row.cells for row in table._model.rows] or [(table.content.words,)]


def expected(qtbot: QtBot, messages: list[Message], name: str) -> tuple[str, dict[str, Any]]:
    """Return a row's text and what is shown of a plate whose journal is folded in one go."""
    progress = ExecutionProgress(execution_id=messages[0].execution_id, plate_id=PLATE)
    progress.apply_all(messages, 1)
    store = PlateStore()
    store.add(PLATE)
    store.adopt(progress.snapshot())
    detail = PlateDetail()
    qtbot.addWidget(detail)
    detail.show_plate(store.plates[PLATE])
    see_all(detail)
    return f"{name}  {state_text(store.plates[PLATE])}", shown(detail)


def see_all(detail: PlateDetail) -> None:
    """Show each tab once, which fills those that wait to be seen."""
    detail.show()
    tabs = detail.findChildren(QTabWidget)[0]
    for place in (*range(tabs.count()), 0):
        tabs.setCurrentIndex(place)


def script(messages: list[Message], execution_id: str) -> bytes:
    """Return what a puppet does: half, message by message, and the rest when it is told to."""
    mine = [msgspec.structs.replace(message, execution_id=execution_id) for message in messages[2:]]
    if not isinstance(messages[-1], ExecutionMessage) or messages[-1].state not in ENDS:
        kind = messages[0].kind if isinstance(messages[0], ExecutionMessage) else None
        assert kind is not None
        mine.append(msgspec.structs.replace(told(kind, ExecutionState.COMPLETED), execution_id=execution_id))
    sent = [send(message) for message in mine]
    half = len(sent) // 2
    apart = [action for one in sent[half:] for action in (one, ("sleep", 0.005))]  # a frame each
    return job(*sent[:half], ("await_command", HALF), *apart)


def by_runner(messages: list[Message]) -> bool:
    """Tell whether a runner may send all of it: whether it was cancelled or interrupted says the server."""
    end = messages[-1]
    ends = (ExecutionState.CANCELLED, ExecutionState.INTERRUPTED)
    return len(messages) > 20 and not (isinstance(end, ExecutionMessage) and end.state in ends)


def test_the_window_over_a_stream_that_drops(
    qtbot: QtBot, puppets: Path, short_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "Courier", Lossy)
    monkeypatch.chdir(short_tmp)
    Lossy.gaps = compared = 0

    @settings(max_examples=12, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(messages=executions().filter(by_runner))
    def compare(messages: list[Message]) -> None:
        nonlocal compared
        compared += play(qtbot, puppets, messages)

    compare()
    assert compared == 24
    assert Lossy.gaps > 10


def play(qtbot: QtBot, directory: Path, messages: list[Message]) -> int:
    """Run a puppet, look at it from its middle on; return how often what is shown was compared."""
    execution_id = new_id()
    kind = messages[0].kind if isinstance(messages[0], ExecutionMessage) else None
    assert kind is not None
    with ExecutionClient(directory) as client:
        client.submit(PLATE, kind, script(messages, execution_id), execution_id=execution_id)
        manager = Manager(directory)
        window = MainWindow(manager)
        qtbot.addWidget(window)
        window.show()
        window.add_plates([PLATE])
        half = 2 + (len(messages) - 2) // 2
        for end in (half, 0):
            await_fold(qtbot, client, manager, execution_id, end)
            see_all(window.detail)
            row = window.plates.model.data(window.plates.model.index(0))
            assert (row, shown(window.detail)) == expected(qtbot, journal_of(client, execution_id), "plate_01")
            if end:
                client.cancel(execution_id)  # the puppet takes it for the word to go on
        window.close()
    return 2


def await_fold(qtbot: QtBot, client: ExecutionClient, manager: Manager, execution_id: str, seq: int) -> None:
    """Wait until the window knows all that the server does: so much, or the end."""

    def known() -> bool:
        mine = manager.store.plates[PLATE].progress
        if mine is None or mine.execution_id != execution_id:
            return False
        return mine.ended if not seq else mine.seq >= seq

    qtbot.waitUntil(known, timeout=TIMEOUT)
    qtbot.wait(100)
