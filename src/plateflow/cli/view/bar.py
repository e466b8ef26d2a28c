"""A bar of one line, divided by state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment

from plateflow.progress.state import AxisState

if TYPE_CHECKING:
    from plateflow.cli.view.palette import Look
    from plateflow.cli.view.text import Line

STROKE = "━"
_DRAWN_FIRST = (AxisState.FAILED, AxisState.RUNNING)
"""One cell at least for these: a failed well among 384 must not vanish in rounding."""


def divided_bar(shares: dict[AxisState, int], width: int, looks: dict[AxisState, Look], *, colour: bool) -> Line:
    """Return a bar that is divided as the shares are; an order is kept: done, failed, running, queued."""
    cells = divide(shares, width)
    order = (AxisState.COMPLETED, AxisState.FAILED, AxisState.RUNNING, AxisState.PENDING)
    return [
        Segment((STROKE if colour else looks[state].letter) * cells[state], looks[state].ink)
        for state in order
        if cells[state]
    ]


def divide(shares: dict[AxisState, int], width: int) -> dict[AxisState, int]:
    """Return the cells of each share; they add up to width, and done is floored: a full bar is all done."""
    total = sum(shares.values())
    cells = dict.fromkeys(AxisState, 0)
    if total == 0:
        cells[AxisState.PENDING] = width
        return cells
    for state in (*_DRAWN_FIRST, AxisState.COMPLETED):
        share = shares.get(state, 0)
        wanted = width * share // total
        if state in _DRAWN_FIRST and share:
            wanted = max(1, wanted)
        cells[state] = min(wanted, width - sum(cells.values()))
    rest = width - sum(cells.values())
    cells[_last_share(shares)] += rest
    return cells


def _last_share(shares: dict[AxisState, int]) -> AxisState:
    order = (AxisState.PENDING, AxisState.RUNNING, AxisState.COMPLETED)
    return next((state for state in order if shares.get(state, 0)), AxisState.FAILED)
