"""A real runner whose server does not read, as while its journal cannot be written: it waits, and ends when told."""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import polars as pl
import pytest
from tests.integration.conftest import HEAD, Bench, make_bench
from tests.integration.test_execution import await_gone
from tests.unit.pipeline.here import EXECUTION

from plateflow.lines.reader import LineReader
from plateflow.pipeline.compile import compile_plate
from plateflow.pipeline.pipeline import load_pipeline
from plateflow.pipeline.plan import PlatePlan
from plateflow.progress.messages import ExecutionKind, ExecutionMessage, Message, decode_lines
from plateflow.progress.update import ProgressPhase, ProgressUpdate
from plateflow.runtime.jobs import CancelJob, Command, Job, encode_command
from plateflow.service.execute import ExecutorName
from plateflow.service.job import JobSpec, describe_pipeline

pytestmark = pytest.mark.slow

SMALL = 4096
"""Bytes of the runner's socket: a few lines, for an hour of a real one's."""
SITES = 3
WORKERS = 2
QUIET = 1.5
"""Seconds without a call, between two wells, after which no well is begun any more."""
PATIENCE = 60.0
GRACE = 0.5
"""Seconds between a server's SIGTERM and its SIGKILL."""

PIPELINE = """
def noted(image: Image) -> Image:
    with open(CALLS, "a") as file:
        file.write(f"{mark(image)} {os.getpid()}\\n")
    time.sleep(0.01)
    return image
steps = [FunctionStep(noted, "1", name="first"), FunctionStep(noted, "2", name="second")]
pipeline = Pipeline("p", steps)
"""
CALLS_EACH = 2 * SITES


