"""The messages beside updates are as strict, and a body of lines is canonical."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.unit.progress.updates import as_json, mapping, refused_field, without

from plateflow.errors import SchemaError
from plateflow.progress.messages import (
    AxisKind,
    ExecutionKind,
    ExecutionMessage,
    ExecutionState,
    Topology,
    TopologyAxis,
    TopologyStep,
    WorkerMessage,
    WorkerState,
    decode_lines,
    decode_message,
    encode_message,
)
from plateflow.progress.strict import LINE_LIMIT
from plateflow.progress.update import LARGEST_INT, as_update

WHO: dict[str, Any] = {"execution_id": "0123456789abcdef0123456789abcdef", "plate_id": "/data/plate_01"}
TOPOLOGY = Topology(
    part=0,
    parts=1,
    rows=8,
    columns=12,
    steps=(TopologyStep(name="Crop", groups=8), TopologyStep(name="SegmentNuclei")),
    axes=(
        TopologyAxis(axis="plate:Illumination", kind=AxisKind.PLATE, after=(), groups=(1, 0)),
        TopologyAxis(axis="B06", kind=AxisKind.WELL, after=("plate:Illumination",), groups=(8, 3)),
    ),
)


def execution(state: ExecutionState, **fields: Any) -> ExecutionMessage:
    return ExecutionMessage(**WHO, kind=ExecutionKind.RUN, state=state, timestamp=1700000000.0, **fields)


def worker(state: WorkerState, **fields: Any) -> WorkerMessage:
    where = {"worker": 1, "pid": 4242, "host": "lab", "memory_bytes": 10_000_000, "timestamp": 1700000000.0}
    return WorkerMessage(**(WHO | where | {"state": state} | fields))


E = ExecutionState
EXECUTIONS = [
    execution(E.RUNNING, topology=TOPOLOGY),
    execution(E.QUEUED),
    execution(E.PAUSED),
    execution(E.COMPLETED),
    execution(E.FAILED, reason="protocol error: percent"),
    execution(E.CANCELLED, reason="asked for"),
    execution(E.CANCELLED),
    execution(E.INTERRUPTED),
]
WORKERS = [
    worker(WorkerState.IDLE),
    worker(WorkerState.BUSY, axis_id="B06", step_name="SegmentNuclei"),
    worker(WorkerState.DIED, axis_id="B06", step_name="SegmentNuclei", signal="SIGKILL"),
]
MESSAGES: list[Any] = [*EXECUTIONS, *WORKERS]
ONE_OF_EACH = pytest.mark.parametrize("message", [EXECUTIONS[0], WORKERS[2]], ids=["execution", "worker"])
NOT_REQUIRED = {"reason", "topology", "axis_id", "step_name", "signal"}


def fields_of(message: Any) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(encode_message(message))
    return fields


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.state.value)
def test_round_trip(message: Any) -> None:
    line = encode_message(message)
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    assert decode_message(line) == message
    assert decode_lines(line * 3) == [message] * 3


@ONE_OF_EACH
def test_every_field_is_strict(message: Any) -> None:
    fields = fields_of(message)
    for name in fields:
        assert refused_field(decode_message, as_json(fields | {name: None})) == name
        assert refused_field(decode_message, as_json(fields | {name: ["no such"]})) == name
        twice = as_json(fields)[:-1] + b"," + as_json({name: fields[name]})[1:]
        assert refused_field(decode_message, twice) == name
    for name in fields.keys() - NOT_REQUIRED:
        assert refused_field(decode_message, as_json(without(fields, name))) == name
    assert refused_field(decode_message, as_json(fields | {"seq": 1})) == "seq"
    assert refused_field(decode_message, as_json(fields | {"type": "log"})) == "type"


def changed(message: Any, **changes: Any) -> Callable[[], Any]:
    names = [name for name in message.__struct_fields__ if name not in changes]
    return lambda: type(message)(**{name: getattr(message, name) for name in names} | changes)


BY_HAND = {
    "execution_id is not empty": (changed(EXECUTIONS[1], execution_id=""), "execution_id"),
    "plate_id is text": (changed(WORKERS[0], plate_id=None), "plate_id"),
    "kind is one": (changed(EXECUTIONS[1], kind="run"), "kind"),
    "execution's state is one": (changed(EXECUTIONS[1], state="lost"), "state"),
    "worker's state is one": (changed(WORKERS[0], state="died"), "state"),
    "timestamp is a float": (changed(EXECUTIONS[1], timestamp=1), "timestamp"),
    "timestamp is finite": (changed(WORKERS[0], timestamp=float("inf")), "timestamp"),
    "timestamp is a number": (changed(WORKERS[0], timestamp=float("nan")), "timestamp"),
    "timestamp > 0": (changed(WORKERS[0], timestamp=0.0), "timestamp"),
    "failed needs a reason": (changed(EXECUTIONS[1], state=E.FAILED), "reason"),
    "completed has no reason": (changed(EXECUTIONS[3], reason="why not"), "reason"),
    "running has no reason": (changed(EXECUTIONS[0], reason="why not"), "reason"),
    "a reason is not empty": (changed(EXECUTIONS[4], reason=""), "reason"),
    "a topology while running": (changed(EXECUTIONS[1], topology=TOPOLOGY), "topology"),
    "worker is an int": (changed(WORKERS[0], worker=True), "worker"),
    "pid is not negative": (changed(WORKERS[0], pid=-1), "pid"),
    "memory is capped": (changed(WORKERS[0], memory_bytes=LARGEST_INT + 1), "memory_bytes"),
    "host is not empty": (changed(WORKERS[0], host=""), "host"),
    "died needs a signal": (changed(WORKERS[0], state=WorkerState.DIED), "signal"),
    "idle has no signal": (changed(WORKERS[0], signal="SIGKILL"), "signal"),
}


@pytest.mark.parametrize(("make", "field"), BY_HAND.values(), ids=BY_HAND.keys())
def test_made_by_hand(make: Callable[[], Any], field: str) -> None:
    with pytest.raises(SchemaError) as refusal:
        make()
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("rows",), "8", "topology"),
        (("part",), -1, "topology"),
        (("steps", 0, "groups"), 1.5, "topology"),
        (("axes", 0, "kind"), "row", "topology"),
        (("axes", 1, "after"), None, "topology"),
        (("axes", 1, "queued"), True, "queued"),
    ],
)
def test_the_topology_is_strict(path: tuple[Any, ...], value: object, field: str) -> None:
    fields = fields_of(EXECUTIONS[0])
    part = fields["topology"]
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    assert refused_field(decode_message, as_json(fields)) == field


def test_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1700000000.0)
    assert ExecutionMessage.now(WHO["execution_id"], WHO["plate_id"], ExecutionKind.RUN, E.QUEUED) == EXECUTIONS[1]


@pytest.mark.parametrize("text", ["x" * LINE_LIMIT, "\ud800"], ids=["too long", "a lone surrogate"])
def test_texts_that_no_line_can_carry(text: str) -> None:
    assert refused_field(encode_message, execution(E.FAILED, reason=text)) == "reason"
    assert refused_field(encode_message, worker(WorkerState.IDLE, host=text)) == "host"


LINE = encode_message(as_update(mapping()))
NOT_CANONICAL = {
    "odd spacing": (as_json(mapping()) + b"\n", "type"),
    "a space before it": (b" " + LINE, "type"),
    "a space after it": (LINE[:-1] + b" \n", "timestamp"),
    "carriage returns": (LINE.replace(b"\n", b"\r\n"), "timestamp"),
    "a carriage return between": (LINE[:-1] + b"\r" + LINE, ""),
    "an int for a float": (LINE.replace(b"28.0", b"28"), "percent"),
    "an exponent": (LINE.replace(b"28.0", b"2.8e1"), "percent"),
    "an escape": (LINE.replace(b"B06", rb"\u004206"), "axis_id"),
    "other order": (as_json(dict(reversed(mapping().items()))).replace(b" ", b"") + b"\n", "type"),
    "a duplicate": (LINE[:-2] + b',"total":50}\n', "total"),
    "two objects on a line": (LINE[:-1] + LINE, ""),
    "an empty line": (LINE + b"\n", ""),
    "no newline at the end": (LINE + LINE[:-1], ""),
    "a torn last line": (LINE + LINE[:40], ""),
    "another update's error": (LINE.replace(b'"total":50', b'"total":51'), "percent"),
}


@pytest.mark.parametrize(("body", "field"), NOT_CANONICAL.values(), ids=NOT_CANONICAL.keys())
def test_lines_are_canonical(body: bytes, field: str) -> None:
    assert refused_field(decode_lines, body) == field
    assert refused_field(decode_lines, LINE + body) == field


def test_lines_of_all_kinds() -> None:
    messages = [as_update(mapping()), *MESSAGES]
    assert decode_lines(b"".join(map(encode_message, messages))) == messages
    assert decode_lines(b"") == []


def test_a_newline_in_a_text_stays_in_its_line() -> None:
    message = as_update(mapping(message="a\nb\r\u2028\x85c"))
    assert decode_lines(encode_message(message)) == [message]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        pytest.param({"part": 1}, "part", id="part beyond parts"),
        pytest.param({"steps": (TopologyStep(name="Crop", groups=8),)}, "groups", id="groups told twice"),
        pytest.param({"steps": (TopologyStep(name="Crop"),)}, "groups", id="more groups than steps"),
        pytest.param(
            {"axes": (TopologyAxis(axis="B06", kind=AxisKind.WELL, after=()),)}, "groups", id="no groups at all"
        ),
    ],
)
def test_a_topology_adds_up(change: dict[str, Any], field: str) -> None:
    with pytest.raises(SchemaError) as refused:
        msgspec.structs.replace(TOPOLOGY, **change)
    assert refused.value.field == field
