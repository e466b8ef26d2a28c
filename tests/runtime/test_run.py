"""Submitting an execution, its progress, and its end, whatever it is."""

import os
import signal
import time
from pathlib import Path

import pytest
from tests.runtime.scripts import (
    PLATE,
    Action,
    completed,
    good_run,
    good_well,
    groups,
    job,
    new_id,
    plan,
    send,
)

from plateflow.errors import SchemaError, ServerError
from plateflow.progress.messages import ExecutionKind, ExecutionMessage, ExecutionState, Message
from plateflow.progress.state import AxisState
from plateflow.progress.update import ProgressUpdate
from plateflow.runtime.client import ExecutionClient, RefusedError
from plateflow.runtime.server import ExecutionServer

RUN, INIT, COMPILE = ExecutionKind.RUN, ExecutionKind.INIT, ExecutionKind.COMPILE
S = ExecutionState
TIMEOUT = 10.0


def states(messages: list[Message]) -> list[ExecutionState]:
    return [m.state for m in messages if isinstance(m, ExecutionMessage)]


def test_every_message_arrives_once_in_order(client: ExecutionClient) -> None:
    execution_id = new_id()
    progress = client.progress(execution_id)
    assert client.submit(PLATE, RUN, good_run(execution_id, ("B06", "B07")), execution_id=execution_id) == execution_id
    messages = list(progress)
    assert states(messages) == [S.QUEUED, S.RUNNING, S.RUNNING, S.COMPLETED]
    expected = [*good_well(execution_id, "B06"), *good_well(execution_id, "B07")]
    found = [m for m in messages if isinstance(m, ProgressUpdate)]
    assert [(m.axis_id, m.phase, m.completed) for m in found] == [
        (m.axis_id, m.phase, m.completed) for m in expected if isinstance(m, ProgressUpdate)
    ]


def test_wait_returns_the_final_state(client: ExecutionClient) -> None:
    execution_id = new_id()
    client.submit(PLATE, RUN, good_run(execution_id), execution_id=execution_id)
    state = client.wait(execution_id, TIMEOUT)
    assert (state.state, state.percent, state.counts[AxisState.COMPLETED]) == (S.COMPLETED, 100, 1)
    assert state.seq == 12
    assert client.snapshot(execution_id) == state
    (summary,) = client.status()
    assert (summary.execution_id, summary.plate_id, summary.kind) == (execution_id, PLATE, RUN)
    assert (summary.state, summary.seq, summary.percent) == (S.COMPLETED, 12, 100)
    assert summary.counts[AxisState.COMPLETED] == 1
    assert abs(summary.submitted - time.time()) < 60
    assert client.status(execution_id) == (summary,)


def test_wait_gives_up_in_time(client: ExecutionClient) -> None:
    execution_id = client.submit(PLATE, RUN, job(("sleep", 30)))
    with pytest.raises(ServerError, match=r"has not ended within 0\.2 s; it is running"):
        client.wait(execution_id, 0.2)


def test_wait_for_an_unknown_execution(client: ExecutionClient) -> None:
    with pytest.raises(ServerError, match="knows no execution"):
        client.wait(new_id(), TIMEOUT)


ENDS = {
    "SIGKILL": ([("signal", signal.SIGKILL)], "runner died (SIGKILL)"),
    "SIGSEGV": ([("signal", signal.SIGSEGV)], "runner died (SIGSEGV)"),
    "exit 3": ([("exit", 3)], "runner exited with code 3"),
    "exit 0": ([("exit", 0)], "runner exited with code 0"),
    "a torn last line": ([("send", '{"type":"prog'), ("exit", 0)], "runner exited with code 0"),
    "a child holds its socket": ([("fork", 30), ("signal", signal.SIGKILL)], "runner died (SIGKILL)"),
}


@pytest.mark.parametrize(("actions", "reason"), ENDS.values(), ids=ENDS)
def test_all_that_was_sent_before_an_end_is_published(
    client: ExecutionClient, actions: list[Action], reason: str
) -> None:
    execution_id = new_id()
    progress = client.progress(execution_id)
    client.submit(PLATE, RUN, job(send(*groups(execution_id, 100)), *actions), execution_id=execution_id)
    messages = list(progress)
    assert [m.completed for m in messages if isinstance(m, ProgressUpdate)] == list(range(1, 101))
    assert isinstance(messages[-1], ExecutionMessage)
    assert messages[-1].state is S.FAILED
    assert str(messages[-1].reason).startswith(reason)
    assert client.wait(execution_id, TIMEOUT).reason.startswith(reason)


def test_a_burst_of_many_frames_is_published_whole(client: ExecutionClient) -> None:
    execution_id = new_id()
    progress = client.progress(execution_id)
    burst = send(*groups(execution_id, 2500))  # about 0.8 MB
    client.submit(PLATE, RUN, job(burst, ("signal", signal.SIGKILL)), execution_id=execution_id)
    assert [m.completed for m in progress if isinstance(m, ProgressUpdate)] == list(range(1, 2501))


def test_what_a_runner_prints_is_in_its_log(client: ExecutionClient, directory: Path) -> None:
    execution_id = new_id()
    actions = [("print", "a word from a user's function"), completed(execution_id)]
    client.submit(PLATE, RUN, job(*actions), execution_id=execution_id)
    client.wait(execution_id, TIMEOUT)
    log = directory / "logs" / f"{execution_id}.log"
    assert log.read_text() == "a word from a user's function\n"
    assert log.stat().st_mode & 0o777 == 0o600
    assert log.parent.stat().st_mode & 0o777 == 0o700


