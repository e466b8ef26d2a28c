"""Promise P16: a run that is cancelled, at whatever moment, ends within 2 s, and nothing else does."""

import random
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import Popen

import pytest
from tests.chaos.counts import runs
from tests.chaos.machinery import ServerProcess, new_id
from tests.chaos.plates import bench_of, contents, runs_of, tell
from tests.chaos.served import EXECUTORS, WAIT, WORK, Station, is_whole, station_of, summary_of, undisturbed
from tests.integration.cli.commands import Cli, descendants, lives, wait_for

from plateflow.cli.exits import Exit
from plateflow.progress.messages import ENDED, ExecutionState
from plateflow.progress.state import AxisState
from plateflow.runtime.client import ExecutionClient, RefusedError
from plateflow.storage.commit import read_committed

LIMIT = 2.0
"""Seconds from the cancel to the run's end."""


@pytest.mark.timeout(1800)
def test_p16_a_cancel_ends_one_run(kind: str, tmp_path: Path, short_tmp: Path, request: pytest.FixtureRequest) -> None:
    station = station_of(kind, bench_of(kind, tmp_path, request))
    problems: dict[int, str] = {}
    trials: list[Trial] = []
    with ServerProcess(short_tmp / "run", plates=True) as server:
        server.serve()
        with ExecutionClient(server.directory) as client:
            expected, span = undisturbed(station, client)
            for seed in range(16000, 16000 + runs_of(kind, 200)):
                trials.append(Trial(station, tmp_path, random.Random(seed), span))
                problems[seed] = "; ".join(trials[-1].problems(client, expected))
        server.stop()
    print(f"\nended {max(trial.seconds for trial in trials):.2f} s after the cancel at worst", end="; ")
    print(f"{sum(trial.was_over for trial in trials)} runs were over before it")
    tell(f"P16 cancel, {kind} plate", problems)


class Trial:
    """Two runs, one behind the other, of which one is cancelled.

    Parameters
    ----------
    station
        What is run.
    folder
        For the results.
    rng
        Tells which run is cancelled, when, and how often.
    span
        Seconds that a run takes.
    """

    def __init__(self, station: Station, folder: Path, rng: random.Random, span: float) -> None:
        self._station = station
        self._outputs = [folder / "first", folder / "second"]
        self._executor = rng.choice(EXECUTORS)
        self._delay = rng.uniform(0, span)
        self._which = int(rng.random() < 0.25)
        self._twice = rng.random() < 0.3
        self.seconds = 0.0
        """From the cancel to the end."""
        self.was_over = False

    def problems(self, client: ExecutionClient, expected: dict[str, bytes]) -> Iterator[str]:
        both = [self._station.submit(client, output, executor=self._executor) for output in self._outputs]
        time.sleep(self._delay)
        cancelled, other = both[self._which], both[1 - self._which]
        self._cancel(client, cancelled)
        yield from self._problems_of_cancelled(client, cancelled)
        client.wait(other, WAIT)
        summary = summary_of(client, other)
        if not is_whole(summary, len(self._station.wells)):
            yield f"the other run is {summary.state.value}: {summary.counts} {summary.reason}"
        elif contents(self._outputs[1 - self._which]) != expected:
            yield "the other run's results are not those of an undisturbed one"
        for output in self._outputs:
            shutil.rmtree(output, ignore_errors=True)

    def _cancel(self, client: ExecutionClient, execution: str) -> None:
        with suppress(RefusedError):
            client.cancel(new_id())  # a wrong one is refused, and harms nothing
            raise AssertionError("a run that there is not was cancelled")
        began = time.monotonic()
        self.was_over = client.cancel(execution) is ExecutionState.COMPLETED
        if self._twice:
            client.cancel(execution)
        client.wait(execution, WAIT)
        self.seconds = time.monotonic() - began

    def _problems_of_cancelled(self, client: ExecutionClient, execution: str) -> Iterator[str]:
        state = client.snapshot(execution)
        if self.seconds > LIMIT:
            yield f"it ended after {self.seconds:.2f} s"
        ends = (ExecutionState.CANCELLED, ExecutionState.COMPLETED)
        if state.state not in ends or (self.was_over and state.state is ExecutionState.CANCELLED):
            yield f"it ended {state.state}"
        told = {well for well, axis in state.axes.items() if axis.state is AxisState.COMPLETED}
        output = self._outputs[self._which]
        kept = set(read_committed(output)) if output.exists() else set()
        if told - kept:
            yield f"finished wells are gone: {sorted(told - kept)}"
        if failed := [well for well, axis in state.axes.items() if axis.state is AxisState.FAILED]:
            yield f"a cancel is no failure: {failed}"


# Ctrl-C, in the terminal of `plateflow run`.

SIGNALS = {
    "Ctrl-C": ([signal.SIGINT], 130),
    "Ctrl-C twice": ([signal.SIGINT, signal.SIGINT], 130),
    "SIGTERM": ([signal.SIGTERM], 143),
}


@pytest.mark.timeout(900)
def test_p16_ctrl_c_leaves_no_process(tmp_path: Path, short_tmp: Path, request: pytest.FixtureRequest) -> None:
    station = station_of("made", bench_of("made", tmp_path, request), WORK.replace("0.004", "0.02"))
    cli = Cli(short_tmp / "run", tmp_path)
    problems: dict[int, str] = {}
    for seed in range(16500, 16500 + runs(20)):
        rng = random.Random(seed)
        how = list(SIGNALS)[seed % len(SIGNALS)]
        station.called()  # forget the last
        command = cli.start(
            "run", station.pipeline.path, station.bench.plate.path, "--output", tmp_path / "out", start_new_session=True
        )
        wait_for(station.called, "a well at work")
        time.sleep(rng.uniform(0, 0.4))
        family = descendants(cli.server_pid())
        problems[seed] = "; ".join(problems_of_signal(cli, command, how, family))
        shutil.rmtree(tmp_path / "out")
    tell("P16 Ctrl-C", problems)


def problems_of_signal(cli: Cli, command: Popen[str], how: str, family: set[int]) -> Iterator[str]:
    signals, code = SIGNALS[how]
    for number in signals:
        command.send_signal(number)
        time.sleep(0.15)
    _, said = command.communicate(timeout=WAIT)
    server = cli.server_pid()
    with ExecutionClient(cli.runtime) as client:
        until = time.monotonic() + LIMIT  # a second Ctrl-C ends the command before the run
        while (state := client.status()[-1].state) not in ENDED and time.monotonic() < until:
            time.sleep(0.01)
        client.shutdown()
    if state not in (ExecutionState.CANCELLED, ExecutionState.COMPLETED):
        yield f"{how}: the run is {state}"
    was_over = command.returncode == Exit.DONE and state is ExecutionState.COMPLETED
    if not (command.returncode == code or was_over) or "Traceback" in said:
        yield f"{how}: it exited with {command.returncode}: {said}"
    family |= {server}
    began = time.monotonic()
    while any(map(lives, family)) and time.monotonic() < began + LIMIT:
        time.sleep(0.01)
    if left := [pid for pid in family if lives(pid)]:
        yield f"{how}: of {len(family)} processes, {len(left)} lived on"
