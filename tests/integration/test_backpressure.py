"""Real threads and worker processes whose reader stalls: they work on to their results, and the counts stay exact."""

import fcntl
import struct
import termios
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import msgspec
import pytest
from tests.integration.conftest import mark_wells
from tests.integration.paced import Call, paced, read_calls, spans_between
from tests.unit.lines.clocks import Pulse
from tests.unit.lines.test_stalled_reader import assert_only_superseded_is_missing, bound
from tests.unit.pipeline.here import EXECUTION, Here
from tests.unit.pipeline.plates import write_plate
from tests.unit.progress.test_state_properties import without_order

from plateflow.execution.executor import Executor, Finished, Lines, Work
from plateflow.execution.processes import ProcessExecutor
from plateflow.execution.threads import ThreadExecutor
from plateflow.lines.writer import STALL_WAIT
from plateflow.pipeline.compile import compile_plate
from plateflow.pipeline.pipeline import Pipeline
from plateflow.pipeline.plan import PlatePlan
from plateflow.pipeline.step import FunctionStep
from plateflow.progress.messages import Message, decode_lines, encode_message
from plateflow.progress.state import ExecutionProgress
from plateflow.progress.update import ProgressUpdate
from plateflow.service.execute import ExecutorName

pytestmark = pytest.mark.slow

WELLS = ("A01", "A02", "A03")
TIMEPOINTS = 60
STEPS = 2
SMALL = 4096
"""Bytes of the smallest pipe: about ten lines."""
STALL = 1.0
PATIENCE = 30.0


@dataclass
class Paced:
    """Three wells of 120 pattern groups each; the first is done long before the others."""

    plan: PlatePlan
    log: Path

    @property
    def calls(self) -> list[Call]:
        return read_calls(self.log)

    def done(self, *wells: str) -> bool:
        """Tell whether every function of these wells has ended."""
        marks = [call.mark for call in self.calls]
        return all(marks.count(WELLS.index(well)) == STEPS * TIMEPOINTS for well in wells)


@pytest.fixture
def work(tmp_path: Path) -> Paced:
    plate = write_plate(tmp_path / "p", wells=WELLS, channels=1, timepoints=TIMEPOINTS)
    mark_wells(plate)
    log = tmp_path / "calls"
    steps = [FunctionStep(paced, inputs="1", name=f"step{n}", params={"log": str(log)}) for n in range(STEPS)]
    return Paced(compile_plate(plate, Pipeline("p", steps)), log)


@pytest.fixture(params=["threads", "processes"])
def executor(work: Paced, request: pytest.FixtureRequest) -> Iterator[Executor]:
    with closing(start(request.param, work.plan)) as executor:
        yield executor


def start(name: ExecutorName, plan: PlatePlan) -> Executor:
    whole = Work(plan, EXECUTION, "")
    if name == "threads":
        return ThreadExecutor(whole, len(WELLS))
    processes = ProcessExecutor(len(WELLS))
    processes.prepare(whole)
    return processes


def pipes_of(executor: Executor) -> dict[int, set[str]]:
    """Return where lines are read from, and of which wells: one pipe of all threads, or one of each process."""
    if isinstance(executor, ThreadExecutor):
        return {executor._read_fd: set(executor._slots)}
    assert isinstance(executor, ProcessExecutor)
    workers = executor._workers.values()
    return {worker.lines.fileno(): {worker.axis.axis_id} if worker.axis else set() for worker in workers}


def unread(fd: int) -> int:
    """Return the bytes that are in a pipe."""
    found: int = struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4))[0]
    return found


def read_on(executor: Executor) -> tuple[bytes, list[str]]:
    """Read until all wells have ended; return their lines, and the wells in order of their results."""
    body, ended, end = b"", list[str](), time.monotonic() + PATIENCE
    while len(ended) < len(WELLS):
        assert time.monotonic() < end
        for event in executor.poll(0.1):
            if isinstance(event, Lines):
                body += event.body
            else:
                assert isinstance(event, Finished)
                ended.append(event.result.axis_id)
                own = [u for u in updates_in(body) if u.axis_id == ended[-1]]
                assert own[-1].phase.value == "axis_completed"  # a result comes after all of its well's lines
    return body, ended


