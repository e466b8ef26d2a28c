"""Workers that are killed by SIGKILL right after their 100th update: all 100 arrive, each time."""

import select
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.chaos.counts import runs
from tests.chaos.plates import attempts
from tests.chaos.steps import kill_at
from tests.unit.pipeline.here import EXECUTION
from tests.unit.pipeline.plates import grey, write_plate

from plateflow.execution.executor import Work
from plateflow.execution.orchestrator import MOST_ATTEMPTS, Orchestrator
from plateflow.execution.processes import ProcessExecutor
from plateflow.execution.steering import Steering
from plateflow.pipeline.compile import compile_plate
from plateflow.pipeline.pipeline import Pipeline
from plateflow.pipeline.plan import PlatePlan
from plateflow.pipeline.step import FunctionStep
from plateflow.progress.messages import WorkerMessage, WorkerState, decode_lines
from plateflow.progress.update import ProgressStatus, ProgressUpdate

UPDATES = 100
GROUPS = UPDATES - 2 + 1
"""axis_started and step_started, then one update a group; the last group is the one that kills."""


@pytest.fixture
def plan(tmp_path: Path) -> PlatePlan:
    plate = write_plate(tmp_path / "p", channels=1, timepoints=GROUPS)
    last = FunctionStep(kill_at, inputs="1", params={"grey": grey(1, "1", 1, GROUPS)})
    return compile_plate(plate, Pipeline("p", [last]))


@pytest.fixture
def executor(plan: PlatePlan) -> Iterator[ProcessExecutor]:
    """Serves every run: a new worker takes the place of each that dies."""
    with closing(ProcessExecutor(2)) as executor:
        executor.prepare(Work(plan, EXECUTION, ""))
        yield executor


@pytest.mark.timeout(300)
def test_every_update_before_a_kill_is_delivered(plan: PlatePlan, executor: ProcessExecutor) -> None:
    many = runs(100)
    told = [updates_before_deaths(plan, executor, read_late=number % 2 == 0) for number in range(many)]
    whole = told.count([UPDATES] * MOST_ATTEMPTS)
    print(f"\npromise worker-kill: {whole} of {many}")
    assert whole == many, told


def updates_before_deaths(plan: PlatePlan, executor: ProcessExecutor, *, read_late: bool) -> list[int]:
    """Run the well to the death of each worker that it gets; return how many updates of each came, in order, unbroken.

    Where they are read late, all but the first ones are in the pipe only, when the worker is no more.
    """
    bodies: list[bytes] = []

    def take(body: bytes) -> None:
        bodies.append(body)
        busy = [worker.process.sentinel for worker in executor._workers.values() if worker.axis is not None]
        if read_late and busy:
            select.select(busy, [], [], 30)

    outcome = Orchestrator(plan, EXECUTION, executor, take, Steering()).run()
    assert list(outcome.errors) == ["A01"]
    messages = decode_lines(b"".join(bodies))
    deaths = [m.signal for m in messages if isinstance(m, WorkerMessage) and m.state is WorkerState.DIED]
    assert deaths == ["SIGKILL"] * MOST_ATTEMPTS
    updates = [message for message in messages if isinstance(message, ProgressUpdate)]
    own = [update for update in updates if update.status is not ProgressStatus.ERROR]
    assert [update.status for update in updates[len(own) :]] == [ProgressStatus.ERROR] * 2  # the runner's own words
    by_attempt = attempts(own)
    for attempt in by_attempt:
        assert [update.completed for update in attempt] == [0, *range(len(attempt) - 1)]
    return [len(attempt) for attempt in by_attempt]
