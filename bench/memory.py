"""The memory of a server and of a viewer while many updates pass: it must not grow with them.

Takes minutes, so it runs only when it is named: ``python -m bench memory [--updates N] [--each N]``.
"""

from __future__ import annotations

import shutil
import tempfile
import time
import uuid
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.harness import BenchError, Figure, Ratio, Report, Series, note
from bench.part import Part, part, without_gates
from bench.path_plateflow import serve
from bench.stage import Stage
from bench.tasks import BenchJob
from bench.workload import PLATE, UPDATES_A_WELL
from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.runtime.client import ExecutionClient

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized

NAME: Final = "memory"
UPDATES: Final = 10_000_000
EACH: Final = 500_000
WELLS: Final = 384
"""Of each execution; they are done again and again, as its next attempts, until it has its updates."""
BYTES_AN_UPDATE: Final = 700
"""On disk, at most: an update's line, once in the journal's log and once in its tables."""
TARGET: Final = 1.1
SAMPLE_SECONDS: Final = 0.5
STALL_SECONDS: Final = 60.0
SETTLED: Final = 0.1
"""Of the updates: what is there by then must be enough for the rest."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Both processes at one moment."""

    updates: int
    """Seen by the viewer so far."""
    server: float
    """Resident memory, in MB."""
    viewer: float


def measure(_rounds: int, *, updates: int = UPDATES, each: int = EACH) -> Report:
    """Measure one run; there is nothing to take the median of.

    Parameters
    ----------
    updates
        Of all executions.
    each
        Of one execution; as many as all for one long one.

    Raises
    ------
    BenchError
        If the disk is too small, an execution fails, or nothing moves for a minute.
    """
    with tempfile.TemporaryDirectory(prefix="pf") as root:
        check_disk(Path(root), updates)
        samples = run(Path(root), updates, each)
    settled = next(sample for sample in samples if sample.updates >= SETTLED * updates)
    rest = [sample for sample in samples if sample.updates >= settled.updates]
    then = {"server": settled.server, "viewer": settled.viewer}
    most = {"server": max(sample.server for sample in rest), "viewer": max(sample.viewer for sample in rest)}
    ratios = {
        who: Ratio(
            Series(f"{who}: at most, from then on", "MB", (most[who],)),
            Series(f"{who}: after {SETTLED:.0%}", "MB", (then[who],)),
        )
        for who in then
    }
    return Report(
        title=f"{NAME}: {updates} updates through one server to one viewer, in executions of {min(each, updates)}",
        rows=[row for ratio in ratios.values() for row in (ratio.against, ratio)],
        figures=[Figure(f"{NAME}-{who}", ratio, TARGET, least_rounds=1) for who, ratio in ratios.items()],
        notes=[*history(samples, updates), f"{len(rest)} samples since then; resident memory, of /proc."],
    )


def check_disk(folder: Path, updates: int) -> None:
    """Check that a journal of all updates has room.

    Raises
    ------
    BenchError
        If it has not.
    """
    free, needed = shutil.disk_usage(folder).free, BYTES_AN_UPDATE * updates
    if free < needed:
        raise BenchError(f"{folder} has {free / 1e9:.1f} GB free, {updates} updates may take {needed / 1e9:.1f} GB")


def run(root: Path, updates: int, each: int) -> list[Sample]:
    """Run executions one after the other; return samples of the memory."""
    seen: Synchronized[int] = get_context("spawn").Value("q", 0)
    with Stage(root, shared=False) as stage:
        stage.start(serve)
        stage.await_ready(1)
        stage.start(view, updates, each, seen)
        server, viewer = sorted(stage.await_ready(2), key=lambda each: each.role)  # by name: server, then viewer
        stage.begin()
        return watch(server, viewer, updates, seen, stage)


def watch(server: Part, viewer: Part, updates: int, seen: Synchronized[int], stage: Stage) -> list[Sample]:
    """Take samples until the viewer is done.

    Raises
    ------
    BenchError
        If a process fails, or nothing moves for a minute.
    """
    samples: list[Sample] = []
    moved = time.monotonic()
    done = False
    while not done:
        time.sleep(SAMPLE_SECONDS)
        stage.check_problems()
        done = stage.has_done("viewer")
        samples.append(Sample(seen.value, resident_mb(server.pid), resident_mb(viewer.pid)))
        if len(samples) == 1 or samples[-1].updates > samples[-2].updates:
            moved = time.monotonic()
        elif time.monotonic() > moved + STALL_SECONDS:
            raise BenchError(f"nothing has moved for {STALL_SECONDS:g} s, after {samples[-1].updates} updates")
        if len(samples) % 60 == 0:
            note(f"{samples[-1].updates} of {updates} updates")
    return samples


def view(folder: Path, updates: int, each: int, seen: Synchronized[int]) -> None:
    """Submit executions one after the other, and follow each until it has ended.

    Raises
    ------
    BenchError
        If one does not complete.
    """
    jobs = str(without_gates(folder / "jobs"))
    with ExecutionClient(folder / "server") as client, part(folder, "viewer"):
        while seen.value < updates:
            before, execution_id = seen.value, uuid.uuid4().hex
            times = max(1, round(min(each, updates - before) / (WELLS * UPDATES_A_WELL)))
            job = BenchJob(stage=jobs, task="burst", wells=WELLS, times=times)
            with client.follow(execution_id) as follower:
                client.submit(PLATE, ExecutionKind.RUN, job, execution_id=execution_id)
                while not follower.state.ended:
                    follower.poll(1.0)
                    seen.value = before + follower.state.seq
            if follower.state.state is not ExecutionState.COMPLETED:
                raise BenchError(f"an execution is {follower.state.state}: {follower.state.reason}")


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process, in MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in status if line.startswith("VmRSS:")).split()[1]) / 1024


def history(samples: list[Sample], updates: int) -> list[str]:
    """Say how the memory went, at ten moments."""
    lines = []
    for tenth in range(1, 11):
        at = next(sample for sample in samples if sample.updates >= tenth * updates / 10)
        lines.append(f"after {at.updates} updates: server {at.server:.1f} MB, viewer {at.viewer:.1f} MB")
    return lines
