"""How long an update takes from its worker to a subscriber, at 1,000 a second; beside a raw pipe of two processes."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.harness import Figure, Ratio, Report, Series, interleave, note
from bench.part import Part, part
from bench.path_plateflow import perform
from bench.stage import Stage, Take
from bench.tasks import RATE, BenchJob, pause_until
from bench.workload import WORKERS
from plateflow.progress.update import ProgressPhase, ProgressUpdate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plateflow.progress.messages import Message

NAME: Final = "latency"
TARGET: Final = 7.0
UPDATES: Final = 3000
"""In a round of either; 3 s."""
WARM: Final = 200
"""The first updates are left out: some processes still come to their places."""
LINE_BYTES: Final = 360
"""What a line of plateflow's has."""


def measure(rounds: int) -> Report:
    """Measure both.

    Raises
    ------
    BenchError
        If a run fails.
    """
    with tempfile.TemporaryDirectory(prefix="pf") as root:
        subjects = {"raw pipe": partial(pipe, Path(root)), "plateflow": partial(plateflow, Path(root))}
        note("warming up")
        for subject in subjects.values():
            subject(WARM)
        takes = interleave(subjects, rounds)
    rows: list[Series | Ratio] = []
    for percent in (50, 99):
        raw, ours = (
            Series.of(f"{name}, p{percent}", "us", samples, partial(percentile, percent))
            for name, samples in takes.items()
        )
        rows += [raw, Ratio(ours, raw)]
    return Report(
        title=(
            f"{NAME}: updates from {WORKERS} workers at {RATE // WORKERS} a second each, until decoded by a subscriber;"
            f"\nbeside {RATE} lines a second of {LINE_BYTES} bytes from one process to another through os.pipe"
        ),
        rows=[*rows, Series.of("plateflow, slowest", "us", takes["plateflow"], partial(percentile, 100))],
        figures=[Figure(f"{NAME}-p99", Ratio(ours, raw), TARGET)],
        notes=[
            "plateflow's workers run at nice +10, the pipe's writer does not: lowered, it starves where others want",
            "the processors, and the ratio would look better for it. On a busy machine neither tail says much.",
        ],
    )


def percentile(percent: int, take: Take) -> float:
    """Return a percentile of the microseconds that the updates took; 100 for the slowest."""
    values = take.values("subscriber")[WARM:]
    return max(values) if percent == 100 else statistics.quantiles(values, n=100)[percent - 1]


def plateflow(root: Path, updates: int = UPDATES) -> Take:
    """Send so many updates through plateflow."""
    return perform(root, time_updates, BenchJob(stage="", task="paced", wells=WORKERS, updates=updates // WORKERS))


def time_updates(messages: Iterator[Message], job: BenchJob, did: Part) -> None:
    """View the progress until the last well is completed; note how long each update took."""
    left = job.workers
    for message in messages:
        if not isinstance(message, ProgressUpdate):
            continue
        if message.message:
            did.values.append((time.monotonic_ns() - int(message.message)) / 1000)
        did.updates += 1
        left -= message.phase is ProgressPhase.AXIS_COMPLETED
        if not left:
            return


def pipe(root: Path, updates: int = UPDATES) -> Take:
    """Send so many lines through a pipe."""
    with Stage(root) as stage:
        os.mkfifo(stage.folder / "pipe", 0o600)
        stage.start(receive, updates)
        stage.start(send, updates)
        return stage.play(parts=2)


def send(folder: Path, updates: int) -> None:
    """Write lines at a pace, each with its moment."""
    fd = os.open(folder / "pipe", os.O_WRONLY)
    with part(folder, "worker") as did:
        start = time.monotonic()
        for number in range(1, updates + 1):
            pause_until(start + number / RATE)
            os.write(fd, str(time.monotonic_ns()).encode().ljust(LINE_BYTES - 1) + b"\n")
        did.updates = updates


def receive(folder: Path, updates: int) -> None:
    """Read lines; note how long each took."""
    fd = os.open(folder / "pipe", os.O_RDONLY)
    with part(folder, "subscriber") as did:
        while did.updates < updates:
            lines = os.read(fd, 65536)
            now = time.monotonic_ns()
            for sent in lines.split():
                did.values.append((now - int(sent)) / 1000)
                did.updates += 1
