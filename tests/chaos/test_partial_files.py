"""Promise P7: nothing partial ever stands under a final name, whenever a run is killed and whatever call fails."""

import errno
import fcntl
import itertools
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec.structs import replace
from tests.chaos import refusal
from tests.chaos.counts import runs
from tests.chaos.job_process import JobProcess
from tests.chaos.jobs import do_here, job_of, problems_of_end, problems_of_words, undisturbed_files
from tests.chaos.machinery import promise
from tests.chaos.plates import KINDS, bench_of, runs_of, tell
from tests.chaos.whole import Files, committed, files_of, leftovers, problems_of_files
from tests.integration.cli.commands import Cli, descendants, lives, wait_for
from tests.integration.conftest import make_bench

from plateflow.service.job import JobSpec


@pytest.fixture(params=KINDS)
def job(request: pytest.FixtureRequest, tmp_path: Path) -> JobSpec:
    """Of a plate of 24 wells, made or real, in processes."""
    bench = bench_of(request.param, tmp_path, request)
    return replace(job_of(bench, request.param), executor="processes")


def kind_of(job: JobSpec) -> str:
    return "made" if job.filenames is None else "real"


# The whole run is killed, at any moment.


@pytest.mark.timeout(1800)
def test_p7_no_partial_file_whenever_the_whole_run_is_killed(job: JobSpec, short_tmp: Path) -> None:
    output, kind = Path(job.output or ""), kind_of(job)
    undisturbed = undisturbed_files(job)
    span = 0.0
    problems: dict[int, str] = {}
    moments: list[int] = []
    for seed in range(7000, 7000 + runs_of(kind, 100) + 1):
        rng = random.Random(seed)
        killed = run_and_kill(job, short_tmp / str(seed), rng, rng.uniform(0, span) if span else None)
        if not span:
            span = killed  # nothing was: how long it takes
        else:
            problems[seed] = next(problems_after_kill(job, undisturbed, moments), "")
        shutil.rmtree(output)
    print(f"\nkilled with so many wells committed: {sorted(moments)}")
    tell(f"P7 whole run killed, {kind} plate", problems)


def run_and_kill(job: JobSpec, runtime: Path, rng: random.Random, after: float | None) -> float:
    """Run the command and SIGKILL all that it started, so long after it claimed the folder; None: let it end.

    Returns
    -------
    float
        Seconds from the claim to the end.
    """
    output = Path(job.output or "")
    options = ["--filenames", job.filenames] if job.filenames else []
    pipeline = job.pipeline.path if job.pipeline else ""
    cli = Cli(runtime, output.parent)
    command = cli.start("run", pipeline, job.plate, "--output", output, "--preview", "--workers", 2, *options)
    wait_for(lambda: (output / ".plateflow.json").exists(), "the claim of the folder")
    claimed = time.monotonic()
    if after is None:
        wait_for(lambda: (output / "run.json").exists(), "the end of the run")
    else:
        time.sleep(after)
    took = time.monotonic() - claimed
    kill_all(command.pid, rng)
    command.communicate()
    return took


def kill_all(pid: int, rng: random.Random) -> None:
    """SIGKILL a process and all below it, in any order; returns when none lives."""
    seen: set[int] = set()
    while pids := [pid for pid in {pid, *descendants(pid), *seen} if lives(pid)]:
        seen.update(pids)
        rng.shuffle(pids)
        for victim in pids:
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        time.sleep(0.001)


def problems_after_kill(job: JobSpec, undisturbed: Files, moments: list[int]) -> Iterator[str]:
    output = Path(job.output or "")
    moments.append(len(committed(output)))
    wait_for(lambda: is_free(output), "the end of a process that was just being forked", seconds=2.0)
    yield from problems_of_files(output, undisturbed)
    yield from problems_of_end(do_here(replace(job, resume=True, executor="threads")), undisturbed)


