"""The wells that failed: the latest ones, each with its step and its error in one line."""

from __future__ import annotations

from rich.segment import Segment

from plateflow.cli.view.palette import LOOKS
from plateflow.cli.view.text import BOLD, DIM, PLAIN, Line, cut, fill
from plateflow.progress.state import AxisState, ExecutionProgress
from plateflow.progress.wells import failed_axes, is_well
from plateflow.progress.words import short_error

LONGEST_STEP = 20
MOST_LISTED = 20
"""Failures that are listed at the end."""


def failure_lines(state: ExecutionProgress, width: int, lines: int, *, colour: bool) -> list[Line]:
    """Return a title and the latest failures, in exactly so many lines; empty ones keep the height."""
    if lines <= 0:
        return []
    failed = failed_axes(state)
    shown = failed[: lines - 1]
    names = [axis_id if is_well(axis_id) else "plate" for axis_id, _ in shown]
    name_width = max(map(len, names), default=0)
    step_width = min(LONGEST_STEP, max((len(axis.error_step) for _, axis in shown), default=0))
    rows = [
        _failure_line(
            [fill(name, name_width), fill(axis.error_step, step_width), short_error(axis.error, state.plate_id)],
            width,
            colour,
        )
        for name, (_, axis) in zip(names, shown, strict=True)
    ]
    empty: list[Line] = [[] for _ in range(lines - 1 - len(rows))]
    return [_title(len(failed), len(shown)), *rows, *empty]


def _title(failed: int, shown: int) -> Line:
    if not failed:
        return [Segment("No failures", DIM)]
    more = f"  {failed - shown} more" if failed > shown else ""
    return [Segment(f"Failures {failed}", PLAIN), Segment(more, DIM)]


def _failure_line(words: list[str], width: int, colour: bool) -> Line:
    name, step, error = words
    look = LOOKS[AxisState.FAILED]
    start = [
        Segment(f"{look.mark if colour else look.letter} ", look.ink),
        Segment(f"{name}  ", BOLD),
        Segment(f"{step}  " if step.strip() else "", DIM),
    ]
    return [*start, Segment(cut(error, width - Segment.get_line_length(start)), PLAIN)]
