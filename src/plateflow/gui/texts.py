"""What the window says in words: pure functions of plain values, so that they are tested without Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plateflow.gui.panels.words import well_word
from plateflow.gui.states import LOOKS, PlateState
from plateflow.progress.messages import ExecutionState
from plateflow.progress.percent import shown_percent
from plateflow.progress.state import AxisState
from plateflow.progress.wells import count_wells
from plateflow.progress.words import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plateflow.gui.plates import Plate
    from plateflow.progress.eta import Eta
    from plateflow.progress.state import AxisProgress, ExecutionProgress, Phase

SEPARATOR = " · "
LONGEST_ETA = 99 * 3600.0
"""Seconds; what would take longer is not told."""


def state_text(plate: Plate) -> str:
    """Return a row's state in words: ``⏳ Init 9,216 files``, ``Running 43 %``, ``Complete with failures 379/384``."""
    state = plate.state
    return f"{LOOKS[state].glyph} {_words(plate, state)}".strip()


def state_words(plate: Plate) -> str:
    """Return the same without the glyph, which a font may lack."""
    return _words(plate, plate.state)


def step_text(plate: Plate) -> str:
    """Return a row's second line: the step and well that are worked on, or why the plate failed."""
    state = plate.state
    if state in (PlateState.CREATED, PlateState.FAILED, PlateState.LOST, PlateState.CANCELLED):
        return plate.problem
    if state is not PlateState.RUNNING or plate.progress is None:
        return ""
    if not plate.progress.steps_by_index:
        return _preparation(plate.progress)
    current = plate.current_axis()
    return SEPARATOR.join([f"step {_step(current[1], plate.progress)}", well_word(current[0])]) if current else ""


def status_bar(
    connection: str,
    plates: Iterable[Plate],
    shown: Plate | None,
    *,
    per_minute: float = 0.0,
    eta: Eta | None = None,
    lag: float | None = None,
) -> str:
    """Return the status bar: the connection, where the shown plate is, counts of all plates, rate, ETA and lag."""
    parts = [connection, *_where(shown), counts_text(plates)]
    if per_minute:
        parts.append(f"{per_minute:.1f}/min")
    if shown is not None and shown.state is PlateState.RUNNING:
        parts.append(eta_text(eta))
    if lag is not None:
        parts.append(f"lag {lag:.1f} s")
    return SEPARATOR.join(part for part in parts if part)


def counts_text(plates: Iterable[Plate]) -> str:
    """Return how many plates run, wait and failed: ``1 run 2 queued 1 failed``."""
    states = [plate.state for plate in plates]
    counts = [
        (states.count(PlateState.RUNNING) + states.count(PlateState.STOPPING), "run"),
        (states.count(PlateState.QUEUED), "queued"),
        (states.count(PlateState.FAILED) + states.count(PlateState.COMPLETE_WITH_FAILURES), "failed"),
    ]
    return " ".join(f"{count} {word}" for count, word in counts if count)


def wells_text(progress: ExecutionProgress) -> str:
    """Return a plate's wells by state: ``149 done 38 run 3 fail 194 pending``."""
    words = {
        AxisState.COMPLETED: "done",
        AxisState.RUNNING: "run",
        AxisState.FAILED: "fail",
        AxisState.PENDING: "pending",
    }
    counts = count_wells(progress)
    return " ".join(f"{counts[state]} {word}" for state, word in words.items() if counts[state])


def eta_text(eta: Eta | None) -> str:
    """Return ``ETA 9–14 min``; ``ETA estimating`` where it is not known."""
    if eta is None or eta.high > LONGEST_ETA:
        return "ETA estimating" if eta is None else "ETA over 99 h"
    unit, seconds = ("h", 3600.0) if eta.high >= 5400 else ("min", 60.0) if eta.high >= 90 else ("s", 1.0)
    low, high = int(eta.low / seconds), max(1, round(eta.high / seconds))
    return f"ETA {low}–{high} {unit}" if low < high else f"ETA {high} {unit}"


def window_title(plates: Iterable[Plate]) -> str:
    """Return the window's title: with the percent of a plate that runs."""
    running = next((p for p in plates if p.state is PlateState.RUNNING and p.progress is not None), None)
    if running is None or running.progress is None:
        return "Plate Manager – plateflow"
    return f"{running.progress.percent}% {running.name} – plateflow"


def _where(plate: Plate | None) -> list[str]:
    if plate is None or plate.state is not PlateState.RUNNING or plate.progress is None:
        return []
    current = plate.current_axis()
    parts = [f"plate {plate.progress.percent}%"]
    if current:
        name, axis = current
        step_percent = shown_percent(axis.step_done, axis.step_total)
        parts = [well_word(name), f"step {_step(axis, plate.progress)} {step_percent}%", *parts]
    return parts


def _step(axis: AxisProgress, progress: ExecutionProgress) -> str:
    return f"{axis.step_index + 1}/{len(progress.steps_by_index)} {axis.step_name}"


def _words(plate: Plate, state: PlateState) -> str:
    word = LOOKS[state].word
    return f"{word} {suffix}" if (suffix := _suffix(plate, state)) else word


def _suffix(plate: Plate, state: PlateState) -> str:
    progress = plate.progress
    if state is PlateState.QUEUED:
        return f"#{plate.queue_place}" if plate.queue_place else ""
    if progress is None:
        return ""
    if state is PlateState.COMPILE and progress.compile is not None:
        return _of(progress.compile)
    if state in (PlateState.INIT, PlateState.COMPILE):
        return _files(progress.init)
    if state in (PlateState.RUNNING, PlateState.STOPPING, PlateState.PAUSED, PlateState.PAUSING):
        return f"{progress.percent} %"
    if state is PlateState.COMPLETE_WITH_FAILURES:
        return _done_of_all(progress)
    if state is PlateState.FAILED and progress.state is ExecutionState.FAILED and progress.axes:
        return _done_of_all(progress)
    return ""


def _done_of_all(progress: ExecutionProgress) -> str:
    counts = count_wells(progress)
    return f"{counts[AxisState.COMPLETED]}/{sum(counts.values())}"


def _preparation(progress: ExecutionProgress) -> str:
    if progress.compile is not None:
        return f"{LOOKS[PlateState.COMPILE].word} {_of(progress.compile)}".strip()
    return f"{LOOKS[PlateState.INIT].word} {_files(progress.init)}".strip() if progress.init is not None else ""


def _files(phase: Phase | None) -> str:
    """Return how many files were looked at, or where that has not begun, found."""
    if phase is None or (phase.total and not phase.completed):
        return ""
    return f"{phase.completed:,} files" if phase.total else f"· {one_line(phase.message)}" if phase.message else ""


def _of(phase: Phase | None) -> str:
    return f"{phase.completed}/{phase.total}" if phase is not None and phase.total else ""