def updates_in(body: bytes) -> list[ProgressUpdate]:
    """Return the updates, all as of the same moment."""
    messages = decode_lines(body)
    return [timeless(message) for message in messages if isinstance(message, ProgressUpdate)]


def timeless(update: ProgressUpdate) -> ProgressUpdate:
    return msgspec.structs.replace(update, timestamp=1.0)


def all_given(work: Paced) -> list[ProgressUpdate]:
    """Return what all wells report, one after the other."""
    return [timeless(update) for update in Here(work.plan).updates]


def fold(plan: PlatePlan, updates: list[ProgressUpdate]) -> ExecutionProgress:
    progress = ExecutionProgress(execution_id=EXECUTION, plate_id=plan.plate.path)
    for seq, update in enumerate(updates, start=1):
        progress.apply(update, seq)
    return progress


def wait_until_done(work: Paced, *wells: str) -> None:
    """Wait until these wells' functions have all ended, and a second at least."""
    begin = time.monotonic()
    while time.monotonic() < begin + STALL or not work.done(*wells):
        assert time.monotonic() < begin + PATIENCE, "a worker waits for a reader before it has a result"
        time.sleep(0.02)


def test_workers_go_on_to_their_results_while_nobody_reads(work: Paced, executor: Executor) -> None:
    for fd in pipes_of(executor):
        fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, SMALL)
    with Pulse() as pulse:
        for axis in work.plan.axes:
            executor.start(axis)
        wait_until_done(work, *WELLS)
        in_pipes = [(wells, unread(fd)) for fd, wells in pipes_of(executor).items()]
        body, ended = read_on(executor)
    assert sorted(ended) == list(WELLS)
    spans = spans_between(work.calls)
    assert len(spans) == len(WELLS) * (STEPS * TIMEPOINTS - 1)
    assert not pulse.too_long(spans, STALL_WAIT)
    assert sum(max(0.0, span.waited - pulse.missed(span)) for span in spans) < 20 * STALL_WAIT  # once, not each time
    given, received = all_given(work), updates_in(body)
    coalesced = sum(map(work.plan.updates, work.plan.axes)) - len(received)  # nothing else is dropped, nothing added
    assert coalesced > 0
    if isinstance(executor, ThreadExecutor):
        assert executor._writer.coalesced == coalesced
    waited = sum(lines_after(size, [u for u in decode_lines(body) if axis_of(u) in wells]) for wells, size in in_pipes)
    assert 0 < waited <= bound(given) + len(in_pipes) - 1
    for well in WELLS:
        assert_only_superseded_is_missing(*([u for u in us if u.axis_id == well] for us in (given, received)))
    assert without_order(fold(work.plan, received)) == without_order(fold(work.plan, given))


def axis_of(message: Message) -> str:
    assert isinstance(message, ProgressUpdate)
    return message.axis_id


def lines_after(size: int, messages: list[Message]) -> int:
    """Return how many lines did not fit wholly into so many bytes."""
    ends = accumulate(len(encode_message(message)) for message in messages)
    return sum(end > size for end in ends)


def test_nothing_is_coalesced_where_somebody_reads(work: Paced, executor: Executor) -> None:
    for axis in work.plan.axes:
        executor.start(axis)
    body, _ = read_on(executor)
    received = updates_in(body)
    assert len(received) == sum(map(work.plan.updates, work.plan.axes))  # as predicted: so none was coalesced
    given = all_given(work)
    for well in WELLS:
        assert [u for u in received if u.axis_id == well] == [u for u in given if u.axis_id == well]
    if isinstance(executor, ThreadExecutor):
        assert executor._writer.coalesced == 0
