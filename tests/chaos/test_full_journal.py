"""Promise P13, of the journal: on a full disk nothing is said that is not kept, nothing begins; all goes on later."""

import random
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.chaos.counts import runs
from tests.chaos.disks import PAGE, Disk, mounted, needs_mount
from tests.chaos.jobs import job_of, undisturbed_files
from tests.chaos.machinery import (
    BEFORE_LINES,
    HIGH_WATER,
    PLATE,
    WELLS,
    ServerProcess,
    SubscriberProcess,
    lines_of,
    new_id,
    read_journal,
    talk,
    write_lines,
)
from tests.chaos.plates import KINDS, bench_of, runs_of, tell
from tests.chaos.subscriber import Order, Report
from tests.chaos.test_server_kill import frames_of, subscribe
from tests.chaos.whole import Files, committed, files_of, problems_of_files
from tests.integration.cli.commands import Cli, wait_for
from tests.integration.conftest import make_bench

from plateflow.cli.exits import Exit
from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.runtime.client import ExecutionClient, RefusedError
from plateflow.runtime.frames import Frame
from plateflow.service.job import JobSpec

pytestmark = [needs_mount, pytest.mark.timeout(1800)]

SIZE = 1 << 20
AMPLE = 256 << 20
ANSWER = 1.0
"""Seconds within which a server on a busy machine answers."""
WHILE_FULL = 1.5
"""Seconds in which the journal is tried again at least once."""
WAIT = 60.0
RUN = ExecutionKind.RUN


def test_p13_a_full_journal_publishes_nothing_that_is_not_kept(short_tmp: Path) -> None:
    long, short = write_lines(short_tmp / "long"), write_lines(short_tmp / "short", WELLS[:1])
    problems: dict[int, str] = {}
    for seed in range(14000, 14000 + runs(20)):
        with mounted(short_tmp / "journal", SIZE) as disk, SubscriberProcess() as subscriber:
            case = Case(short_tmp / f"run{seed}", disk, subscriber, long, short)
            problems[seed] = next(case.problems(random.Random(seed)), "")
    tell("P13 journal disk full", problems)


