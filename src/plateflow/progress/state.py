"""The one fold: messages in, the state of an execution out. Terminal, Plate Manager, web page and server share it.

Each :meth:`ExecutionProgress.apply` costs O(1), but for a repeated attempt and a topology, which cost O(steps) and
O(axes). The state is a tree of msgspec Structs, so a snapshot is its JSON and restoring is decoding that.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from plateflow.progress.messages import (
    ENDED,
    PLATE_AXIS,
    ExecutionKind,
    ExecutionMessage,
    ExecutionState,
    Message,
    Skipped,
    Topology,
    WorkerMessage,
)
from plateflow.progress.percent import percent_of, shown_percent
from plateflow.progress.update import ProgressPhase, ProgressStatus, ProgressUpdate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

EARLIER = "failed in an earlier run, and was not to be run again"
ERROR_TEXT = 500
"""Characters of an error or a message that a state carries; a well's whole error is in the update at ``error_seq``."""

# A member read of its enum costs 0.09 us in Python 3.11, a name of the module 0.003.
_AXIS_STARTED = ProgressPhase.AXIS_STARTED
_STEP_STARTED = ProgressPhase.STEP_STARTED
_PATTERN_GROUP = ProgressPhase.PATTERN_GROUP
_STEP_COMPLETED = ProgressPhase.STEP_COMPLETED
_AXIS_COMPLETED = ProgressPhase.AXIS_COMPLETED
_ERROR = ProgressStatus.ERROR


