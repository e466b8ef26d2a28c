"""One progress update: where a plate, well, step or pattern group stands at one moment.

The schema is strict and has one form. Every rule is checked when a :class:`ProgressUpdate` is made, by hand or by
decoding, so that an illegal one cannot exist; each refusal is a :class:`~plateflow.errors.SchemaError` that names the
field.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, NoReturn

import msgspec
from msgspec import UNSET, Meta, UnsetType

from plateflow.errors import SchemaError
from plateflow.progress.percent import percent_of
from plateflow.progress.strict import StrictDecoder, encode_line, require_text

LARGEST_INT = 2**46
"""Ints are capped here, so that every JSON reader holds them (and 100 times them) exactly."""

Name = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=0, le=LARGEST_INT)]


class ProgressPhase(StrEnum):
    """What an update is about."""

    INIT = "init"
    """Reading what is on disk; counts files."""
    COMPILE = "compile"
    """Checking the pipeline against the plate; counts wells."""
    AXIS_STARTED = "axis_started"
    """Work on one well begins; counts steps."""
    STEP_STARTED = "step_started"
    """A step of one well begins; counts pattern groups."""
    PATTERN_GROUP = "pattern_group"
    """A pattern group of a step is done, or failed; counts pattern groups."""
    STEP_COMPLETED = "step_completed"
    """A step of one well ended; counts pattern groups."""
    AXIS_COMPLETED = "axis_completed"
    """Work on one well ended; counts steps."""


class ProgressStatus(StrEnum):
    """How it stands, or how it ended."""

    STARTED = "started"
    RUNNING = "running"
    COMPLETED = "completed"
    ERROR = "error"


_ALL = frozenset(ProgressStatus)
LEGAL_STATUSES: dict[ProgressPhase, frozenset[ProgressStatus]] = {
    ProgressPhase.INIT: _ALL,
    ProgressPhase.COMPILE: _ALL,
    ProgressPhase.AXIS_STARTED: frozenset({ProgressStatus.STARTED}),
    ProgressPhase.STEP_STARTED: frozenset({ProgressStatus.STARTED}),
    ProgressPhase.PATTERN_GROUP: frozenset({ProgressStatus.RUNNING, ProgressStatus.ERROR}),
    ProgressPhase.STEP_COMPLETED: frozenset({ProgressStatus.COMPLETED, ProgressStatus.ERROR}),
    ProgressPhase.AXIS_COMPLETED: frozenset({ProgressStatus.COMPLETED, ProgressStatus.ERROR}),
}
WHOLE_PLATE_PHASES = frozenset({ProgressPhase.INIT, ProgressPhase.COMPILE})
"""Only here may ``axis_id`` be empty: the update is about the whole plate."""
STEP_PHASES = frozenset({ProgressPhase.STEP_STARTED, ProgressPhase.PATTERN_GROUP, ProgressPhase.STEP_COMPLETED})
"""Only outside these may ``step_name`` be empty: no step is meant."""

_LEGAL_PAIRS = frozenset((phase, status) for phase, statuses in LEGAL_STATUSES.items() for status in statuses)

# A member read of its enum costs 0.09 us in Python 3.11, a name of the module 0.003.
_INIT = ProgressPhase.INIT
_STEP_STARTED = ProgressPhase.STEP_STARTED
_PATTERN_GROUP = ProgressPhase.PATTERN_GROUP
_STEP_COMPLETED = ProgressPhase.STEP_COMPLETED
_STARTED = ProgressStatus.STARTED
_RUNNING = ProgressStatus.RUNNING
_COMPLETED = ProgressStatus.COMPLETED
_ERROR = ProgressStatus.ERROR
_INFINITY = float("inf")


class ProgressUpdate(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="progress", tag_field="type", gc=False
):
    """One update; make it with :meth:`now`, which fills ``percent`` and ``timestamp``.

    Raises
    ------
    SchemaError
        For a field that breaks a rule; names it.
    """

    execution_id: Name
    plate_id: Name
    """Resolved absolute path of the plate."""
    axis_id: str
    """The well, "B06"; "" in init and compile updates about the whole plate."""
    step_name: str
    """"" where no step is meant."""
    step_index: Count
    """0-based; 0 where no step is meant."""
    total_steps: Count
    """0 in init, and in compile until known."""
    phase: ProgressPhase
    status: ProgressStatus
    completed: Count
    total: Count
    percent: Annotated[float, Meta(ge=0, le=100)]
    timestamp: Annotated[float, Meta(gt=0)]
    """Seconds since the epoch, for display only."""
    pattern: Name | UnsetType = UNSET
    """Short form of the pattern group, ``B06 s* c=DAPI z1 t1``."""
    component: Name | UnsetType = UNSET
    """The value of the step's ``group_by`` component."""
    message: Name | UnsetType = UNSET
    error: Name | UnsetType = UNSET
    """What went wrong, with which value; there exactly when status is error."""
    traceback: Name | UnsetType = UNSET
    """Only with status error, on the innermost such update."""

    def __post_init__(self) -> None:
        phase = self.phase
        status = self.status
        completed = self.completed
        total = self.total
        # Types too: msgspec checks them where it decodes, not where a constructor is called.
        if not (
            type(self.execution_id) is type(self.plate_id) is type(self.axis_id) is type(self.step_name) is str
            and type(self.step_index) is type(self.total_steps) is type(completed) is type(total) is int
            and type(self.percent) is type(self.timestamp) is float
            and self.execution_id
            and self.plate_id
            and 0 <= self.step_index
            and 0 <= self.total_steps <= LARGEST_INT
            and 0 <= completed <= total <= LARGEST_INT
            and 0.0 < self.timestamp < _INFINITY
        ):
            _refuse_values(self)
        # This suffices for a good update of a step, as nearly all are: 0.65 us with the above, by _check_rules 1.3.
        if not (
            (
                (phase is _PATTERN_GROUP and status is _RUNNING)
                or (phase is _STEP_STARTED and status is _STARTED)
                or (phase is _STEP_COMPLETED and status is _COMPLETED)
            )
            and self.percent == percent_of(completed, total)
            and self.axis_id
            and self.step_name
            and self.step_index < self.total_steps
            and (self.pattern is UNSET or (type(self.pattern) is str and self.pattern))
            and (self.component is UNSET or (type(self.component) is str and self.component))
            and self.message is UNSET
            and self.error is UNSET
            and self.traceback is UNSET
        ):
            _check_rules(self)

    @classmethod
    def now(
        cls,
        *,
        execution_id: str,
        plate_id: str,
        phase: ProgressPhase,
        status: ProgressStatus,
        completed: int,
        total: int,
        axis_id: str = "",
        step_name: str = "",
        step_index: int = 0,
        total_steps: int = 0,
        pattern: str | UnsetType = UNSET,
        component: str | UnsetType = UNSET,
        message: str | UnsetType = UNSET,
        error: str | UnsetType = UNSET,
        traceback: str | UnsetType = UNSET,
    ) -> ProgressUpdate:
        """Make an update of this moment, its percent computed."""
        # By place: for a call with more than 15 keywords CPython builds a dict, which costs 0.65 us.
        return cls(
            execution_id,
            plate_id,
            axis_id,
            step_name,
            step_index,
            total_steps,
            phase,
            status,
            completed,
            total,
            percent_of(completed, total),
            time.time(),
            pattern=pattern,
            component=component,
            message=message,
            error=error,
            traceback=traceback,
        )


