from __future__ import annotations

import pytest
from tests.unit.cli.view.script import Script, finished, halfway

from plateflow.cli.view.pace import Pace, Past, RateMeter, Stopwatch
from plateflow.progress.messages import ExecutionState


def test_a_steady_rate() -> None:
    meter = RateMeter()
    for second in range(600):
        meter.feed(second, second // 3)  # 20 a minute
    assert meter.wells_per_minute(600, 200) == pytest.approx(20, rel=0.05)


def test_a_rate_follows_a_change_within_its_window() -> None:
    meter = RateMeter()
    for second in range(300):
        meter.feed(second, second // 3)
    for second in range(300, 400):
        meter.feed(second, 100 + (second - 300))  # 60 a minute
    assert meter.wells_per_minute(400, 200) == pytest.approx(60, rel=0.1)


def test_slow_wells_have_a_rate_too() -> None:
    meter = RateMeter()
    for minute in range(0, 100, 5):
        meter.feed(60 * minute, minute // 5)
    assert meter.wells_per_minute(60 * 100, 19) == pytest.approx(0.2, rel=0.1)


def test_a_stall_shows_as_a_falling_rate() -> None:
    meter = RateMeter()
    for second in range(60):
        meter.feed(second, second)
    soon, late = meter.wells_per_minute(60, 59), meter.wells_per_minute(600, 59)
    assert soon is not None
    assert late is not None
    assert late < soon / 5


@pytest.mark.parametrize(("finished", "seconds"), [(0, 100.0), (41, 100.0), (45, 0.5)])
def test_no_rate_before_a_well_finished_under_its_eyes(finished: int, seconds: float) -> None:
    meter = RateMeter()
    meter.feed(0, finished if seconds > 1 else 0)
    assert meter.wells_per_minute(seconds, finished) is None


def test_a_new_attempt_is_no_negative_rate() -> None:
    meter = RateMeter()
    for second, wells in enumerate((0, 5, 5, 4)):
        meter.feed(second * 10, wells)
    assert meter.wells_per_minute(40, 4) is None


def test_memory_is_bounded() -> None:
    meter = RateMeter()
    for tick in range(100_000):
        meter.feed(tick / 10, tick)
    assert len(meter._samples) < 100


def test_time_counts_from_the_start_and_stops_at_the_end() -> None:
    script, watch = Script(1, 2), Stopwatch()
    script.execution(ExecutionState.QUEUED)
    assert watch.read(script.state, 5).elapsed_s is None
    script.init()
    assert watch.read(script.state, 10).elapsed_s == 0
    script.compile()
    for _ in script.run():
        pass
    script.execution(ExecutionState.COMPLETED)
    assert watch.read(script.state, 26).elapsed_s == 16
    assert watch.read(script.state, 99).elapsed_s == 16


def test_who_joins_late_does_not_know_the_duration() -> None:
    watch = Stopwatch()
    assert watch.read(halfway().state, 3).elapsed_s is None
    assert watch.read(halfway().state, 9).elapsed_s is None


def test_who_joins_late_is_told_how_long_it_has_run() -> None:
    state = halfway().state
    watch = Stopwatch(Past(state.seq, 60.0))
    assert watch.read(state, 1000).elapsed_s == 60
    assert watch.read(state, 1003).elapsed_s == 63


def test_a_replay_tells_how_long_it_took_and_no_rate() -> None:
    script = finished(rows=2, columns=3)
    watch, total = Stopwatch(Past(script.state.seq, 965.0)), script.state.seq
    script.state.seq = total // 2
    assert watch.read(script.state, 1) == Pace()
    script.state.seq = total
    assert watch.read(script.state, 9) == Pace(elapsed_s=965.0)


def test_wells_of_the_past_make_no_rate() -> None:
    script = Script(4, 6)
    script.prepare()
    watch = Stopwatch(Past(10_000, 300.0))
    for _ in script.run(updates=400):
        watch.read(script.state, 50)
    script.state.seq = 10_000
    assert watch.read(script.state, 50) == Pace(elapsed_s=300.0)
    assert watch.read(script.state, 52).wells_per_minute is None


def test_what_waited_when_one_came_counts_from_its_start() -> None:
    script = Script(1, 2)
    script.execution(ExecutionState.QUEUED)
    watch = Stopwatch(Past(seq=1))
    assert watch.read(script.state, 5).elapsed_s is None
    script.init()
    assert watch.read(script.state, 10).elapsed_s == 0
    assert watch.read(script.state, 12).elapsed_s == 2
