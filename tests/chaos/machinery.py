"""What the tests of promises share: servers and subscribers in processes of their own, made lines, and the journal."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
import uuid
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import msgspec
from tests.chaos.subscriber import JOINED, Leg, Order, Report
from tests.chaos.talker import PLACEHOLDER

from plateflow.errors import ServerError
from plateflow.progress.messages import (
    AxisKind,
    ExecutionKind,
    ExecutionMessage,
    ExecutionState,
    Message,
    Topology,
    TopologyAxis,
    TopologyStep,
    encode_message,
)
from plateflow.progress.update import ProgressPhase, ProgressStatus, ProgressUpdate
from plateflow.runtime.client import ExecutionClient
from plateflow.runtime.journal import Journal
from plateflow.settings import JOURNAL_NAME, Retention

PLATE = "/data/plate_01"
WELLS = tuple(f"{row}{column:02}" for row in "ABCDEFGH" for column in range(1, 11))
STEPS = ("CorrectBackground", "SegmentNuclei")
GROUPS = 122
UPDATES = len(WELLS) * (2 + len(STEPS) * (2 + GROUPS))
"""20,000."""
AT_ONCE = 8
"""Wells whose updates come mixed."""
HIGH_WATER = 10
"""Frames kept for a slow subscriber, so few that a stopped one does lose some."""
BEFORE_LINES = 2
"""Messages of the server's own before the runner's: queued, running."""
WAIT = 30.0
ROOT = Path(__file__).parents[2]


def promise(name: str, kept: int, tried: int) -> None:
    print(f"\npromise {name}: {kept} of {tried}")
    assert kept == tried


def new_id() -> str:
    return uuid.uuid4().hex


def talk(
    lines: Path, *, count: int = UPDATES + 2, seed: int = 0, seconds: float = 0.0, sent: Path | None = None
) -> bytes:
    """Return a talker's job; see there. By default it says all lines of the file."""
    told = str(sent) if sent else ""
    return json.dumps({"lines": str(lines), "count": count, "seed": seed, "seconds": seconds, "sent": told}).encode()


def write_lines(path: Path, wells: tuple[str, ...] = WELLS) -> Path:
    """Write what a talker says: a plan, 250 updates a well, so 20,000 in all, and that the run is completed."""
    steps = tuple(TopologyStep(name=name, groups=GROUPS) for name in STEPS)
    axes = tuple(TopologyAxis(axis=well, kind=AxisKind.WELL, after=()) for well in wells)
    plan = Topology(part=0, parts=1, rows=8, columns=12, steps=steps, axes=axes)
    messages: list[Message] = [_state(ExecutionState.RUNNING, plan), *_updates(wells), _state(ExecutionState.COMPLETED)]
    assert wells != WELLS or len(messages) == UPDATES + 2
    path.write_bytes(b"".join(encode_message(message) for message in messages))
    return path


def lines_of(lines: Path, execution_id: str) -> bytes:
    """Return what a talker says as that execution."""
    return lines.read_bytes().replace(PLACEHOLDER, execution_id.encode())


def _state(state: ExecutionState, plan: Topology | msgspec.UnsetType = msgspec.UNSET) -> ExecutionMessage:
    return ExecutionMessage.now(PLACEHOLDER.decode(), PLATE, ExecutionKind.RUN, state, topology=plan)


def _updates(wells: tuple[str, ...]) -> Iterator[ProgressUpdate]:
    for first in range(0, len(wells), AT_ONCE):
        for together in zip(*(_of_well(well) for well in wells[first : first + AT_ONCE]), strict=True):
            yield from together


def _of_well(well: str) -> Iterator[ProgressUpdate]:
    phase, status = ProgressPhase, ProgressStatus
    yield _update(well, phase.AXIS_STARTED, status.STARTED, 0, len(STEPS))
    for index in range(len(STEPS)):
        yield _update(well, phase.STEP_STARTED, status.STARTED, 0, GROUPS, index)
        for done in range(1, GROUPS + 1):
            yield _update(well, phase.PATTERN_GROUP, status.RUNNING, done, GROUPS, index)
        yield _update(well, phase.STEP_COMPLETED, status.COMPLETED, GROUPS, GROUPS, index)
    yield _update(well, phase.AXIS_COMPLETED, status.COMPLETED, len(STEPS), len(STEPS))


def _update(
    well: str, phase: ProgressPhase, status: ProgressStatus, completed: int, total: int, step: int | None = None
) -> ProgressUpdate:
    return ProgressUpdate.now(
        execution_id=PLACEHOLDER.decode(),
        plate_id=PLATE,
        axis_id=well,
        step_name="" if step is None else STEPS[step],
        step_index=step or 0,
        total_steps=len(STEPS),
        phase=phase,
        status=status,
        completed=completed,
        total=total,
    )


