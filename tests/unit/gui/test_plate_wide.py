"""A step over the whole plate is told as the plate's, and never counted as a well; without Qt."""

import msgspec
import pytest
from tests.unit.cli.view.script import Script
from tests.unit.gui.plate_wide import (
    AXIS,
    begin,
    end,
    end_tables_step,
    in_plate_step,
    in_tables_step,
    in_wells,
    planned,
    plate_of,
)

from plateflow.cli.exits import Exit, exit_of
from plateflow.gui.panels.contents import history_wells
from plateflow.gui.panels.event_lines import event_line
from plateflow.gui.plates import PlateStore, can_retry
from plateflow.gui.states import PlateState
from plateflow.gui.texts import state_text, status_bar, step_text, wells_text
from plateflow.gui.well_grid import WellGrid, plate_shape
from plateflow.progress.eta import Estimator
from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.runtime.control import Submit
from plateflow.runtime.executions import Execution


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (planned(), "6 pending"),
        (in_plate_step(), "6 pending"),
        (in_wells(), "1 done 1 run 1 fail 3 pending"),
    ],
    ids=["planned", "in the plate's step", "in the wells"],
)
def test_wells_are_counted_without_the_plate(script: Script, expected: str) -> None:
    assert wells_text(script.state) == expected
    grid = WellGrid(*plate_shape(script.state), script.state.axes)
    grid.refresh(script.state)
    assert sum(grid.count().values()) == 6


def test_the_plate_is_called_the_plate() -> None:
    plate = plate_of(in_plate_step())
    assert step_text(plate) == "step 1/2 illumination · plate"
    assert status_bar("server 1", [plate], plate) == (
        "server 1 · plate · step 1/2 illumination 50% · plate 7% · 1 run · ETA estimating"
    )


def test_the_plan_is_told_in_wells() -> None:
    assert event_line(planned().seen[-1]).what.endswith("plan of 6 wells, 2 steps")


def store_of(script: Script) -> PlateStore:
    """Return a store that asked for the run, and has folded it."""
    store = PlateStore()
    store.add(script.state.plate_id)
    store.request(script.state.plate_id, ExecutionKind.RUN, script.state.execution_id)
    store.apply(script.state.execution_id, script.seen, 1)
    return store


def test_a_run_with_a_failed_well_says_how_many_wells_are_done() -> None:
    script = in_plate_step()
    end(script, AXIS)
    for well in script.wells:
        begin(script, well)
        end(script, well, fails=well == "A02")
    script.execution(ExecutionState.COMPLETED)
    plate = store_of(script).plates[script.state.plate_id]
    assert plate.state is PlateState.COMPLETE_WITH_FAILURES
    assert state_text(plate) == "✕ Complete with failures 5/6"


def test_a_plate_wide_failure_fails_no_well() -> None:
    script = in_plate_step()
    end(script, AXIS, fails=True)
    script.execution(ExecutionState.FAILED, "the plate-wide step illumination failed")
    plate = store_of(script).plates[script.state.plate_id]
    assert state_text(plate) == "✕ Failed 0/6"
    assert wells_text(script.state) == "6 pending"
    plate.output, plate.pipeline = "/r", "/p.py"
    assert not can_retry(plate)  # it has to run all of them


def test_a_run_that_failed_after_its_wells_can_go_on() -> None:
    script = in_tables_step()
    end_tables_step(script, fails=True)
    script.execution(ExecutionState.FAILED, "the step over tables failed")
    plate = store_of(script).plates[script.state.plate_id]
    assert plate.state is PlateState.FAILED
    assert not can_retry(plate)
    plate.output, plate.pipeline = "/r", "/p.py"
    assert can_retry(plate)


def test_rate_and_end_are_of_wells() -> None:
    script = planned()
    estimator = Estimator()
    script.drain()
    for second, axis in enumerate((AXIS, "A01", "A02", "A03")):
        begin(script, axis)
        estimator.take(script.drain(), 100.0 * second)
        end(script, axis)
        estimator.take(script.drain(), 100.0 * second + (90 if axis == AXIS else 2))
    eta = estimator.range(script.state)
    assert eta is not None
    assert (eta.low, eta.high) == (6, 6)  # three wells of two seconds each, whatever the plate took


def test_the_history_counts_wells() -> None:
    state = in_wells().state
    request = Submit(
        request_id=1,
        execution_id=state.execution_id,
        plate_id=state.plate_id,
        kind=ExecutionKind.RUN,
        job=msgspec.Raw(b"{}"),
    )
    summary = Execution.of(request).summary_of(state)
    assert history_wells(summary) == "1/6, 1 failed"


def test_a_step_over_tables_is_told_as_the_plates_and_leaves_the_wells_as_they_ended() -> None:
    script = in_tables_step()
    plate = plate_of(script)
    assert step_text(plate) == "step 2/2 normalise · plate"
    assert wells_text(script.state) == "5 done 1 fail"
    estimator = Estimator()
    for second, message in enumerate(script.seen):
        estimator.take([message], float(second))
    assert estimator.range(script.state) is None, "nothing is known of how long it takes"
    end_tables_step(script, fails=True)
    script.execution(ExecutionState.FAILED, "step 'normalise' over the whole plate: ValueError")
    told = store_of(script).plates[script.state.plate_id]
    assert state_text(told) == "✕ Failed 5/6"
    assert exit_of(script.state) is Exit.USER_ERROR


def test_with_it_done_a_failed_well_is_all_that_failed() -> None:
    script = in_tables_step()
    end_tables_step(script)
    script.execution(ExecutionState.COMPLETED)
    assert state_text(store_of(script).plates[script.state.plate_id]) == "✕ Complete with failures 5/6"
    assert exit_of(script.state) is Exit.WELLS_FAILED
