from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from rich.segment import Segment

from plateflow.cli.view.history import history_lines
from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.progress.state import AxisState
from plateflow.runtime.control import Summary

if TYPE_CHECKING:
    from plateflow.cli.view.text import Line

NOW = datetime(2026, 11, 24, 15, 30).timestamp()
LONG = "siRNA screen replicate 3 2026-11-20_17.04"


def summary(
    state: ExecutionState = ExecutionState.COMPLETED,
    plate: str = "Plate_A",
    kind: ExecutionKind = ExecutionKind.RUN,
    counts: tuple[int, int, int, int] = (0, 0, 96, 0),
    submitted: float = NOW - 1000,
    started: float = NOW - 970,
    seconds: float = 965.0,
    percent: int = 100,
) -> Summary:
    return Summary(
        execution_id="0123456789abcdef" * 2,
        plate_id=f"/data/screens/{plate}",
        kind=kind,
        state=state,
        reason="",
        seq=7,
        percent=percent,
        counts=dict(zip(AxisState, counts, strict=True)),
        submitted=submitted,
        started=started,
        seconds=seconds,
    )


def texts(lines: list[Line]) -> list[str]:
    return ["".join(segment.text for segment in line).rstrip() for line in lines]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param(summary(), "run  Plate_A  completed  96/96  16 min 05 s", id="completed"),
        pytest.param(
            summary(counts=(0, 0, 91, 5)), "run  Plate_A  completed  91/96 ✕5  16 min 05 s", id="with failures"
        ),
        pytest.param(
            summary(ExecutionState.RUNNING, counts=(50, 8, 36, 2), percent=43),
            "run  Plate_A  running 43%  36/96 ✕2  16 min 05 s",
            id="running",
        ),
        pytest.param(
            summary(ExecutionState.RUNNING, counts=(0, 0, 0, 0), percent=0, seconds=1),
            "run  Plate_A  running  1 s",
            id="not compiled yet",
        ),
        pytest.param(
            summary(ExecutionState.QUEUED, counts=(0, 0, 0, 0), started=0.0, seconds=0.0),
            "run  Plate_A  queued",
            id="queued",
        ),
        pytest.param(
            summary(kind=ExecutionKind.COMPILE, counts=(95, 0, 0, 1), seconds=1.2),
            "compile  Plate_A  completed  96 ✕1  1 s",
            id="compile counts what it looked at",
        ),
        pytest.param(
            summary(ExecutionState.INTERRUPTED, counts=(50, 8, 36, 2), percent=43, seconds=70),
            "run  Plate_A  interrupted  36/96 ✕2  1 min 10 s",
            id="interrupted",
        ),
    ],
)
def test_a_row(row: Summary, expected: str) -> None:
    [title, line] = texts(history_lines([row], NOW, None, colour=True))
    assert title.split() == ["id", "when", "kind", "plate", "state", "wells", "took"]
    assert line.split() == ["01234567", "11-24", "15:13", *expected.split()]


def test_what_is_old_is_told_by_its_year() -> None:
    old = NOW - 300 * 86400
    [_, line] = texts(history_lines([summary(submitted=old, started=old)], NOW, None, colour=True))
    assert time.strftime("%Y-%m-%d", time.localtime(old)) in line


@pytest.mark.parametrize("width", [80, 100, 120])
def test_only_names_are_cut_to_the_terminal(width: int) -> None:
    rows = [summary(plate=LONG, counts=(0, 0, 1531, 5)), summary(ExecutionState.INTERRUPTED, kind=ExecutionKind.INIT)]
    lines = history_lines(rows, NOW, width, colour=True)
    assert max(Segment.get_line_length(line) for line in lines) <= width - 1
    assert "1531/1536 ✕5  16 min 05 s" in texts(lines)[1]
    assert (LONG in texts(lines)[1]) is (width == 120)


def test_nothing_is_cut_where_there_is_no_terminal() -> None:
    assert LONG in texts(history_lines([summary(plate=LONG)], NOW, None, colour=False))[1]


def test_columns_stand_below_each_other_also_with_wide_characters() -> None:
    lines = history_lines([summary(plate="板一"), summary(plate="Plate_B")], NOW, 80, colour=True)
    assert len({Segment.get_line_length(line[:4]) for line in lines}) == 1


def test_without_colour_a_letter_says_failed() -> None:
    assert "91/96 x5" in texts(history_lines([summary(counts=(0, 0, 91, 5))], NOW, None, colour=False))[1]
