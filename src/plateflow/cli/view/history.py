"""The history of a server as a table: a line each, the newest last, where the prompt is."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.segment import Segment

from plateflow.cli.view.palette import LOOKS, STOPPED
from plateflow.cli.view.text import BOLD, DIM, PLAIN, Line, cut, fill
from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.progress.state import AxisState
from plateflow.progress.words import SHORT_ID, duration, plate_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.style import Style

    from plateflow.runtime.control import Summary

NARROWEST_NAME = 8
GAP = "  "
HALF_A_YEAR_S = 182 * 86400.0
"""What is older is told by its year, not by its hour."""
_TITLES = ("id", "when", "kind", "plate", "state", "wells", "took")
_PLATE = _TITLES.index("plate")

STATE_INKS: Final = {
    ExecutionState.QUEUED: LOOKS[AxisState.PENDING].ink,
    ExecutionState.RUNNING: LOOKS[AxisState.RUNNING].ink,
    ExecutionState.PAUSED: LOOKS[AxisState.RUNNING].ink,
    ExecutionState.COMPLETED: LOOKS[AxisState.COMPLETED].ink,
    ExecutionState.FAILED: LOOKS[AxisState.FAILED].ink,
    ExecutionState.CANCELLED: STOPPED[AxisState.RUNNING].ink,
    ExecutionState.INTERRUPTED: STOPPED[AxisState.RUNNING].ink,
}


def history_lines(summaries: Sequence[Summary], now: float, width: int | None, *, colour: bool) -> list[Line]:
    """Return a title and a line for each execution.

    Parameters
    ----------
    summaries
        In the order of their submission.
    now
        Seconds since the epoch.
    width
        Of the terminal: names of plates are cut to it; None where nothing is cut.
    colour
        Without it, letters carry the states of wells.
    """
    rows = [_row(summary, now, colour) for summary in summaries]
    widths = [max(cell_len(row[column]) for row in [_TITLES, *rows]) for column in range(len(_TITLES))]
    if width is not None:
        surplus = sum(widths) + len(GAP) * (len(widths) - 1) - (width - 1)
        widths[_PLATE] = max(min(NARROWEST_NAME, widths[_PLATE]), widths[_PLATE] - max(0, surplus))
    styles = [(PLAIN, DIM, DIM, BOLD, STATE_INKS[s.state], _wells_style(s), DIM) for s in summaries]
    return [_line(_TITLES, widths, (DIM,) * len(_TITLES)), *map(_line, rows, [widths] * len(rows), styles)]


def _row(summary: Summary, now: float, colour: bool) -> tuple[str, ...]:
    return (
        summary.execution_id[:SHORT_ID],
        _when(summary.started or summary.submitted, now),
        summary.kind.value,
        plate_name(summary.plate_id),
        _state(summary),
        _wells(summary, colour),
        duration(summary.seconds) if summary.started else "",
    )


def _when(seconds: float, now: float) -> str:
    form = "%Y-%m-%d" if now - seconds > HALF_A_YEAR_S else "%m-%d %H:%M"
    return datetime.fromtimestamp(seconds).strftime(form)


def _state(summary: Summary) -> str:
    at_work = summary.state in (ExecutionState.RUNNING, ExecutionState.PAUSED)
    percent = f" {summary.percent}%" if at_work and any(summary.counts.values()) else ""
    return summary.state.value + percent


def _wells(summary: Summary, colour: bool) -> str:
    total, failed = sum(summary.counts.values()), summary.counts.get(AxisState.FAILED, 0)
    if not total:
        return ""
    is_run = summary.kind is ExecutionKind.RUN
    look = LOOKS[AxisState.FAILED]
    done = f"{summary.counts.get(AxisState.COMPLETED, 0)}/{total}" if is_run else str(total)
    return f"{done} {look.mark if colour else look.letter}{failed}" if failed else done


def _wells_style(summary: Summary) -> Style:
    return LOOKS[AxisState.FAILED].ink if summary.counts.get(AxisState.FAILED, 0) else PLAIN


def _line(cells: Sequence[str], widths: Sequence[int], styles: Sequence[Style]) -> Line:
    *firsts, last = zip(cells, widths, styles, strict=True)
    line = [Segment(fill(cell, width) + GAP, style) for cell, width, style in firsts]
    return [*line, Segment(cut(last[0], last[1]), last[2])]
