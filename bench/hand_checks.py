"""The rules of an update as people write them by hand, for dicts that came as JSON: what msgspec's types replace."""

from __future__ import annotations

import math
from typing import Any, Final

from plateflow.errors import SchemaError
from plateflow.progress.update import LARGEST_INT

TEXTS: Final = ("execution_id", "plate_id", "axis_id", "step_name")
INTS: Final = ("step_index", "total_steps", "completed", "total")
FLOATS: Final = ("percent", "timestamp")
OPTIONAL: Final = ("pattern", "component", "message", "error", "traceback")
REQUIRED: Final = frozenset({"type", *TEXTS, *INTS, "phase", "status", *FLOATS})
KNOWN: Final = REQUIRED | frozenset(OPTIONAL)
LEGAL: Final = {
    "init": {"started", "running", "completed", "error"},
    "compile": {"started", "running", "completed", "error"},
    "axis_started": {"started"},
    "step_started": {"started"},
    "pattern_group": {"running", "error"},
    "step_completed": {"completed", "error"},
    "axis_completed": {"completed", "error"},
}


def check_update(update: dict[str, Any]) -> None:
    """Check one update.

    Raises
    ------
    SchemaError
        Names the field.
    """
    check_fields(update)
    check_values(update)
    check_rules(update)


def check_fields(update: dict[str, Any]) -> None:
    """Check that all fields are there, and no others."""
    for name in REQUIRED:
        if name not in update:
            raise SchemaError(name, "is missing")
    for name in update:
        if name not in KNOWN:
            raise SchemaError(name, "is unknown")


def check_values(update: dict[str, Any]) -> None:
    """Check types and ranges."""
    for name in TEXTS:
        if not isinstance(update[name], str):
            raise SchemaError(name, "must be text")
    for name in INTS:
        value = update[name]
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST_INT:
            raise SchemaError(name, "must be an int in 0..2**46")
    for name in FLOATS:
        if not isinstance(update[name], float) or not math.isfinite(update[name]):
            raise SchemaError(name, "must be a finite float")
    for name in OPTIONAL:
        if name in update and (not isinstance(update[name], str) or not update[name]):
            raise SchemaError(name, "must be absent or non-empty text")


def check_rules(update: dict[str, Any]) -> None:
    """Check what fields say of each other."""
    phase, status, completed, total = update["phase"], update["status"], update["completed"], update["total"]
    if update["type"] != "progress":
        raise SchemaError("type", "must be 'progress'")
    if not update["execution_id"] or not update["plate_id"]:
        raise SchemaError("execution_id", "must not be empty")
    if phase not in LEGAL or status not in LEGAL[phase]:
        raise SchemaError("status", f"{status!r} is not legal in phase {phase!r}")
    if completed > total:
        raise SchemaError("completed", "must not exceed total")
    if update["percent"] != (100 * completed / total if total else 0.0):
        raise SchemaError("percent", "must be 100 * completed / total")
    if update["timestamp"] <= 0:
        raise SchemaError("timestamp", "must be > 0")
    check_address(update)
    if (status == "error") != ("error" in update) or ("traceback" in update and status != "error"):
        raise SchemaError("error", "goes with status 'error', and only with it")


def check_address(update: dict[str, Any]) -> None:
    """Check what the update is about."""
    phase = update["phase"]
    if not update["axis_id"] and phase not in ("init", "compile"):
        raise SchemaError("axis_id", "must not be empty")
    if phase == "init" and update["total_steps"]:
        raise SchemaError("total_steps", "must be 0 in phase 'init'")
    if update["step_name"]:
        if update["step_index"] >= update["total_steps"]:
            raise SchemaError("step_index", "must be below total_steps")
    elif phase in ("step_started", "pattern_group", "step_completed") or update["step_index"]:
        raise SchemaError("step_name", "must not be empty")
