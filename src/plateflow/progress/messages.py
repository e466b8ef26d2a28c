"""The two messages that travel beside updates: an execution's state, and what a worker is doing."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from plateflow.errors import SchemaError
from plateflow.progress.strict import StrictDecoder, encode_line, require_texts
from plateflow.progress.update import LARGEST_INT, Count, Name, ProgressUpdate

Timestamp = Annotated[float, Meta(gt=0)]
LARGEST_SIDE = 1000
"""Rows or columns of a plate that somebody may have to draw."""


class ExecutionKind(StrEnum):
    """What an execution does; a run opens and compiles under its own id."""

    INIT = "init"
    COMPILE = "compile"
    RUN = "run"


class ExecutionState(StrEnum):
    """Where an execution stands. Failed wells do not make it ``failed``: they are counted in ``completed``."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    """The runner died, init or compile failed, or a plate-wide step did."""
    CANCELLED = "cancelled"
    """Somebody asked for it."""
    INTERRUPTED = "interrupted"
    """The server died; set at its next start."""


ENDED = frozenset(
    {ExecutionState.COMPLETED, ExecutionState.FAILED, ExecutionState.CANCELLED, ExecutionState.INTERRUPTED}
)
"""After these no further message follows."""


PLATE_AXIS: Final = "plate:"
"""Begins the axis of a plate-wide step; its step's name follows."""


class AxisKind(StrEnum):
    """What an axis is: one well, or a step that needs the whole plate."""

    WELL = "well"
    PLATE = "plate"


class Skipped(StrEnum):
    """How a well had ended in an earlier run of the same results folder, and so does not run now."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    """It had not been run to its end, and was not asked for now."""


class TopologyStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step, in order."""

    name: Name
    groups: Count | UnsetType = UNSET
    """Pattern groups in each axis, where all axes agree; absent where they differ."""


