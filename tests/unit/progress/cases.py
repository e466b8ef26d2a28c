"""The rules of the schema as tables: the decoder and the JSON Schema are held to the same ones."""

import math
from typing import Any

from tests.unit.progress.updates import LEGAL_PAIRS, OPTIONAL, P, S, mapping, without

from plateflow.progress.update import LARGEST_INT

TOO_LARGE = LARGEST_INT + 1

NO_TEXT: list[Any] = [None, 1, 1.5, True, ["B06"], {}]
NO_INT: list[Any] = [None, "1", 1.0, 0.5, True, [1], {}, -1, TOO_LARGE, 2**64, 10**400]
NO_FLOAT: list[Any] = [None, "28.0", True, [28.0], {}]
MISTYPED: list[tuple[str, Any]] = [
    *((field, value) for field in ("execution_id", "plate_id", "axis_id", "step_name", *OPTIONAL) for value in NO_TEXT),
    *((field, value) for field in ("step_index", "total_steps", "completed", "total") for value in NO_INT),
    *((field, value) for field in ("percent", "timestamp") for value in NO_FLOAT),
    *(("phase", value) for value in [None, 0, True, "", "Init", "INIT", "queued", "progress", ["init"]]),
    *(("status", value) for value in [None, 0, True, "", "Error", "cancelled", "retried", "lost", ["error"]]),
]

OF_PLATE = {"axis_id": "", "step_name": "", "step_index": 0, "total_steps": 0}
RULES = {
    "execution_id is not empty": (mapping(execution_id=""), "execution_id"),
    "plate_id is not empty": (mapping(plate_id=""), "plate_id"),
    **{
        f"{phase.value} is about an axis": (mapping(phase, status, axis_id=""), "axis_id")
        for phase, status in LEGAL_PAIRS
        if phase not in (P.INIT, P.COMPILE)
    },
    **{
        f"{phase.value} is about a step": (mapping(phase, status, step_name="", step_index=0), "step_name")
        for phase, status in LEGAL_PAIRS
        if phase in (P.STEP_STARTED, P.PATTERN_GROUP, P.STEP_COMPLETED)
    },
    "step_index is 0-based": (mapping(step_index=7), "step_index"),
    "a step needs steps": (mapping(step_index=0, total_steps=0), "step_index"),
    "a named step needs steps in compile": (
        mapping(P.COMPILE, S.ERROR, step_name="Crop", total_steps=0),
        "step_index",
    ),
    "no step, no step_index": (mapping(P.AXIS_STARTED, S.STARTED, step_index=1), "step_index"),
    "no step, no step_index in compile": (mapping(P.COMPILE, S.RUNNING, step_index=1), "step_index"),
    "init knows no steps": (mapping(P.INIT, S.RUNNING, total_steps=7), "total_steps"),
    "completed <= total": (mapping(completed=51), "completed"),
    "completed <= 0": (mapping(completed=1, total=0, percent=0.0), "completed"),
    "percent is of the counts": (mapping(percent=29.0), "percent"),
    "percent is one ulp above": (mapping(percent=math.nextafter(28.0, 29.0)), "percent"),
    "percent is one ulp below": (mapping(percent=math.nextafter(28.0, 27.0)), "percent"),
    "percent is 100 * completed / total": (mapping(completed=7, total=25 * 10, percent=100 * (7 / 250)), "percent"),
    "percent is 0 where total is 0": (mapping(completed=0, total=0, percent=100.0), "percent"),
    "percent <= 100": (mapping(percent=101.0), "percent"),
    "percent >= 0": (mapping(percent=-1.0), "percent"),
    "timestamp > 0": (mapping(timestamp=0.0), "timestamp"),
    "timestamp is not negative": (mapping(timestamp=-1700000000.0), "timestamp"),
    **{f"{name} is absent or not empty": (mapping(P.PATTERN_GROUP, S.ERROR, **{name: ""}), name) for name in OPTIONAL},
    **{f"{name} is absent or not empty where all is well": (mapping(**{name: ""}), name) for name in OPTIONAL},
    **{
        f"{phase.value} {status.value} without error": (without(mapping(phase, status), "error"), "error")
        for phase, status in LEGAL_PAIRS
        if status is S.ERROR
    },
    **{
        f"{phase.value} {status.value} with error": (mapping(phase, status, error="no"), "error")
        for phase, status in LEGAL_PAIRS
        if status is not S.ERROR
    },
    **{
        f"{phase.value} {status.value} with traceback": (mapping(phase, status, traceback="no"), "traceback")
        for phase, status in LEGAL_PAIRS
        if status is not S.ERROR
    },
}

LEGAL = {
    "the design's example": mapping(),
    "the last pattern group is running": mapping(completed=50, percent=100.0),
    "no pattern group at all": mapping(completed=0, total=0, percent=0.0),
    "the last step": mapping(step_index=6),
    "the largest ints": mapping(
        step_index=LARGEST_INT - 1, total_steps=LARGEST_INT, completed=LARGEST_INT, total=LARGEST_INT, percent=100.0
    ),
    "a percent that no decimal holds": mapping(completed=1, total=3, percent=100 / 3),
    "init of one well": mapping(P.INIT, S.ERROR, axis_id="B06"),
    "compile of the whole plate": mapping(P.COMPILE, S.RUNNING, **OF_PLATE),
    "compile before the steps are known": mapping(P.COMPILE, S.STARTED, axis_id="B06", total_steps=0),
    "compile of one step": mapping(P.COMPILE, S.ERROR, step_name="Crop", step_index=6),
    "an axis that names its step": mapping(P.AXIS_COMPLETED, S.ERROR, step_name="Crop", step_index=6),
    "a plate-wide step's axis": mapping(axis_id="plate:Illumination"),
    "an error with its traceback": mapping(P.PATTERN_GROUP, S.ERROR, traceback="Traceback ..."),
    "every optional field": mapping(
        P.PATTERN_GROUP, S.ERROR, pattern="B06 s* c=DAPI", component="DAPI", message="µm", traceback="t"
    ),
    "text of any kind": mapping(step_name="Ω\x00\n\u2028\U0001f52c", pattern=" "),
    "the smallest timestamp": mapping(timestamp=5e-324),
}
