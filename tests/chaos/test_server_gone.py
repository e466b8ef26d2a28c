"""Promises P4 and P5: a killed server takes all its processes with it, and no finished well."""

import random
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from tests.chaos.machinery import ServerProcess
from tests.chaos.plates import bench_of, contents, runs_of, tell
from tests.chaos.served import EXECUTORS, WORKERS, Station, committed, end_all, is_whole, station_of, undisturbed
from tests.integration.cli.commands import descendants, lives, wait_for

from plateflow.progress.messages import ExecutionState
from plateflow.progress.state import AxisState
from plateflow.runtime.client import ExecutionClient
from plateflow.service.execute import ExecutorName

LIMIT = 2.0
"""Seconds after which no process of a killed server is left."""


# P4: whatever the processes do when their server is killed, none outlives it.

BUSY: dict[str, tuple[ExecutorName, str]] = {
    "idle": ("processes", ""),
    "busy in Python": ("processes", "time.sleep(3600)"),
    "in C, with the interpreter's lock": ("processes", "ctypes.PyDLL(None).pause()"),
    "stopped": ("processes", "os.kill(os.getpid(), signal.SIGSTOP)"),
    "with children": ("processes", "subprocess.Popen(['sleep', '3600']); time.sleep(3600)"),
    "threads in C": ("threads", "ctypes.PyDLL(None).pause()"),
}


HARM = """
def harm(image: Image) -> Image:
    with open(CALLS, "a") as log:
        log.write(f"{os.getpid()} {mark(image)}\\n")
    HARM
    return image
steps = [FunctionStep(harm, "DNA")]
"""


@pytest.mark.timeout(900)
def test_p4_no_process_outlives_its_server(
    kind: str, tmp_path: Path, short_tmp: Path, request: pytest.FixtureRequest
) -> None:
    bench = bench_of(kind, tmp_path, request)
    problems: dict[int, str] = {}
    took: list[float] = []
    for seed in range(4000, 4000 + runs_of(kind, 20)):
        what = list(BUSY)[seed % len(BUSY)]
        executor, harm = BUSY[what]
        station = station_of(kind, bench, HARM.replace("HARM", harm))
        with ServerProcess(short_tmp / "run", plates=True) as server:
            server.serve()
            if harm:
                with ExecutionClient(server.directory) as client:
                    station.submit(client, tmp_path / "out", executor=executor)
                wait_for(station.called, "a well at work")  # told by a file: a held interpreter tells nothing
            else:
                wait_for(lambda: len(descendants(server.process.pid)) > WORKERS, "a spare runner")
            time.sleep(random.Random(seed).uniform(0, 0.3))
            left = descendants(server.process.pid)
            server.kill()
            seconds = seconds_until_gone(left)
        took.append(seconds)
        problems[seed] = f"{what}: of {len(left)}, some lived {LIMIT} s" if seconds > LIMIT else ""
        if seconds > LIMIT:
            end_all(left)
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
    print(f"\nall were gone after {max(took):.2f} s at worst")
    tell(f"P4 orphans, {kind} plate", problems)


def seconds_until_gone(pids: set[int]) -> float:
    began = time.monotonic()
    while any(map(lives, pids)) and time.monotonic() < began + LIMIT + 0.1:
        time.sleep(0.01)
    return time.monotonic() - began


def command_of(pid: int) -> str:
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()[-200:]
    return ""


# P5: what a killed server's run had finished is kept, and going on makes the rest.


@pytest.mark.timeout(1800)
def test_p5_going_on_after_a_kill_recomputes_nothing_finished(
    kind: str, tmp_path: Path, short_tmp: Path, request: pytest.FixtureRequest
) -> None:
    station = station_of(kind, bench_of(kind, tmp_path, request))
    problems: dict[int, str] = {}
    kept: list[int] = []
    with ExitStack() as opened:

        def start() -> ServerProcess:
            return opened.enter_context(ServerProcess(short_tmp / "run", plates=True))

        server = start()
        server.serve()
        with ExecutionClient(server.directory) as client:
            expected, span = undisturbed(station, client)
        for seed in range(5000, 5000 + runs_of(kind, 100)):
            following = start()
            following.await_imports()
            trial = Trial(station, expected, random.Random(seed), span)
            problems[seed] = "; ".join(trial.problems(server, following))
            shutil.rmtree(tmp_path / "out")
            kept.append(trial.kept)
            server = following
        server.stop()
    print(f"\nof {len(station.wells)} wells, {min(kept)} to {max(kept)} were finished when all was killed")
    tell(f"P5 resume, {kind} plate", problems)


class Trial:
    """One run that is killed, and goes on.

    Parameters
    ----------
    station
        What is run.
    expected
        What an undisturbed run leaves.
    rng
        Tells what the wells run in, when it is killed, and what: the server alone, or all processes at once.
    span
        Seconds that a run takes.
    """

    def __init__(self, station: Station, expected: dict[str, bytes], rng: random.Random, span: float) -> None:
        self._station = station
        self._expected = expected
        self._delay = rng.uniform(0, 1.1 * span)
        self._all = rng.random() < 0.5
        self._executor = rng.choice(EXECUTORS)
        self._output = station.bench.folder / "out"
        self.kept = 0
        """Wells that were finished when it was killed."""

    def problems(self, server: ServerProcess, following: ServerProcess) -> Iterator[str]:
        execution, left = self._interrupt(server)
        if left:
            yield f"processes outlived it by {LIMIT} s: {left}"
        finished = committed(self._output)
        self.kept = len(finished)
        begun = self._station.called()
        following.serve()
        with ExecutionClient(following.directory) as client:
            yield from self._problems_of_first(client, execution, set(finished), begun)
            after = self._station.run(client, self._output, resume=True)
        if not is_whole(after, len(self._station.wells)):
            yield f"going on ended {after.state.value}: {after.counts} {after.reason}"
        if again := self._station.called() & finished.keys():
            yield f"finished wells ran again: {sorted(again)}"
        yield from self._problems_of_results(finished)

    def _interrupt(self, server: ServerProcess) -> tuple[str, list[str]]:
        # Return the run's id, and what was left of its processes.
        with ExecutionClient(server.directory) as client:
            execution = self._station.submit(client, self._output, executor=self._executor)
        time.sleep(self._delay)
        family = descendants(server.process.pid)
        server.kill()
        if self._all:
            end_all(family)
        seconds_until_gone(family)
        return execution, [command_of(pid) for pid in family if lives(pid)]

    def _problems_of_first(
        self, client: ExecutionClient, execution: str, finished: set[str], begun: set[str]
    ) -> Iterator[str]:
        state = client.snapshot(execution)
        told = {well for well, axis in state.axes.items() if axis.state is AxisState.COMPLETED}
        if told - finished:
            yield f"told as completed, but not kept: {sorted(told - finished)}"
        if state.state not in (ExecutionState.INTERRUPTED, ExecutionState.COMPLETED):
            yield f"the first run is {state.state}"
        if len(begun - finished) > WORKERS:
            yield f"more wells were lost than there are workers: {sorted(begun - finished)}"

    def _problems_of_results(self, finished: dict[str, dict[Path, int]]) -> Iterator[str]:
        now = committed(self._output)
        touched = [well for well, files in finished.items() if now.get(well) != files]
        if touched:
            yield f"files of finished wells were written again: {touched}"
        found = contents(self._output)
        if found != self._expected:
            names = sorted(n for n in found.keys() | self._expected if found.get(n) != self._expected.get(n))
            yield f"the results are not those of an undisturbed run: {', '.join(names)}"
