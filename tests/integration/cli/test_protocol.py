"""docs/protocol.md is true: its client, as it stands there, sees every message once, whatever the stream drops."""

import json
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, get_args

import msgspec
import pytest
from tests.integration.cli.commands import Cli, wait_for
from tests.integration.cli.foreign import PROTOCOL, ForeignClient, blocks, client_text
from tests.runtime.processes import start_process
from tests.runtime.scripts import PLATE, PUPPET, completed, job, new_id, update

from plateflow.progress import messages
from plateflow.progress.messages import ExecutionKind, decode_message
from plateflow.progress.state import AxisProgress, AxisState, ExecutionProgress, Phase, StepProgress, restore
from plateflow.progress.update import LEGAL_STATUSES
from plateflow.runtime import control, loop
from plateflow.runtime.client import ExecutionClient
from plateflow.runtime.desk import Desk
from plateflow.runtime.endpoints import Connection
from plateflow.runtime.frames import Header
from plateflow.runtime.ports import STREAM_HIGH_WATER
from plateflow.runtime.server import ExecutionServer
from plateflow.service.job import JobSpec, PipelineFile, decode_job
from plateflow.service.questions import decode_answer, decode_question
from plateflow.settings import JOURNAL_NAME

FLOOD = 500
"""Updates, each a frame: more than 16 and what the sockets hold. Few, since who is stopped for 3 s asks by itself."""
TEXT = 8192 * "x"
"""In each of them."""
KEPT = STREAM_HIGH_WATER // 2
"""Frames that wait for a slow client at least: ZeroMQ notes in steps of half the mark what was read."""
UNTIL_CANCELLED = ("await_command", {"type": "cancel"})


class Given(NamedTuple):
    """A replay that the server gave, and when."""

    reply: control.Replayed
    moment: float

    @property
    def from_seq(self) -> int:
        return self.reply.next_seq - len(self.reply.messages)


class Replays(list[Given]):
    """All that servers of this process gave."""

    at_first: Callable[[], None] = staticmethod(lambda: None)
    """Called before the first is sent, in the server's thread."""


@pytest.fixture
def directory(short_tmp: Path) -> Path:
    return short_tmp / "run"


@pytest.fixture
def server(directory: Path) -> Iterator[ExecutionServer]:
    with ExecutionServer(directory, PUPPET) as server:
        yield server


@pytest.fixture
def replays(monkeypatch: pytest.MonkeyPatch) -> Replays:
    given = Replays()
    answer = Desk.answer

    def note(self: Desk, request: control.PromptRequest, bad_messages: int) -> control.Reply:
        reply = answer(self, request, bad_messages)
        if isinstance(reply, control.Replayed):
            given.append(Given(reply, time.monotonic()))
            if len(given) == 1:
                given.at_first()
        return reply

    monkeypatch.setattr(Desk, "answer", note)
    return given


def journal(directory: Path, execution_id: str) -> list[tuple[int, Any]]:
    """Return each number and message of an execution as they are on disk."""
    sql = "SELECT body FROM batch JOIN execution ON number = execution WHERE execution_id = ? ORDER BY first_seq"
    with closing(sqlite3.connect(directory / JOURNAL_NAME)) as connection:
        bodies = [body for (body,) in connection.execute(sql, (execution_id,))]
    return list(enumerate(map(json.loads, b"".join(bodies).splitlines()), 1))


def has_ended(client: ExecutionClient, execution_id: str) -> Callable[[], bool]:
    return lambda: client.snapshot(execution_id).ended


def flood(server: ExecutionServer, execution_id: str) -> None:
    for n in range(1, FLOOD + 1):
        message = update(execution_id, completed=n, total=FLOOD)
        server.send_progress_update(msgspec.structs.replace(message, message=TEXT))


# Every message of a run.


def test_the_client_is_short_and_imports_nothing_of_plateflow() -> None:
    text = client_text()
    assert len([line for line in text.splitlines() if line.strip()]) <= 45
    assert re.findall(r"^(?:import|from) (\w+)", text, re.MULTILINE) == ["json", "sys", "zmq"]


