"""Legal updates to start from: as mappings for the case tables, as strategies for the property tests."""

import json
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from hypothesis import strategies as st
from msgspec import UNSET

from plateflow.errors import SchemaError
from plateflow.progress.percent import percent_of
from plateflow.progress.update import (
    LARGEST_INT,
    LEGAL_STATUSES,
    STEP_PHASES,
    WHOLE_PLATE_PHASES,
    ProgressPhase,
    ProgressStatus,
    ProgressUpdate,
)

P: TypeAlias = ProgressPhase
S: TypeAlias = ProgressStatus
REQUIRED = (
    "type", "execution_id", "plate_id", "axis_id", "step_name", "step_index", "total_steps",
    "phase", "status", "completed", "total", "percent", "timestamp",
)  # fmt: skip
OPTIONAL = ("pattern", "component", "message", "error", "traceback")
ALL_PAIRS = [(phase, status) for phase in ProgressPhase for status in ProgressStatus]
LEGAL_PAIRS = [(phase, status) for phase, statuses in LEGAL_STATUSES.items() for status in sorted(statuses)]
ILLEGAL_PAIRS = [pair for pair in ALL_PAIRS if pair not in LEGAL_PAIRS]


def mapping(
    phase: ProgressPhase = ProgressPhase.PATTERN_GROUP,
    status: ProgressStatus = ProgressStatus.RUNNING,
    /,
    **changes: Any,
) -> dict[str, Any]:
    """Return a full mapping, legal where the pair is, with these changes."""
    of_plate = phase is ProgressPhase.INIT
    update: dict[str, Any] = {
        "type": "progress",
        "execution_id": "0123456789abcdef0123456789abcdef",
        "plate_id": "/data/plate_01",
        "axis_id": "" if of_plate else "B06",
        "step_name": "SegmentNuclei" if phase in STEP_PHASES else "",
        "step_index": 2 if phase in STEP_PHASES else 0,
        "total_steps": 0 if of_plate else 7,
        "phase": phase.value,
        "status": status.value,
        "completed": 14,
        "total": 50,
        "percent": 28.0,
        "timestamp": 1700000000.0,
    }
    if status is ProgressStatus.ERROR:
        update["error"] = "ValueError: no nuclei in B06"
    return update | changes


def without(update: dict[str, Any], *fields: str) -> dict[str, Any]:
    """Return the mapping without these fields."""
    return {name: value for name, value in update.items() if name not in fields}


def as_json(update: dict[str, Any]) -> bytes:
    """Return the mapping as JSON, in json.dumps' spacing."""
    return json.dumps(update).encode()


def refused_field(read: Callable[[Any], object], data: object) -> str:
    """Return the field that a reader refuses; fail where it accepts or its message does not say which."""
    with pytest.raises(SchemaError) as refusal:
        read(data)
    assert str(refusal.value).startswith(refusal.value.field)
    return refusal.value.field


def id_of(value: object) -> str | None:
    return value.value if isinstance(value, ProgressPhase | ProgressStatus) else None


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
counts = st.integers(0, LARGEST_INT) | st.integers(0, 100)


@st.composite
def updates(draw: st.DrawFn) -> ProgressUpdate:
    """Draw any legal update."""
    phase, status = draw(st.sampled_from(LEGAL_PAIRS))
    failed = status is ProgressStatus.ERROR
    total_steps = 0 if phase is ProgressPhase.INIT else draw(st.integers(1 if phase in STEP_PHASES else 0, LARGEST_INT))
    names_step = phase in STEP_PHASES or (total_steps > 0 and draw(st.booleans()))
    total = draw(counts)
    completed = draw(st.integers(0, total))
    return ProgressUpdate(
        execution_id=draw(texts),
        plate_id=draw(texts),
        axis_id=draw(texts | st.just("") if phase in WHOLE_PLATE_PHASES else texts),
        step_name=draw(texts) if names_step else "",
        step_index=draw(st.integers(0, total_steps - 1)) if names_step else 0,
        total_steps=total_steps,
        phase=phase,
        status=status,
        completed=completed,
        total=total,
        percent=percent_of(completed, total),
        timestamp=draw(st.floats(0, exclude_min=True, allow_infinity=False)),
        pattern=draw(st.just(UNSET) | texts),
        component=draw(st.just(UNSET) | texts),
        message=draw(st.just(UNSET) | texts),
        error=draw(texts) if failed else UNSET,
        traceback=draw(st.just(UNSET) | texts) if failed else UNSET,
    )
