"""What a death, a hang or a failing disk costs in a step over the whole plate: nothing, or the run before its wells."""

import csv
import errno
import itertools
import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.chaos.disks import PAGE, mounted, needs_mount
from tests.chaos.job_process import JobProcess
from tests.chaos.jobs import Ended, do, do_here, job_of, problems_of_end, problems_of_words, undisturbed_files
from tests.chaos.machinery import promise
from tests.chaos.plates import runs_of, tell
from tests.chaos.test_full_disk import SIZE
from tests.chaos.test_partial_files import FAULTS, Attempt, needs_seccomp
from tests.chaos.test_wells_under_kills import HANGS, LIMIT, POISONS
from tests.chaos.whole import Files, problems_of_files
from tests.integration.conftest import Bench, make_bench

from plateflow.execution.plate_images import read_record
from plateflow.progress.messages import ExecutionState, decode_lines
from plateflow.service.job import JobSpec

STEP = "plate:ground"
PIPELINE = """
import pathlib
HARM = pathlib.Path(__file__).with_name("harm")
BEGUN = pathlib.Path(__file__).with_name("begun")

def ground(planes: Planes) -> Image:
    BEGUN.write_text(str(os.getpid()))
    at, code = HARM.read_text().split(" ", 1) if HARM.exists() else (-1, "")
    total = 0.0
    for n, plane in enumerate(planes):
        if n == int(at):
            exec(code)
        total = total + plane
    return (total / len(planes)).astype(np.float32)

pipeline = Pipeline("p", channels={"DNA": "1", "GFP": "2"}, steps=[
    FunctionStep(ground, outputs="Ground", variable_components=("well", "site")),
    FunctionStep(correct_illumination, ("*", "Ground")),
    FunctionStep(find_nuclei, "DNA", "Nuclei", min_diameter=4),
    FunctionStep(measure_intensity, ("Nuclei", ["GFP"])),
])
"""
"""Its harm is done in the file beside it, so that the pipeline stays the same."""
PLANES = 24
"""A call reads at least so many."""


@pytest.fixture
def job(kind: str, bench: Bench) -> JobSpec:
    """Of a plate of 24 wells, made or real, in processes."""
    return replace(job_of(bench, kind, PIPELINE), executor="processes")


def harm(job: JobSpec, code: str, at: int) -> Path:
    """Have the step do this before it takes its n-th plane; until the file is gone."""
    path = Path(job.plate).with_name("harm")
    path.write_text(f"{at} {code}")
    return path


# A worker that is killed.


class Killer:
    """Kills the worker that the step is in, so many seconds after it began."""

    def __init__(self, job: JobSpec, delay: float) -> None:
        self._begun = Path(job.plate).with_name("begun")
        self._begun.unlink(missing_ok=True)
        self._delay = delay
        self._thread = threading.Thread(target=self._kill)
        self._ended = threading.Event()

    def run(self, job: JobSpec) -> Ended:
        said: list[bytes] = []
        self._thread.start()
        do(job, said.append)
        self._ended.set()
        self._thread.join()
        return Ended(job, decode_lines(b"".join(said)))

    def _kill(self) -> None:
        while not (self._begun.exists() and (pid := self._begun.read_text())) and not self._ended.is_set():
            time.sleep(0.001)
        if not self._ended.wait(self._delay):
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


@pytest.mark.timeout(900)
def test_p1_a_step_over_the_whole_plate_whose_worker_is_killed_runs_once_more(kind: str, job: JobSpec) -> None:
    undisturbed = undisturbed_files(job)
    span = step_seconds(job)
    problems: dict[int, str] = {}
    besides = 0
    for seed in range(15000, 16000):
        ended = Killer(job, random.Random(seed).uniform(0, 1.2 * span)).run(job)
        twice = [axis for axis, times in ended.begun.items() if times > 1]
        problem = next(problems_of_killed(ended, undisturbed), "")
        if STEP in twice or problem:
            problems[seed] = problem
        besides += STEP not in twice
        shutil.rmtree(ended.output)
        if len(problems) == runs_of(kind, 20):
            break
    print(f"\n{besides} kills more came before the step or after it")
    tell(f"P1 sigkill in a step over the whole plate, {kind} plate", problems)


def step_seconds(job: JobSpec) -> float:
    """Run a job with nothing in its way; return how long the step took, but for its files."""
    record = read_record(do_here(job).output / "plate_images", STEP)
    shutil.rmtree(job.output or "")
    assert record is not None
    return record.seconds


def problems_of_killed(ended: Ended, undisturbed: Files) -> Iterator[str]:
    if sum(times - 1 for times in ended.begun.values()) > 1:
        yield f"one worker was killed, but these began: {ended.begun}"
    yield from problems_of_end(ended, undisturbed)


@pytest.mark.timeout(900)
def test_p2_one_that_kills_each_worker_it_gets_ends_the_run_before_its_wells(kind: str, job: JobSpec) -> None:
    undisturbed = undisturbed_files(job)
    problems: dict[int, str] = {}
    for seed in range(15500, 15500 + runs_of(kind, 20)):
        cause = list(POISONS)[seed % len(POISONS)]
        error = f"its worker process died in both attempts, the second time in step 'ground' ({cause})"
        problems[seed] = next(problems_of_harm(job, POISONS[cause], seed, error, 2, undisturbed), "")
    tell(f"P2 poison in a step over the whole plate, {kind} plate", problems)


def problems_of_harm(job: JobSpec, code: str, seed: int, error: str, times: int, undisturbed: Files) -> Iterator[str]:
    harmful = harm(job, code, random.Random(seed).randrange(PLANES))
    ended = do_here(job)
    yield from problems_of_failed(ended, error, times)
    harmful.unlink()
    yield from problems_of_end(do_here(replace(job, resume=True)), undisturbed)
    shutil.rmtree(ended.output)


