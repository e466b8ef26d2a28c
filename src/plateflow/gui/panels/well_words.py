"""What is said of one well, or of several: pure functions."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from plateflow.gui.panels.words import well_word
from plateflow.gui.texts import SEPARATOR
from plateflow.progress.percent import shown_percent
from plateflow.progress.state import AxisState
from plateflow.progress.words import counted, short_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plateflow.progress.state import AxisProgress, ExecutionProgress

MOST_NAMED = 6
"""Wells of a selection whose failure is told one by one."""
_WORDS = {
    AxisState.PENDING: "waiting",
    AxisState.RUNNING: "running",
    AxisState.COMPLETED: "done",
    AxisState.FAILED: "failed",
}
_STOPPED = {**_WORDS, AxisState.PENDING: "not begun", AxisState.RUNNING: "cut off"}
"""In an execution that has ended nothing waits and nothing runs."""


class WellText(NamedTuple):
    """What is told of a selection."""

    title: str
    lines: tuple[str, ...] = ()
    error: str = ""
    """The whole text that the state has of it."""
    failure: str = ""
    """The failed well whose traceback can be asked for; "" where there is not exactly one."""


def well_text(progress: ExecutionProgress | None, wells: Sequence[str]) -> WellText:
    """Return what there is to say of the selected wells."""
    if not wells:
        return WellText("No well selected", ("Select a well in the plate map to see where it stands.",))
    if progress is None:
        return WellText(_title(wells), ("Nothing has been run on this plate yet.",))
    known = [(well, progress.axes[well]) for well in wells if well in progress.axes]
    if not known:
        return WellText(_title(wells), ("Not part of this execution: it has no images, or was left out.",))
    return _one(progress, *known[0]) if len(wells) == 1 else _several(progress, wells, known)


def _title(wells: Sequence[str]) -> str:
    return f"Well {wells[0]}" if len(wells) == 1 else counted(len(wells), "well") + " selected"


def _one(progress: ExecutionProgress, well: str, axis: AxisProgress) -> WellText:
    words = _STOPPED if progress.ended else _WORDS
    name = well_word(well)
    title = f"{'Plate' if name == 'plate' else f'Well {name}'} – {words[axis.state]}"
    lines = [line for line in (_step_line(progress, axis), _work_line(axis)) if line]
    failed = axis.state is AxisState.FAILED
    return WellText(title, tuple(lines), axis.error, well if failed else "")


def _step_line(progress: ExecutionProgress, axis: AxisProgress) -> str:
    if axis.state is AxisState.FAILED and axis.error_step:
        return f"failed in step {_number(progress, axis.error_step)}{axis.error_step}"
    if axis.state is AxisState.COMPLETED:
        return counted(len(axis.completed_steps), "step") + " done"
    if not axis.step_name:
        return ""
    done = f"{shown_percent(axis.step_done, axis.step_total)}% ({axis.step_done}/{axis.step_total} groups)"
    return f"step {axis.step_index + 1}/{len(progress.steps_by_index)} {axis.step_name}{SEPARATOR}{done}"


def _number(progress: ExecutionProgress, step: str) -> str:
    place = next((index for index, known in progress.steps_by_index.items() if known.name == step), None)
    return "" if place is None else f"{place + 1}/{len(progress.steps_by_index)} "


def _work_line(axis: AxisProgress) -> str:
    if not axis.attempts:
        return ""
    percent = shown_percent(axis.groups_done, axis.groups_planned)
    return f"{percent}% of its work done{SEPARATOR}{counted(axis.attempts, 'attempt')}"


def _several(progress: ExecutionProgress, wells: Sequence[str], known: Sequence[tuple[str, AxisProgress]]) -> WellText:
    words = _STOPPED if progress.ended else _WORDS
    counts = Counter(axis.state for _, axis in known)
    told = [f"{counts[state]:,} {word}" for state, word in words.items() if counts[state]]
    if len(known) < len(wells):
        told.append(f"{len(wells) - len(known):,} not part of this execution")
    failed = [(well, axis) for well, axis in known if axis.state is AxisState.FAILED]
    errors = [f"{well}: {short_error(axis.error, progress.plate_id)}" for well, axis in failed[:MOST_NAMED]]
    if len(failed) > MOST_NAMED:
        errors.append(f"and {counted(len(failed) - MOST_NAMED, 'more failed well')}")
    failure = failed[0][0] if len(failed) == 1 else ""
    return WellText(_title(wells), (SEPARATOR.join(told),), "\n".join(errors), failure)
