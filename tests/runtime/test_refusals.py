"""Every rule of the schema is kept, at both doors: a runner's socket and ``send_progress_update``."""

import json
import math
from typing import Any

import pytest
from tests.runtime.scripts import (
    PLATE,
    Action,
    completed,
    good_run,
    groups,
    job,
    new_id,
    send,
    state_message,
    update,
)
from tests.unit.progress.updates import ILLEGAL_PAIRS, REQUIRED, P, S, mapping, without

from plateflow.errors import SchemaError, ServerError
from plateflow.progress.messages import ExecutionKind, ExecutionState, Message
from plateflow.progress.update import ProgressUpdate
from plateflow.runtime.client import ExecutionClient
from plateflow.runtime.server import ExecutionServer

RUN = ExecutionKind.RUN
ID = "0123456789abcdef0123456789abcdef"
TIMEOUT = 10.0

BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    **{f"{name} is missing": (without(mapping(), name), name) for name in REQUIRED},
    **{f"{name} is null": (mapping(**{name: None}), name) for name in REQUIRED},
    **{f"{name} is a list": (mapping(**{name: [1]}), name) for name in REQUIRED},
    "an optional field is null": (mapping(pattern=None), "pattern"),
    "an unknown field": (mapping(progress=14), "progress"),
    "percent 101": (mapping(percent=101.0), "percent"),
    "percent off by rounding": (mapping(percent=math.nextafter(28.0, 29.0)), "percent"),
    "percent NaN": (mapping(percent=math.nan), "percent"),
    "timestamp NaN": (mapping(timestamp=math.nan), "timestamp"),
    "completed > total": (mapping(completed=51), "completed"),
    **{
        f"{phase.value} {status.value}": (mapping(phase, status), "status")
        for phase, status in ILLEGAL_PAIRS
    },
    "of another execution": (mapping(execution_id=new_id()), "execution_id"),
    "of another plate": (mapping(plate_id="/data/plate_02"), "plate_id"),
}  # fmt: skip


def line(update: dict[str, Any]) -> str:
    return json.dumps(update, separators=(",", ":")) + "\n"


def assert_serves_on(client: ExecutionClient) -> None:
    client.ping()
    execution_id = new_id()
    client.submit(PLATE, RUN, good_run(execution_id), execution_id=execution_id)
    assert client.wait(execution_id, TIMEOUT).state is ExecutionState.COMPLETED


@pytest.mark.slow
def test_a_broken_line_ends_its_execution_only(client: ExecutionClient) -> None:
    for name, (broken, field) in BROKEN.items():
        execution_id = new_id()
        lines = (line(mapping()) + line(broken)).replace(ID, execution_id)
        client.submit(PLATE, RUN, job(("send", lines), ("sleep", 30)), execution_id=execution_id)
        state = client.wait(execution_id, TIMEOUT)
        assert state.state is ExecutionState.FAILED, name
        assert state.reason.startswith(f"protocol error: {field}: "), name
        assert state.seq == 4, name  # queued, running, the good line before it, failed
        client.ping()
    assert_serves_on(client)


def test_broken_updates_are_refused_to_their_sender(server: ExecutionServer, client: ExecutionClient) -> None:
    client.submit(PLATE, RUN, job(("await_command", {"type": "cancel"})), execution_id=ID)
    before = client.snapshot(ID)
    for name, (broken, field) in BROKEN.items():
        with pytest.raises(SchemaError) as refusal:
            server.send_progress_update(broken)
        assert refusal.value.field == field, name
    assert client.snapshot(ID) == before
    assert_serves_on_beside(client)
    assert server.send_progress_update(mapping()) == before.seq + 1


def assert_serves_on_beside(client: ExecutionClient) -> None:
    execution_id = new_id()
    actions = [completed(execution_id, ExecutionKind.INIT)]
    client.submit(PLATE, ExecutionKind.INIT, job(*actions), execution_id=execution_id)
    assert client.wait(execution_id, TIMEOUT).state is ExecutionState.COMPLETED


