"""Promise P13: a full disk costs what finds no room; it is named, the server lives, and the run goes on later."""

import errno
import os
import random
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.chaos.counts import runs
from tests.chaos.disks import PAGE, Disk, mounted, needs_mount
from tests.chaos.jobs import PIPELINE, Ended, do_here, job_of, problems_of_end, problems_of_words, undisturbed_files
from tests.chaos.machinery import promise
from tests.chaos.plates import KINDS, bench_of, contents, runs_of, tell
from tests.chaos.whole import Files, committed, problems_of_files
from tests.integration.cli.commands import Cli
from tests.integration.conftest import HEAD, make_bench

from plateflow.cli.exits import Exit
from plateflow.progress.messages import ExecutionState, decode_lines
from plateflow.runtime.client import ExecutionClient
from plateflow.service.job import JobSpec, describe_pipeline

pytestmark = [needs_mount, pytest.mark.timeout(1800)]

SIZE = 5 << 20
AMPLE = 256 << 20
ANSWER = 1.0
"""Seconds within which a server on a busy machine answers."""
CLOSING = ("wells.csv", "profiles.parquet", "run.json", "plate.zarr/zarr.json")
"""What is written after all wells."""


@dataclass
class Lab:
    """A plate, a server, and a disk for the results."""

    job: JobSpec
    cli: Cli
    disk: Disk
    undisturbed: Files
    contents: dict[str, bytes]

    @property
    def output(self) -> Path:
        return Path(self.job.output or "")

    def run(self, *more: str) -> tuple[Ended, int]:
        """Run the command; return how the run ended, and the command."""
        names = ("--filenames", self.job.filenames) if self.job.filenames else ()
        pipeline = self.job.pipeline.path if self.job.pipeline else ""
        arguments = ("run", pipeline, self.job.plate, "--output", self.output, "--preview", "--json", *names, *more)
        done = self.cli.run(*arguments)
        assert "Traceback" not in done.stderr
        return Ended(self.job, decode_lines(done.stdout.encode())), done.returncode


@pytest.fixture(params=KINDS)
def lab(request: pytest.FixtureRequest, tmp_path: Path, short_tmp: Path) -> Iterator[Lab]:
    job = job_of(bench_of(request.param, tmp_path, request), request.param)
    undisturbed = undisturbed_files(job)
    cli = Cli(short_tmp / "r", tmp_path)
    with mounted(tmp_path / "disk", SIZE) as disk, cli.server():
        job = replace(job, output=str(disk.path / "out"))
        yield Lab(job, cli, disk, undisturbed, contents(tmp_path / "out_undisturbed"))


def test_p13_a_full_disk_is_named_and_the_run_goes_on_once_there_is_space(
    lab: Lab, request: pytest.FixtureRequest
) -> None:
    kind = request.node.callspec.params["lab"]
    pid = lab.cli.server_pid()
    problems: dict[int, str] = {}
    ends: list[str] = []
    for seed in range(13000, 13000 + runs_of(kind, 50)):
        rng = random.Random(seed)
        lab.disk.free(SIZE)
        lab.disk.fill(left_for(rng, lab.undisturbed))
        problems[seed] = next(problems_of_full_disk(lab, pid, ends), "")
        shutil.rmtree(lab.output, ignore_errors=True)
    print(f"\n{', '.join(ends)}")
    tell(f"P13 results disk full, {kind} plate", problems)