class Case:
    """A run of 20,000 updates whose journal finds no room after a part of them, and one that waits behind it."""

    def __init__(self, directory: Path, disk: Disk, subscriber: SubscriberProcess, long: Path, short: Path) -> None:
        self.directory, self.disk, self.subscriber = directory, disk, subscriber
        self.long, self.short = long, short
        self.journal = disk.path / "journal.sqlite"
        self.run, self.queued = new_id(), new_id()

    def problems(self, rng: random.Random) -> Iterator[str]:
        order = Order(directory=str(self.directory), execution_id=self.run, high_water=HIGH_WATER, after=0)
        with ServerProcess(self.directory, journal=self.journal) as server:
            server.serve()
            self.subscriber.join(order)
            self.disk.fill(rng.randrange(SIZE // 4, SIZE // 2))
            with ExecutionClient(self.directory) as client, subscribe(client.connection.stream, self.run) as bare:
                job = talk(self.long, seed=rng.randrange(1000), seconds=rng.uniform(0, 1))
                client.submit(PLATE, RUN, job, execution_id=self.run)
                client.submit(PLATE, RUN, talk(self.short), execution_id=self.queued)
                wait_for(lambda: client.ping().degraded, "a full disk")
                yield from self._problems_while_full(client, list(frames_of(bare)))
                self.disk.free(AMPLE)
                for execution_id in (self.run, self.queued):
                    state = client.wait(execution_id, WAIT)
                    if state.state is not ExecutionState.COMPLETED:
                        yield f"a run ended {state.state}: {state.reason}"
                heard = list(frames_of(bare))
            report = self.subscriber.report()  # it may still ask the server for what it lost
            server.stop()
        yield from self._problems_of_journal(heard, report)

    def _problems_while_full(self, client: ExecutionClient, heard: list[Frame]) -> Iterator[str]:
        before = client.snapshot(self.run)
        if before.state is not ExecutionState.RUNNING:
            yield f"the run is {before.state}, though that is not kept"
        if any(header.first_seq + header.count - 1 > before.seq for header, _ in heard):
            yield f"published beyond {before.seq}, the last that is kept: {heard[-1][0]}"
        end = time.monotonic() + WHILE_FULL
        while time.monotonic() < end:
            began = time.monotonic()
            problem = client.ping().degraded
            if time.monotonic() - began > ANSWER:
                yield f"the server answered after {time.monotonic() - began:.2f} s"
            if str(self.journal) not in problem or "see that its disk has room" not in problem:
                yield f"does not name what and where: {problem!r}"
            time.sleep(0.02)
        try:
            client.submit(PLATE, RUN, talk(self.short))
            yield "a submit was accepted"
        except RefusedError as e:
            if str(self.journal) not in str(e):
                yield f"a submit was refused, but not for the journal: {e}"
        if client.snapshot(self.run).seq != before.seq:
            yield "the run went on"
        if client.snapshot(self.queued).state is not ExecutionState.QUEUED:
            yield "what was queued began"

    def _problems_of_journal(self, heard: list[Frame], report: Report) -> Iterator[str]:
        for execution_id, lines in ((self.run, self.long), (self.queued, self.short)):
            kept = read_journal(self.journal, execution_id)
            if kept.between(BEFORE_LINES, kept.last) != lines_of(lines, execution_id):
                yield "the journal does not hold what the runner sent"
        kept = read_journal(self.journal, self.run)
        for header, body in heard:
            if kept.between(header.first_seq - 1, header.first_seq - 1 + header.count) != body:
                yield f"{header} was published, but is not in the journal"
        yield from kept.problems_of(report)


SLOW = """
def nap(image: Image) -> Image:
    time.sleep(0.05)
    return image

pipeline = Pipeline("p", channels={"DNA": "1", "GFP": "2"}, steps=[
    FunctionStep(nap, "DNA"),
    FunctionStep(find_nuclei, "DNA", "Nuclei", min_diameter=4),
    FunctionStep(measure_intensity, ("Nuclei", ["GFP"])),
])
"""


@pytest.fixture(params=KINDS)
def job(request: pytest.FixtureRequest, tmp_path: Path) -> JobSpec:
    return job_of(bench_of(request.param, tmp_path, request), request.param, SLOW)


def test_p13_who_watches_is_told_of_a_full_journal_and_the_run_ends_well(
    job: JobSpec, tmp_path: Path, short_tmp: Path
) -> None:
    kind = "made" if job.filenames is None else "real"
    undisturbed = undisturbed_files(job)
    problems: dict[int, str] = {}
    for seed in range(14500, 14500 + runs_of(kind, 20)):
        with mounted(short_tmp / "disk", SIZE) as disk:
            cli = Cli(disk.path / "r", tmp_path)
            with cli.server():
                problems[seed] = next(problems_of_watched(cli, job, disk, undisturbed, random.Random(seed)), "")
        shutil.rmtree(job.output or "")
    tell(f"P13 journal disk full, watched, {kind} plate", problems)


def problems_of_watched(cli: Cli, job: JobSpec, disk: Disk, undisturbed: Files, rng: random.Random) -> Iterator[str]:
    output, said = Path(job.output or ""), cli.folder / "said"
    pid, wells = cli.server_pid(), rng.randrange(1, 12)
    arguments = [job.pipeline.path if job.pipeline else "", job.plate, "--preview"]
    arguments += ["--filenames", job.filenames] if job.filenames else []
    with said.open("w") as stderr:
        command = cli.start("run", *arguments, "--output", output, "--workers", 2, stderr=stderr)
    wait_for(lambda: len(committed(output)) >= wells, "some wells")
    disk.fill()
    wait_for(lambda: "cannot be written" in said.read_text(), "a word to who watches")
    if "journal.sqlite" not in said.read_text():
        yield f"the journal was not named: {said.read_text()}"
    other = cli.run("run", *arguments, "--output", f"{output}_other")
    if other.returncode != Exit.BROKEN or "journal.sqlite" not in other.stderr:
        yield f"another run ended {other.returncode}: {other.stderr}"
    disk.free(AMPLE)
    command.communicate(timeout=WAIT)
    if command.returncode != Exit.DONE:
        yield f"the command ended {command.returncode}: {said.read_text()[-500:]}"
    if cli.server_pid() != pid:
        yield "another server answers"
    if files_of(output).keys() != undisturbed.keys():
        yield "not all results are there"
    yield from problems_of_files(output, undisturbed)


def test_a_server_that_starts_on_a_full_disk_takes_up_its_queue_once_there_is_space(short_tmp: Path) -> None:
    directory, run, queued = short_tmp / "run", new_id(), new_id()
    long, short = write_lines(short_tmp / "long"), write_lines(short_tmp / "short", WELLS[:1])
    with mounted(short_tmp / "journal", SIZE) as disk, ExitStack() as servers:
        first, second = (
            servers.enter_context(ServerProcess(directory, journal=disk.path / "journal.sqlite")) for _ in range(2)
        )
        first.serve()
        with ExecutionClient(directory) as client:
            client.submit(PLATE, RUN, talk(long), execution_id=run)
            client.submit(PLATE, RUN, talk(short), execution_id=queued)
            wait_for(lambda: client.ping().degraded, "a full disk")
            first.kill()
            second.serve()
            assert "journal.sqlite" in client.ping().degraded
            disk.free(AMPLE)
            assert client.wait(queued, WAIT).state is ExecutionState.COMPLETED
            assert client.snapshot(run).state is ExecutionState.INTERRUPTED
            assert not client.ping().degraded
        second.stop()


@pytest.mark.parametrize("left", [0, 1, 8])
def test_where_no_server_can_start_the_command_says_why(tmp_path: Path, short_tmp: Path, left: int) -> None:
    job = job_of(make_bench(tmp_path, 1, 2))
    with mounted(short_tmp / "disk", SIZE) as disk:
        cli = Cli(disk.path, tmp_path)
        disk.fill(left * PAGE)
        arguments = ["run", job.pipeline.path if job.pipeline else "", job.plate, "--output", tmp_path / "out"]
        failed = cli.run(*arguments)
        assert failed.returncode == Exit.BROKEN
        [line] = failed.stderr.splitlines()
        assert str(disk.path) in line
        assert "see that its disk has room" in line
        disk.free(AMPLE)
        assert cli.run(*arguments).returncode == Exit.DONE
        with ExecutionClient(disk.path) as client:
            client.shutdown()
        wait_for(lambda: not (disk.path / "server.json").exists(), "the end of the server")
