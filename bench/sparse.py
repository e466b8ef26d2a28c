"""What reporting costs a worker that computes: one update per 4 ms of numpy, in CPU of its process."""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.harness import Figure, Ratio, Report, Series, interleave
from bench.path_plateflow import perform
from bench.sparse_blocks import ITEMS, MODES, OURS, QUEUE, SILENT
from bench.tasks import BenchJob
from plateflow.progress.update import ProgressPhase, ProgressUpdate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.part import Part
    from bench.stage import Take
    from plateflow.progress.messages import Message

NAME: Final = "sparse"
TRIPLES: Final = 60
"""Blocks of each kind in a round."""
CPU_TARGET: Final = 1.005
QUEUE_TARGET: Final = 0.25


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU of one item in one round, in microseconds; medians over its blocks."""

    silent: float
    added: dict[str, float]
    """By what is reported to: the median of the differences to the silent block of the same triple."""
    spread: float
    """Half of what lies between the quartiles of those differences, for plateflow."""


def measure(rounds: int) -> Report:
    """Measure; a round is one worker process with the server, runner and subscriber that it reports to.

    Raises
    ------
    BenchError
        If a run fails.
    """
    with tempfile.TemporaryDirectory(prefix="pf") as root:
        costs = interleave({NAME: partial(run, Path(root))}, rounds)[NAME]
    silent = Series.of(SILENT, "CPU us/item", costs, lambda cost: cost.silent)
    ours = Series.of(OURS, "CPU us/item", costs, lambda cost: cost.silent + cost.added[OURS])
    queue = Series.of(QUEUE, "CPU us/item", costs, lambda cost: cost.silent + cost.added[QUEUE])
    added = Series.of(f"{OURS}: added", "CPU us/update", costs, lambda cost: cost.added[OURS])
    added_queue = Series.of(f"{QUEUE}: added", "CPU us/update", costs, lambda cost: cost.added[QUEUE])
    return Report(
        title=(
            f"{NAME}: one update before each 4 ms of numpy; CPU of the worker's process, all of its threads;"
            f"\n{TRIPLES} triples of blocks of {ITEMS} items a round, in one process, taking turns"
        ),
        rows=[
            silent,
            Ratio(ours, silent),
            Ratio(queue, silent),
            added_queue,
            Ratio(added, added_queue),
            Series.of(f"{OURS}: added, half of its quartiles' distance", "us", costs, lambda cost: cost.spread),
        ],
        figures=[
            Figure(f"{NAME}-cpu", Ratio(ours, silent), CPU_TARGET),
            Figure(f"{NAME}-queue", Ratio(added, added_queue), QUEUE_TARGET),
        ],
        notes=[
            "What is added is the median difference of a block to the silent one of its triple. All pipes, queues and",
            "drains, the server and a subscriber are there in every block; in a silent one no update is even made.",
        ],
    )


def run(root: Path) -> Cost:
    """Run one worker."""
    return cost_of(perform(root, watch, BenchJob(stage="", task="sparse", workers=1, wells=1, updates=TRIPLES)))


def cost_of(take: Take) -> Cost:
    """Take the medians over the blocks of one worker."""
    values = take.values("worker")
    blocks = [
        {mode: 1e6 * seconds / ITEMS for mode, seconds in zip(MODES, values[start : start + len(MODES)], strict=True)}
        for start in range(0, len(values), len(MODES))
    ]
    differences = {mode: [block[mode] - block[SILENT] for block in blocks] for mode in (OURS, QUEUE)}
    low, _, high = statistics.quantiles(differences[OURS], n=4)
    return Cost(
        silent=statistics.median(block[SILENT] for block in blocks),
        added={mode: statistics.median(values) for mode, values in differences.items()},
        spread=(high - low) / 2,
    )


def watch(messages: Iterator[Message], _job: BenchJob, did: Part) -> None:
    """View the progress until the well is completed."""
    for message in messages:
        if isinstance(message, ProgressUpdate):
            did.updates += 1
            if message.phase is ProgressPhase.AXIS_COMPLETED:
                return
