"""The words: what an execution is doing and how it ended, each part from a pure function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plateflow.cli.view.palette import HOURGLASS, looks_of
from plateflow.cli.view.text import cut
from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.progress.percent import shown_percent
from plateflow.progress.state import AxisProgress, AxisState, ExecutionProgress, Phase
from plateflow.progress.wells import count_wells, is_well
from plateflow.progress.words import counted, duration, one_line

if TYPE_CHECKING:
    from plateflow.cli.view.pace import Pace

SEPARATOR = " · "
STOPPING = "stopping: the wells under way end first; Ctrl-C again stops at once"
GOES_ON = "the journal can be written again; it goes on"


def title_words(state: ExecutionProgress, pace: Pace) -> str:
    """Return what the title says beside the name, where the status line says more: a percent."""
    if state.ended:
        return f"{state.percent}%" if state.steps else ""
    return headline(state, pace) if state.steps else ""


def headline(state: ExecutionProgress, pace: Pace) -> str:
    """Return in a few words where the execution stands, or how it ended."""
    if state.ended:
        return outcome(state, pace)
    if state.state is ExecutionState.QUEUED:
        return "Queued"
    paused = state.state is ExecutionState.PAUSED
    if state.steps:
        return f"{'Paused' if paused else 'Running'} {state.percent}%"
    return f"Paused in {preparation(state)}" if paused else preparation(state) or "Starting"


def preparation(state: ExecutionProgress) -> str:
    """Return how far init or compile is; "" before either began."""
    if state.compile is not None:
        return f"{HOURGLASS} Compile{_counted(state.compile, 'wells')}"
    if state.init is not None:
        return f"{HOURGLASS} Init{_counted(state.init, 'files')}"
    return ""


def outcome(state: ExecutionProgress, pace: Pace) -> str:
    """Return how an execution ended."""
    if state.state is ExecutionState.COMPLETED:
        words = _completed(state)
        if pace.elapsed_s is None:
            return words
        return f"{words}{',' if ',' in words else ''} {duration(pace.elapsed_s)}"
    word = state.state.value.capitalize() if state.state else ""
    at = f" at {state.percent}%" if state.steps else ""
    return f"{word}{at}: {one_line(state.reason)}" if state.reason else word + at


def waiting_text(problem: str) -> str:
    """Return what one reads while the server cannot write its journal, and so publishes nothing."""
    return f"waiting: {problem}"


def counts_text(state: ExecutionProgress) -> str:
    """Return the wells in each state; in an ended execution only of those that there are."""
    counts = count_wells(state)
    shown = ((counts[key], look) for key, look in looks_of(state).items() if counts[key] or not state.ended)
    return " ".join(f"{count} {look.word}" for count, look in shown)


def focus(state: ExecutionProgress) -> tuple[str, AxisProgress] | None:
    """Return the first well at work in the order of the plate, so that it stays the same until it is done."""
    if not state.counts[AxisState.RUNNING]:
        return None
    return next((pair for pair in state.axes.items() if pair[1].state is AxisState.RUNNING), None)


def focus_text(axis_id: str, axis: AxisProgress, total_steps: int) -> str:
    """Return where one well stands; the percent is of its step, the one in its cell of the map is of all its work."""
    name = axis_id if is_well(axis_id) else "plate"
    if not axis.step_name:
        return f"{name}{SEPARATOR}started"
    percent = shown_percent(axis.step_done, axis.step_total)
    return f"{name}{SEPARATOR}step {axis.step_index + 1}/{total_steps} {axis.step_name} {percent}%"


def rate_text(wells_per_minute: float) -> str:
    """Return a rate with one decimal where that says something."""
    return f"{wells_per_minute:.{1 if wells_per_minute < 100 else 0}f} wells/min"


def status_line(state: ExecutionProgress, pace: Pace, width: int, *, counts: bool = True) -> str:
    """Return the status in one line, with or without the counts of wells.

    Where it is too long, the rate goes first, then the plate, then the well.
    """
    parts = _parts(state, pace)
    if not counts:
        parts.pop("counts", None)
    for dropped in ("rate", "plate", "well"):
        if len(SEPARATOR.join(parts.values())) <= width:
            break
        parts.pop(dropped, None)
    return cut(SEPARATOR.join(parts.values()), width)


def _parts(state: ExecutionProgress, pace: Pace) -> dict[str, str]:
    if state.ended or not state.steps:
        parts = {"head": headline(state, pace)}
        if state.steps:
            parts["counts"] = counts_text(state)
        return parts
    parts = {"head": "Paused"} if state.state is ExecutionState.PAUSED else {}
    at_work = focus(state)
    if at_work is not None:
        parts["well"] = focus_text(*at_work, len(state.steps))
    parts["plate"] = f"plate {state.percent}%"
    parts["counts"] = counts_text(state)
    if pace.wells_per_minute is not None:
        parts["rate"] = rate_text(pace.wells_per_minute)
    return parts


def _counted(phase: Phase, unit: str) -> str:
    if phase.total:
        return f" {phase.completed:,}/{phase.total:,} {unit}"
    return f"{SEPARATOR}{one_line(phase.message)}" if phase.message else ""


def _completed(state: ExecutionProgress) -> str:
    if state.kind is ExecutionKind.INIT:
        return f"Ready, {counted(state.init.total, 'file')}" if state.init else "Ready"
    counts = count_wells(state)
    wells = sum(counts.values())
    if state.kind is ExecutionKind.COMPILE:
        word = f"Compiled, {counted(wells, 'well')}, {counted(len(state.steps), 'step')}"
        return f"{word}, {counted(counts[AxisState.FAILED], 'well')} failed" if counts[AxisState.FAILED] else word
    if counts[AxisState.FAILED]:
        return f"Complete with failures, {counts[AxisState.COMPLETED]}/{wells}"
    return "Complete"
