"""Promises P1 to P3: what a worker's death or hang costs is its own well, and nothing else."""

import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.chaos.plates import attempts, begun, contents, runs_of, tell
from tests.chaos.served import WORK
from tests.integration.conftest import Bench, Run, without_time
from tests.integration.test_execution import worker_pids

from plateflow.pipeline.plan import AxisPlan, PlatePlan
from plateflow.progress.messages import WorkerMessage, WorkerState
from plateflow.progress.update import ProgressStatus, ProgressUpdate

# P1: killed from outside, at any moment.


@dataclass
class Killer:
    """Kills one worker, whichever, so many seconds after the first well began."""

    rng: random.Random
    delay: float
    killed: int = 0
    thread: threading.Thread | None = None

    def on_lines(self, run: Run, body: bytes) -> None:
        if self.thread is None and begun(run):
            self.thread = threading.Thread(target=self._kill)
            self.thread.start()

    def _kill(self) -> None:
        time.sleep(self.delay)
        victims = worker_pids()
        if victims:
            self.killed = self.rng.choice(victims)
            os.kill(self.killed, signal.SIGKILL)


@pytest.mark.timeout(900)
def test_p1_a_well_whose_worker_is_killed_runs_once_more(kind: str, bench: Bench) -> None:
    calls = bench.folder / "calls"
    steps = f"CALLS = {str(calls)!r}\n" + WORK
    undisturbed = bench.run(steps)
    expected = contents(undisturbed.output)
    span = undisturbed.updates[-1].timestamp - undisturbed.updates[0].timestamp
    problems: dict[int, str] = {}
    besides = 0
    for seed in range(1000, 3000):
        calls.unlink()
        rng = random.Random(seed)
        killer = Killer(rng, rng.uniform(0, span))
        run = bench.run(steps, forward=killer.on_lines)
        assert killer.thread is not None
        killer.thread.join()
        twice = [well for well, times in begun(run).items() if times > 1]
        problem = next(problems_of_killed(run, bench, killer.killed, twice, calls, expected), "")
        if twice or problem:
            problems[seed] = problem
        besides += not (twice or problem)
        shutil.rmtree(run.output)
        if len(problems) == runs_of(kind, 100):
            break
    print(f"\n{besides} kills more met a worker between two wells, and cost nothing")
    tell(f"P1 sigkill, {kind} plate", problems)


def problems_of_killed(
    run: Run, bench: Bench, killed: int, twice: list[str], calls: Path, expected: dict[str, bytes]
) -> Iterator[str]:
    died = deaths(run)
    if [(worker.pid, worker.signal) for worker in died] not in ([(killed, "SIGKILL")], [] if not twice else None):
        yield f"deaths that were told: {died}, but {killed} was killed"
    if run.outcome.errors or sorted(run.outcome.completed) != sorted(bench.plate.wells):
        yield f"not all wells are done: {run.outcome}"
    if len(twice) > 1 or max(begun(run).values()) > 2:
        yield f"wells that ran twice: {twice}, or more often"
    for axis in run.plan.axes:
        own = run.of(axis.axis_id)
        last = attempts(own)[-1]
        if len(last) != run.plan.updates(axis) or last[-1].status is not ProgressStatus.COMPLETED:
            yield f"well {axis.axis_id} has {len(last)} updates, not {run.plan.updates(axis)}"
        if axis.axis_id in twice:
            if axis.axis_id != died[0].axis_id:
                yield f"{axis.axis_id} ran twice, but {died[0].axis_id} was killed"
            yield from problems_of_first_attempt(
                run.plan, axis, own, calls_in(calls, killed, bench.marks[axis.axis_id])
            )
    found = contents(run.output)
    if found != expected:
        names = sorted(name for name in found.keys() | expected if found.get(name) != expected.get(name))
        yield f"the results are not those of an undisturbed run: {', '.join(names)}"


def problems_of_first_attempt(plan: PlatePlan, axis: AxisPlan, own: list[ProgressUpdate], calls: int) -> Iterator[str]:
    first, second = attempts(own)
    if [without_time(update) for update in first] != [without_time(update) for update in second[: len(first)]]:
        yield f"the first attempt's updates have a gap: {first}"
    said = updates_before_calls(plan, axis)[:calls]
    if said and len(first) < said[-1]:
        yield f"{len(first)} updates of the first attempt came, of {said[-1]} at least"


def updates_before_calls(plan: PlatePlan, axis: AxisPlan) -> list[int]:
    """Return how many updates a well's worker has sent, for sure, when it calls ``work`` for the n-th time."""
    found, said = [], 1
    for name, groups in zip(plan.step_names, plan.groups(axis), strict=True):
        said += 1
        found += [said + done for done in range(groups) if name.startswith("work")]
        said += groups + 1
    return found


def calls_in(log: Path, pid: int, mark: int) -> int:
    return log.read_text().splitlines().count(f"{pid} {mark}")