def left_for(rng: random.Random, undisturbed: Files) -> int:
    """Choose how much to leave: for some of the wells, or for all of them, but not for what is written afterwards."""
    sizes = {name: PAGE * -(-len(data) // PAGE) for name, data in undisturbed.items()}
    closing = sum(sizes[name] for name in CLOSING)
    wells = sum(sizes.values()) - closing
    return rng.choice((rng.randrange(PAGE, min(wells, SIZE)), wells + PAGE * rng.randrange(closing // PAGE)))


def problems_of_full_disk(lab: Lab, pid: int, ends: list[str]) -> Iterator[str]:
    ended, code = lab.run()
    ends.append(f"{ended.state}, {len(ended.completed)} done, exit {code}")
    if not ended.told:
        yield "nothing was said of a full disk"
    expected = Exit.WELLS_FAILED if ended.state is ExecutionState.COMPLETED else Exit.USER_ERROR
    if code != expected:
        yield f"the command ended {code}, not {expected}"
    yield from problems_of_failed(ended, errno.ENOSPC, lab.undisturbed)
    yield from problems_of_server(lab.cli, pid)
    lab.disk.free(AMPLE)
    ended, code = lab.run("--resume")
    if code != Exit.DONE:
        yield f"going on ended {code}: {ended.told}"
    yield from problems_of_end(ended, lab.undisturbed)
    if contents(lab.output) != lab.contents:
        yield "going on did not end as an undisturbed run"


def problems_of_failed(ended: Ended, error: int, undisturbed: Files) -> Iterator[str]:
    yield from problems_of_words(ended, error)
    yield from problems_of_files(ended.output, undisturbed)
    if sorted(ended.completed) != committed(ended.output):
        yield f"{ended.completed} were said to be done, {committed(ended.output)} are committed"


def problems_of_server(cli: Cli, pid: int) -> Iterator[str]:
    began = time.monotonic()
    with ExecutionClient(cli.runtime) as client:
        pong = client.ping()
    took = time.monotonic() - began
    if pong.pid != pid or pong.degraded:
        yield f"another server answers, or one that is degraded: {pong}"
    if took > ANSWER:
        yield f"the server answered after {took:.2f} s"


def test_p13_a_disk_of_any_size(tmp_path: Path) -> None:
    job = job_of(make_bench(tmp_path, 1, 2, size=48))
    undisturbed = undisturbed_files(job)
    problems: dict[int, str] = {}
    with mounted(tmp_path / "disk", SIZE) as disk:
        job = replace(job, output=str(disk.path / "out"))
        told = True
        while told:
            disk.free(SIZE)
            disk.fill(len(problems) * PAGE)
            ended = do_here(job)
            told = bool(ended.told)
            problem = next(problems_of_failed(ended, errno.ENOSPC, undisturbed), "")
            disk.free(SIZE)
            going_on = do_here(replace(job, resume=True))
            problems[len(problems)] = problem or next(problems_of_end(going_on, undisturbed), "")
            shutil.rmtree(ended.output)
    for pages, problem in problems.items():
        if problem:
            print(f"\n{pages} pages left: {problem}", end="")
    promise("P13 each number of free pages", list(problems.values()).count(""), len(problems))


def test_p13_a_disk_that_turns_read_only(tmp_path: Path) -> None:
    job = job_of(make_bench(tmp_path, 4, 6, size=48))
    undisturbed = undisturbed_files(job)
    problems: dict[int, str] = {}
    with mounted(tmp_path / "disk", AMPLE) as disk:
        job = replace(job, output=str(disk.path / "out"))
        for seed in range(13500, 13500 + runs(20)):
            wells = random.Random(seed).randrange(1, 24)
            with ThreadPoolExecutor(1) as other:
                turning = other.submit(turn_read_only, disk, Path(job.output or ""), wells)
                ended = do_here(job)
                turned = turning.result()
            problem = next(problems_of_failed(ended, errno.EROFS, undisturbed), "")
            if not turned or not ended.told:
                problem = "the run ended before"
            refused = do_here(replace(job, resume=True))
            if "read-only" not in refused.reason:
                problem = problem or f"going on at once says {refused.reason}"
            disk.set_writable(writable=True)
            going_on = do_here(replace(job, resume=True))
            problems[seed] = problem or next(problems_of_end(going_on, undisturbed), "")
            shutil.rmtree(ended.output)
    tell("P13 results disk read-only", problems)


def turn_read_only(disk: Disk, output: Path, wells: int) -> bool:
    """Do so once that many wells are committed; return whether it could be done before the run's end."""
    while len(committed(output)) < wells or not disk.set_writable(writable=False):
        if (output / "run.json").exists():
            return False
    return True


LOUD = HEAD + PIPELINE.replace(
    "steps=[",
    """steps=[
    FunctionStep(tell, "DNA"),""",
).replace(
    "pipeline =",
    """
def tell(image: Image) -> Image:
    print("x" * 100_000)
    print("y" * 100_000, file=sys.stderr)
    ctypes.CDLL(None).puts(b"zzz")
    return image

pipeline =""",
)


@pytest.mark.parametrize("folder", ["logs", "preview"])
def test_a_folder_on_a_full_disk_of_its_own(tmp_path: Path, folder: str, capfd: pytest.CaptureFixture[str]) -> None:
    job = replace(job_of(make_bench(tmp_path, 1, 3, size=48)), executor="processes")
    first = do_here(job)
    (tmp_path / "loud.py").write_text(LOUD)
    job = replace(job, pipeline=describe_pipeline(tmp_path / "loud.py"), resume=True)
    with mounted(first.output / folder, SIZE) as disk:
        disk.fill()
        forkserver._forkserver._stop()  # type: ignore[attr-defined]  # the next one prints to where this test listens
        ended = do_here(job)
    if folder == "logs":
        assert (len(ended.completed), ended.told) == (3, [])  # what they print is no result of theirs
        said = capfd.readouterr()
        assert (said.out.count("x"), said.err.count("y")) == (300_000, 300_000)  # where the runner itself prints to
    else:
        assert len(ended.errors) == 3
        assert next(problems_of_words(ended, errno.ENOSPC), "") == ""
        assert all(f"/{folder}/" in words for words in ended.errors.values())


def test_a_full_disk_of_temporary_files_does_not_matter(tmp_path: Path, short_tmp: Path) -> None:
    job = job_of(make_bench(tmp_path, 1, 3, size=48))
    with mounted(tmp_path / "disk", SIZE) as disk:
        disk.fill()
        cli = Cli(short_tmp / "r", tmp_path, {"TMPDIR": str(disk.path)})
        pipeline = job.pipeline.path if job.pipeline else ""
        done = cli.run("run", pipeline, job.plate, "--output", job.output)
        assert done.returncode == Exit.DONE, done.stderr
        assert os.listdir(disk.path) == ["ballast"]
