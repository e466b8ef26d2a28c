"""The plates of the window: which execution a row shows, and what it says when the server comes and goes."""

import pytest
from msgspec import UNSET
from tests.unit.gui.executions import told
from tests.unit.progress.runs import WHO, execution, fold, topology_message

from plateflow.gui.chosen_format import DETECTED, ChosenFormat
from plateflow.gui.plates import NEVER_ARRIVED, Plate, PlateStore
from plateflow.gui.states import PlateState
from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.progress.state import ExecutionProgress

PLATE, NEW, OLD = WHO["plate_id"], "n" * 32, WHO["execution_id"]


@pytest.fixture
def store() -> PlateStore:
    store = PlateStore()
    store.add(PLATE)
    return store


def unknown(execution_id: str) -> bytes:
    """Return what a server says of an execution that it does not know."""
    return ExecutionProgress(execution_id=execution_id, plate_id="").snapshot()


def plate_of(store: PlateStore) -> Plate:
    return store.plates[PLATE]


def test_an_older_execution_does_not_replace_what_was_asked_for(store: PlateStore) -> None:
    store.request(PLATE, ExecutionKind.INIT, NEW)
    store.adopt(fold([execution(ExecutionState.QUEUED), execution(ExecutionState.RUNNING)]).snapshot())
    assert plate_of(store).state is PlateState.INIT
    store.apply(NEW, [told(ExecutionKind.INIT, ExecutionState.COMPLETED)], 1)
    assert plate_of(store).state is PlateState.READY


def test_what_the_server_does_not_know_yet_stays_pending(store: PlateStore) -> None:
    store.request(PLATE, ExecutionKind.COMPILE, NEW)
    store.adopt(unknown(NEW))
    assert plate_of(store).state is PlateState.COMPILE


@pytest.mark.parametrize("kind", ExecutionKind)
def test_a_request_that_died_with_the_server_is_lost_until_another_says_so(
    store: PlateStore, kind: ExecutionKind
) -> None:
    store.request(PLATE, kind, NEW)
    store.lose("the server has ended")
    store.refuse(NEW, "the server has ended")
    plate = plate_of(store)
    assert (plate.state, plate.init_pending, plate.compile_pending) == (PlateState.LOST, False, False)
    store.adopt(unknown(NEW))
    assert (plate_of(store).state, plate_of(store).problem) == (PlateState.FAILED, NEVER_ARRIVED)


def test_a_refused_request_fails_at_once(store: PlateStore) -> None:
    store.request(PLATE, ExecutionKind.RUN, NEW)
    store.refuse(NEW, "the journal is full")
    assert (plate_of(store).state, plate_of(store).problem) == (PlateState.FAILED, "the journal is full")


def test_what_comes_back_is_not_blamed_for_having_been_lost(store: PlateStore) -> None:
    running = fold([execution(ExecutionState.QUEUED), execution(ExecutionState.RUNNING)]).snapshot()
    store.adopt(running)
    store.lose("no answer")
    assert (plate_of(store).state, plate_of(store).problem) == (PlateState.LOST, "no answer")
    store.adopt(running)
    assert (plate_of(store).state, plate_of(store).problem) == (PlateState.RUNNING, "")


def test_an_interrupted_run_says_why(store: PlateStore) -> None:
    store.request(PLATE, ExecutionKind.RUN, OLD)
    store.lose("no answer")
    messages = [execution(ExecutionState.RUNNING), execution(ExecutionState.INTERRUPTED, reason="the server died")]
    store.adopt(fold(messages).snapshot())
    assert (plate_of(store).state, plate_of(store).problem) == (PlateState.FAILED, "the server died")


@pytest.mark.parametrize(
    ("kind", "state", "after"),
    [
        (ExecutionKind.INIT, ExecutionState.COMPLETED, PlateState.CREATED),
        (ExecutionKind.COMPILE, ExecutionState.COMPLETED, PlateState.CREATED),
        (ExecutionKind.INIT, ExecutionState.FAILED, PlateState.CREATED),
        (ExecutionKind.RUN, ExecutionState.FAILED, PlateState.CREATED),
        (ExecutionKind.RUN, ExecutionState.COMPLETED, PlateState.COMPLETE),
        (ExecutionKind.INIT, ExecutionState.CANCELLED, PlateState.CANCELLED),
    ],
)
def test_another_format_undoes_what_was_understood(
    store: PlateStore, kind: ExecutionKind, state: ExecutionState, after: PlateState
) -> None:
    store.request(PLATE, kind, NEW)
    reason = "no reader knows this layout" if state is ExecutionState.FAILED else UNSET
    store.apply(NEW, [told(kind, state, reason=reason)], 1)
    before = plate_of(store).state
    store.set_format(PLATE, DETECTED)  # as it was
    assert plate_of(store).state is before
    store.set_format(PLATE, ChosenFormat("ome-zarr"))
    assert (plate_of(store).state, plate_of(store).format.layout) == (after, "ome-zarr")


@pytest.mark.parametrize("kind", [ExecutionKind.INIT, ExecutionKind.COMPILE])
def test_a_format_that_is_chosen_meanwhile_makes_what_was_asked_for_old(store: PlateStore, kind: ExecutionKind) -> None:
    store.request(PLATE, kind, NEW)
    store.set_format(PLATE, ChosenFormat(filenames="(?P<well>.*)"))
    store.set_pipeline(PLATE, "/p.py")
    assert plate_of(store).state in (PlateState.INIT, PlateState.COMPILE)
    store.apply(NEW, [told(kind, ExecutionState.COMPLETED)], 1)
    assert plate_of(store).state is PlateState.CREATED
    store.request(PLATE, kind, OLD)
    store.apply(OLD, [told(kind, ExecutionState.COMPLETED)], 1)
    assert plate_of(store).state in (PlateState.READY, PlateState.COMPILED)


def test_a_run_that_failed_on_its_wells_stays_failed_whatever_format_is_chosen(store: PlateStore) -> None:
    store.adopt(fold([topology_message({"B06": [1]}), execution(ExecutionState.FAILED, reason="gone")]).snapshot())
    store.set_format(PLATE, ChosenFormat("ome-zarr"))
    assert (plate_of(store).state, plate_of(store).problem) == (PlateState.FAILED, "gone")
