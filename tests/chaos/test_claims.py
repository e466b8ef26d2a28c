"""Promise P12: two runs never write into one results folder, and a killed one leaves no lock."""

import random
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.chaos.machinery import ServerProcess
from tests.chaos.plates import bench_of, runs_of, tell
from tests.chaos.served import Station, committed, end_all, is_whole, station_of, summary_of
from tests.integration.cli.commands import descendants, wait_for

from plateflow.errors import OutputError
from plateflow.progress.messages import ExecutionState
from plateflow.runtime.client import ExecutionClient
from plateflow.storage.output import claim_output

LIMIT = 1.0
"""Seconds until a killed run's folder is free."""
HOLD = """
def hold(image: Image) -> Image:
    with open(CALLS, "a") as log:
        log.write(f"{os.getpid()} {mark(image)}\\n")
    while mark(image) >= 4 and os.path.exists(CALLS + ".hold"):
        time.sleep(0.01)
    return image
steps = [FunctionStep(hold, "DNA")]
"""
"""Most wells last as long as a file is there."""


@pytest.mark.timeout(900)
def test_p12_one_results_folder_has_one_run(
    kind: str, tmp_path: Path, short_tmp: Path, request: pytest.FixtureRequest
) -> None:
    station = station_of(kind, bench_of(kind, tmp_path, request), HOLD)
    problems: dict[int, str] = {}
    took: list[float] = []
    with ExitStack() as opened:
        second = opened.enter_context(ServerProcess(short_tmp / "second", plates=True))
        second.serve()
        for seed in range(12000, 12000 + runs_of(kind, 50)):
            first = opened.enter_context(ServerProcess(short_tmp / "first", plates=True))
            first.serve()
            trial = Trial(station, tmp_path / f"out{seed}", random.Random(seed))
            problems[seed] = "; ".join(trial.problems(first, second))
            took.append(trial.seconds)
        second.stop()
    print(f"\nthe folder was free {max(took):.2f} s after the kill at worst")
    tell(f"P12 claims, {kind} plate", problems)


class Trial:
    """Two runs of two servers into one folder, and the death of the first.

    Parameters
    ----------
    station
        What is run.
    output
        The folder.
    rng
        Tells when the second comes, and what is killed.
    """

    def __init__(self, station: Station, output: Path, rng: random.Random) -> None:
        self._station = station
        self._output = output
        self._rng = rng
        self.seconds = 0.0
        """Until the folder was free."""

    def problems(self, first: ServerProcess, second: ServerProcess) -> Iterator[str]:
        hold = Path(f"{self._station.calls}.hold")
        hold.touch()
        with ExecutionClient(first.directory) as client, ExecutionClient(second.directory) as other:
            execution = self._station.submit(client, self._output)
            wait_for(self._station.called, "a well at work")
            time.sleep(self._rng.uniform(0, 0.2))
            yield from self._problems_of_second(client, other, execution)
            self._kill(first)
            self.seconds = self._seconds_until_free()
            if self.seconds > LIMIT:
                yield f"the folder was free after {self.seconds:.1f} s"
            hold.unlink()
            finished = committed(self._output)
            after = self._station.run(other, self._output, resume=True)
            if not is_whole(after, len(self._station.wells)):
                yield f"going on ended {after.state.value}: {after.reason}"
            if any(committed(self._output)[well] != files for well, files in finished.items()):
                yield "finished wells were written again"

    def _problems_of_second(self, client: ExecutionClient, other: ExecutionClient, execution: str) -> Iterator[str]:
        refused = self._station.run(other, self._output, resume=self._rng.random() < 0.5)
        holds = f"in use by run {execution} (pid "
        host = f" on {socket.gethostname()})"
        if refused.state is not ExecutionState.FAILED or not (holds in refused.reason and host in refused.reason):
            yield f"the second run is {refused.state.value}: {refused.reason}"
        if summary_of(client, execution).state is not ExecutionState.RUNNING:
            yield "the first run is over, so nothing was shown"

    def _kill(self, server: ServerProcess) -> None:
        family = [server.process.pid, *descendants(server.process.pid)]
        if self._rng.random() < 0.5:
            family = family[:1]
        end_all(family)
        server.process.wait()

    def _seconds_until_free(self) -> float:
        began = time.monotonic()
        while time.monotonic() < began + 10 * LIMIT:
            try:
                with claim_output(self._output, "0" * 32, resume=True):
                    break
            except OutputError:
                time.sleep(0.01)
        return time.monotonic() - began
