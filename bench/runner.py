"""The bench's runner: its workers report without any work, by the very code that carries the updates of real ones.

It reads and forwards their lines as :class:`~plateflow.execution.processes.ProcessExecutor`, the orchestrator and
``plateflow.service.runner`` do. What it leaves out is handing out wells one by one, and the death of workers.
"""

from __future__ import annotations

import argparse
import multiprocessing as mp
import os
import signal
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import UNSET

from bench.harness import BenchError
from bench.part import Part, part
from bench.sparse_blocks import run_blocks
from bench.tasks import BenchJob, burst, paced
from bench.workload import GROUPS, NICENESS, STEP_NAMES, share, well_names
from plateflow.execution.executor import reporter, split_results
from plateflow.execution.orchestrator import POLL
from plateflow.lines.pace import Pace
from plateflow.lines.reader import LineReader
from plateflow.lines.writer import LineWriter
from plateflow.progress.emitter import Emitter
from plateflow.progress.messages import (
    AxisKind,
    ExecutionMessage,
    ExecutionState,
    Topology,
    TopologyAxis,
    TopologyStep,
    encode_message,
)
from plateflow.runtime.jobs import Job
from plateflow.service.runner import Link

if TYPE_CHECKING:
    from multiprocessing.context import ForkProcess

Task = Callable[[Emitter, LineWriter, BenchJob, int, Part], None]
"""Takes what to report with, the pipe that is behind it, the number of the worker, and what it did."""
TASKS: Final[dict[str, Task]] = {
    "burst": burst,
    "paced": paced,
    "sparse": run_blocks,
}
AXES_A_PART: Final = 1000
"""Of a topology, whose parts must fit lines."""


@dataclass(slots=True)
class Worker:
    """One worker, and how much it still has to do."""

    process: ForkProcess
    fd: int
    """The read end of its line pipe."""
    wells: int
    """That have not ended."""
    reader: LineReader = field(init=False)
    last_line: bytes = b""

    def __post_init__(self) -> None:
        self.reader = LineReader(self.fd)


def main() -> None:
    """Wait for a job on ``--fd``, do it, exit."""
    parser = argparse.ArgumentParser(prog="bench.runner")
    parser.add_argument("--fd", type=int, required=True)
    link = Link(parser.parse_args().fd)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    job = link.first_command()
    code = 1
    try:
        if isinstance(job, Job):
            do(job, link)
        code = 0
    finally:
        if code:
            traceback.print_exc()
        os._exit(code)  # at once: Python would wait for workers whose pipes nobody reads any more


def do(job: Job, link: Link) -> None:
    """Start the workers, tell the plan, forward what they report, and say the last word."""
    bench = msgspec.json.decode(job.payload, type=BenchJob)
    workers = [start_worker(job, bench, number) for number in range(bench.workers)]
    threading.Thread(target=link.watch, name="commands", daemon=True).start()
    tell_plan(job, bench, link)
    with part(Path(bench.stage), "runner"):
        forward(workers, link)
        link.send(encode_message(state_message(job, ExecutionState.COMPLETED)))


def start_worker(job: Job, bench: BenchJob, number: int) -> Worker:
    """Fork a worker with a line pipe of its own."""
    read, write = os.pipe()
    process = mp.get_context("fork").Process(target=work, args=(job, bench, number, write))
    process.start()
    os.close(write)
    wells = bench.times * len(share(bench.wells, number)) if bench.task == "burst" else 1
    return Worker(process, read, wells)


def work(job: Job, bench: BenchJob, number: int, fd: int) -> None:
    """Do a worker's part, at its priority."""
    os.nice(NICENESS)
    writer = LineWriter(fd)
    emitter = Emitter(reporter(writer), job.execution_id, job.plate_id)
    with part(Path(bench.stage), "worker") as did:
        TASKS[bench.task](emitter, writer, bench, number, did)


def forward(workers: list[Worker], link: Link) -> None:
    """Pass on what the workers report until the last well has ended."""
    selector = DefaultSelector()
    for worker in workers:
        selector.register(worker.fd, EVENT_READ, worker)
        selector.register(worker.process.sentinel, EVENT_READ, worker)
    pace = Pace()
    while any(worker.wells for worker in workers):
        bodies = []
        for worker in {key.data.fd: key.data for key, _ in selector.select(POLL)}.values():
            bodies.append(read(worker))
            if not worker.wells:
                selector.unregister(worker.fd)
                selector.unregister(worker.process.sentinel)
        if body := b"".join(bodies):
            link.send(body)
        pace.wait(body.count(b"\n"))


def read(worker: Worker) -> bytes:
    """Return what one worker reported."""
    dead = not worker.process.is_alive()  # asked before reading, so that reading finds all that it wrote
    found = worker.reader.read()
    body, results = split_results(found.complete)
    if body:
        worker.last_line = body[body.rfind(b"\n", 0, -1) + 1 : -1]
    worker.wells -= len(results)
    if dead and worker.wells and not found.complete:
        raise BenchError(f"a worker died with {worker.wells} wells to go")
    return body


def tell_plan(job: Job, bench: BenchJob, link: Link) -> None:
    """Send the topology, in parts."""
    wells = well_names(bench.wells)
    parts = [wells[start : start + AXES_A_PART] for start in range(0, len(wells), AXES_A_PART)]
    for number, names in enumerate(parts):
        topology = Topology(
            part=number,
            parts=len(parts),
            rows=32,
            columns=48,
            steps=tuple(TopologyStep(name=name, groups=len(GROUPS)) for name in STEP_NAMES),
            axes=tuple(TopologyAxis(axis=name, kind=AxisKind.WELL, after=()) for name in names),
        )
        link.send(encode_message(state_message(job, ExecutionState.RUNNING, topology)))


def state_message(job: Job, state: ExecutionState, topology: Topology | None = None) -> ExecutionMessage:
    """Make a message of the job's execution."""
    return ExecutionMessage.now(job.execution_id, job.plate_id, job.kind, state, topology=topology or UNSET)


if __name__ == "__main__":
    main()
