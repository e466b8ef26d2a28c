"""docs/progress.schema.json is what the types say, and says no to what the decoder refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator
from tests.unit.progress.cases import LEGAL, MISTYPED, RULES
from tests.unit.progress.test_messages import EXECUTIONS, NOT_REQUIRED, WORKERS
from tests.unit.progress.updates import (
    ILLEGAL_PAIRS,
    LEGAL_PAIRS,
    OPTIONAL,
    REQUIRED,
    P,
    S,
    id_of,
    mapping,
    updates,
    without,
)

from plateflow.progress.messages import encode_message
from plateflow.progress.schema import json_schema, schema_text
from plateflow.progress.update import ProgressUpdate, encode

SCHEMA_FILE = Path(__file__).parents[3] / "docs" / "progress.schema.json"
ARITHMETIC = {
    "step_index is 0-based",
    "completed <= total",
    "completed <= 0",
    "percent is of the counts",
    "percent is one ulp above",
    "percent is one ulp below",
    "percent is 100 * completed / total",
    "percent is 0 where total is 0",
}
"""Rules that JSON Schema cannot state."""
STATED = {name: update for name, (update, _) in RULES.items() if name not in ARITHMETIC}

validator = Draft202012Validator(json_schema())


def valid(message: object) -> bool:
    return bool(validator.is_valid(message))


def test_the_file_is_what_the_types_say() -> None:
    assert SCHEMA_FILE.read_text() == schema_text(), "run make schema"


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(json.loads(SCHEMA_FILE.read_text()))


@pytest.mark.parametrize(("phase", "status"), LEGAL_PAIRS, ids=id_of)
def test_legal_pair(phase: P, status: S) -> None:
    validator.validate(mapping(phase, status))


@pytest.mark.parametrize(("phase", "status"), ILLEGAL_PAIRS, ids=id_of)
def test_illegal_pair(phase: P, status: S) -> None:
    assert not valid(mapping(phase, status))


@pytest.mark.parametrize("update", LEGAL.values(), ids=LEGAL.keys())
def test_legal(update: dict[str, Any]) -> None:
    validator.validate(update)


@pytest.mark.parametrize("update", STATED.values(), ids=STATED.keys())
def test_rule(update: dict[str, Any]) -> None:
    assert not valid(update)


@pytest.mark.parametrize("field", REQUIRED)
def test_missing(field: str) -> None:
    assert not valid(without(mapping(), field))


def test_unknown() -> None:
    assert not valid(mapping(queued=1))


@pytest.mark.parametrize("field", REQUIRED + OPTIONAL)
def test_null(field: str) -> None:
    assert not valid(mapping(P.PATTERN_GROUP, S.ERROR, **{field: None}))


@pytest.mark.parametrize(
    ("field", "value"), [case for case in MISTYPED if case[1] != 1.0 or case[1] is True], ids=lambda v: repr(v)[:20]
)  # to JSON Schema 1.0 is an integer
def test_mistyped(field: str, value: object) -> None:
    assert not valid(mapping(P.PATTERN_GROUP, S.ERROR, **{field: value}))


@given(updates())
def test_every_legal_update(update: ProgressUpdate) -> None:
    validator.validate(json.loads(encode(update)))


@pytest.mark.parametrize("message", [*EXECUTIONS, *WORKERS], ids=lambda m: m.state.value)
def test_the_other_messages(message: Any) -> None:
    fields = json.loads(encode_message(message))
    validator.validate(fields)
    assert not valid(fields | {"queued": 1})
    assert not any(valid(without(fields, name)) for name in fields if name not in NOT_REQUIRED)


def test_the_other_messages_across_fields() -> None:
    execution, worker = (json.loads(encode_message(messages[0])) for messages in (EXECUTIONS, WORKERS))
    assert not valid(execution | {"state": "failed"})
    assert not valid(worker | {"state": "died"})
    assert not valid(worker | {"signal": "SIGKILL"})