def encode(update: ProgressUpdate) -> bytes:
    """Encode an update as one JSON object, without a newline."""
    return encode_line(update)[:-1]


def decode(data: bytes) -> ProgressUpdate:
    """Decode one update in any JSON spacing.

    Raises
    ------
    SchemaError
        For anything that is not exactly one valid update; names the field.
    """
    return _decoder.decode(data)


def as_update(update: ProgressUpdate | Mapping[str, object]) -> ProgressUpdate:
    """Take an update, or make one of a full mapping, its ``type`` included.

    Raises
    ------
    SchemaError
        For a mapping with a missing, unknown, null or mistyped field; names it.
    """
    if isinstance(update, ProgressUpdate):
        return update
    for name in ("percent", "timestamp"):  # whose ints a converter would take for floats
        if isinstance(update, Mapping) and isinstance(update.get(name), int):
            raise SchemaError(name, f"must be a float, got {update[name]!r}")
    converted = _decoder.convert(update)
    return decode(encode(converted))


class _NoMessage(msgspec.Struct, tag="", tag_field="type"):
    """Makes the decoder's type a union: a Struct decoded alone would accept a missing ``type``."""

    def __post_init__(self) -> None:
        raise SchemaError("type", "must be 'progress', got ''")


_decoder: StrictDecoder[ProgressUpdate] = StrictDecoder(ProgressUpdate | _NoMessage)

