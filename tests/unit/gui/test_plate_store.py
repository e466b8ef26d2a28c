"""The plates of the window: which execution a row shows, and what it says when the server comes and goes."""

import pytest
from tests.unit.gui.executions import told
from tests.unit.progress.runs import WHO, execution, fold

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