def is_free(output: Path) -> bool:
    """Tell whether nobody holds a results folder."""
    descriptor = os.open(output, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


# A call that writes fails, whichever.

ALL = frozenset(refusal.X86_64.values())
GROWING = ALL - {"rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "chmod", "fchmod"}
REMOVING = frozenset({"unlink", "unlinkat", "rmdir"})


class Fault(NamedTuple):
    """What happens to a disk."""

    error: int
    calls: frozenset[str]
    """Which of them count."""
    stays: bool
    """Whether all calls after the n-th are refused too."""


FAULTS = {
    "one call fails": Fault(errno.EIO, ALL, stays=False),
    "the disk is full": Fault(errno.ENOSPC, GROWING, stays=True),
    "the disk is read-only": Fault(errno.EROFS, ALL, stays=True),
}

STEP = len(FAULTS) // runs(len(FAULTS))
"""1 where each call fails in each way; by day each call fails in one way, whose turn it is."""

needs_seccomp = pytest.mark.skipif(not refusal.is_possible(), reason="needs seccomp_unotify of Linux on x86-64")


class Refusal:
    """Refuses the n-th call that counts."""

    def __init__(self, fault: Fault, n: int) -> None:
        self._fault, self._n, self.seen = fault, n, 0

    def __call__(self, call: str, path: str) -> int:
        self.seen += call in self._fault.calls
        due = self.seen == self._n or (self._fault.stays and self.seen > self._n)
        return self._fault.error if due and call in self._fault.calls else 0


def count_calls(process: JobProcess, spec: JobSpec, fault: Fault) -> int:
    """Do a job with nothing in its way; return how many calls count."""
    output = Path(spec.output or "")
    process.supervisor.folder, process.supervisor.refuse = str(output), (counting := Refusal(fault, sys.maxsize))
    process.do(spec)
    shutil.rmtree(output)
    return counting.seen


class Attempt:
    """A run in which the n-th call failed, and what came of it."""

    def __init__(
        self, process: JobProcess, spec: JobSpec, undisturbed: Files, name: str, n: int, *, below: str = ""
    ) -> None:
        self.output = Path(spec.output or "")
        self.fault = FAULTS[name]
        shutil.rmtree(self.output, ignore_errors=True)
        process.supervisor.folder = str(self.output / below)
        process.supervisor.refuse = Refusal(self.fault, n)
        process.supervisor.refused.clear()
        self.ended = process.do(spec)
        self.refused = tuple(process.supervisor.refused)
        process.supervisor.refuse = lambda call, path: 0
        self.problem = next(self._problems(undisturbed), "") or next(self._problems_of_resuming(spec, undisturbed), "")

    def __str__(self) -> str:
        first = self.refused[0] if self.refused else None
        return f"{first}, {len(self.refused)} calls in all: {self.problem}; {self.ended.state}: {self.ended.told}"

    def _problems(self, undisturbed: Files) -> Iterator[str]:
        yield from problems_of_files(self.output, undisturbed)
        unremovable = any(refused.call in REMOVING for refused in self.refused)
        if leftovers(self.output) and not unremovable:
            yield f"left behind: {leftovers(self.output)}"
        uncalled = set(committed(self.output)) - set(self.ended.completed)
        if uncalled and not unremovable:
            yield f"{uncalled} are committed, but were said to have failed"
        if set(self.ended.completed) - set(committed(self.output)):
            yield "a well was said to be completed, but is not committed"
        if not self.ended.told and files_of(self.output).keys() != undisturbed.keys():
            yield "not all is there, but nothing was said"
        yield from problems_of_words(self.ended, self.fault.error)

    def _problems_of_resuming(self, spec: JobSpec, undisturbed: Files) -> Iterator[str]:
        ended = do_here(replace(spec, resume=True, executor="threads"))
        yield from problems_of_end(ended, undisturbed)


@needs_seccomp
@pytest.mark.timeout(1800)
def test_p7_no_partial_file_whichever_call_fails(tmp_path: Path) -> None:
    spec = job_of(make_bench(tmp_path, 1, 2, size=48))
    undisturbed = undisturbed_files(spec)
    tried = kept = 0
    with JobProcess() as process:
        for first, name in enumerate(FAULTS, start=1):
            for n in itertools.count(first, step=STEP):
                attempt = Attempt(process, spec, undisturbed, name, n)
                if not attempt.refused:
                    break
                tried += 1
                kept += not attempt.problem
                if attempt.problem:
                    print(f"{name}, call {n}: {attempt}")
    promise("P7 each call that writes fails once, or from then on", kept, tried)


@needs_seccomp
@pytest.mark.timeout(1800)
def test_p7_no_partial_file_whichever_call_of_a_plate_fails(job: JobSpec) -> None:
    undisturbed = undisturbed_files(job)
    kind = kind_of(job)
    problems: dict[int, str] = {}
    with JobProcess() as process:
        calls = {name: count_calls(process, job, fault) for name, fault in FAULTS.items()}
        for seed in range(7500, 7500 + runs_of(kind, 100)):
            rng = random.Random(seed)
            name = rng.choice(list(FAULTS))
            n = rng.randint(1, calls[name])
            attempt = Attempt(process, job, undisturbed, name, n)
            problems[seed] = attempt.problem if attempt.refused else "there was no such call"
            if problems[seed]:
                print(f"{name}, call {n}, seed {seed}: {attempt}")
    tell(f"P7 one of {max(calls.values())} calls fails, {kind} plate", problems)
