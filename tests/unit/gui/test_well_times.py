"""How long wells and steps take: of their timestamps, and nothing where the begin was not seen."""

import msgspec
from tests.unit.cli.view.script import Script

from plateflow.gui.well_times import WellTimes
from plateflow.progress.messages import Message


def stamped(messages: list[Message], every: float = 1.0) -> list[Message]:
    """Return messages that were sent so many seconds apart, the first at 1000."""
    return [msgspec.structs.replace(m, timestamp=1000 + every * n) for n, m in enumerate(messages)]


def of_wells(*wells: str, fail_at: str = "") -> list[Message]:
    script = Script(2, 3, steps=("one", "two"), groups=2)
    for well in wells:
        for _ in script.well(well, fail_at=fail_at):
            pass
    return stamped(script.drain())


def test_a_well_takes_from_its_begin_to_its_end() -> None:
    times = WellTimes()
    times.take(of_wells("A01", "A02"))  # each 2 + 2 * (2 + 2) updates, one a second
    assert times.took("A01") == times.took("A02") == 9
    assert times.so_far("A01", 2000) is None
    assert times.heard == 1019
    assert [times.per_well(step) for step in (0, 1, 2)] == [3, 3, None]


def test_a_failed_well_took_time_too() -> None:
    times = WellTimes()
    times.take(of_wells("A01", fail_at="two"))
    assert times.took("A01") == 9
    assert times.per_well(1) == 3


def test_a_well_at_work_has_taken_until_now() -> None:
    times = WellTimes()
    times.take(of_wells("A01")[:4])
    assert times.took("A01") is None
    assert times.so_far("A01", 1007.5) == 7.5
    assert times.so_far("A01", 990) == 0  # a clock that was set back


def test_a_begin_that_was_not_seen_is_not_guessed() -> None:
    times = WellTimes()
    times.take(of_wells("A01")[3:])
    assert (times.took("A01"), times.per_well(0), times.per_well(1)) == (None, None, 3)
    times.take(of_wells("A02")[:2])
    times.forget_begun()
    times.take(of_wells("A02")[2:])
    assert times.took("A02") is None


def test_another_attempt_counts_from_its_own_begin() -> None:
    times = WellTimes()
    times.take(of_wells("A01"))
    times.take(of_wells("A01")[:1])
    assert times.took("A01") is None
    assert times.so_far("A01", 1002) == 2


def test_a_plate_wide_step_is_no_well() -> None:
    times = WellTimes()
    times.take(of_wells("plate:one"))
    assert (times.took("plate:one"), times.per_well(0)) == (None, None)
