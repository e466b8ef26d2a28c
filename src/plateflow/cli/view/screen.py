"""The whole view in one frame, whose height depends on the plate and the terminal only, never on what happens."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.segment import Segment

from plateflow.cli.view.bar import divided_bar
from plateflow.cli.view.failures import MOST_LISTED, failure_lines
from plateflow.cli.view.layout import GAP, HEAD, lay_out
from plateflow.cli.view.palette import LOOKS, looks_of
from plateflow.cli.view.plate_map import legend, plate_map, plate_size
from plateflow.cli.view.steps import step_lines
from plateflow.cli.view.summary import status_line, title_words
from plateflow.cli.view.text import BOLD, DIM, PLAIN, Line, both_ends, cut, side_by_side
from plateflow.progress.messages import ExecutionState
from plateflow.progress.state import AxisState, ExecutionProgress
from plateflow.progress.wells import count_wells
from plateflow.progress.words import counted, duration, one_line, plate_name

if TYPE_CHECKING:
    from rich.console import Console, ConsoleDimensions, ConsoleOptions, RenderResult
    from rich.style import Style

    from plateflow.cli.view.layout import Layout
    from plateflow.cli.view.pace import Pace


@dataclass(frozen=True, slots=True)
class Frame:
    """Lines that rich can print."""

    lines: list[Line]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines, each ended."""
        for line in self.lines:
            yield from line
            yield Segment.line()


def render(
    state: ExecutionProgress, pace: Pace, size: ConsoleDimensions, *, colour: bool = True, notice: str = ""
) -> Frame:
    """Draw an execution for a terminal of a size; without colour, letters carry the states.

    A notice stands where the status does and below, on as many lines as it needs; above where there are none.
    """
    layout = lay_out(size, plate_size(state), len(state.steps))
    head = _head(state, pace, layout, colour)
    lines = [*head, *_foot(state, pace, layout, colour)]
    noticed = _notice(notice, layout.width, max(1, size.height - 1 - HEAD))
    at = max(0, min(len(head), size.height - 1 - len(noticed)))
    return _cut(layout, [*lines[:at], *noticed, *lines[at + len(noticed) :]])


def render_last(state: ExecutionProgress, pace: Pace, size: ConsoleDimensions, *, colour: bool = True) -> Frame:
    """Draw the frame that stays: as high as need be to list the failures, without lines kept free for them."""
    layout = lay_out(size, plate_size(state), len(state.steps))
    failures = min(state.counts[AxisState.FAILED], MOST_LISTED) + 1
    layout = replace(layout, failures=failures if layout.steps else 0)
    return _cut(layout, [*_head(state, pace, layout, colour), *_foot(state, pace, layout, colour)])


def _cut(layout: Layout, lines: list[Line]) -> Frame:
    return Frame([Segment.adjust_line_length(line, layout.width, pad=False) for line in lines])


def _head(state: ExecutionProgress, pace: Pace, layout: Layout, colour: bool) -> list[Line]:
    if not layout.head:
        return []
    return [
        _title(state, pace, layout.width),
        _plate_bar(state, layout.width, colour),
        *_gap(layout, "body"),
        *_body(state, layout, colour),
        *_gap(layout, "status"),
    ]


def _foot(state: ExecutionProgress, pace: Pace, layout: Layout, colour: bool) -> list[Line]:
    status = status_line(state, pace, layout.width, counts=layout.shape is None)
    lines: list[Line] = [[Segment(status, _status_style(state))]]
    if not layout.head:
        return lines
    return [
        *lines,
        *_gap(layout, "failures"),
        *failure_lines(state, layout.width, layout.failures, colour=colour),
    ]


def _notice(notice: str, width: int, lines: int) -> list[Line]:
    wrapped = textwrap.wrap(one_line(notice), width, max_lines=lines, placeholder="…")
    return [[Segment(line, LOOKS[AxisState.FAILED].ink)] for line in wrapped]


def _gap(layout: Layout, before: str) -> list[Line]:
    return [[]] if before in layout.gaps else []


def _title(state: ExecutionProgress, pace: Pace, width: int) -> Line:
    counts = count_wells(state)
    facts = [counted(sum(counts.values()), "well"), counted(len(state.steps), "step")] if state.steps else []
    if pace.elapsed_s is not None and not state.ended:
        facts.append(duration(pace.elapsed_s))
    name = cut(plate_name(state.plate_id), max(8, width // 2))
    left = [
        Segment(f"{name}  ", BOLD),
        Segment(cut(title_words(state, pace), width - len(name) - 2), _status_style(state)),
    ]
    return both_ends(left, [Segment(" · ".join(facts), DIM)], width)


def _status_style(state: ExecutionProgress) -> Style:
    if state.state is ExecutionState.FAILED:
        return LOOKS[AxisState.FAILED].ink
    if state.state is ExecutionState.COMPLETED:
        failed = state.counts[AxisState.FAILED]
        return LOOKS[AxisState.FAILED if failed else AxisState.COMPLETED].ink
    return PLAIN


def _plate_bar(state: ExecutionProgress, width: int, colour: bool) -> Line:
    if not state.steps:
        phase = state.compile or state.init
        shares = {AxisState.RUNNING: phase.completed, AxisState.PENDING: phase.total - phase.completed} if phase else {}
        return divided_bar(shares, width, looks_of(state), colour=colour)
    failed = (axis for axis in state.axes.values() if axis.state is AxisState.FAILED)
    lost = sum(axis.groups_planned - axis.groups_done for axis in failed) if state.counts[AxisState.FAILED] else 0
    shares = {
        AxisState.COMPLETED: state.groups_done,
        AxisState.FAILED: lost,
        AxisState.PENDING: state.groups_planned - state.groups_done - lost,
    }
    return divided_bar(shares, width, looks_of(state), colour=colour)


def _body(state: ExecutionProgress, layout: Layout, colour: bool) -> list[Line]:
    if layout.shape is None:
        return step_lines(state, layout.width, layout.steps, colour=colour)
    drawn = plate_map(state, layout.shape, colour=colour)
    key = legend(state, colour=colour)
    if not layout.beside:
        return [*drawn, key, *_gap(layout, "steps"), *step_lines(state, layout.width, layout.steps, colour=colour)]
    left = layout.shape.width + GAP
    steps = step_lines(state, layout.width - left, layout.steps, colour=colour)
    return [*side_by_side(drawn, steps, left), key]
