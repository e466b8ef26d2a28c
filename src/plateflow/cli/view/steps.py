"""The steps: a line each, with a bar of its wells and the percent of its pattern groups."""

from __future__ import annotations

from dataclasses import dataclass

from rich.segment import Segment

from plateflow.cli.view.bar import divided_bar
from plateflow.cli.view.palette import Look, looks_of
from plateflow.cli.view.text import DIM, PLAIN, Line, cut, fill
from plateflow.progress.percent import shown_percent
from plateflow.progress.state import AxisState, ExecutionProgress, StepProgress
from plateflow.progress.wells import count_wells, is_plate_step

LONGEST_NAME = 24
LONGEST_BAR = 48
SHORTEST_BAR = 6
NARROW_MARKS = 6
"""Columns for a step's failed and running wells where there is room for little else."""


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step as it is shown."""

    number: int
    """Counted from 1."""
    name: str
    wells: dict[AxisState, int]
    percent: int
    """Of its pattern groups, floored."""

    @property
    def total(self) -> int:
        """All wells that go through it; 1 for a plate-wide step."""
        return sum(self.wells.values())


def step_rows(state: ExecutionProgress) -> list[StepRow]:
    """Return all steps in order."""
    wells = sum(count_wells(state).values())
    return [
        _step_row(index + 1, step, 1 if is_plate_step(state, step.name) else wells)
        for index, step in enumerate(state.steps)
    ]


def visible_rows(rows: list[StepRow], lines: int) -> list[StepRow]:
    """Return the rows that fit: those from the first that is not finished, with one finished before it."""
    if len(rows) <= lines:
        return rows
    unfinished = (i for i, row in enumerate(rows) if row.wells[AxisState.PENDING] or row.wells[AxisState.RUNNING])
    first = next(unfinished, len(rows))
    start = max(0, min(first - 1, len(rows) - lines))
    return rows[start : start + lines]


def step_lines(state: ExecutionProgress, width: int, lines: int, *, colour: bool) -> list[Line]:
    """Return a title and the steps, in at most so many lines."""
    rows = step_rows(state)
    shown = visible_rows(rows, lines - 1)
    hidden = len(rows) - len(shown)
    title = [Segment("Steps", PLAIN), Segment(f"  {len(rows)}, {hidden} not shown" if hidden else "", DIM)]
    columns = _columns(rows, width)
    return [title, *(_step_line(row, columns, looks_of(state), colour) for row in shown)][:lines]


@dataclass(frozen=True, slots=True)
class _Columns:
    number: int
    name: int
    bar: int
    wells: int


def _columns(rows: list[StepRow], width: int) -> _Columns:
    digits = len(str(max((row.total for row in rows), default=0)))
    number, wells, marks = len(str(len(rows))), 2 * digits + 1, 2 * (2 + digits)
    name = min(LONGEST_NAME, max((len(row.name) for row in rows), default=0))
    free = width - (number + 1) - (1 + 4 + marks)
    bar = min(LONGEST_BAR, free - (name + 1) - (1 + wells))
    if bar >= SHORTEST_BAR:
        return _Columns(number, name, bar, wells)
    return _Columns(number, max(1, min(name, free + marks - NARROW_MARKS)), 0, 0)


def _step_line(row: StepRow, columns: _Columns, looks: dict[AxisState, Look], colour: bool) -> Line:
    line = [
        Segment(f"{row.number:>{columns.number}} ", DIM),
        Segment(fill(cut(row.name, columns.name), columns.name) + " ", PLAIN),
    ]
    if columns.bar:
        line += [*divided_bar(row.wells, columns.bar, looks, colour=colour), Segment(" ", PLAIN)]
    if columns.wells:
        line.append(Segment(f"{row.wells[AxisState.COMPLETED]}/{row.total}".rjust(columns.wells) + " ", PLAIN))
    line.append(Segment(f"{row.percent:>3}%", PLAIN))
    return [*line, *_marks(row, looks, colour)]


def _marks(row: StepRow, looks: dict[AxisState, Look], colour: bool) -> Line:
    marks: Line = []
    for state in (AxisState.FAILED, AxisState.RUNNING):
        if row.wells[state]:
            look = looks[state]
            marks.append(Segment(f" {look.mark if colour else look.letter}", look.ink))
            marks.append(Segment(f"{row.wells[state]}", PLAIN))
    return marks


def _step_row(number: int, step: StepProgress, total: int) -> StepRow:
    wells = {
        AxisState.COMPLETED: step.completed,
        AxisState.RUNNING: step.running,
        AxisState.FAILED: step.failed,
        AxisState.PENDING: max(0, total - step.completed - step.running - step.failed),
    }
    return StepRow(number, step.name, wells, shown_percent(step.groups_done, step.groups_planned))
