"""The plain line log, for where no terminal can be repainted: messages in, lines of text out, at a readable rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from plateflow.cli.view.failures import MOST_LISTED, failure_lines
from plateflow.cli.view.pace import Pace, Stopwatch
from plateflow.cli.view.summary import GOES_ON, counts_text, outcome, rate_text, waiting_text
from plateflow.cli.view.text import cut
from plateflow.progress.messages import (
    ENDED,
    ExecutionMessage,
    ExecutionState,
    Message,
    Topology,
    WorkerMessage,
    WorkerState,
)
from plateflow.progress.percent import shown_percent
from plateflow.progress.state import AxisState
from plateflow.progress.update import STEP_PHASES, ProgressPhase, ProgressStatus, ProgressUpdate
from plateflow.progress.wells import count_wells, is_well
from plateflow.progress.words import counted, one_line, plate_name, short_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plateflow.cli.view.pace import Past
    from plateflow.progress.state import AxisProgress, ExecutionProgress

QUIET_S = 1.0
"""A well's pattern groups, and the counts of init and compile, are told after this long without a line of theirs."""
SILENCE_S = 60.0
"""After this long without any line one says that work goes on."""
TRACEBACK_LINES = 6
LONGEST_LINE = 160
INDENT = "    "


class LineLog:
    """Turns messages into lines of text; knows the time only from its caller (monotonic seconds)."""

    def __init__(self, past: Past | None = None) -> None:
        self._stopwatch = Stopwatch(past)
        self._told_at: dict[str, float] = {}
        """When something was last told of a well; of the whole plate under ""."""
        self._failed: set[str] = set()
        """Wells whose error was told in this attempt."""
        self._tenth = 0
        self._state: ExecutionState | None = None
        self._last_line = float("-inf")
        self._waits = False
        """For a journal that cannot be written."""

    def lines(self, messages: Sequence[Message], state: ExecutionProgress, seconds: float) -> list[str]:
        """Return what is to be told of messages, which are all folded into the state already."""
        pace = self._stopwatch.read(state, seconds)
        lines: list[str] = []
        for at, message in enumerate(messages):
            if isinstance(message, ProgressUpdate):
                if message.phase is ProgressPhase.AXIS_STARTED:
                    lines += self._axis_started(message, state.axes[message.axis_id], messages[at + 1 :])
                else:
                    lines += self._update(message, seconds)
            elif isinstance(message, ExecutionMessage):
                lines += self._execution(message, state, pace)
            else:
                lines += _worker(message)
        lines += self._tenths(state, pace)
        if lines:
            self._last_line = seconds
        return lines

    def journal(self, problem: str, seconds: float) -> list[str]:
        """Return a line where the server cannot write its journal any more, or can again."""
        if bool(problem) is self._waits:
            return []
        self._waits = bool(problem)
        self._last_line = seconds
        return [waiting_text(problem) if problem else GOES_ON]

    def end(self, state: ExecutionProgress, seconds: float) -> list[str]:
        """Return how an execution ended, unless a message has told: one that had ended before sends none."""
        if not state.ended or self._state is state.state:
            return []
        return _end(state, self._stopwatch.read(state, seconds))

    def silence(self, state: ExecutionProgress, seconds: float) -> list[str]:
        """Return a sign of life where there was no line for long."""
        if self._last_line == float("-inf"):
            self._last_line = seconds
        if state.ended or self._waits or seconds - self._last_line < SILENCE_S:
            return []
        self._last_line = seconds
        return [f"still at it: {_plate(state, self._stopwatch.read(state, seconds))}"]

    def _update(self, update: ProgressUpdate, seconds: float) -> list[str]:
        if not update.axis_id:
            return self._preparation(update, seconds)
        if update.status is ProgressStatus.ERROR:
            return self._error(update, seconds)
        if not self._is_due(update, seconds):
            return []
        self._told_at[update.axis_id] = seconds
        return [_where(update)]

    def _is_due(self, update: ProgressUpdate, seconds: float) -> bool:
        if update.phase is ProgressPhase.STEP_COMPLETED:
            return True
        if update.phase not in STEP_PHASES or (update.completed == update.total and update.total):
            return False  # after the last pattern group the end of its step is told
        told_at = self._told_at.get(update.axis_id)
        return told_at is None or seconds - told_at > QUIET_S

    def _axis_started(self, update: ProgressUpdate, axis: AxisProgress, later: Sequence[Message]) -> list[str]:
        self._failed.discard(update.axis_id)
        if axis.attempts < 2:
            return []
        attempt = axis.attempts - sum(_begins(message, update.axis_id) for message in later)
        return [f"{_name(update.axis_id)}  attempt {attempt}"] if attempt > 1 else []

    def _error(self, update: ProgressUpdate, seconds: float) -> list[str]:
        # The innermost update says most and comes first; the ones around it repeat its error.
        self._told_at[update.axis_id] = seconds
        if update.axis_id in self._failed:
            return [f"{_where(update)}  failed"] if update.phase is ProgressPhase.STEP_COMPLETED else []
        self._failed.add(update.axis_id)
        lines = [cut(f"{_where(update)}  failed: {short_error(update.error or '', update.plate_id)}", LONGEST_LINE)]
        return lines + _traceback_end(update.traceback or "")

    def _preparation(self, update: ProgressUpdate, seconds: float) -> list[str]:
        is_due = update.status is not ProgressStatus.RUNNING or seconds - self._told_at.get("", 0) > QUIET_S
        if not is_due:
            return []
        self._told_at[""] = seconds
        word, unit = ("Init", "file") if update.phase is ProgressPhase.INIT else ("Compile", "well")
        if update.status is ProgressStatus.ERROR:
            return [f"{word} failed"]  # the end of the execution tells why
        total = f"{update.completed:,}/{counted(update.total, unit)}"
        count = total if update.total else one_line(update.message or "")
        status = "" if update.status is ProgressStatus.RUNNING else update.status.value
        return [" ".join(part for part in (word, status, count) if part)]

    def _execution(self, message: ExecutionMessage, state: ExecutionProgress, pace: Pace) -> list[str]:
        before, self._state = self._state, message.state
        if isinstance(message.topology, Topology):
            return [_topology(state)] if message.topology.part + 1 == message.topology.parts else []
        if message.state in ENDED:
            return _end(state, pace)
        if message.state is before:
            return []
        if message.state is ExecutionState.RUNNING:
            name = f"{plate_name(message.plate_id)}: {message.kind.value} started"
            return ["Continued" if before is ExecutionState.PAUSED else name]
        return [message.state.value.capitalize()]

    def _tenths(self, state: ExecutionProgress, pace: Pace) -> list[str]:
        tenth = state.percent // 10
        if state.ended or not tenth > self._tenth:
            return []
        self._tenth = tenth
        return [_plate(state, pace)]


