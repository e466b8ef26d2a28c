"""The orchestrator over a scripted executor: whatever becomes of a worker, every well has its last word."""

from collections.abc import Callable, Sequence

import pytest
from tests.unit.pipeline import functions as f
from tests.unit.pipeline.here import EXECUTION, Here
from tests.unit.pipeline.plates import write_plate

from plateflow.execution.executor import Died, Event, Finished, Lines, TaskResult, WorkerInfo
from plateflow.execution.orchestrator import Orchestrator, Outcome
from plateflow.execution.steering import Steering
from plateflow.pipeline.compile import compile_plate
from plateflow.pipeline.pipeline import Pipeline
from plateflow.pipeline.plan import AxisPlan, PlatePlan
from plateflow.pipeline.step import FunctionStep
from plateflow.progress.messages import ExecutionMessage, ExecutionState, WorkerMessage, WorkerState, decode_lines
from plateflow.progress.state import AxisState, ExecutionProgress
from plateflow.progress.update import ProgressUpdate, encode

WELLS = ("A01", "A02", "A03")


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> PlatePlan:
    plate = write_plate(tmp_path_factory.mktemp("plate") / "p", wells=WELLS, sites=2)
    return compile_plate(plate, Pipeline("p", [FunctionStep(f.same, inputs="1", name=name) for name in ("one", "two")]))


class Scripted:
    """One worker that does each well as its script has it: so many updates, then the end or a death."""

    def __init__(self, plan: PlatePlan, deaths: dict[str, list[int]]) -> None:
        self._plan = plan
        self._deaths = {axis: list(counts) for axis, counts in deaths.items()}
        self._axis: AxisPlan | None = None
        self.started: list[str] = []
        self.cancelled = False
        self.overdue = 0.0

    @property
    def free(self) -> int:
        return int(self._axis is None)

    def start(self, axis: AxisPlan) -> None:
        self._axis = axis
        self.started.append(axis.axis_id)

    def poll(self, timeout: float) -> list[Event]:
        axis, self._axis = self._axis, None
        assert axis is not None
        lines = [encode(update) + b"\n" for update in self._updates_of(axis)]
        script = self._deaths.get(axis.axis_id)
        if self.cancelled or script:
            lines = lines[: script.pop(0) if script else 1]
            told: list[Event] = [Lines(b"".join(lines))] if lines else []
            return [*told, Died(0, 77, axis, "SIGKILL", lines[-1][:-1] if lines else b"", overdue=self.overdue)]
        return [Lines(b"".join(lines)), Finished(TaskResult(axis_id=axis.axis_id))]

    def workers(self) -> Sequence[WorkerInfo]:
        return []

    def cancel(self) -> None:
        self.cancelled = True

    def close(self) -> None:
        pass

    def _updates_of(self, axis: AxisPlan) -> list[ProgressUpdate]:
        return Here(self._plan).of(axis.axis_id)


class CancelledWhen(Steering):
    def __init__(self, asked: Callable[[], bool]) -> None:
        super().__init__()
        self._asked = asked

    @property
    def cancelled(self) -> bool:
        if self._asked():
            self.cancel()
        return super().cancelled


def run(
    plan: PlatePlan, executor: Scripted, cancelled: Callable[[], bool] = lambda: False
) -> tuple[Outcome, list[ProgressUpdate], list[WorkerMessage]]:
    bodies: list[bytes] = []
    outcome = Orchestrator(plan, EXECUTION, executor, bodies.append, CancelledWhen(cancelled)).run()
    messages = decode_lines(b"".join(bodies))
    return (
        outcome,
        [m for m in messages if isinstance(m, ProgressUpdate)],
        [m for m in messages if isinstance(m, WorkerMessage)],
    )


TOTAL = 10
"""Updates of a good well: axis_started, 2 x (step_started, 2 groups, step_completed), axis_completed."""