def deaths(run: Run) -> list[WorkerMessage]:
    return [worker for worker in run.workers if worker.state is WorkerState.DIED]


# P2: a well that kills each worker it gets.

POISONS = {
    "SIGKILL": "os.kill(os.getpid(), signal.SIGKILL)",
    "SIGSEGV": "ctypes.string_at(0)",
    "exit code 3": "os._exit(3)",
}


def steps_with(harm: str, mark: int, before: int) -> str:
    """Return a pipeline of four steps, one of which harms one well."""
    steps = ["FunctionStep(gaussian, 'DNA', 'A')", "FunctionStep(gaussian, 'GFP', 'B')", "FunctionStep(gaussian, 'B')"]
    steps.insert(before, "FunctionStep(harm, 'DNA')")
    return (
        f"def harm(image: Image) -> Image:\n    if mark(image) == {mark}:\n        {harm}\n    return image\n"
        f"steps = [{', '.join(steps)}]"
    )


@pytest.mark.timeout(900)
def test_p2_a_well_that_kills_its_workers_fails_alone(kind: str, bench: Bench) -> None:
    problems: dict[int, str] = {}
    for seed in range(2000, 2000 + runs_of(kind, 100)):
        rng = random.Random(seed)
        cause = list(POISONS)[seed % len(POISONS)]
        well = rng.choice(list(bench.plate.wells))
        run = bench.run(steps_with(POISONS[cause], bench.marks[well], rng.randrange(4)))
        problems[seed] = next(problems_of_poison(run, bench, well, cause), "")
        shutil.rmtree(run.output)
    tell(f"P2 poison, {kind} plate", problems)


def problems_of_poison(run: Run, bench: Bench, well: str, cause: str) -> Iterator[str]:
    error = f"its worker process died in both attempts, the second time in step 'harm' ({cause})"
    if run.outcome.errors != {well: error}:
        yield f"errors: {run.outcome.errors}"
    if [(w.axis_id, w.signal, w.step_name) for w in deaths(run)] != [(well, cause, "harm")] * 2:
        yield f"deaths: {deaths(run)}"
    last = run.of(well)[-1]
    if (last.axis_id, last.step_name, last.error) != (well, "harm", error):
        yield f"the well's last word is {last}"
    yield from problems_of_others(run, bench, well, 2)


def problems_of_others(run: Run, bench: Bench, well: str, times: int) -> Iterator[str]:
    if begun(run) != {**dict.fromkeys(bench.plate.wells, 1), well: times}:
        yield f"wells began: {begun(run)}"
    if sorted(run.outcome.completed) != sorted(bench.plate.wells.keys() - {well}):
        yield f"wells completed: {run.outcome.completed}"
    for axis in run.plan.axes:
        own = run.of(axis.axis_id)
        whole = len(own) == run.plan.updates(axis) and own[-1].status is ProgressStatus.COMPLETED
        if axis.axis_id != well and not whole:
            yield f"of {axis.axis_id} came {len(own)} updates, not {run.plan.updates(axis)}; the last is {own[-1]}"


# P3: a step that does not end.

HANGS = {
    "in Python": "time.sleep(3600)",
    "in C, with the interpreter's lock": "ctypes.PyDLL(None).pause()",
    "stopped": "os.kill(os.getpid(), signal.SIGSTOP)",
    "deaf to SIGTERM": "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(3600)",
}
LIMIT = 1.0
"""Seconds a step."""


@pytest.mark.timeout(900)
def test_p3_a_hang_ends_at_its_limit_and_is_named(kind: str, bench: Bench) -> None:
    problems: dict[int, str] = {}
    took: list[float] = []
    for seed in range(3000, 3000 + runs_of(kind, 20)):
        rng = random.Random(seed)
        hang = HANGS[list(HANGS)[seed % len(HANGS)]]
        well = rng.choice(list(bench.plate.wells))
        run = bench.run(steps_with(hang, bench.marks[well], rng.randrange(4)), step_limit=LIMIT)
        started, *_, ended = [update for update in run.of(well) if update.step_name == "harm"]
        took.append(ended.timestamp - started.timestamp)
        problems[seed] = next(problems_of_hang(run, bench, well, took[-1]), "")
        shutil.rmtree(run.output)
    print(f"\nended {max(took) - LIMIT:.2f} s after the limit at worst")
    tell(f"P3 hang, {kind} plate", problems)


def problems_of_hang(run: Run, bench: Bench, well: str, took: float) -> Iterator[str]:
    error = f"step 'harm' took longer than its limit of {LIMIT:g} s; its worker process was ended"
    if run.outcome.errors != {well: error}:
        yield f"errors: {run.outcome.errors}"
    if not took <= LIMIT + 1.0:
        yield f"it ended after {took:.2f} s"
    yield from problems_of_others(run, bench, well, 1)
