"""The clock of steps: what counts, what starts it anew, and what it forgives."""

from plateflow.execution.executor import WorkerInfo
from plateflow.execution.limits import STANDSTILL, StepClock
from plateflow.progress.emitter import Emitter
from plateflow.progress.update import ProgressPhase, ProgressStatus, ProgressUpdate, encode

STARTED, RUNNING = ProgressStatus.STARTED, ProgressStatus.RUNNING


def line(phase: ProgressPhase, status: ProgressStatus, done: int, step: int = 0) -> bytes:
    said: list[ProgressUpdate] = []
    Emitter(said.append, "e" * 32, "/p").axis("A01", 3).step(f"step{step}", step).emit(phase, status, done, 9)
    return encode(said[0])


def in_step(step: int = 0, done: int = 0, pid: int = 1) -> WorkerInfo:
    phase, status = (ProgressPhase.PATTERN_GROUP, RUNNING) if done else (ProgressPhase.STEP_STARTED, STARTED)
    return WorkerInfo(0, pid, "A01", line(phase, status, done, step))


def seconds_until_overdue(worker_at: dict[float, WorkerInfo], limit: float, step: float = 0.2) -> float:
    clock, now, worker = StepClock(limit, 0.0), 0.0, in_step()
    while now < 100:
        now = round(now + step, 6)
        worker = next((w for since, w in reversed(worker_at.items()) if now >= since), worker)
        if clock.overdue([worker], now):
            return now
    return -1.0


def test_a_step_has_its_limit() -> None:
    assert 5.0 <= seconds_until_overdue({0: in_step()}, 5.0) <= 5.5


def test_groups_of_the_same_step_do_not_start_it_anew() -> None:
    assert 5.0 <= seconds_until_overdue({n: in_step(done=n) for n in range(1, 9)}, 5.0) <= 5.5


def test_the_next_step_and_the_next_attempt_do() -> None:
    assert 8.0 <= seconds_until_overdue({0: in_step(), 3: in_step(1)}, 5.0) <= 8.5
    assert 8.0 <= seconds_until_overdue({0: in_step(), 3: in_step(pid=2)}, 5.0) <= 8.5


def test_a_worker_that_has_said_nothing_of_its_well_has_it_too() -> None:
    silent = WorkerInfo(0, 1, "A01", b"")
    assert 5.0 <= seconds_until_overdue({0: silent}, 5.0) <= 5.5


def test_an_idle_worker_has_none() -> None:
    assert seconds_until_overdue({0: WorkerInfo(0, 1, "", b"")}, 5.0) == -1.0


def test_a_time_in_which_nobody_looked_does_not_count() -> None:
    clock = StepClock(5.0, 0.0)
    for now in (0.2, 2.0, 4.0):
        assert clock.overdue([in_step()], now) == []
    later = 4.0 + 3600.0
    assert clock.overdue([in_step()], later) == []
    assert clock.overdue([in_step()], later + 1.0) == []
    assert clock.overdue([in_step()], later + STANDSTILL) != []


def test_looks_that_come_a_little_late_do_count() -> None:
    assert 5.0 <= seconds_until_overdue({0: in_step()}, 5.0, step=STANDSTILL - 0.1) <= 5.0 + 2 * STANDSTILL