@pytest.mark.slow
def test_the_client_prints_every_message_of_a_run_early_and_late(
    lone_cli: Cli, small_plate: Path, tmp_path: Path
) -> None:
    cli = lone_cli
    with cli.server(), ExecutionClient(cli.runtime) as client, (tmp_path / "run.json").open("w+") as output:
        run = cli.start("run", cli.pipeline(), small_plate, "--output", tmp_path / "out", "--json", stdout=output)
        wait_for(lambda: bool(client.status()), "the submission")
        [summary] = client.status()
        with ForeignClient(cli.runtime, summary.execution_id, tmp_path) as early:
            early.wait_for_end()
        _, errors = run.communicate(timeout=30)
        assert run.returncode == 0, errors
        with ForeignClient(cli.runtime, summary.execution_id, tmp_path) as late:
            late.wait_for_end()
        output.seek(0)
        told = [json.loads(line) for line in output]
    assert early.printed() == late.printed() == list(enumerate(told, 1))
    assert told[-1]["state"] == "completed"


# What the stream drops.


def test_a_gap_is_healed(server: ExecutionServer, directory: Path, tmp_path: Path, replays: Replays) -> None:
    execution_id = new_id()
    with ForeignClient(directory, execution_id, tmp_path) as foreign, ExecutionClient(directory) as client:
        work = job(UNTIL_CANCELLED, completed(execution_id))
        client.submit(PLATE, ExecutionKind.RUN, work, execution_id=execution_id)
        foreign.wait_for_seq(2)
        foreign.stop()
        replays.clear()
        flood(server, execution_id)
        assert not replays
        foreign.go_on()
        foreign.wait_for_seq(KEPT)

        def send_one_more() -> bool:
            server.send_progress_update(update(execution_id, completed=FLOOD, total=FLOOD))
            return bool(replays)

        wait_for(send_one_more, "a replay")
        client.cancel(execution_id)
        foreign.wait_for_end()
        assert foreign.printed() == journal(directory, execution_id)
    assert KEPT < replays[0].from_seq < FLOOD, "the first of them, not all, came by the stream"
    assert len(replays) > 1, "it took several chunks"
    assert replays[0].reply.last_seq > FLOOD


