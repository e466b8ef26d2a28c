"""An emitter knows whose its updates are."""

import pytest
from msgspec import UNSET
from tests.unit.progress.updates import P, S

from plateflow.errors import SchemaError
from plateflow.progress.carried import ERROR_LIMIT
from plateflow.progress.emitter import Emitter
from plateflow.progress.update import ProgressUpdate


@pytest.fixture
def told() -> list[ProgressUpdate]:
    return []


@pytest.fixture
def emitter(told: list[ProgressUpdate]) -> Emitter:
    return Emitter(told.append, "e", "/p", total_steps=7)


def test_of_the_plate(emitter: Emitter, told: list[ProgressUpdate], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1234.5)
    emitter.emit(P.COMPILE, S.RUNNING, 1, 3)
    assert told == [
        ProgressUpdate(
            execution_id="e",
            plate_id="/p",
            axis_id="",
            step_name="",
            step_index=0,
            total_steps=7,
            phase=P.COMPILE,
            status=S.RUNNING,
            completed=1,
            total=3,
            percent=100 / 3,
            timestamp=1234.5,
        )
    ]


def test_narrowed(emitter: Emitter, told: list[ProgressUpdate]) -> None:
    well = emitter.axis("B06", 5)
    step = well.step("Crop", 2)
    step.emit(P.STEP_STARTED, S.STARTED, 0, 4)
    step.step("", 0).emit(P.AXIS_COMPLETED, S.COMPLETED, 5, 5)
    step.axis("B07", 3).emit(P.AXIS_STARTED, S.STARTED, 0, 3)
    well.emit(P.AXIS_STARTED, S.STARTED, 0, 5)
    assert [(u.axis_id, u.total_steps, u.step_name, u.step_index) for u in told] == [
        ("B06", 5, "Crop", 2),
        ("B06", 5, "", 0),
        ("B07", 3, "", 0),
        ("B06", 5, "", 0),
    ]
    assert {(u.execution_id, u.plate_id) for u in told} == {("e", "/p")}


def test_texts(emitter: Emitter, told: list[ProgressUpdate]) -> None:
    step = emitter.axis("B06", 5).step("Crop", 2)
    step.emit(P.PATTERN_GROUP, S.RUNNING, 1, 4, pattern="s1", component="DAPI", message="m")
    step.emit(P.PATTERN_GROUP, S.ERROR, 1, 4, error="\ud800" + "x" * 2 * ERROR_LIMIT, traceback="t")
    running, failed = told
    assert (running.pattern, running.component, running.message) == ("s1", "DAPI", "m")
    assert running.error is running.traceback is failed.pattern is failed.component is failed.message is UNSET
    assert isinstance(failed.error, str)
    assert failed.error.startswith("\\ud800x")
    assert len(failed.error) <= ERROR_LIMIT
    assert failed.traceback == "t"


def test_an_update_that_breaks_a_rule_is_not_told(emitter: Emitter, told: list[ProgressUpdate]) -> None:
    with pytest.raises(SchemaError, match="axis_id"):
        emitter.emit(P.AXIS_STARTED, S.STARTED, 0, 3)
    assert told == []
