from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.cli.view.script import Script, finished, halfway

from plateflow.cli.view.bar import divide, divided_bar
from plateflow.cli.view.palette import LOOKS
from plateflow.cli.view.steps import step_lines, step_rows, visible_rows
from plateflow.progress.state import AxisState

counts = st.integers(0, 2000)


def texts(script: Script, width: int, lines: int) -> list[str]:
    return ["".join(s.text for s in line).rstrip() for line in step_lines(script.state, width, lines, colour=False)]


def test_a_line_for_each_step() -> None:
    assert texts(halfway(), 60, 6) == [
        "Steps",
        "1 smooth         ###########............. 45/96  46%",
        "2 find_nuclei    ##########>............. 42/96  44% >1",
        "3 ring_around    ##########.............. 42/96  43%",
        "4 measure_nuclei #########x>............. 39/96  42% x2 >1",
        "5 ratio          #########............... 39/96  40%",
    ]


def test_a_narrow_terminal_keeps_names_and_percents() -> None:
    assert texts(halfway(), 26, 6)[1:] == [
        "1 smooth         46%",
        "2 find_nuclei    44% >1",
        "3 ring_around    43%",
        "4 measure_nucl…  42% x2 >1",
        "5 ratio          40%",
    ]


def test_percent_is_floored_and_a_lost_well_shows() -> None:
    rows = step_rows(finished().state)
    assert [(row.percent, row.wells[AxisState.FAILED], row.total) for row in rows] == [
        (100, 0, 96),
        (100, 0, 96),
        (100, 0, 96),
        (99, 1, 96),
        (98, 0, 96),
    ]


def test_a_plate_wide_step_is_one_of_one() -> None:
    script = Script(2, 3, steps=("illumination", "smooth"))
    script.wells.append("plate:illumination")
    script.prepare()
    assert [row.total for row in step_rows(script.state)] == [1, 6]


@pytest.mark.parametrize(
    ("lines", "numbers"),
    [(5, [1, 2, 3, 4, 5]), (3, [1, 2, 3]), (1, [1]), (0, [])],
)
def test_few_lines_show_where_work_is(lines: int, numbers: list[int]) -> None:
    assert [row.number for row in visible_rows(step_rows(halfway().state), lines)] == numbers


def test_few_lines_move_on_with_the_work() -> None:
    script = finished()
    assert [row.number for row in visible_rows(step_rows(script.state), 2)] == [4, 5]
    assert texts(script, 60, 3)[0] == "Steps  5, 3 not shown"


@given(counts, counts, counts, counts, st.integers(1, 200))
def test_a_bar_is_exactly_as_wide_as_asked(done: int, failed: int, running: int, queued: int, width: int) -> None:
    shares = {
        AxisState.COMPLETED: done,
        AxisState.FAILED: failed,
        AxisState.RUNNING: running,
        AxisState.PENDING: queued,
    }
    cells = divide(shares, width)
    assert sum(cells.values()) == width
    assert min(cells.values()) >= 0
    assert sum(len(s.text) for s in divided_bar(shares, width, LOOKS, colour=True)) == width
    assert all(cells[state] == 0 for state, share in shares.items() if not share) or not any(shares.values())
    assert (cells[AxisState.COMPLETED] == width) <= (failed + running + queued == 0)


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ((96, 0, 0, 0), "##########"),
        ((95, 0, 0, 1), "#########."),
        ((380, 1, 0, 3), "#########x"),
        ((380, 1, 3, 0), "########x>"),
        ((0, 0, 0, 0), ".........."),
        ((0, 96, 0, 0), "xxxxxxxxxx"),
    ],
)
def test_bars(shares: tuple[int, int, int, int], expected: str) -> None:
    order = (AxisState.COMPLETED, AxisState.FAILED, AxisState.RUNNING, AxisState.PENDING)
    bar = divided_bar(dict(zip(order, shares, strict=True)), 10, LOOKS, colour=False)
    assert "".join(segment.text for segment in bar) == expected
