"""What the colours of the plate map tell, and in which words."""

import msgspec
import pytest
from tests.unit.cli.view.script import STEPS, Script, finished, halfway

from plateflow.gui.colouring import LEVELS, ColourBy, seconds_text, step_scale, time_scale, value_text
from plateflow.gui.well_times import WellTimes
from plateflow.progress.state import AxisProgress, AxisState, ExecutionProgress


def timed(script: Script) -> WellTimes:
    """Return the times of a script whose updates came one a second."""
    times = WellTimes()
    times.take(msgspec.structs.replace(m, timestamp=1000.0 + n) for n, m in enumerate(script.seen))
    return times


def test_modes_follow_each_other_in_a_ring() -> None:
    assert [by.following for by in ColourBy] == [ColourBy.STEP, ColourBy.TIME, ColourBy.STATE]


def test_steps_are_spread_over_the_ramp_in_their_order() -> None:
    state = halfway().state
    scale = step_scale(state)
    assert scale.marks == tuple((n * 63 // 4, f"{n + 1} {step}") for n, step in enumerate(STEPS))
    assert (scale.marks[0][0], scale.marks[-1][0]) == (0, LEVELS - 1)
    begun = {name for name, axis in state.axes.items() if axis.state is not AxisState.PENDING and axis.step_name}
    assert scale.levels.keys() == begun
    assert len(begun) < len(state.axes)
    assert all(scale.levels[name] == scale.marks[state.axes[name].step_index][0] for name in begun)


def test_a_failed_well_stays_at_the_step_that_it_failed_in() -> None:
    state = finished().state
    failed = next(name for name, axis in state.axes.items() if axis.state is AxisState.FAILED)
    place = STEPS.index("measure_nuclei")
    assert step_scale(state).levels[failed] == step_scale(state).marks[place][0]


def test_a_pipeline_of_one_step_has_one_colour() -> None:
    script = Script(2, 3, steps=("one",))
    script.prepare()
    for _ in script.run():
        pass
    assert set(step_scale(script.state).levels.values()) == {0}


def test_seconds_are_spread_from_the_least_to_the_most() -> None:
    script = halfway()
    times = timed(script)
    now = times.heard + 1
    scale = time_scale(script.state, times, now)
    assert scale.is_continuous
    seconds = {}
    for name, axis in script.state.axes.items():
        value = times.so_far(name, now) if axis.state is AxisState.RUNNING else times.took(name)
        if value is not None:
            seconds[name] = value
    assert scale.levels.keys() == seconds.keys()
    least, most = min(seconds.values()), max(seconds.values())
    assert scale.marks == ((0, seconds_text(least)), (LEVELS - 1, seconds_text(most)))
    for name, value in seconds.items():
        assert scale.levels[name] == round((value - least) / (most - least) * (LEVELS - 1))


def test_without_times_there_is_no_scale_and_with_one_no_division() -> None:
    state = halfway().state
    assert time_scale(state, WellTimes(), 0.0) == ({}, (), False)
    script = Script(2, 3)
    script.prepare()
    for _ in script.well("A01"):
        pass
    assert time_scale(script.state, timed(script), 0.0).levels == {"A01": 0}


def test_a_plate_wide_step_is_on_no_scale() -> None:
    script = Script(2, 3)
    for axis in ("plate:smooth", "A01"):
        for _ in script.well(axis):
            pass
    assert step_scale(script.state).levels.keys() == {"A01"}
    assert time_scale(script.state, timed(script), 0.0).levels.keys() == {"A01"}


@pytest.mark.parametrize(
    ("by", "state", "expected"),
    [
        (ColourBy.STATE, AxisState.COMPLETED, ""),
        (ColourBy.STEP, AxisState.COMPLETED, "last step 2 b"),
        (ColourBy.STEP, AxisState.RUNNING, ""),
        (ColourBy.TIME, AxisState.PENDING, ""),
        (ColourBy.TIME, AxisState.RUNNING, "time not known: begun before this window looked"),
        (ColourBy.TIME, AxisState.COMPLETED, "time not known: begun before this window looked"),
    ],
)
def test_words_for_a_colour(by: ColourBy, state: AxisState, expected: str) -> None:
    axis = AxisProgress(state=state, step_index=1, step_name="b")
    progress = ExecutionProgress(execution_id="x", plate_id="p", axes={"A01": axis})
    assert value_text(by, "A01", progress, WellTimes(), 0.0) == expected
    assert value_text(by, "B01", progress, WellTimes(), 0.0) == ""
    assert value_text(by, "A01", None, WellTimes(), 0.0) == ""


def test_words_for_seconds() -> None:
    script = Script(2, 3)
    for _ in script.well("A01"):
        pass
    for _, _ in zip(script.well("A02"), range(3), strict=False):
        pass
    times = timed(script)
    took, so_far = times.took("A01"), times.so_far("A02", times.heard + 2)
    assert took is not None
    assert so_far is not None
    assert value_text(ColourBy.TIME, "A01", script.state, times, times.heard + 2) == seconds_text(took)
    assert value_text(ColourBy.TIME, "A02", script.state, times, times.heard + 2) == f"{seconds_text(so_far)} so far"


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "0.00 s"), (0.996, "1.0 s"), (4.14, "4.1 s"), (99.96, "100 s"), (4000, "4000 s")]
)
def test_seconds_have_the_digits_that_count(seconds: float, expected: str) -> None:
    assert seconds_text(seconds) == expected