def server_command(directory: Path, *, journal: Path | None = None, plates: bool = False) -> tuple[str, ...]:
    options = ("--plates",) if plates else ("--high-water", str(HIGH_WATER))
    kept = ("--journal", str(journal)) if journal else ()
    return (sys.executable, "-m", "tests.chaos.serve", str(directory), *options, *kept)


class ServerProcess:
    """A server in a process of its own: started at once, but serving only after :meth:`serve`.

    It runs talkers, or plates.
    """

    def __init__(
        self,
        directory: Path,
        *,
        journal: Path | None = None,
        plates: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        pipe, command = subprocess.PIPE, server_command(directory, journal=journal, plates=plates)
        more = os.environ | (environment or {})
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, env=more)
        self._imported = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.kill()
        self._close()

    def await_imports(self) -> None:
        assert self.process.stdout is not None
        if not self._imported:
            assert self.process.stdout.readline() == b"imported\n"
        self._imported = True

    def begin(self) -> None:
        """Let it begin, once its imports are done."""
        self.await_imports()
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def serve(self) -> None:
        """Let it begin; returns once it answers."""
        self.begin()
        wait_for_server(self.directory, self.process.pid)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it cleanly."""
        self.process.terminate()
        self.process.wait(WAIT)
        assert self.process.returncode == 0, self.said()

    def said(self) -> str:
        """Return what it said on stderr, once it has ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def memory(self, field: str) -> int:
        """Return a figure of its memory in bytes: ``VmRSS`` now, or ``VmHWM``, its highest so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(status.partition(f"{field}:")[2].split()[0])

    def _close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()


def wait_for_server(directory: Path, pid: int) -> None:
    end = time.monotonic() + WAIT
    while True:
        try:
            with ExecutionClient(directory) as client:
                assert client.ping().pid == pid
                return
        except ServerError:
            assert time.monotonic() < end, "no server was there in time"
            time.sleep(0.01)


class SubscriberProcess:
    """A subscriber in a process of its own, that can be stopped."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.chaos.subscriber"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._orders, self._answers = self._process.stdin, self._process.stdout
        self._said = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._orders.close()
        self._answers.close()

    def join(self, order: Order) -> None:
        """Have it follow; returns once its first follower is there, or will not be."""
        self._orders.write(msgspec.json.encode(order) + b"\n")
        self._orders.flush()
        self._said = self._answers.readline()

    def report(self) -> Report:
        """Wait until it has followed to the end."""
        line = self._answers.readline() if self._said == JOINED else self._said
        return msgspec.json.decode(line, type=Report)

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)


class Kept(NamedTuple):
    """What a journal holds of one execution."""

    state: ExecutionState
    reason: str
    lines: bytes
    """All messages."""
    starts: list[int]
    """Where in ``lines`` the message after each ``seq`` begins, from 0 on."""
    snapshot: bytes
    """A new fold of them."""

    @property
    def last(self) -> int:
        """The last ``seq``."""
        return len(self.starts) - 1

    def between(self, after: int, last: int) -> bytes:
        """Return the messages from ``after`` to ``last``; fewer where there are no more."""
        return self.lines[self.starts[min(after, self.last)] : self.starts[min(last, self.last)]]

    def problems_of(self, report: Report) -> list[str]:
        """Return where a subscriber says anything else."""
        if report.problem:
            return [report.problem]
        problems = [f"{leg} is not what the journal holds" for leg in report.legs if not self._holds(leg)]
        if report.legs[-1].last != self.last:
            problems.append(f"it ended at {report.legs[-1].last}, not {self.last}")
        if report.snapshot.encode() != self.snapshot:
            problems.append("its state is another than the journal's")
        return problems

    def _holds(self, leg: Leg) -> bool:
        whole = leg.count == leg.last - leg.after and leg.last <= self.last
        return whole and leg.checksum == zlib.crc32(self.between(leg.after, leg.last))


def read_journal(path: Path, execution_id: str) -> Kept:
    """Read and fold a journal's file itself; no server may run."""
    journal = Journal(path, Retention())
    journal.check()
    try:
        record = journal.find(execution_id)
        assert record is not None
        lines: list[bytes] = []
        while chunk := journal.chunk(record.number, len(lines) + 1):
            lines += chunk
        starts = [0, *itertools.accumulate(map(len, lines))]
        summary, snapshot = record.summary, journal.fold(record).snapshot()
        return Kept(summary.state, summary.reason, b"".join(lines), starts, snapshot)
    finally:
        journal.close()


def journal_of(directory: Path) -> Path:
    return directory / JOURNAL_NAME