@dataclass
class Unread:
    """A runner at work, and our end of its socket."""

    process: subprocess.Popen[bytes]
    peer: socket.socket
    plan: PlatePlan
    output: Path
    log: Path
    body: bytes = b""

    def __post_init__(self) -> None:
        self._reader = LineReader(self.peer.fileno())

    def send(self, command: Command) -> None:
        self.peer.sendall(encode_command(command))

    @property
    def messages(self) -> list[Message]:
        return decode_lines(self.body)

    @property
    def calls(self) -> list[str]:
        """What functions were called, one `mark pid` each."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def read_until(self, enough: Callable[[], bool] = lambda: False) -> None:
        """Read until enough has come, or to the end."""
        end = time.monotonic() + PATIENCE
        while not enough():
            assert time.monotonic() < end
            select.select([self.peer], [], [], 0.1)
            found = self._reader.read()
            self.body += found.complete
            if found.ended and not found.complete:
                return

    def await_quiet(self) -> None:
        """Read nothing until the wells begun are done and, for a while, no other is begun."""
        end, calls = time.monotonic() + PATIENCE, -1
        while calls < len(self.calls) or calls % CALLS_EACH:
            assert time.monotonic() < end, "a worker waits for the server before the end of its well"
            calls = len(self.calls)
            time.sleep(QUIET)


@pytest.fixture(params=["threads", "processes"])
def unread(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Unread]:
    """A runner in the middle of a run of twelve wells, from which nothing is read any more; its workers wait."""
    bench = make_bench(tmp_path, 3, 4, sites=SITES)
    ours, theirs = socket.socketpair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
    with ours, theirs:
        command = [sys.executable, "-m", "plateflow.service.runner", "--fd", str(theirs.fileno())]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], start_new_session=True)
        theirs.close()
        runner = start_job(bench, request.param, process, ours)
        try:
            runner.read_until(lambda: b'"phase":"axis_completed"' in runner.body)
            runner.await_quiet()
            yield runner
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def start_job(bench: Bench, executor: ExecutorName, process: subprocess.Popen[bytes], ours: socket.socket) -> Unread:
    log, path = bench.folder / "calls", bench.folder / "pipe.py"
    path.write_text(HEAD + f"CALLS = {str(log)!r}\n" + PIPELINE)
    runner = Unread(process, ours, compile_plate(bench.plate, load_pipeline(path)), bench.folder / "out", log)
    spec = JobSpec(
        plate=bench.plate.path,
        pipeline=describe_pipeline(path),
        metadata="plate_map.csv",
        output=str(runner.output),
        executor=executor,
        workers=WORKERS,
    )
    runner.send(
        Job(
            execution_id=EXECUTION,
            plate_id=bench.plate.path,
            kind=ExecutionKind.RUN,
            payload=msgspec.Raw(msgspec.json.encode(spec)),
        )
    )
    return runner


def states(messages: list[Message]) -> list[str]:
    return [m.state.value for m in messages if isinstance(m, ExecutionMessage)]


def axes(messages: list[Message], phase: ProgressPhase) -> list[str]:
    return [m.axis_id for m in messages if isinstance(m, ProgressUpdate) and m.phase is phase]


def assert_waits(runner: Unread) -> None:
    """Assert that each well begun has been worked on to its end, and the others were not begun."""
    marks = [call.split()[0] for call in runner.calls]
    assert set(map(marks.count, marks)) == {CALLS_EACH}
    assert len(set(marks)) < len(runner.plan.axes)
    assert runner.process.poll() is None


def test_workers_end_their_wells_and_wait_and_nothing_is_lost(unread: Unread) -> None:
    assert_waits(unread)
    unread.read_until()
    assert unread.process.wait(10) == 0
    assert states(unread.messages)[-1] == "completed"
    own = [m for m in unread.messages if isinstance(m, ProgressUpdate) and m.axis_id and m.phase.value != "compile"]
    assert len(own) == sum(map(unread.plan.updates, unread.plan.axes))  # as predicted: so none was coalesced
    for phase in (ProgressPhase.AXIS_STARTED, ProgressPhase.AXIS_COMPLETED):
        assert sorted(axes(unread.messages, phase)) == [axis.axis_id for axis in unread.plan.axes]
    assert set(wells_of(unread).values()) == {"completed"}


def test_a_cancel_ends_the_run_though_nobody_hears_of_it(unread: Unread) -> None:
    begin = time.monotonic()
    unread.send(CancelJob())
    while not (unread.output / "run.json").exists():  # the last that a run writes
        assert time.monotonic() < begin + PATIENCE
        time.sleep(0.02)
    took = time.monotonic() - begin
    print(f"cancelled after {took:.2f} s")
    wells = wells_of(unread)
    assert set(wells.values()) == {"completed", "cancelled"}
    done = {call.split()[0] for call in unread.calls}
    assert list(wells.values()).count("completed") == len(done)  # those begun before are done, and none was begun since
    unread.read_until()  # somebody reads after all: the last word is there
    assert unread.process.wait(10) == 0
    assert states(unread.messages)[-1] == "cancelled"
    assert set(axes(unread.messages, ProgressPhase.AXIS_STARTED)) == {w for w in wells if wells[w] == "completed"}


@pytest.mark.parametrize("cancelled", [False, True], ids=["running", "cancelled"])
@pytest.mark.parametrize("unread", ["processes"], indirect=True)
def test_the_servers_sigterm_ends_it_and_its_workers(unread: Unread, cancelled: bool) -> None:
    if cancelled:
        unread.send(CancelJob())
        time.sleep(0.5)
    pids = {int(call.split()[1]) for call in unread.calls} | {unread.process.pid}
    begin = time.monotonic()
    os.killpg(unread.process.pid, signal.SIGTERM)
    assert unread.process.wait(PATIENCE) == -signal.SIGTERM
    print(f"ended by SIGTERM after {time.monotonic() - begin:.3f} s")
    for pid in pids:
        await_gone(pid)
    before = len(unread.body)
    unread.read_until()
    assert len(unread.body) > before  # what was in the socket is not lost, and is whole
    assert unread.messages


def wells_of(runner: Unread) -> dict[str, str]:
    wells = pl.read_csv(runner.output / "wells.csv")
    return dict(zip(wells["Metadata_Well"], wells["Status"], strict=True))
