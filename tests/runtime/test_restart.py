"""A server that was killed, and the next one: the journal is all that it needs."""

import json
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.processes import start_process
from tests.runtime.scripts import (
    PLATE,
    PUPPET,
    completed,
    good_run,
    good_well,
    job,
    new_id,
    plan,
    send,
)

from plateflow.progress.messages import ExecutionKind, ExecutionState, Message
from plateflow.progress.state import AxisState, ExecutionProgress
from plateflow.runtime.client import ExecutionClient
from plateflow.runtime.journal import Journal
from plateflow.runtime.server import ExecutionServer
from plateflow.settings import JOURNAL_NAME, Retention

RUN = ExecutionKind.RUN
S = ExecutionState
TIMEOUT = 20.0
AWAIT_CANCEL = ("await_command", {"type": "cancel"})


def test_what_ran_is_interrupted_and_what_was_queued_runs(directory: Path) -> None:
    running, queued = new_id(), new_id()
    first = start_process(directory)
    with ExecutionClient(directory) as client:
        progress = client.progress(running)
        client.submit(PLATE, RUN, job(send(plan(running), *good_well(running)), AWAIT_CANCEL), execution_id=running)
        client.submit(PLATE, RUN, good_run(queued), execution_id=queued)
        seen = [next(progress) for _ in range(3 + 8)]
        first.kill()
        first.wait()
        with ExecutionServer(directory, PUPPET):
            seen += list(progress)
            assert client.wait(queued, TIMEOUT).state is S.COMPLETED
            after = client.snapshot(running)
            assert (after.state, after.reason, after.seq) == (S.INTERRUPTED, "the server died", 12)
            assert after.counts[AxisState.COMPLETED] == 1
            assert list(client.progress(running, after=0)) == seen
            interrupted, done = client.status()
    assert (interrupted.state, done.state) == (S.INTERRUPTED, S.COMPLETED)
    assert interrupted.started > interrupted.submitted


def test_a_server_that_is_stopped_keeps_its_queue(directory: Path) -> None:
    running, queued = new_id(), new_id()
    with ExecutionServer(directory, PUPPET), ExecutionClient(directory) as client:
        client.submit(PLATE, RUN, job(("sleep", 60)), execution_id=running)
        client.submit(PLATE, RUN, good_run(queued), execution_id=queued)
    with ExecutionServer(directory, PUPPET), ExecutionClient(directory) as client:
        assert client.wait(queued, TIMEOUT).state is S.COMPLETED
        assert client.snapshot(running).reason == "the server was shut down"


def test_history_answers_after_a_restart(directory: Path) -> None:
    execution_id = new_id()
    work = good_run(execution_id)
    with ExecutionServer(directory, PUPPET), ExecutionClient(directory) as client:
        live = client.progress(execution_id)
        client.submit(PLATE, RUN, work, execution_id=execution_id)
        messages, state = list(live), client.wait(execution_id)
        summaries = client.status()
    with ExecutionServer(directory, PUPPET), ExecutionClient(directory) as client:
        assert client.status() == summaries
        assert client.snapshot(execution_id) == state
        assert list(client.progress(execution_id, after=0)) == messages
        assert list(client.progress(execution_id, after=10)) == messages[10:]
        assert list(client.progress(execution_id)) == []
        described = client.describe(execution_id)
        assert described.summary == summaries[0]
        assert json.loads(bytes(described.job)) == json.loads(work)
        assert client.cancel(execution_id) is S.COMPLETED
        assert client.submit(PLATE, RUN, b"{}", execution_id=execution_id) == execution_id  # the same execution
        assert client.wait(execution_id) == state