def step_of(told: int) -> str:
    """Return the step of the last of so many updates of a well."""
    return "" if told < 2 else ("one", "two")[(told - 2) // 4]


@pytest.mark.parametrize("told", range(TOTAL))
def test_a_second_death_is_the_wells_error_at_its_step(plan: PlatePlan, told: int) -> None:
    executor = Scripted(plan, {"A02": [3, told]})
    outcome, updates, workers = run(plan, executor)
    assert outcome.completed == ["A01", "A03"]
    assert executor.started == ["A01", "A02", "A02", "A03"]
    step = step_of(told)
    where = f"in step {step!r}" if step else "before its first step"
    died = f"its worker process died in both attempts, the second time {where} (SIGKILL)"
    assert outcome.errors == {"A02": died}
    own = [update for update in updates if update.axis_id == "A02"][3:]
    assert own[0].phase.value == "axis_started"
    assert [u.phase.value for u in own].count("axis_completed") == 1
    assert (own[-1].phase.value, own[-1].status.value, own[-1].step_name) == ("axis_completed", "error", step)
    assert own[-1].completed == max(0, told - 1) // 4  # the steps that it had told to be done
    assert own[-1].error == outcome.errors["A02"]
    ended = [u for u in own if u.phase.value == "step_completed"]
    assert len({u.step_name for u in ended}) == len(ended)  # no step ends twice
    assert {(w.state, w.signal, w.axis_id, w.pid) for w in workers} == {(WorkerState.DIED, "SIGKILL", "A02", 77)}
    assert [w.step_name or "" for w in workers] == [step_of(3), step]


@pytest.mark.parametrize("told", range(TOTAL))
def test_after_one_death_the_well_runs_once_more(plan: PlatePlan, told: int) -> None:
    executor = Scripted(plan, {"A02": [told]})
    outcome, updates, workers = run(plan, executor)
    assert sorted(outcome.completed) == list(WELLS)
    assert outcome.errors == {}
    assert executor.started == ["A01", "A02", "A02", "A03"]
    assert [u for u in updates if u.error] == []  # a death with an attempt left is no error
    assert len(updates) == 3 * TOTAL + told
    assert [w.signal for w in workers] == ["SIGKILL"]


def test_a_step_over_its_limit_is_not_begun_again(plan: PlatePlan) -> None:
    executor = Scripted(plan, {"A02": [4]})
    executor.overdue = 5.0
    outcome, _, _ = run(plan, executor)
    limit = "step 'one' took longer than its limit of 5 s; its worker process was ended"
    assert outcome.errors == {"A02": limit}
    assert executor.started == list(WELLS)


def test_draining_lets_the_wells_under_way_end(plan: PlatePlan) -> None:
    executor, steering, bodies = Scripted(plan, {}), Steering(), list[bytes]()
    start = executor.start

    def start_and_drain(axis: AxisPlan) -> None:
        start(axis)
        steering.drain()

    executor.start = start_and_drain  # type: ignore[method-assign]
    outcome = Orchestrator(plan, EXECUTION, executor, bodies.append, steering).run()
    assert (outcome.completed, outcome.errors, outcome.cancelled) == (["A01"], {}, True)
    assert not executor.cancelled


def test_draining_the_last_well_completes_the_run(plan: PlatePlan) -> None:
    executor, steering = Scripted(plan, {}), Steering()
    start = executor.start

    def start_and_drain(axis: AxisPlan) -> None:
        start(axis)
        if axis.axis_id == WELLS[-1]:
            steering.drain()

    executor.start = start_and_drain  # type: ignore[method-assign]
    outcome = Orchestrator(plan, EXECUTION, executor, lambda body: None, steering).run()
    assert (outcome.completed, outcome.cancelled) == (list(WELLS), False)


def test_a_pause_is_told_once_no_well_is_under_way_and_so_is_its_end(plan: PlatePlan) -> None:
    executor, steering, bodies = Scripted(plan, {}), Steering(), list[bytes]()
    poll, looks = executor.poll, iter(range(5))

    def poll_paused(timeout: float) -> list[Event]:
        if len(executor.started) == 2 and steering.paused and executor.free:
            if next(looks, None) is None:
                steering.proceed()
            return []
        if len(executor.started) == 2:
            steering.pause()
        return poll(timeout)

    executor.poll = poll_paused  # type: ignore[method-assign]
    outcome = Orchestrator(plan, EXECUTION, executor, bodies.append, steering).run()
    assert (outcome.completed, outcome.cancelled) == (list(WELLS), False)
    told = [m for m in decode_lines(b"".join(bodies)) if not isinstance(m, WorkerMessage)]
    states = [(n, m.state) for n, m in enumerate(told) if isinstance(m, ExecutionMessage)]
    assert states == [(2 * TOTAL, ExecutionState.PAUSED), (2 * TOTAL + 1, ExecutionState.RUNNING)]


def test_cancel_ends_a_pause(plan: PlatePlan) -> None:
    executor, steering, bodies = Scripted(plan, {}), Steering(), list[bytes]()
    steering.pause()

    def poll_cancelled(timeout: float) -> list[Event]:
        steering.cancel()
        return []

    executor.poll = poll_cancelled  # type: ignore[method-assign]
    outcome = Orchestrator(plan, EXECUTION, executor, bodies.append, steering).run()
    assert (outcome.completed, outcome.cancelled, executor.started) == ([], True, [])


@pytest.mark.parametrize("told", range(TOTAL + 1))
def test_the_fold_of_every_death_counts_each_well_once(plan: PlatePlan, told: int) -> None:
    _, updates, _ = run(plan, Scripted(plan, {"A02": [told, told]}))
    progress = ExecutionProgress(execution_id=EXECUTION, plate_id=plan.plate.path)
    for seq, update in enumerate(updates, start=1):
        progress.apply(update, seq)
    failed = int(told < TOTAL)
    assert progress.counts == {
        AxisState.PENDING: 0,
        AxisState.RUNNING: 0,
        AxisState.COMPLETED: 3 - failed,
        AxisState.FAILED: failed,
    }
    assert all(step.running == 0 for step in progress.steps)


def test_a_death_after_the_last_update_is_no_failure(plan: PlatePlan) -> None:
    executor = Scripted(plan, {"A02": [TOTAL]})
    outcome, updates, _ = run(plan, executor)
    assert sorted(outcome.completed) == list(WELLS)
    assert executor.started == list(WELLS)  # its results are written: it is not run again
    assert len(updates) == 3 * TOTAL


def test_cancel_starts_nothing_more_and_tells_no_error(plan: PlatePlan) -> None:
    executor = Scripted(plan, {})
    outcome, updates, workers = run(plan, executor, cancelled=lambda: len(executor.started) == 2)
    assert outcome.cancelled
    assert outcome.completed == ["A01", "A02"]
    assert executor.started == ["A01", "A02"]
    assert not outcome.errors
    assert len(updates) == 2 * TOTAL
    assert not workers


def test_a_worker_that_cancel_kills_is_no_failure(plan: PlatePlan) -> None:
    executor = Scripted(plan, {})
    poll = executor.poll
    executor.poll = lambda timeout: [] if not executor.cancelled and "A02" in executor.started else poll(timeout)  # type: ignore[method-assign]
    outcome, updates, workers = run(plan, executor, cancelled=lambda: "A02" in executor.started)
    assert (outcome.completed, outcome.errors, outcome.cancelled) == (["A01"], {}, True)
    assert executor.started == ["A01", "A02"]
    assert workers == []  # asked for: no death to tell of
    assert len(updates) == TOTAL + 1
