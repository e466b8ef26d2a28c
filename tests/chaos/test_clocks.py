"""Promise P21: a wall clock that jumps by an hour, or 30 s in which all stands still, ends and repeats no well."""

import os
import random
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.chaos.counts import runs
from tests.chaos.machinery import ServerProcess
from tests.chaos.plates import REAL_RUNS, bench_of, tell
from tests.chaos.served import WAIT, Station, is_whole, station_of, summary_of
from tests.integration.cli.commands import descendants, wait_for

from plateflow.progress.messages import Message, WorkerMessage, WorkerState
from plateflow.progress.update import ProgressPhase, ProgressUpdate
from plateflow.runtime.client import ExecutionClient
from plateflow.storage.commit import read_committed

LIMIT = 4.0
"""Seconds a step."""
HOUR = 3600
STANDSTILL = 30.0
STEPS = """
def wait(image: Image) -> Image:
    with open(CALLS, "a") as log:
        log.write(f"{os.getpid()} {mark(image)}\\n")
    for _ in range(30 if mark(image) < 2 else 1):
        time.sleep(0.05)
    return image
steps = [FunctionStep(wait, "DNA"), FunctionStep(wait, "GFP")]
"""
"""The first wells are in one step for longer than it takes until they are disturbed, and have a part of it still before
them then: whoever counts the time that was none ends them."""
LONGEST = 60.0
"""Seconds that no well takes by any clock that counts."""


@pytest.mark.timeout(900)
def test_p21_a_jump_of_the_clock_costs_nothing(
    kind: str, tmp_path: Path, short_tmp: Path, request: pytest.FixtureRequest
) -> None:
    station = station_of(kind, bench_of(kind, tmp_path, request), STEPS)
    clock = tmp_path / "clock"
    set_clock(clock, 0)
    environment = {"LD_PRELOAD": str(build_clock(tmp_path)), "TEST_CLOCK": str(clock)}
    problems: dict[int, str] = {}
    with ServerProcess(short_tmp / "run", plates=True, environment=environment) as server:
        server.serve()
        for seed in range(21000, 21000 + (runs(20) if kind == "made" else REAL_RUNS)):
            rng = random.Random(seed)
            jump = rng.choice([HOUR, -HOUR])

            def disturb() -> None:
                time.sleep(rng.uniform(0, 0.8))  # noqa: B023
                set_clock(clock, jump)  # noqa: B023

            trial = Trial(station, server, tmp_path / "out")
            problems[seed] = "; ".join([*trial.problems(disturb), *trial.problems_of_times(HOUR - LONGEST)])
            set_clock(clock, 0)
        server.stop()
    tell(f"P21 clock, {kind} plate", problems)


def build_clock(folder: Path) -> Path:
    library = folder / "clock.so"
    source = Path(__file__).with_name("clock.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
    return library


def set_clock(clock: Path, seconds: int) -> None:
    """Set the wall clock of all who have the library; in place, as they have the file mapped."""
    with clock.open("r+b" if clock.exists() else "wb") as file:
        file.write(struct.pack("q", seconds))


@pytest.mark.timeout(900)
def test_p21_a_standstill_costs_nothing(
    kind: str, tmp_path: Path, short_tmp: Path, request: pytest.FixtureRequest
) -> None:
    station = station_of(kind, bench_of(kind, tmp_path, request), STEPS)
    problems: dict[int, str] = {}
    with ServerProcess(short_tmp / "run", plates=True) as server:
        server.serve()
        for seed in range(21500, 21500 + runs(REAL_RUNS)):
            rng = random.Random(seed)

            def disturb() -> None:
                time.sleep(rng.uniform(0, 0.8))  # noqa: B023
                family = [server.process.pid, *descendants(server.process.pid)]
                rng.shuffle(family)  # noqa: B023
                for number in (signal.SIGSTOP, signal.SIGCONT):
                    for pid in family:
                        os.kill(pid, number)
                    time.sleep(STANDSTILL if number is signal.SIGSTOP else 0)

            trial = Trial(station, server, tmp_path / "out")
            problems[seed] = "; ".join([*trial.problems(disturb), *trial.problems_of_times(STANDSTILL)])
        server.stop()
    tell(f"P21 standstill, {kind} plate", problems)


class Trial:
    """A run whose clock is disturbed."""

    def __init__(self, station: Station, server: ServerProcess, output: Path) -> None:
        self._station = station
        self._server = server
        self._output = output
        self._messages: list[Message] = []

    def problems(self, disturb: Callable[[], None]) -> Iterator[str]:
        with ExecutionClient(self._server.directory) as client:
            execution = self._station.submit(client, self._output, step_limit=LIMIT)
            wait_for(self._station.called, "a well at work")
            disturb()
            client.wait(execution, WAIT)
            summary = summary_of(client, execution)
            self._messages = list(client.progress(execution, after=0))
        if not is_whole(summary, len(self._station.wells)):
            yield f"the run is {summary.state.value}: {summary.counts} {summary.reason}"
        begun = [update.axis_id for update in self._updates() if update.phase is ProgressPhase.AXIS_STARTED]
        if sorted(begun) != sorted(self._station.wells):
            yield f"wells began: {sorted(begun)}"
        workers = [message for message in self._messages if isinstance(message, WorkerMessage)]
        if died := [worker for worker in workers if worker.state is WorkerState.DIED]:
            yield f"workers died: {died}"
        seconds = [record.seconds for record in read_committed(self._output).values()]
        if not all(0 <= taken < LONGEST for taken in [*seconds, summary.seconds]):
            yield f"wells took {min(seconds)} to {max(seconds)} s, all of it {summary.seconds} s"
        shutil.rmtree(self._output)

    def problems_of_times(self, least: float) -> Iterator[str]:
        times = [update.timestamp for update in self._updates()]
        if max(times) - min(times) < least:
            yield "the disturbance came too late: nothing was shown"

    def _updates(self) -> list[ProgressUpdate]:
        return [message for message in self._messages if isinstance(message, ProgressUpdate)]
