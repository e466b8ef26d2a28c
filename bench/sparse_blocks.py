"""A worker that computes, and reports one update every 4 ms: to nobody, to plateflow, or to a multiprocessing.Queue.

In one process, in short blocks that take turns, so that the machine's changes of pace meet all three. All that drains
exists all the time; the difference of a block to the silent one beside it is what reporting costs.
"""

from __future__ import annotations

import multiprocessing as mp
import time
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from bench.tasks import BenchJob, begin_well, end_well, finish_well
from bench.workload import DictEmitter, Emits, share
from plateflow.progress.update import ProgressPhase, ProgressStatus

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

    from bench.part import Part
    from plateflow.lines.writer import LineWriter
    from plateflow.progress.emitter import Emitter

SILENT, OURS, QUEUE = "no reporting", "plateflow", "multiprocessing.Queue"
MODES: Final = (SILENT, OURS, QUEUE)
ITEMS: Final = 10
"""In a block, each of them some milliseconds of numpy and one update."""
ITEM_SECONDS: Final = 0.004
PIXELS: Final = 64 * 1024


class Silent:
    """Does not even make an update."""

    def axis(self, axis_id: str, total_steps: int) -> Self:
        return self

    def step(self, name: str, index: int) -> Self:
        return self

    def emit(self, *_: Any, **__: Any) -> None:
        pass


def run_blocks(emitter: Emitter, writer: LineWriter, job: BenchJob, worker: int, did: Part) -> None:
    """Run so many triples of blocks; leave the CPU seconds of each, in the order of `MODES`, triple by triple."""
    well = share(job.workers, worker)[0]
    groups = job.updates * ITEMS
    at_step = begin_well(emitter, well, groups)
    queue: Queue[Any] = mp.get_context("fork").Queue()
    drain = mp.get_context("fork").Process(target=drain_queue, args=(queue,))
    drain.start()
    calls = calibrate()
    modes: dict[str, Emits] = {
        SILENT: Silent(),
        OURS: at_step,
        QUEUE: DictEmitter(queue.put, emitter.execution_id).axis(well, 1).step(at_step.step_name, 0),
    }
    for triple in range(-1, job.updates):
        spent = run_triple(modes, calls, triple)
        if triple >= 0:  # the first warms up
            did.values += [spent[mode] for mode in MODES]
    finish_well(at_step, groups)
    end_well(writer, well)
    did.updates = job.updates * ITEMS
    queue.put(None)
    drain.join()


def run_triple(modes: dict[str, Emits], calls: int, triple: int) -> dict[str, float]:
    """Run one block of each mode, beginning with another one each time; return the CPU seconds of each."""
    first = triple % len(MODES)
    return {mode: run_block(modes[mode], calls, max(0, triple)) for mode in MODES[first:] + MODES[:first]}


def run_block(emitter: Emits, calls: int, triple: int) -> float:
    """Compute and report; return the CPU seconds of this process, its threads included.

    An update comes before the work of its item, so that what other threads do with it falls into the same block.
    """
    pixels = np.arange(PIXELS, dtype=np.float32)
    before = time.process_time()
    for item in range(ITEMS):
        done = triple * ITEMS + item + 1
        emitter.emit(
            ProgressPhase.PATTERN_GROUP,
            ProgressStatus.RUNNING,
            done,
            done,
            pattern=f"B06 s{item} c=DAPI z1 t1",
            component="DAPI",
        )
        compute(pixels, calls)
    return time.process_time() - before


def compute(pixels: np.ndarray[tuple[int], np.dtype[np.float32]], calls: int) -> None:
    """Call numpy so many times."""
    for _ in range(calls):
        np.sqrt(pixels, out=pixels)
        np.add(pixels, 1.0, out=pixels)


def calibrate() -> int:
    """Return how many calls take about the time of one item; they stay the same for the whole run."""
    pixels = np.arange(PIXELS, dtype=np.float32)
    compute(pixels, 50)
    times = []
    for _ in range(5):
        before = time.perf_counter()
        compute(pixels, 20)
        times.append(time.perf_counter() - before)
    return max(1, round(20 * ITEM_SECONDS / min(times)))


def drain_queue(queue: Queue[Any]) -> None:
    """Take what comes, until None."""
    while queue.get() is not None:
        pass
