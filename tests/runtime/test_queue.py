"""Which executions run beside each other, and how one is cancelled."""

import signal
import time

import pytest
from tests.runtime.scripts import PLATE, completed, good_run, job, new_id, send, state_message

from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.runtime import supervisor
from plateflow.runtime.client import ExecutionClient, RefusedError

RUN, INIT, COMPILE = ExecutionKind.RUN, ExecutionKind.INIT, ExecutionKind.COMPILE
S = ExecutionState
TIMEOUT = 10.0
AWAIT_CANCEL = ("await_command", {"type": "cancel"})


def submit_endless(client: ExecutionClient, kind: ExecutionKind = RUN) -> str:
    """Submit an execution that ends well when it is cancelled."""
    execution_id = new_id()
    end = send(state_message(execution_id, S.CANCELLED, kind))
    return client.submit(PLATE, kind, job(AWAIT_CANCEL, end), execution_id=execution_id)


def states(client: ExecutionClient) -> list[ExecutionState]:
    return [summary.state for summary in client.status()]


def test_runs_go_one_by_one_in_order(client: ExecutionClient) -> None:
    ids = [new_id() for _ in range(4)]
    for execution_id in ids:
        client.submit(PLATE, RUN, job(("sleep", 0.05), completed(execution_id)), execution_id=execution_id)
    assert states(client)[1:] == [S.QUEUED] * 3
    while not all(state is S.COMPLETED for state in states(client)):
        found = states(client)
        assert found == sorted(found, key=[S.COMPLETED, S.RUNNING, S.QUEUED].index)
        assert found.count(S.RUNNING) <= 1
        time.sleep(0.005)


def test_two_preparations_go_on_beside_a_run(client: ExecutionClient) -> None:
    ids = [submit_endless(client, kind) for kind in (RUN, INIT, COMPILE, INIT, RUN)]
    assert states(client) == [S.RUNNING, S.RUNNING, S.RUNNING, S.QUEUED, S.QUEUED]
    client.cancel(ids[1])
    assert client.wait(ids[1], TIMEOUT).state is S.CANCELLED
    end = time.monotonic() + TIMEOUT
    while states(client)[3] is S.QUEUED and time.monotonic() < end:
        time.sleep(0.005)
    assert states(client) == [S.RUNNING, S.CANCELLED, S.RUNNING, S.RUNNING, S.QUEUED]


def test_cancel_of_a_queued_execution(client: ExecutionClient) -> None:
    running, queued, next_one = submit_endless(client), submit_endless(client), submit_endless(client)
    assert client.cancel(queued) is S.CANCELLED
    assert client.wait(queued, TIMEOUT).state is S.CANCELLED
    assert client.cancel(queued) is S.CANCELLED
    assert states(client) == [S.RUNNING, S.CANCELLED, S.QUEUED]
    client.cancel(running)
    assert client.wait(running, TIMEOUT).state is S.CANCELLED
    client.cancel(next_one)
    assert client.wait(next_one, TIMEOUT).state is S.CANCELLED


def test_cancel_of_a_running_execution_tells_its_runner(client: ExecutionClient) -> None:
    execution_id, beside = submit_endless(client), submit_endless(client, INIT)
    start = time.monotonic()
    assert client.cancel(execution_id) is S.RUNNING
    assert client.cancel(execution_id) in (S.RUNNING, S.CANCELLED)
    assert client.wait(execution_id, TIMEOUT).state is S.CANCELLED
    assert time.monotonic() - start < 1
    assert client.cancel(execution_id) is S.CANCELLED
    assert client.status(beside)[0].state is S.RUNNING


@pytest.mark.slow
def test_cancel_of_a_runner_that_does_not_listen(client: ExecutionClient) -> None:
    execution_id = client.submit(PLATE, RUN, job(("ignore", signal.SIGTERM), ("sleep", 60)))
    start = time.monotonic()
    client.cancel(execution_id)
    assert client.wait(execution_id, TIMEOUT).state is S.CANCELLED
    assert 2 <= time.monotonic() - start < 3.5
    after = new_id()
    client.submit(PLATE, RUN, good_run(after), execution_id=after)
    assert client.wait(after, TIMEOUT).state is S.COMPLETED


def test_cancel_that_comes_too_late_changes_nothing(client: ExecutionClient) -> None:
    execution_id = new_id()
    client.submit(PLATE, RUN, good_run(execution_id), execution_id=execution_id)
    before = client.wait(execution_id, TIMEOUT)
    assert client.cancel(execution_id) is S.COMPLETED
    assert client.snapshot(execution_id) == before


def test_a_runner_that_completes_although_cancelled(client: ExecutionClient) -> None:
    execution_id = new_id()
    client.submit(PLATE, RUN, job(AWAIT_CANCEL, completed(execution_id)), execution_id=execution_id)
    client.cancel(execution_id)
    assert client.wait(execution_id, TIMEOUT).state is S.COMPLETED


def test_cancel_of_an_unknown_execution(client: ExecutionClient) -> None:
    running = submit_endless(client)
    with pytest.raises(RefusedError, match="knows no execution") as refusal:
        client.cancel(new_id())
    assert refusal.value.field == "execution_id"
    assert client.status(running)[0].state is S.RUNNING


def test_a_runner_that_stays_after_its_last_line_is_ended(
    client: ExecutionClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "LEAVE_TIME", 0.3)
    stays, after = new_id(), new_id()
    actions = [("ignore", signal.SIGTERM), completed(stays), ("close", None), ("sleep", 60)]
    client.submit(PLATE, RUN, job(*actions), execution_id=stays)
    client.submit(PLATE, RUN, good_run(after), execution_id=after)
    start = time.monotonic()
    assert client.wait(stays, TIMEOUT).state is S.COMPLETED
    assert time.monotonic() - start < 1
    assert client.status(after)[0].state is S.QUEUED  # what the first one holds is not free yet
    assert client.wait(after, TIMEOUT).state is S.COMPLETED


def test_a_runner_that_closes_its_socket_and_stays(client: ExecutionClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LEAVE_TIME", 0.1)
    execution_id = client.submit(PLATE, RUN, job(("close", None), ("sleep", 60)))
    state = client.wait(execution_id, TIMEOUT)
    assert state.state is S.FAILED
    assert state.reason == "runner died (SIGTERM) 0.1 s after it closed its connection"
