"""Messages as lines for people: when, which well, which step, what happened."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from msgspec import UNSET, UnsetType

from plateflow.gui.panels.words import clock, well_word
from plateflow.gui.texts import SEPARATOR
from plateflow.progress.messages import ExecutionMessage, Message, Topology, WorkerMessage, WorkerState
from plateflow.progress.update import ProgressPhase, ProgressStatus, ProgressUpdate
from plateflow.progress.wells import is_well
from plateflow.progress.words import counted, short_error

LONGEST = 300
"""Characters of what happened; a traceback is shown elsewhere."""
_UNITS = {ProgressPhase.INIT: "file", ProgressPhase.COMPILE: "well"}


class EventLine(NamedTuple):
    """One line."""

    time: str
    well: str
    step: str
    what: str
    failed: bool = False


Entry: TypeAlias = ProgressUpdate | EventLine
"""What a list of events keeps: updates become lines only when they are looked at, for most never are."""


def entry(message: Message) -> Entry:
    """Return what to keep of a message: of those that may be large, with a traceback or a plan, the line alone."""
    if isinstance(message, ProgressUpdate) and message.status is not ProgressStatus.ERROR and message.message is UNSET:
        return message
    return event_line(message)


def as_line(kept: Entry) -> EventLine:
    """Return the line of what was kept."""
    return kept if isinstance(kept, EventLine) else _update_line(kept)


def event_line(message: Message) -> EventLine:
    """Return a message as a line."""
    if isinstance(message, ProgressUpdate):
        return _update_line(message)
    if isinstance(message, WorkerMessage):
        return _worker_line(message)
    return _execution_line(message)


def events_text(lines: list[EventLine]) -> str:
    """Return lines as text, tabs between their parts."""
    return "\n".join("\t".join((line.time, line.well, line.step, line.what)) for line in lines)


def _update_line(update: ProgressUpdate) -> EventLine:
    failed = update.status is ProgressStatus.ERROR
    what = f"failed: {short_error(_text(update.error), update.plate_id)}" if failed else _progress_words(update)
    if update.message is not UNSET:
        what += SEPARATOR + short_error(update.message, update.plate_id)
    return EventLine(clock(update.timestamp), well_word(update.axis_id), update.step_name, what[:LONGEST], failed)


def _progress_words(update: ProgressUpdate) -> str:
    match update.phase:
        case ProgressPhase.INIT | ProgressPhase.COMPILE:
            total = f"/{counted(update.total, _UNITS[update.phase])}" if update.total else ""
            return f"{update.phase.value} {update.status.value}" + (f", {update.completed:,}{total}" if total else "")
        case ProgressPhase.AXIS_STARTED:
            return f"began, {counted(update.total_steps, 'step')}"
        case ProgressPhase.STEP_STARTED:
            return f"step {update.step_index + 1}/{update.total_steps} began, {counted(update.total, 'group')}"
        case ProgressPhase.PATTERN_GROUP:
            pattern = f"{SEPARATOR}{update.pattern}" if update.pattern is not UNSET else ""
            return f"group {update.completed}/{update.total}{pattern}"
        case ProgressPhase.STEP_COMPLETED:
            return f"step {update.step_index + 1}/{update.total_steps} done"
        case ProgressPhase.AXIS_COMPLETED:
            return "done"


def _worker_line(message: WorkerMessage) -> EventLine:
    state = {WorkerState.BUSY: "working", WorkerState.IDLE: "idle", WorkerState.DIED: f"died ({message.signal})"}
    memory = f", {message.memory_bytes / 1e6:,.0f} MB" if message.memory_bytes else ""
    what = f"worker {message.worker} (PID {message.pid} on {message.host}) {state[message.state]}{memory}"
    died = message.state is WorkerState.DIED
    return EventLine(clock(message.timestamp), well_word(_text(message.axis_id)), _text(message.step_name), what, died)


def _execution_line(message: ExecutionMessage) -> EventLine:
    what = f"{message.kind.value} {message.state.value}"
    if message.reason is not UNSET:
        what += f": {short_error(message.reason, message.plate_id)}"
    if isinstance(message.topology, Topology):
        plan = message.topology
        wells = sum(is_well(entry.axis) for entry in plan.axes)
        what += f"{SEPARATOR}plan of {counted(wells, 'well')}, {counted(len(plan.steps), 'step')}"
    return EventLine(clock(message.timestamp), "", "", what[:LONGEST], message.state.value == "failed")


def _text(value: str | UnsetType) -> str:
    return "" if value is UNSET else value