def _end(state: ExecutionProgress, pace: Pace) -> list[str]:
    counts = f" ({counts_text(state)})" if state.steps else ""
    return [*_failures(state), f"{outcome(state, pace)}{counts}"]


def _begins(message: Message, axis_id: str) -> bool:
    if not isinstance(message, ProgressUpdate):
        return False
    return message.phase is ProgressPhase.AXIS_STARTED and message.axis_id == axis_id


def _name(axis_id: str) -> str:
    return axis_id if is_well(axis_id) else "plate"


def _where(update: ProgressUpdate) -> str:
    if not update.step_name:
        return f"{_name(update.axis_id)}  {update.phase.value}"
    step = f"step {update.step_index + 1}/{update.total_steps} {update.step_name}"
    return f"{_name(update.axis_id)}  {step}  {shown_percent(update.completed, update.total)}%"


def _traceback_end(traceback: str) -> list[str]:
    ends = [line for line in traceback.splitlines() if line.strip()][-TRACEBACK_LINES:]
    printable = ("".join(c if c.isprintable() else " " for c in line).rstrip() for line in ends)
    return [cut(INDENT + line, LONGEST_LINE) for line in printable]


def _topology(state: ExecutionProgress) -> str:
    names = ", ".join(one_line(step.name) for step in state.steps)
    wells, groups = sum(count_wells(state).values()), counted(state.groups_planned, "pattern group")
    return f"{counted(wells, 'well')}, {counted(len(state.steps), 'step')} ({names}), {groups}"


def _plate(state: ExecutionProgress, pace: Pace) -> str:
    rate = "" if pace.wells_per_minute is None else f", {rate_text(pace.wells_per_minute)}"
    return f"plate {state.percent}%: {counts_text(state)}{rate}"


def _failures(state: ExecutionProgress) -> list[str]:
    failed = state.counts[AxisState.FAILED]
    lines = failure_lines(state, LONGEST_LINE, min(failed, MOST_LISTED) + 1, colour=False) if failed else []
    return ["".join(segment.text for segment in line) for line in lines]


def _worker(message: WorkerMessage) -> list[str]:
    if message.state is not WorkerState.DIED:
        return []
    on = "" if message.axis_id is UNSET else f" on {_name(message.axis_id)}"
    step = "" if message.step_name is UNSET else f" in {message.step_name}"
    who = f"worker {message.worker} (pid {message.pid} on {message.host})"
    return [one_line(f"{who} died: {message.signal}{on}{step}")]