CANCELLED = send(state_message(ID, ExecutionState.CANCELLED))
GOOD = line(mapping())
LINES: dict[str, tuple[list[Action], str]] = {
    "a duplicated field": ([("send", GOOD.replace('"axis_id"', '"axis_id":"B06","axis_id"'))], "axis_id: appears twi"),
    "odd spacing": ([("send", GOOD.replace('"axis_id":', '"axis_id": '))], "axis_id: is not in canonical form"),
    "a carriage return": ([("send", GOOD.replace("\n", "\r\n"))], ""),
    "two objects on a line": ([("send", GOOD.replace("\n", "") + GOOD)], ""),
    "an empty line": ([("send", "\n")], ""),
    "no JSON": ([("send", "hello\n")], ""),
    "random bytes": ([("send_hex", "ff00fe810a")], ""),
    "invalid UTF-8": ([("send_hex", GOOD.encode().replace(b"B06", b"B\xff6").hex())], "axis_id: "),
    "nested deeply": ([("send", "[" * 100_000 + "\n")], ""),
    "too long": ([("send", "x" * 140_000)], "a line is longer than 131072 bytes"),
    "too long, with its newline": ([("send", line(mapping(message="x" * 140_000)))], "a line is longer"),
    "of another kind": ([completed(ID, ExecutionKind.INIT)], "kind: "),
    "a state that is the server's": ([send(state_message(ID, ExecutionState.QUEUED))], "state: "),
    "a line after the last one": ([completed(ID), ("send", GOOD)], "a line follows the last one"),
    "a line after the last one, later": ([CANCELLED, ("sleep", 0.1), ("send", GOOD)], "a line follows the last one"),
    "a second last one": ([completed(ID), CANCELLED], "a line follows the last one"),
}  # fmt: skip


@pytest.mark.parametrize(("actions", "reason"), LINES.values(), ids=LINES)
def test_a_line_that_no_runner_may_send(client: ExecutionClient, actions: list[Action], reason: str) -> None:
    client.submit(PLATE, RUN, job(("send", GOOD), *actions, ("sleep", 30)), execution_id=ID)
    state = client.wait(ID, TIMEOUT)
    assert state.state is ExecutionState.FAILED
    assert state.reason.startswith(f"protocol error: {reason}")
    assert state.seq == 4
    client.ping()


def test_good_lines_before_a_bad_one_are_published(client: ExecutionClient) -> None:
    progress = client.progress(ID)
    good: list[Message] = groups(ID, 300)
    bad = ("send", line(mapping(percent=101.0)))
    client.submit(PLATE, RUN, job(send(*good), bad, send(*good)), execution_id=ID)
    assert [m for m in progress if isinstance(m, ProgressUpdate)] == good


def test_an_update_takes_the_path_of_a_line(server: ExecutionServer, client: ExecutionClient) -> None:
    progress = client.progress(ID)
    client.submit(PLATE, RUN, job(("await_command", {"type": "cancel"}), CANCELLED), execution_id=ID)
    sent = [update(ID, completed=n) for n in range(1, 5)]
    assert [server.send_progress_update(one) for one in sent] == [3, 4, 5, 6]
    client.cancel(ID)
    assert [m for m in progress if isinstance(m, ProgressUpdate)] == sent


def test_no_update_of_an_execution_that_is_unknown_or_has_ended(
    server: ExecutionServer, client: ExecutionClient
) -> None:
    with pytest.raises(SchemaError, match=r"^execution_id: no execution .* is under way"):
        server.send_progress_update(mapping())
    client.submit(PLATE, RUN, good_run(ID), execution_id=ID)
    before = client.wait(ID, TIMEOUT)
    with pytest.raises(SchemaError, match=r"^execution_id: no execution .* is under way"):
        server.send_progress_update(mapping())
    assert client.snapshot(ID) == before


def test_no_update_through_a_server_that_does_not_run(server: ExecutionServer) -> None:
    server.close()
    with pytest.raises(ServerError, match="not running"):
        server.send_progress_update(mapping())


def test_the_cases_are_what_they_say() -> None:
    assert len(ILLEGAL_PAIRS) == 28 - 16
    assert (P.PATTERN_GROUP, S.COMPLETED) in ILLEGAL_PAIRS
