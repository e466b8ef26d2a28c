"""What the tables of failures, workers and executions say: pure functions from the server's values to rows."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from msgspec import UNSET

from plateflow.gui.panels.rows import Column, Row
from plateflow.gui.panels.words import date, well_key, well_word
from plateflow.gui.states import LOOKS, PlateState
from plateflow.progress.messages import ExecutionKind, ExecutionState, WorkerMessage, WorkerState
from plateflow.progress.state import AxisState
from plateflow.progress.wells import failed_axes
from plateflow.progress.words import SHORT_ID, duration, plate_name, short_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plateflow.progress.state import ExecutionProgress
    from plateflow.runtime.control import Summary

STALLED_AFTER = 5.0
"""Seconds without word of a worker, of which there should be one each second."""

FAILURE_COLUMNS: Final = (
    Column("Well", "The well that failed"),
    Column("Step", "The step in which it failed"),
    Column("Error", "What went wrong; the traceback says where"),
    Column("Attempts", "How often the well was begun", numeric=True),
)
WORKER_COLUMNS: Final = (
    Column("PID", "The worker's process id"),
    Column("Host", "The machine that it runs on"),
    Column("State", "What it is doing"),
    Column("Well", "The well that it works on, or died on"),
    Column("Step", "The step that it is in"),
    Column("Memory (MB)", "Memory that it holds now", numeric=True),
    Column("Heard (s ago)", "Seconds since the last word of it; there should be one each second", numeric=True),
)
HISTORY_COLUMNS: Final = (
    Column("When", "When it began, or was submitted where it has not yet"),
    Column("Kind", "What it does: init, compile or run"),
    Column("Plate", "The plate's folder"),
    Column("State", "Where it stands, or how it ended"),
    Column("Wells", "Wells done of all, and how many failed"),
    Column("Took", "How long it ran"),
    Column("Id", "Its id, as the commands take it"),
)
_OUTCOMES = {
    ExecutionKind.INIT: PlateState.READY,
    ExecutionKind.COMPILE: PlateState.COMPILED,
    ExecutionKind.RUN: PlateState.COMPLETE,
}


def failure_rows(progress: ExecutionProgress | None) -> list[Row]:
    """Return what failed, the latest first."""
    if progress is None:
        return []
    return [
        _failure_row(axis_id, axis.error_step, axis.error, axis.attempts, progress.plate_id)
        for axis_id, axis in failed_axes(progress)
    ]


def failures_absent(progress: ExecutionProgress | None) -> str:
    """Return why there are no failures to be listed."""
    if progress is None:
        return "No run yet: wells that fail are listed here."
    if progress.plate_error:
        return f"No well failed, but the whole plate did: {short_error(progress.plate_error, progress.plate_id)}"
    return "No well has failed."


def worker_rows(progress: ExecutionProgress | None, now: float) -> list[Row]:
    """Return the workers of an execution in the order of their places; ``now`` in seconds since the epoch."""
    if progress is None:
        return []
    workers = sorted(progress.workers.items(), key=lambda item: item[1].worker)
    return [_worker_row(place, message, now, ended=progress.ended) for place, message in workers]


def workers_absent(progress: ExecutionProgress | None) -> str:
    """Return why there are no workers to be listed."""
    if progress is None:
        return "No run yet: its worker processes are listed here."
    if progress.ended:
        return "This execution has ended, and had no workers."
    return "No worker has been heard of yet: they start once the plate is compiled."


def worker_state(message: WorkerMessage, now: float, *, ended: bool) -> str:
    """Return what a worker is doing, in words."""
    if message.state is WorkerState.DIED:
        return f"died ({message.signal})"
    if ended:
        return "ended"
    if now - message.timestamp > STALLED_AFTER:
        return "stalled"
    return "working" if message.state is WorkerState.BUSY else "idle"


def history_rows(summaries: Sequence[Summary], now: float) -> list[Row]:
    """Return executions, the newest first; they come in the order of their submission."""
    return [_history_row(summary, now) for summary in reversed(summaries)]


def history_state(summary: Summary) -> str:
    """Return where an execution stands, or how it ended, in words: ``Running 43%``, ``Complete with failures``."""
    if summary.state is ExecutionState.COMPLETED:
        failed = summary.kind is ExecutionKind.RUN and summary.counts.get(AxisState.FAILED, 0)
        return LOOKS[PlateState.COMPLETE_WITH_FAILURES if failed else _OUTCOMES[summary.kind]].word
    at_work = summary.state in (ExecutionState.RUNNING, ExecutionState.PAUSED) and any(summary.counts.values())
    return summary.state.value.capitalize() + (f" {summary.percent}%" if at_work else "")


def history_wells(summary: Summary) -> str:
    """Return how many wells are done of how many, and how many failed."""
    total, failed = sum(summary.counts.values()), summary.counts.get(AxisState.FAILED, 0)
    if not total:
        return ""
    done = f"{summary.counts.get(AxisState.COMPLETED, 0):,}/" if summary.kind is ExecutionKind.RUN else ""
    return f"{done}{total:,}" + (f", {failed:,} failed" if failed else "")


@lru_cache(maxsize=4096)  # they are asked for with every frame, and seldom change
def _failure_row(axis_id: str, step: str, whole_error: str, attempts: int, plate_id: str) -> Row:
    error = short_error(whole_error, plate_id)
    cells = (well_word(axis_id), step, error, str(attempts))
    return Row(axis_id, cells, (well_key(axis_id), step, error, attempts), whole_error)


def _worker_row(place: str, message: WorkerMessage, now: float, *, ended: bool) -> Row:
    state = worker_state(message, now, ended=ended)
    silence = max(0.0, now - message.timestamp)
    memory = message.memory_bytes / 1e6
    axis_id = "" if message.axis_id is UNSET else message.axis_id
    step = "" if message.step_name is UNSET else message.step_name
    memory_text = f"{memory:,.0f}" if message.memory_bytes else "not known"
    silence_text = "" if ended else f"{silence:.0f}"
    alarming = message.state is WorkerState.DIED or state == "stalled"
    tip = f"Worker {message.worker} on {message.host}: {state}"
    if state == "stalled":
        tip += f"; no word of it for {duration(silence)}, there should be one each second"
    cells = (str(message.pid), message.host, state, well_word(axis_id), step, memory_text, silence_text)
    keys = (message.pid, message.host, state, well_key(axis_id), step, memory, silence)
    return Row(place, cells, keys, tip, alarming)


def _history_row(summary: Summary, now: float) -> Row:
    began = summary.started or summary.submitted
    total = sum(summary.counts.values())
    took = duration(summary.seconds) if summary.started else ""
    name, state, short = plate_name(summary.plate_id), history_state(summary), summary.execution_id[:SHORT_ID]
    if summary.reason:
        state = f"{state}: {short_error(summary.reason, summary.plate_id)}"
    cells = (date(began, now), summary.kind.value, name, state, history_wells(summary), took, short)
    keys = (began, summary.kind.value, name, state, total, summary.seconds, summary.execution_id)
    alarming = summary.state in (ExecutionState.FAILED, ExecutionState.INTERRUPTED)
    return Row(summary.execution_id, cells, keys, f"{summary.plate_id}\n{state}", alarming)