@pytest.mark.slow
@pytest.mark.parametrize("beats", [True, False], ids=["told by a heartbeat", "asked for after silence"])
def test_a_lost_tail_is_healed(
    beats: bool, directory: Path, tmp_path: Path, replays: Replays, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not beats:
        monkeypatch.setattr(loop, "HEARTBEAT", 1000.0)
    execution_id = new_id()
    with (
        ExecutionServer(directory, PUPPET) as server,
        ForeignClient(directory, execution_id, tmp_path) as foreign,
        ExecutionClient(directory) as client,
    ):
        work = job(UNTIL_CANCELLED, completed(execution_id))
        client.submit(PLATE, ExecutionKind.RUN, work, execution_id=execution_id)
        foreign.wait_for_seq(2)
        foreign.stop()
        replays.clear()
        flood(server, execution_id)
        client.cancel(execution_id)
        wait_for(has_ended(client, execution_id), "the end")
        assert not replays
        went_on = foreign.go_on()
        foreign.wait_for_end()
        assert foreign.printed() == journal(directory, execution_id)
    first = replays[0]
    assert KEPT < first.from_seq < FLOOD, "the first of them, not all, came by the stream"
    assert first.reply.last_seq == FLOOD + 3, "it asked when there was no more to come"
    assert (first.moment - went_on < 3) == beats
    assert replays[-1].moment - first.moment < 3, "the other chunks were asked for at once"


def test_what_was_replayed_is_not_printed_again(
    server: ExecutionServer, directory: Path, tmp_path: Path, replays: Replays
) -> None:
    execution_id = new_id()
    stopped = threading.Event()
    with ExecutionClient(directory) as client:
        work = job(UNTIL_CANCELLED, completed(execution_id))
        client.submit(PLATE, ExecutionKind.RUN, work, execution_id=execution_id)

    def stop() -> None:
        late.stop()
        stopped.set()

    replays.at_first = stop
    flood(server, execution_id)
    with ForeignClient(directory, execution_id, tmp_path) as late, ExecutionClient(directory) as client:
        assert stopped.wait(30)
        for _ in range(100):  # frames that wait for it, while a later chunk of the replay holds the same
            server.send_progress_update(update(execution_id, completed=FLOOD, total=FLOOD))
        late.go_on()
        wait_for(lambda: replays[-1].reply.next_seq == FLOOD + 103, "the last chunk")
        client.cancel(execution_id)
        late.wait_for_end()
        assert late.printed() == journal(directory, execution_id)


def test_the_client_outlives_a_killed_server(directory: Path, tmp_path: Path) -> None:
    execution_id = new_id()
    first = start_process(directory)
    with ForeignClient(directory, execution_id, tmp_path) as foreign:
        with ExecutionClient(directory) as client:
            client.submit(PLATE, ExecutionKind.RUN, job(("sleep", 60)), execution_id=execution_id)
        foreign.wait_for_seq(2)
        first.kill()
        first.wait()
        with ExecutionServer(directory, PUPPET):
            foreign.wait_for_end()
    assert foreign.printed() == journal(directory, execution_id)
    assert [message["state"] for _, message in foreign.printed()] == ["queued", "running", "interrupted"]


# What the document says.


def tags(union: Any) -> set[str]:
    return {member.__struct_config__.tag for member in get_args(union)}


def examples() -> list[str]:
    return [line for block in blocks("json") for line in block.splitlines()]


def type_of(example: str) -> str:
    kind = json.loads(example).get("type", "")
    assert isinstance(kind, str)
    return kind


@pytest.mark.parametrize("example", examples(), ids=lambda example: type_of(example) or "untyped")
def test_an_example_is_what_plateflow_reads(example: str) -> None:
    data, kind = example.encode(), type_of(example)
    if kind in tags(messages.Message):
        decode_message(data)
    elif kind in tags(control.Request):
        request = control.decode_request(data)
        if isinstance(request, control.Submit):
            decode_job(bytes(request.job))
        if isinstance(request, control.Inquire):
            decode_question(bytes(request.question))
    elif kind:
        check_reply(control.decode_reply(data))
    else:
        msgspec.json.decode(data, type=Header if "first_seq" in json.loads(data) else Connection)


def check_reply(reply: control.Reply) -> None:
    if isinstance(reply, control.Snapshotted):
        assert restore(bytes(reply.state)).snapshot() == bytes(reply.state)
    if isinstance(reply, control.Replayed):
        for message in reply.messages:
            decode_message(bytes(message))
    if isinstance(reply, control.Answered):
        decode_answer(bytes(reply.answer))


def test_each_request_reply_and_message_has_an_example() -> None:
    every = tags(messages.Message) | tags(control.Request) | tags(control.Reply)
    assert {type_of(example) for example in examples()} - {""} == every


def test_the_table_of_requests_is_complete() -> None:
    """Each row names the fields of its request and its reply, and no others; ``?`` marks those with a default."""
    rows = re.findall(
        r"^\| `(\w+)` \|(.*)\| `(\w+)` \|(.*)\|$",
        PROTOCOL.read_text(encoding="utf-8").partition("\n## Control")[2],
        re.MULTILINE,
    )
    told = {name: re.findall(r"`([a-z_]+)`(\??)", cell) for row in rows for name, cell in (row[:2], row[2:])}
    for member in (*get_args(control.Request), *get_args(control.Reply)):
        if member is control.Refused:
            continue  # has a row of its own
        fields = [field for field in msgspec.structs.fields(member) if field.name != "request_id"]
        wanted = [(field.name, "" if field.required else "?") for field in fields]
        assert told[member.__struct_config__.tag][: len(wanted)] == wanted, member


DESCRIBED: tuple[type[msgspec.Struct], ...] = (
    *get_args(messages.Message),
    messages.Topology,
    messages.TopologyAxis,
    messages.TopologyStep,
    *get_args(control.Reply),
    *get_args(control.Request),
    control.Summary,
    Connection,
    Header,
    ExecutionProgress,
    AxisProgress,
    StepProgress,
    Phase,
    JobSpec,
    PipelineFile,
)


@pytest.mark.parametrize("struct", DESCRIBED, ids=lambda struct: struct.__name__)
def test_every_field_is_named(struct: type[msgspec.Struct]) -> None:
    text = PROTOCOL.read_text(encoding="utf-8")
    assert set(struct.__struct_fields__) <= set(re.findall(r'[`"]([a-z_0-9]+)[`"]', text))


@pytest.mark.parametrize(
    "enum", [messages.ExecutionState, ExecutionKind, messages.WorkerState, messages.AxisKind, AxisState]
)
def test_every_value_is_named(enum: type[StrEnum]) -> None:
    text = PROTOCOL.read_text(encoding="utf-8")
    assert {member.value for member in enum} <= set(re.findall(r"`([a-z_]+)`", text))


def test_the_table_of_phases_is_complete() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \| [a-z ]+ \|$", PROTOCOL.read_text("utf-8"), re.MULTILINE)
    told = {phase: set(re.findall(r"\w+", statuses)) for phase, statuses in rows}
    assert told == {phase.value: {status.value for status in legal} for phase, legal in LEGAL_STATUSES.items()}