def test_nothing_of_a_runners_session_outlives_it(client: ExecutionClient, directory: Path) -> None:
    execution_id = new_id()
    client.submit(PLATE, RUN, job(("fork", 60), ("fork", 60), completed(execution_id)), execution_id=execution_id)
    client.wait(execution_id, TIMEOUT)
    children = (directory / "logs" / f"{execution_id}.log").read_text().split()
    assert len(children) == 2
    end = time.monotonic() + TIMEOUT
    while any(lives(pid) for pid in children) and time.monotonic() < end:
        time.sleep(0.01)
    assert not any(lives(pid) for pid in children)


def lives(pid: str) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_runner_that_cannot_be_started(directory: Path, no_leaked_descriptors: None) -> None:
    with ExecutionServer(directory, ["/no/such/runner"]), ExecutionClient(directory) as client:
        state = client.wait(client.submit(PLATE, RUN, b"{}"), TIMEOUT)
        assert state.state is S.FAILED
        assert state.reason.startswith("runner could not be started: ")
        assert "/no/such/runner" in state.reason
        client.ping()


def test_a_spare_that_died_is_replaced(client: ExecutionClient, directory: Path) -> None:
    while not (spares := runners()):
        time.sleep(0.01)
    for pid in spares:
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    execution_id = new_id()
    client.submit(PLATE, RUN, good_run(execution_id), execution_id=execution_id)
    assert client.wait(execution_id, TIMEOUT).state is S.COMPLETED


def test_the_spare_is_taken_and_replaced_when_it_is_wanted(client: ExecutionClient) -> None:
    client.ping()
    (spare,) = runners()
    execution_id = new_id()
    actions = [send(plan(execution_id)), ("await_command", {"type": "cancel"})]
    with client.follow(execution_id) as follower:
        client.submit(PLATE, RUN, job(*actions), execution_id=execution_id)
        while not follower.state.steps:  # the runner has been heard
            follower.poll(TIMEOUT)
    assert runners() == {spare}  # the next one's imports would only slow this run
    client.cancel(execution_id)
    client.wait(execution_id, TIMEOUT)
    end = time.monotonic() + TIMEOUT
    while (not runners() or spare in runners()) and time.monotonic() < end:
        time.sleep(0.01)
    assert len(runners()) == 1
    assert spare not in runners()


def test_the_same_submit_again_is_the_same_execution(client: ExecutionClient) -> None:
    execution_id = new_id()
    for _ in range(3):
        assert client.submit(PLATE, RUN, good_run(execution_id), execution_id=execution_id) == execution_id
    assert client.wait(execution_id, TIMEOUT).seq == 12
    assert client.submit(PLATE, RUN, good_run(execution_id), execution_id=execution_id) == execution_id
    assert len(client.status()) == 1
    assert client.snapshot(execution_id).seq == 12


def test_an_id_that_is_taken_by_something_else(client: ExecutionClient) -> None:
    execution_id = client.submit(PLATE, RUN, job(("sleep", 30)))
    with pytest.raises(RefusedError, match=r"is taken, by run of '/data/plate_01'") as refusal:
        client.submit("/data/plate_02", RUN, b"{}", execution_id=execution_id)
    assert refusal.value.field == "execution_id"


def test_a_large_job_reaches_its_runner(client: ExecutionClient) -> None:
    execution_id = new_id()
    actions = [("print", "x" * 900_000), completed(execution_id)]
    client.submit(PLATE, RUN, job(*actions), execution_id=execution_id)
    assert client.wait(execution_id, TIMEOUT).state is S.COMPLETED


BAD_JOBS = {
    "too large": (job(("print", "x" * 1_100_000)), "limit is 1048576"),
    "a list": (b"[]", "JSON object"),
    "no JSON": (b"{", "truncated"),
    "two objects": (b"{}{}", "malformed"),
    "too deep": (b'{"do":' + b"[" * 5000 + b"]" * 5000 + b"}", "recursion"),
    "no UTF-8": (b'{"do":"\xff"}', "utf-8"),
}


@pytest.mark.parametrize(("payload", "reason"), BAD_JOBS.values(), ids=BAD_JOBS)
def test_a_job_that_cannot_be_sent(client: ExecutionClient, payload: bytes, reason: str) -> None:
    with pytest.raises(SchemaError, match=reason):
        client.submit(PLATE, RUN, payload)
    assert client.status() == ()


@pytest.mark.parametrize(
    ("execution_id", "plate_id", "field"),
    [("A" * 32, PLATE, "execution_id"), ("a" * 31, PLATE, "execution_id"), ("a" * 32, "", "plate_id"),
     ("a" * 32, "/data/\udc80", "plate_id")],
    ids=["upper case", "short", "empty plate", "surrogate"],
)  # fmt: skip
def test_a_submit_that_cannot_be_sent(client: ExecutionClient, execution_id: str, plate_id: str, field: str) -> None:
    with pytest.raises(SchemaError) as refusal:
        client.submit(plate_id, RUN, b"{}", execution_id=execution_id)
    assert refusal.value.field == field


def runners() -> set[int]:
    listings = Path("/proc/self/task").glob("*/children")
    children = {int(pid) for listing in listings for pid in listing.read_text().split()}
    return {pid for pid in children if b"puppet.py" in Path(f"/proc/{pid}/cmdline").read_bytes()}