def test_a_request_is_sent_again_to_the_next_server(directory: Path) -> None:
    first = start_process(directory)
    with ExecutionClient(directory) as client:
        before = client.ping()
        first.send_signal(signal.SIGSTOP)  # so that the request reaches a server that will never answer it
        timer = threading.Timer(0.3, first.kill)
        timer.start()
        servers: list[ExecutionServer] = []
        starter = threading.Timer(0.6, lambda: servers.append(started(directory)))
        starter.start()
        after = client.ping()
        for thread in (timer, starter):
            thread.join()
        first.wait()
        servers[0].close()
    assert before.server != after.server


def started(directory: Path) -> ExecutionServer:
    server = ExecutionServer(directory, PUPPET)
    server.start()
    return server


def test_a_callback_hears_every_message_across_a_restart(directory: Path) -> None:
    running = new_id()
    heard: list[Message] = []
    seqs: list[int] = []

    def on_progress(message: Message, state: ExecutionProgress) -> None:
        heard.append(message)
        seqs.append(state.seq)

    first = start_process(directory)
    with ExecutionClient(directory) as client, client.listen(running, on_progress, after=0) as listener:
        client.submit(PLATE, RUN, job(send(plan(running)), AWAIT_CANCEL), execution_id=running)
        wait_until(lambda: len(heard) == 3)
        first.kill()
        first.wait()
        with ExecutionServer(directory, PUPPET):
            state = listener.join(TIMEOUT)
            assert list(client.progress(running, after=0)) == heard
    assert state.state is S.INTERRUPTED
    assert seqs == [1, 2, 3, 4]


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + TIMEOUT
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


def test_a_callback_that_raises_ends_the_listening_and_is_told(directory: Path) -> None:
    execution_id = new_id()

    def on_progress(message: Message, state: ExecutionProgress) -> None:
        raise ZeroDivisionError(f"{message} {state}")

    with ExecutionServer(directory, PUPPET), ExecutionClient(directory) as client:
        listener = client.listen(execution_id, on_progress)
        client.submit(PLATE, RUN, job(completed(execution_id)), execution_id=execution_id)
        with pytest.raises(ZeroDivisionError):
            listener.join(TIMEOUT)
        listener.close()


# Journals of earlier versions, kept as they were written.

JOURNALS = Path(__file__).parent / "journals"


@pytest.mark.parametrize("name", ["version_1"])
def test_an_old_journal_folds_to_what_its_server_said(tmp_path: Path, name: str) -> None:
    path = Path(shutil.copy(JOURNALS / f"{name}.sqlite", tmp_path))
    expected = json.loads((JOURNALS / f"{name}.json").read_text(encoding="utf-8"))
    journal = Journal(path, Retention(seconds=float("inf")))
    journal.check()
    records = [journal.find(execution_id) for execution_id in expected]
    folded = {record.summary.execution_id: json.loads(journal.fold(record).snapshot()) for record in records if record}
    journal.close()
    assert {
        execution_id: said_then(state, expected[execution_id]) for execution_id, state in folded.items()
    } == expected


def said_then(now: Any, then: Any) -> Any:
    """Return of a state what a server said of it that knew fewer fields."""
    return {key: said_then(now[key], then[key]) for key in then} if isinstance(then, dict) else now


@pytest.mark.parametrize("name", ["version_1"])
def test_a_server_goes_on_with_an_old_journal(directory: Path, name: str) -> None:
    directory.mkdir(mode=0o700)
    shutil.copy(JOURNALS / f"{name}.sqlite", directory / JOURNAL_NAME)
    with ExecutionServer(directory, PUPPET), ExecutionClient(directory) as client:
        completed_run, cancelled, failed, running, queued = (summary.execution_id for summary in client.status())
        assert client.wait(queued, TIMEOUT).state is S.COMPLETED
        states = [client.snapshot(name).state for name in (completed_run, cancelled, failed, running)]
        assert states == [S.COMPLETED, S.CANCELLED, S.FAILED, S.INTERRUPTED]
        retried = client.snapshot(completed_run)
        assert (retried.axes["B07"].attempts, retried.counts[AxisState.FAILED]) == (2, 1)
        assert len(list(client.progress(completed_run, after=0))) == retried.seq == 34