class TopologyAxis(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One axis of the plan."""

    axis: Name
    kind: AxisKind
    after: tuple[Name, ...]
    """The axes that it waits for."""
    groups: tuple[Count, ...] | UnsetType = UNSET
    """Pattern groups of each step, where axes differ."""
    skipped: Skipped | UnsetType = UNSET
    """Where it does not run: nothing more is said of it."""


class Topology(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a plan holds, so that no update has to carry it; in several parts where a line would grow too long."""

    part: Count
    """0-based."""
    parts: Count
    rows: Annotated[int, Meta(ge=1, le=LARGEST_SIDE)]
    """Rows of the plate itself, to draw it."""
    columns: Annotated[int, Meta(ge=1, le=LARGEST_SIDE)]
    steps: tuple[TopologyStep, ...]
    """All steps, in every part."""
    axes: tuple[TopologyAxis, ...]
    """The axes of this part, in the order people count wells."""

    def __post_init__(self) -> None:
        if not self.part < self.parts:
            raise SchemaError("part", f"must be below parts {self.parts}, got {self.part}")
        differ = any(step.groups is UNSET for step in self.steps)
        for entry in self.axes:
            if (entry.groups is not UNSET) != differ:
                raise SchemaError("groups", f"of {entry.axis!r}: each axis has them exactly where a step has none")
            if entry.groups and len(entry.groups) != len(self.steps):
                raise SchemaError("groups", f"of {entry.axis!r}: must be one for each of {len(self.steps)} steps")


class ExecutionMessage(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="execution", tag_field="type"
):
    """The state of an execution; once, at the end of compile, its topology too.

    Raises
    ------
    SchemaError
        For a field that breaks a rule; names it.
    """

    execution_id: Name
    plate_id: Name
    kind: ExecutionKind
    state: ExecutionState
    timestamp: Timestamp
    reason: Name | UnsetType = UNSET
    """Why it failed (then required), was cancelled or interrupted."""
    topology: Topology | UnsetType = UNSET
    """Only while running."""

    def __post_init__(self) -> None:
        require_texts(self, ("execution_id", "plate_id"), ("reason",))
        if type(self.kind) is not ExecutionKind:
            raise SchemaError("kind", f"must be one of {', '.join(ExecutionKind)}, got {self.kind!r}")
        if type(self.state) is not ExecutionState:
            raise SchemaError("state", f"must be one of {', '.join(ExecutionState)}, got {self.state!r}")
        _check_timestamp(self.timestamp)
        if self.state is ExecutionState.FAILED and self.reason is UNSET:
            raise SchemaError("reason", "is required with state 'failed'")
        if self.reason is not UNSET and self.state not in ENDED - {ExecutionState.COMPLETED}:
            raise SchemaError("reason", f"is not for state {self.state.value!r}")
        if self.topology is not UNSET and self.state is not ExecutionState.RUNNING:
            raise SchemaError("topology", f"is for state 'running' only, not {self.state.value!r}")

    @classmethod
    def now(
        cls,
        execution_id: str,
        plate_id: str,
        kind: ExecutionKind,
        state: ExecutionState,
        *,
        reason: str | UnsetType = UNSET,
        topology: Topology | UnsetType = UNSET,
    ) -> ExecutionMessage:
        """Make a message of this moment."""
        return cls(
            execution_id=execution_id,
            plate_id=plate_id,
            kind=kind,
            state=state,
            timestamp=time.time(),
            reason=reason,
            topology=topology,
        )


class WorkerState(StrEnum):
    """What a worker is doing."""

    IDLE = "idle"
    BUSY = "busy"
    DIED = "died"


class WorkerMessage(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="worker", tag_field="type"
):
    """What one worker is doing, at most once a second; made by its runner, because a hung worker cannot report.

    Raises
    ------
    SchemaError
        For a field that breaks a rule; names it.
    """

    execution_id: Name
    plate_id: Name
    worker: Count
    """The worker's place in its pool; a replacement takes the place of the dead."""
    pid: Count
    host: Name
    state: WorkerState
    memory_bytes: Count
    """Resident set size; 0 where the system does not tell."""
    timestamp: Timestamp
    axis_id: Name | UnsetType = UNSET
    """The well that it works on, or died on."""
    step_name: Name | UnsetType = UNSET
    signal: Name | UnsetType = UNSET
    """With state died: "SIGKILL", or "exit code 3"."""

    def __post_init__(self) -> None:
        require_texts(self, ("execution_id", "plate_id", "host"), ("axis_id", "step_name", "signal"))
        for name, value in (("worker", self.worker), ("pid", self.pid), ("memory_bytes", self.memory_bytes)):
            if type(value) is not int or not 0 <= value <= LARGEST_INT:
                raise SchemaError(name, f"must be an int in 0..2**46, got {value!r}")
        if type(self.state) is not WorkerState:
            raise SchemaError("state", f"must be one of {', '.join(WorkerState)}, got {self.state!r}")
        _check_timestamp(self.timestamp)
        if (self.state is WorkerState.DIED) != (self.signal is not UNSET):
            raise SchemaError("signal", "goes with state 'died', and only with it")


Message: TypeAlias = ProgressUpdate | ExecutionMessage | WorkerMessage

_decoder: StrictDecoder[Message] = StrictDecoder(Message)


def encode_message(message: Message) -> bytes:
    """Encode a message as the line that everyone passes on, newline included.

    Raises
    ------
    SchemaError
        If a text cannot be carried, or the line would pass 128 KiB; names the field.
    """
    return encode_line(message)


def decode_message(data: bytes) -> Message:
    """Decode one message in any JSON spacing.

    Raises
    ------
    SchemaError
        For anything that is not exactly one valid message; names the field.
    """
    return _decoder.decode(data)


def decode_lines(body: bytes) -> list[Message]:
    """Decode canonical lines, each ended by a newline.

    Raises
    ------
    SchemaError
        For the first line that breaks the schema or is not canonical; names its field.
    """
    return _decoder.decode_lines(body)


def _check_timestamp(value: float) -> None:
    if type(value) is not float or not 0.0 < value < float("inf"):
        raise SchemaError("timestamp", f"must be a finite float > 0, got {value!r}")
