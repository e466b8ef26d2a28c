"""What the window would say is what the journal's fold says, after every loss, repetition and reconnection."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.gui.executions import executions
from tests.unit.gui.wire import EXECUTION, HeldLink, Wire
from tests.unit.progress.runs import WHO, fold

from plateflow.gui.link import Adopted, News
from plateflow.gui.panels.contents import failure_rows, failures_absent, worker_rows, workers_absent
from plateflow.gui.plates import Plate, PlateStore
from plateflow.gui.texts import counts_text, state_text, status_bar, step_text, wells_text, window_title
from plateflow.gui.well_grid import WellGrid, plate_shape, well_text
from plateflow.progress.messages import ExecutionMessage, Message
from plateflow.progress.state import AxisState
from plateflow.progress.update import ProgressPhase, ProgressStatus, ProgressUpdate
from plateflow.progress.wells import count_wells, is_well

PLATE = WHO["plate_id"]
NOW = 1_795_500_003.0
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["deliver", "deliver", "drop", "repeat", "late", "reconnect", "restart", "power", "beat"]),
        st.integers(1, 9),
        st.booleans(),
    ),
    max_size=30,
)
"""What becomes of the next frame, how many messages it has, and whether the window looks then."""


def view(plate: Plate) -> dict[str, Any]:
    """Return all that is shown of a plate and needs no Qt."""
    progress = plate.details
    grid = WellGrid(*plate_shape(progress), progress.axes if progress is not None else ())
    if progress is not None:
        grid.refresh(progress)
    return {
        "row": [state_text(plate), step_text(plate), plate.problem, plate.state],
        "title": window_title([plate]),
        "status": status_bar("server 7", [plate], plate),
        "counts": [counts_text([plate]), wells_text(progress) if progress is not None else ""],
        "map": [grid.codes.tolist(), bytes(grid._levels), grid.count()],
        "wells": [well_text(well, progress) for well in grid.wells],
        "failures": [failure_rows(progress), failures_absent(progress)],
        "workers": [worker_rows(progress, NOW), workers_absent(progress)],
        "state": progress.snapshot() if progress is not None else b"",
    }


def in_one_go(messages: list[Message]) -> Plate:
    """Return the plate as a window shows it that folds the journal at once."""
    store = PlateStore()
    store.add(PLATE)
    if messages:
        store.adopt(fold(messages).snapshot())
    return store.plates[PLATE]


def take(store: PlateStore, link: HeldLink) -> None:
    for event in link.take():
        if isinstance(event, Adopted):
            store.adopt(event.snapshot)
        else:
            assert isinstance(event, News)
            store.apply(event.execution_id, event.messages, event.first_seq)


def play(messages: list[Message], steps: list[tuple[str, int, bool]], link: HeldLink, store: PlateStore) -> int:
    """Carry a journal to a window as the steps say; return how often both were compared."""
    wire, late, compared = link.wire, [], 0
    for fate, count, looks in steps:
        if fate in ("reconnect", "restart"):
            store.lose("no answer")
            wire.server = "b" * 32 if fate == "restart" else wire.server
            wire.grow(count)
            link.join()
        elif fate == "power":
            wire.lose_end(count)
        elif fate == "beat":
            wire.beat()
        else:
            frame = wire.grow(count)
            wire.mail.frames.extend([frame] * {"drop": 0, "late": 0, "deliver": 1, "repeat": 2}[fate])
            late += [frame] if fate == "late" else []
            if fate == "deliver":
                wire.mail.frames.extend(late)
                late.clear()
        if looks:
            link.hear()
            take(store, link)
            compared += compare(messages, store)
    return compared


def compare(messages: list[Message], store: PlateStore) -> int:
    plate = store.plates[PLATE]
    if plate.progress is None or not plate.progress.seq:
        return 0
    assert view(plate) == view(in_one_go(messages[: plate.progress.seq]))
    return 1


@pytest.mark.slow
@settings(max_examples=400)
@given(messages=executions(), steps=STEPS, asked=st.booleans())
def test_whatever_the_stream_loses(messages: list[Message], steps: list[tuple[str, int, bool]], asked: bool) -> None:
    store, wire = PlateStore(), Wire(messages)
    store.add(PLATE)
    link = HeldLink(wire)
    try:
        if asked:  # by this window, before the server knows of it
            first = messages[0]
            assert isinstance(first, ExecutionMessage)
            store.request(PLATE, first.kind, EXECUTION)
        else:  # found on the server
            wire.grow(1)
        link.follow(EXECUTION)
        link.join()
        take(store, link)
        play(messages, steps, link, store)
        wire.grow(len(messages))
        wire.beat()
        for _ in range(len(messages) + 3):
            link.hear()
        assert not link.behind
        take(store, link)
    finally:
        link.close()
    progress = store.plates[PLATE].progress
    assert progress is not None
    assert progress.seq == len(messages)
    assert compare(messages, store) == 1
    check_by_hand(messages, store.plates[PLATE])


def check_by_hand(messages: list[Message], plate: Plate) -> None:
    """Count wells without the fold, which both sides above have in common."""
    if plate.details is None:
        return
    states: dict[str, AxisState] = {}
    for message in messages:
        if isinstance(message, ProgressUpdate) and message.axis_id and is_well(message.axis_id):
            failed = message.status is ProgressStatus.ERROR
            if message.phase is ProgressPhase.AXIS_STARTED:
                states[message.axis_id] = AxisState.RUNNING
            elif message.phase in (ProgressPhase.AXIS_COMPLETED, ProgressPhase.COMPILE):
                states[message.axis_id] = AxisState.FAILED if failed else AxisState.COMPLETED
    counts = count_wells(plate.details)
    for state in (AxisState.RUNNING, AxisState.FAILED, AxisState.COMPLETED):
        assert counts[state] == list(states.values()).count(state)
    wells = [row.id for row in failure_rows(plate.details) if is_well(row.id)]
    assert sorted(wells) == sorted(well for well, state in states.items() if state is AxisState.FAILED)
