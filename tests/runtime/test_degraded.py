"""A journal that cannot be written: the server says so, takes nothing new, loses nothing, and goes on afterwards."""

import resource
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.processes import start_process
from tests.runtime.scripts import PLATE, PUPPET, completed, good_run, good_well, groups, job, new_id, plan, send

from plateflow.errors import ServerError
from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.progress.update import ProgressUpdate
from plateflow.runtime.client import ExecutionClient, RefusedError
from plateflow.runtime.journal import Journal, JournalError
from plateflow.runtime.server import ExecutionServer
from plateflow.settings import JOURNAL_NAME

RUN = ExecutionKind.RUN
S = ExecutionState
TIMEOUT = 20.0
WELLS = tuple(f"B{n:02}" for n in range(1, 25))


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + TIMEOUT
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    assert condition()


@pytest.fixture
def process(directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = start_process(directory)
    yield process
    process.terminate()
    process.wait()


def limit_files(process: subprocess.Popen[bytes], size: int) -> None:
    """Let no file of this process grow beyond so many bytes: as a full disk, but for nobody else."""
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def fill_up(process: subprocess.Popen[bytes]) -> None:
    limit_files(process, 1)


def free(process: subprocess.Popen[bytes]) -> None:
    limit_files(process, resource.RLIM_INFINITY)


def test_a_full_disk_stops_the_stream_and_no_message_is_lost(process: subprocess.Popen[bytes], directory: Path) -> None:
    execution_id = new_id()
    wells = [send(*good_well(execution_id, well)) for well in WELLS]
    actions = [send(plan(execution_id, WELLS)), ("sleep", 0.5), *wells, completed(execution_id)]
    with ExecutionClient(directory) as client:
        client.submit(PLATE, RUN, job(*actions), execution_id=execution_id)
        wait_until(lambda: client.snapshot(execution_id).seq == 3)
        fill_up(process)
        wait_until(lambda: "cannot be written" in client.ping().degraded)
        assert "see that its disk has room" in client.ping().degraded
        snapshot = client.snapshot(execution_id)
        assert (snapshot.seq, snapshot.state) == (3, S.RUNNING)
        with pytest.raises(RefusedError, match="cannot be written"):
            client.submit(PLATE, RUN, b"{}")
        assert [summary.seq for summary in client.status()] == [3]
        free(process)
        state = client.wait(execution_id, TIMEOUT)
        assert client.ping().degraded == ""
        assert (state.state, state.seq, state.percent) == (S.COMPLETED, 4 + 8 * len(WELLS), 100)
        assert len(list(client.progress(execution_id, after=0))) == state.seq


@pytest.mark.slow
def test_cancel_works_while_degraded(process: subprocess.Popen[bytes], directory: Path) -> None:
    execution_id = new_id()
    actions = [send(plan(execution_id)), ("sleep", 0.5), send(*good_well(execution_id)), ("sleep", 60)]
    with ExecutionClient(directory) as client:
        client.submit(PLATE, RUN, job(*actions), execution_id=execution_id)
        wait_until(lambda: client.snapshot(execution_id).seq == 3)
        fill_up(process)
        wait_until(lambda: bool(client.ping().degraded))
        client.cancel(execution_id)
        runner_log = directory / "logs" / f"{execution_id}.log"
        wait_until(lambda: not runner_log.exists())  # removed, as it is empty, when the runner has ended
        assert client.snapshot(execution_id).state is S.RUNNING  # nothing is said before it is written
        free(process)
        state = client.wait(execution_id, TIMEOUT)
        assert (state.state, state.seq) == (S.CANCELLED, 12)


def test_the_rest_of_the_queue_waits_for_the_disk(process: subprocess.Popen[bytes], directory: Path) -> None:
    first, second = new_id(), new_id()
    with ExecutionClient(directory) as client:
        client.submit(PLATE, RUN, job(("sleep", 0.5), completed(first)), execution_id=first)
        client.submit(PLATE, RUN, good_run(second), execution_id=second)
        fill_up(process)
        wait_until(lambda: bool(client.ping().degraded))
        time.sleep(0.5)
        assert client.snapshot(second).state is S.QUEUED
        free(process)
        assert client.wait(second, TIMEOUT).state is S.COMPLETED
        assert client.snapshot(first).state is S.COMPLETED


def test_a_server_that_ends_degraded_leaves_it_to_the_next(directory: Path) -> None:
    execution_id = new_id()
    process = start_process(directory)
    with ExecutionClient(directory) as client:
        client.submit(PLATE, RUN, job(("sleep", 0.3), completed(execution_id)), execution_id=execution_id)
        wait_until(lambda: client.snapshot(execution_id).state is S.RUNNING)
        fill_up(process)
        wait_until(lambda: bool(client.ping().degraded))
        process.terminate()
        assert process.wait(10) == 0
    with ExecutionServer(directory, PUPPET), ExecutionClient(directory) as client:
        assert client.snapshot(execution_id).state is S.INTERRUPTED


def test_a_damaged_journal_is_said_and_a_new_one_is_taken(directory: Path) -> None:
    directory.mkdir(mode=0o700)
    journal = directory / JOURNAL_NAME
    journal.write_bytes(b"my thesis\n" * 1000)
    with ExecutionServer(directory, PUPPET), ExecutionClient(directory) as client:
        assert "is damaged" in client.ping().degraded
        for refused in (
            lambda: client.submit(PLATE, RUN, b"{}"),
            lambda: client.status(),
            lambda: client.snapshot(new_id()),
            lambda: client.follow(new_id()),
        ):
            with pytest.raises(ServerError, match="is damaged"):
                refused()
        journal.rename(directory / "thesis.txt")
        wait_until(lambda: not client.ping().degraded)
        execution_id = new_id()
        client.submit(PLATE, RUN, good_run(execution_id), execution_id=execution_id)
        assert client.wait(execution_id, TIMEOUT).state is S.COMPLETED


def test_a_degraded_server_waits_without_work(process: subprocess.Popen[bytes], directory: Path) -> None:
    with ExecutionClient(directory) as client:
        client.submit(PLATE, RUN, job(("sleep", 0.2), ("sleep", 60)), execution_id=new_id())
        fill_up(process)
        with pytest.raises(RefusedError):
            client.submit(PLATE, RUN, b"{}")
        before = processor_seconds(process.pid)
        time.sleep(1.5)
        assert processor_seconds(process.pid) - before < 0.5
        free(process)


def processor_seconds(pid: int) -> float:
    return time.clock_gettime((~pid << 3) | 2)  # Linux's clock of another process


def test_nothing_begins_before_its_start_is_written(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turn, broken = Journal.turn, threading.Event()
    broken.set()

    def failing(journal: Journal, *arguments: Any) -> None:
        if broken.is_set():
            raise JournalError("no room for a change of state")
        turn(journal, *arguments)

    monkeypatch.setattr(Journal, "turn", failing)
    execution_id = new_id()
    log = directory / "logs" / f"{execution_id}.log"
    with ExecutionServer(directory, PUPPET), ExecutionClient(directory) as client:
        client.submit(PLATE, RUN, job(("print", "begun"), completed(execution_id)), execution_id=execution_id)
        wait_until(lambda: "no room" in client.ping().degraded)
        time.sleep(0.5)
        assert client.snapshot(execution_id).state is S.QUEUED
        assert log.read_text() == ""
        broken.clear()
        assert client.wait(execution_id, TIMEOUT).state is S.COMPLETED
        assert log.read_text() == "begun\n"


def test_the_wal_stays_short_while_this_process_itself_sends(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plateflow.runtime.checkpoints.LONG_WAL", 64)
    monkeypatch.setattr("plateflow.runtime.checkpoints.INTERVAL", 0.01)
    execution_id = new_id()
    with ExecutionServer(directory, PUPPET) as server, ExecutionClient(directory) as client:
        client.submit(PLATE, RUN, job(("sleep", 60)), execution_id=execution_id)
        wait_until(lambda: client.snapshot(execution_id).state is S.RUNNING)
        wal = directory / f"{JOURNAL_NAME}-wal"
        first, end = wal.read_bytes()[16:24], time.monotonic() + TIMEOUT
        while wal.read_bytes()[16:24] == first and time.monotonic() < end:
            for message in groups(execution_id, 20):
                assert isinstance(message, ProgressUpdate)
                server.send_progress_update(message)
        assert wal.read_bytes()[16:24] != first  # it began anew