_TEXTS = ("execution_id", "plate_id", "axis_id", "step_name")
_COUNTS = ("step_index", "total_steps", "completed", "total")


def _refuse_values(update: ProgressUpdate) -> NoReturn:
    # Names the first field whose value no update may have.
    for name in _TEXTS:
        require_text(name, getattr(update, name), may_be_empty=name in ("axis_id", "step_name"))
    for name in _COUNTS:
        count = getattr(update, name)
        if type(count) is not int or not 0 <= count <= LARGEST_INT:
            raise SchemaError(name, f"must be an int in 0..2**46, got {count!r}")
    for name, kind in (("phase", ProgressPhase), ("status", ProgressStatus)):
        if type(getattr(update, name)) is not kind:
            raise SchemaError(name, f"must be one of {', '.join(kind)}, got {getattr(update, name)!r}")
    for name in ("percent", "timestamp"):
        if type(getattr(update, name)) is not float:
            raise SchemaError(name, f"must be a float, got {getattr(update, name)!r}")
    if update.completed > update.total:
        raise SchemaError("completed", f"must not exceed total {update.total}, got {update.completed}")
    raise SchemaError("timestamp", f"must be finite and > 0, got {update.timestamp!r}")


def _check_rules(update: ProgressUpdate) -> None:
    # All rules across fields.
    if type(update.phase) is not ProgressPhase or type(update.status) is not ProgressStatus:
        _refuse_values(update)
    if (update.phase, update.status) not in _LEGAL_PAIRS:
        raise SchemaError("status", f"{update.status.value!r} is not legal in phase {update.phase.value!r}")
    if update.percent != percent_of(update.completed, update.total):
        exact = f"100 * {update.completed} / {update.total} = {percent_of(update.completed, update.total)!r}"
        raise SchemaError("percent", f"must be {exact}, got {update.percent!r}")
    _check_address(update)
    _check_optional(update)


def _check_address(update: ProgressUpdate) -> None:
    phase = update.phase
    if not update.axis_id and phase not in WHOLE_PLATE_PHASES:
        raise SchemaError("axis_id", f"must not be empty in phase {phase.value!r}")
    if phase is _INIT and update.total_steps:
        raise SchemaError("total_steps", f"must be 0 in phase 'init', got {update.total_steps}")
    if update.step_name:
        if update.step_index >= update.total_steps:
            raise SchemaError("step_index", f"must be below total_steps {update.total_steps}, got {update.step_index}")
    elif phase in STEP_PHASES:
        raise SchemaError("step_name", f"must not be empty in phase {phase.value!r}")
    elif update.step_index:
        raise SchemaError("step_index", f"must be 0 where no step is meant, got {update.step_index}")


def _check_optional(update: ProgressUpdate) -> None:
    for name, value in (
        ("pattern", update.pattern),
        ("component", update.component),
        ("message", update.message),
        ("error", update.error),
        ("traceback", update.traceback),
    ):
        if value is not UNSET and (type(value) is not str or not value):
            raise SchemaError(name, f"must be absent or non-empty text, got {value!r}")
    failed = update.status is _ERROR
    if failed and update.error is UNSET:
        raise SchemaError("error", "is required with status 'error'")
    if not failed and update.error is not UNSET:
        raise SchemaError("error", f"is for status 'error' only, not {update.status.value!r}")
    if not failed and update.traceback is not UNSET:
        raise SchemaError("traceback", f"is for status 'error' only, not {update.status.value!r}")