class AxisState(StrEnum):
    """Where one well stands."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class Phase(msgspec.Struct, forbid_unknown_fields=True):
    """How far init or compile is."""

    status: ProgressStatus
    completed: int
    total: int
    """0 where it is not known yet."""
    message: str = ""
    """Its first 500 characters: where the total is not known, how far it is."""


class StepProgress(msgspec.Struct, forbid_unknown_fields=True):
    """One step over all wells."""

    name: str
    running: int = 0
    """Wells that are in this step now."""
    completed: int = 0
    failed: int = 0
    groups_done: int = 0
    groups_planned: int = 0


class AxisProgress(msgspec.Struct, forbid_unknown_fields=True):
    """One well (or plate-wide step) in its current attempt."""

    state: AxisState = AxisState.PENDING
    attempts: int = 0
    step_index: int = 0
    step_name: str = ""
    step_done: int = 0
    """Pattern groups done of ``step_total`` in the step it is in, or was in last."""
    step_total: int = 0
    in_step: bool = False
    completed_steps: list[int] = []
    failed_steps: list[int] = []
    groups: dict[int, int] = {}
    """Pattern groups done in each step of this attempt, by its index; a dict, so that no index can make it large."""
    groups_done: int = 0
    groups_planned: int = 0
    error: str = ""
    """The first 500 characters."""
    error_step: str = ""
    error_seq: int = 0
    """The update that holds the whole error and its traceback."""
    skipped: Skipped | None = None
    """How it had ended in an earlier run, where it does not run in this one."""

    @property
    def percent(self) -> float:
        """Work done of this attempt; never falls within it."""
        return percent_of(self.groups_done, self.groups_planned)


class ExecutionProgress(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The state of one execution, folded from its messages in order of ``seq``."""

    execution_id: str
    plate_id: str
    kind: ExecutionKind | None = None
    """None until an execution message came."""
    state: ExecutionState | None = None
    reason: str = ""
    seq: int = 0
    """Of the last message applied."""
    init: Phase | None = None
    compile: Phase | None = None
    plate_error: str = ""
    """Why init or compile of the whole plate failed."""
    rows: int = 0
    columns: int = 0
    steps_by_index: dict[int, StepProgress] = {}
    axes: dict[str, AxisProgress] = {}
    counts: dict[AxisState, int] = msgspec.field(default_factory=lambda: dict.fromkeys(AxisState, 0))
    """Axes by state; they add up to all axes known."""
    at_work: dict[str, int] = {}
    """Axes that are running, in the order in which they began, and in which attempt."""
    groups_done: int = 0
    groups_planned: int = 0
    workers: dict[str, WorkerMessage] = {}
    """The last message of each worker, by its place in the pool."""

    @property
    def ended(self) -> bool:
        """Whether no further message follows."""
        return self.state in ENDED

    @property
    def steps(self) -> tuple[StepProgress, ...]:
        """Every step known, in order."""
        return tuple(self.steps_by_index[index] for index in sorted(self.steps_by_index))

    @property
    def percent(self) -> int:
        """Percent of the plate for people: pattern groups done of those planned, floored; 100 only when completed."""
        percent = shown_percent(self.groups_done, self.groups_planned)
        return percent if self.state is ExecutionState.COMPLETED else min(percent, 99)

    def apply(self, message: Message, seq: int) -> None:
        """Fold one message in; it must be of this execution and the next in order."""
        self._fold(message, seq)
        self.seq = seq

    def apply_all(self, messages: Iterable[Message], first_seq: int) -> None:
        """Fold messages in, numbered from ``first_seq`` on; by :meth:`apply` each would cost 0.15 us more."""
        seq = self.seq
        for seq, message in enumerate(messages, first_seq):
            self._fold(message, seq)
        self.seq = seq

    def snapshot(self) -> bytes:
        """Return the whole state as JSON."""
        return msgspec.json.encode(self)

    def _fold(self, message: Message, seq: int) -> None:
        if not isinstance(message, ProgressUpdate):
            self._fold_other(message)
        elif message.phase is _PATTERN_GROUP:
            self._pattern_group(message, seq)
        elif message.phase is _STEP_STARTED:
            self._step_started(message)
        elif message.phase is _STEP_COMPLETED:
            self._step_completed(message, seq)
        elif message.phase is _AXIS_STARTED:
            self._axis_started(message)
        elif message.phase is _AXIS_COMPLETED:
            self._axis_completed(message, seq)
        else:
            self._prepare(message, seq)

    def _fold_other(self, message: ExecutionMessage | WorkerMessage) -> None:
        if isinstance(message, ExecutionMessage):
            self._apply_execution(message)
        else:
            self.workers[str(message.worker)] = message

    def _apply_execution(self, message: ExecutionMessage) -> None:
        self.kind = message.kind
        self.state = message.state
        self.reason = message.reason or ""
        if isinstance(message.topology, Topology):
            self._apply_topology(message.topology)

    def _apply_topology(self, topology: Topology) -> None:
        self.rows, self.columns = topology.rows, topology.columns
        for index, step in enumerate(topology.steps):
            self._step(index, step.name)
        shared = [step.groups for step in topology.steps]
        for entry in topology.axes:
            groups = [g if isinstance(g, int) else 0 for g in entry.groups or shared]
            if isinstance(entry.skipped, Skipped):
                self._skip_axis(entry.axis, groups, entry.skipped)
            else:
                self._plan_axis(self._axis(entry.axis), groups)

    def _skip_axis(self, axis_id: str, groups: list[int], how: Skipped) -> None:
        axis = self._axis(axis_id)
        if axis.skipped is not None:
            return  # told before
        axis.skipped = how
        if how is Skipped.FAILED:
            axis.error = EARLIER
            self._move(axis, AxisState.FAILED)
        elif how is Skipped.COMPLETED:
            self._plan_axis(axis, groups)
            axis.groups, axis.groups_done = dict(enumerate(groups)), sum(groups)
            axis.completed_steps = self._steps_of(axis_id)
            self.groups_done += axis.groups_done
            for index, count in enumerate(groups):
                self.steps_by_index[index].groups_done += count
            for index in axis.completed_steps:
                self.steps_by_index[index].completed += 1
            self._move(axis, AxisState.COMPLETED)

    def _steps_of(self, axis_id: str) -> list[int]:
        # A step over the whole plate is no well's, and it does no other.
        of_plate = {index: PLATE_AXIS + step.name for index, step in self.steps_by_index.items()}
        if axis_id.startswith(PLATE_AXIS):
            return [index for index, name in of_plate.items() if name == axis_id]
        return [index for index, name in of_plate.items() if name not in self.axes]

    def _plan_axis(self, axis: AxisProgress, groups: list[int]) -> None:
        if axis.groups_planned:
            return  # told before
        axis.groups_planned = sum(groups)
        self.groups_planned += axis.groups_planned
        for index, count in enumerate(groups):
            self.steps_by_index[index].groups_planned += count

    def _prepare(self, update: ProgressUpdate, seq: int) -> None:
        if update.axis_id and update.status is _ERROR:
            self._fail(self._axis(update.axis_id), update, seq)
            return
        progress = Phase(update.status, update.completed, update.total, (update.message or "")[:ERROR_TEXT])
        if update.phase is ProgressPhase.INIT:
            self.init = progress
        else:
            self.compile = progress
        if update.status is _ERROR:
            self.plate_error = (update.error or "")[:ERROR_TEXT]

    def _axis_started(self, update: ProgressUpdate) -> None:
        axis = self._axis(update.axis_id)
        if axis.attempts:
            self._reset(axis)
        axis.attempts += 1
        self.at_work.pop(update.axis_id, None)
        self.at_work[update.axis_id] = axis.attempts
        self._move(axis, AxisState.RUNNING)

    def _step_started(self, update: ProgressUpdate) -> None:
        axis = self._axis(update.axis_id)
        step = self._step(update.step_index, update.step_name)
        self._enter_step(axis, step, update.step_index)
        axis.step_done, axis.step_total = update.completed, update.total

    def _pattern_group(self, update: ProgressUpdate, seq: int) -> None:
        index = update.step_index
        completed = update.completed
        # Nearly all updates are one of these, so it looks up by itself what is known, and calls nothing: 0.1 us less.
        axis = self.axes.get(update.axis_id) or self._axis(update.axis_id)
        step = self.steps_by_index.get(index) or self._step(index, update.step_name)
        if index != axis.step_index:  # of a pipeline that goes through its steps value by value
            self._enter_step(axis, step, index)
        axis.step_done = completed
        axis.step_total = update.total
        new = completed - axis.groups.get(index, 0)
        if new >= 0:  # what is done stays done, whatever a sender says
            axis.groups[index] = completed
            axis.groups_done += new
            step.groups_done += new
            self.groups_done += new
        if update.status is _ERROR:
            self._note_error(axis, update, seq)

    def _step_completed(self, update: ProgressUpdate, seq: int) -> None:
        self._pattern_group(update, seq)  # it counts pattern groups too, and tells their error
        axis = self._axis(update.axis_id)
        step = self._step(update.step_index, update.step_name)
        self._leave_step(axis)
        if update.status is _ERROR:
            step.failed += 1
            axis.failed_steps.append(update.step_index)
        else:
            step.completed += 1
            axis.completed_steps.append(update.step_index)

    def _axis_completed(self, update: ProgressUpdate, seq: int) -> None:
        axis = self._axis(update.axis_id)
        self._leave_step(axis)
        if update.status is _ERROR:
            self._fail(axis, update, seq)
        else:
            self._end(axis, update, AxisState.COMPLETED)

    def _axis(self, axis_id: str) -> AxisProgress:
        axis = self.axes.get(axis_id)
        if axis is None:
            axis = self.axes[axis_id] = AxisProgress()
            self.counts[AxisState.PENDING] += 1
        return axis

    def _step(self, index: int, name: str) -> StepProgress:
        step = self.steps_by_index.get(index)
        if step is None:
            step = self.steps_by_index[index] = StepProgress(name)
        return step

    def _enter_step(self, axis: AxisProgress, step: StepProgress, index: int) -> None:
        self._leave_step(axis)
        axis.step_index, axis.step_name, axis.in_step = index, step.name, True
        step.running += 1

    def _leave_step(self, axis: AxisProgress) -> None:
        if axis.in_step:
            self.steps_by_index[axis.step_index].running -= 1
            axis.in_step = False

    def _reset(self, axis: AxisProgress) -> None:
        self._leave_step(axis)
        self.groups_done -= axis.groups_done
        for index, done in axis.groups.items():
            self.steps_by_index[index].groups_done -= done
        for index in axis.completed_steps:
            self.steps_by_index[index].completed -= 1
        for index in axis.failed_steps:
            self.steps_by_index[index].failed -= 1
        axis.completed_steps, axis.failed_steps = [], []
        axis.groups = {}
        axis.groups_done = axis.step_index = axis.step_done = axis.step_total = axis.error_seq = 0
        axis.step_name = axis.error = axis.error_step = ""

    def _note_error(self, axis: AxisProgress, update: ProgressUpdate, seq: int) -> None:
        if not axis.error:  # the innermost comes first and says most
            axis.error, axis.error_step, axis.error_seq = (update.error or "")[:ERROR_TEXT], update.step_name, seq

    def _fail(self, axis: AxisProgress, update: ProgressUpdate, seq: int) -> None:
        self._note_error(axis, update, seq)
        self._end(axis, update, AxisState.FAILED)

    def _end(self, axis: AxisProgress, update: ProgressUpdate, how: AxisState) -> None:
        self.at_work.pop(update.axis_id, None)
        self._move(axis, how)

    def _move(self, axis: AxisProgress, to: AxisState) -> None:
        self.counts[axis.state] -= 1
        self.counts[to] += 1
        axis.state = to


class Cursor(msgspec.Struct, kw_only=True):
    """How far an execution is and whether it has ended: what whoever passes its messages on, and folds none, knows.

    It is decoded from the snapshot of an :class:`ExecutionProgress` too; what else that holds is passed over.
    """

    execution_id: str
    plate_id: str
    state: ExecutionState | None = None
    seq: int = 0
    """Of the last message applied."""

    @property
    def ended(self) -> bool:
        """Whether no further message follows."""
        return self.state in ENDED

    def apply_all(self, messages: Sequence[Message], first_seq: int) -> None:
        """Go on beyond these messages, numbered from ``first_seq`` on."""
        self.seq = first_seq + len(messages) - 1
        for message in messages:
            if isinstance(message, ExecutionMessage):
                self.state = message.state


def restore(snapshot: bytes) -> ExecutionProgress:
    """Make the state of its snapshot; folding on from there ends where the whole fold ends."""
    return msgspec.json.decode(snapshot, type=ExecutionProgress)
