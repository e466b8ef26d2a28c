"""What a worker of the bench's runner is told to do: to report as fast as it can, or at a pace."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from bench.workload import STEP_NAMES, UPDATES_A_WELL, WORKERS, report_well, share
from plateflow.execution.executor import TaskResult
from plateflow.progress.update import ProgressPhase, ProgressStatus

if TYPE_CHECKING:
    from bench.part import Part
    from plateflow.lines.writer import LineWriter
    from plateflow.progress.emitter import Emitter

RATE: Final = 1000
"""Updates a second of all workers together, where they keep a pace."""
EDGES: Final = 4
"""Updates that begin and end a well of one step."""


class BenchJob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The payload of a job for the bench's runner."""

    stage: str
    """Folder of the run."""
    task: Literal["burst", "paced", "sparse"]
    workers: int = WORKERS
    wells: int = 0
    """Of all workers."""
    times: int = 1
    """How often each well is done: a well that starts again is in its next attempt."""
    updates: int = 0
    """Of each worker, where it keeps a pace; blocks, where it reports now and then."""


def burst(emitter: Emitter, writer: LineWriter, job: BenchJob, worker: int, did: Part) -> None:
    """Report whole wells, as fast as the pipe takes them."""
    wells = share(job.wells, worker)
    for _ in range(job.times):
        for well in wells:
            report_well(emitter, well)
            end_well(writer, well)
    did.updates = job.times * len(wells) * UPDATES_A_WELL


def paced(emitter: Emitter, writer: LineWriter, job: BenchJob, worker: int, did: Part) -> None:
    """Report pattern groups at a pace, each with the moment (monotonic, ns) in its message.

    The workers take turns: of four that report each 4 ms, one reports each millisecond.
    """
    well = share(job.workers, worker)[0]
    at_step = begin_well(emitter, well, job.updates)
    start = time.monotonic() + worker / RATE
    for done in range(1, job.updates + 1):
        pause_until(start + done * job.workers / RATE)
        at_step.emit(
            ProgressPhase.PATTERN_GROUP,
            ProgressStatus.RUNNING,
            done,
            job.updates,
            pattern=f"{well} s1 c=DAPI z1 t1",
            component="DAPI",
            message=str(time.monotonic_ns()),
        )
    finish_well(at_step, job.updates)
    end_well(writer, well)
    did.updates = job.updates + EDGES


def begin_well(emitter: Emitter, well: str, groups: int) -> Emitter:
    """Report the start of a well and of its only step; return the emitter of that step."""
    at_well = emitter.axis(well, 1)
    at_well.emit(ProgressPhase.AXIS_STARTED, ProgressStatus.STARTED, 0, 1)
    at_step = at_well.step(STEP_NAMES[0], 0)
    at_step.emit(ProgressPhase.STEP_STARTED, ProgressStatus.STARTED, 0, groups)
    return at_step


def finish_well(at_step: Emitter, groups: int) -> None:
    """Report the end of that step and well."""
    at_step.emit(ProgressPhase.STEP_COMPLETED, ProgressStatus.COMPLETED, groups, groups)
    at_step.step("", 0).emit(ProgressPhase.AXIS_COMPLETED, ProgressStatus.COMPLETED, 1, 1)


def end_well(writer: LineWriter, well: str) -> None:
    """Write the line that ends a task, and wait until all is in the pipe, as a worker does."""
    writer.write(msgspec.json.encode(TaskResult(axis_id=well)) + b"\n")
    writer.flush()


def pause_until(moment: float) -> None:
    """Sleep until a moment of the monotonic clock."""
    left = moment - time.monotonic()
    if left > 0:
        time.sleep(left)