def problems_of_failed(ended: Ended, error: str, times: int) -> Iterator[str]:
    if (ended.state, ended.reason) != (ExecutionState.FAILED, f"step 'ground' over the whole plate: {error}"):
        yield f"the run ended {ended.state}: {ended.reason}"
    if ended.errors != {STEP: error}:
        yield f"errors: {ended.errors}"
    if ended.begun != {STEP: times}:
        yield f"these began: {ended.begun}"
    with (ended.output / "wells.csv").open(newline="") as file:
        told = {row["Status"] for row in csv.DictReader(file)}
    if told != {"cancelled"}:
        yield f"wells.csv tells of wells that are {told}"


# One that does not end, or asks for too much.


@pytest.mark.timeout(900)
def test_p3_one_that_hangs_ends_at_its_limit_and_with_it_the_run(kind: str, job: JobSpec) -> None:
    undisturbed = undisturbed_files(job)
    problems: dict[int, str] = {}
    took: list[float] = []
    error = f"step 'ground' took longer than its limit of {LIMIT:g} s; its worker process was ended"
    for seed in range(15700, 15700 + runs_of(kind, 20)):
        hang = f"BEGUN.write_text(str(time.time())); {HANGS[list(HANGS)[seed % len(HANGS)]]}"
        harmful = harm(job, hang, random.Random(seed).randrange(PLANES))
        ended = do_here(replace(job, step_limit=LIMIT))
        took.append((ended.output / "run.json").stat().st_mtime - float(harmful.with_name("begun").read_text()))
        problem = next(problems_of_failed(ended, error, 1), "")
        problem = problem or ("" if took[-1] <= LIMIT + 1.0 else f"it ended after {took[-1]:.2f} s")
        harmful.unlink()
        problems[seed] = problem or next(problems_of_end(do_here(replace(job, resume=True)), undisturbed), "")
        shutil.rmtree(ended.output)
    print(f"\nended {max(took) - LIMIT:.2f} s after the limit at worst")
    tell(f"P3 hang in a step over the whole plate, {kind} plate", problems)


def test_one_that_asks_for_more_memory_than_there_is_says_so_and_ends_the_run(tmp_path: Path) -> None:
    job = replace(job_of(make_bench(tmp_path, 1, 2, size=48), text=PIPELINE), executor="processes")
    undisturbed = undisturbed_files(job)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 32, 1 << 32)); np.zeros(1 << 40, np.uint8)"
    harmful = harm(job, limit, 1)
    ended = do_here(job)
    assert ended.state is ExecutionState.FAILED
    assert ended.reason.startswith("step 'ground' over the whole plate: ")
    assert "MemoryError: Unable to allocate 1.00 TiB" in ended.reason
    assert ended.begun == {STEP: 1}
    harmful.unlink()
    assert next(problems_of_end(do_here(replace(job, resume=True)), undisturbed), "") == ""


# A disk that fails.


@needs_seccomp
@pytest.mark.timeout(1800)
def test_p7_whichever_call_fails_that_writes_what_it_made(tmp_path: Path) -> None:
    spec = job_of(make_bench(tmp_path, 1, 2, size=48), text=PIPELINE)
    undisturbed = undisturbed_files(spec)
    tried = kept = 0
    with JobProcess() as process:
        for name in FAULTS:
            for n in itertools.count(1):
                attempt = Attempt(process, spec, undisturbed, name, n, below="plate_images")
                if not attempt.refused:
                    break
                problem = attempt.problem or next(problems_of_told(attempt.ended), "")
                tried += 1
                kept += not problem
                if problem:
                    print(f"{name}, call {n}: {attempt}: {problem}")
    assert tried > 20
    promise("P7 each call that writes what a step over the whole plate made", kept, tried)


def problems_of_told(ended: Ended) -> Iterator[str]:
    if ended.state is not ExecutionState.FAILED or not ended.reason.startswith("step 'ground' over the whole plate: "):
        yield f"the run ended {ended.state}: {ended.reason}"
    if any("--resume" not in words for words in ended.told):
        yield f"does not tell what to do: {ended.told}"
    if ended.begun != {STEP: 1}:
        yield f"these began: {ended.begun}"


@needs_mount
@pytest.mark.timeout(600)
def test_p13_a_disk_that_has_no_room_for_what_it_made(tmp_path: Path) -> None:
    job = job_of(make_bench(tmp_path, 1, 2, size=48), text=PIPELINE)
    undisturbed = undisturbed_files(job)
    problems: list[str] = []
    with mounted(tmp_path / "disk", SIZE) as disk:
        job = replace(job, output=str(disk.path / "out"))
        for pages in itertools.count(1):  # one for what claims the folder
            disk.free(SIZE)
            disk.fill(pages * PAGE)
            ended = do_here(job)
            if STEP not in ended.errors:
                break
            problems.append(next(problems_of_full_disk(ended, undisturbed), ""))
            disk.free(SIZE)
            problems[-1] = problems[-1] or next(problems_of_end(do_here(replace(job, resume=True)), undisturbed), "")
            shutil.rmtree(ended.output)
    for pages, problem in enumerate(problems, start=1):
        print(f"\n{pages} pages left: {problem or 'kept'}", end="")
    assert len(problems) > 5
    promise("P13 no room for what a step over the whole plate made", problems.count(""), len(problems))


def problems_of_full_disk(ended: Ended, undisturbed: Files) -> Iterator[str]:
    yield from problems_of_words(ended, errno.ENOSPC)
    yield from problems_of_files(ended.output, undisturbed)
    if ended.state is not ExecutionState.FAILED or ended.begun != {STEP: 1}:
        yield f"the run ended {ended.state}, and these began: {ended.begun}"
