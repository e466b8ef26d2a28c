"""When a run will end: nothing is told too soon, and the truth lies within what is told."""

import random

import pytest

from plateflow.progress.eta import Estimator
from plateflow.progress.messages import Message
from plateflow.progress.state import AxisState, ExecutionProgress
from plateflow.progress.update import ProgressPhase, ProgressStatus, ProgressUpdate


def of_well(well: int, *, ended: bool) -> Message:
    phase = ProgressPhase.AXIS_COMPLETED if ended else ProgressPhase.AXIS_STARTED
    status = ProgressStatus.COMPLETED if ended else ProgressStatus.STARTED
    done = 1 if ended else 0
    return ProgressUpdate.now(
        execution_id="x",
        plate_id="/p",
        axis_id=f"W{well}",
        total_steps=1,
        phase=phase,
        status=status,
        completed=done,
        total=1,
    )


def run(durations: list[float], workers: int, until: float) -> tuple[Estimator, ExecutionProgress, float, float]:
    """Simulate wells that take so long; return the estimator after a share of them, and when all was done."""
    events: list[tuple[float, int, bool]] = []
    free = [0.0] * workers
    for well, seconds in enumerate(durations):
        start = min(free)
        free[free.index(start)] = start + seconds
        events += [(start, well, False), (start + seconds, well, True)]
    estimator = Estimator()
    progress = ExecutionProgress(execution_id="x", plate_id="/p")
    now = until * max(free)
    for when, well, ended in sorted(events):
        if when > now:
            break
        estimator.take([of_well(well, ended=ended)], when)
        progress.apply(of_well(well, ended=ended), progress.seq + 1)
    progress.counts[AxisState.PENDING] = len(durations) - sum(progress.counts.values())
    return estimator, progress, now, max(free)


def test_nothing_is_told_before_some_wells_have_ended() -> None:
    estimator, progress, _, _ = run([1.0] * 8, workers=4, until=0.2)
    assert estimator.range(progress) is None
    assert estimator.per_minute(1.0) == 0.0


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_equal_wells_are_told_exactly(workers: int) -> None:
    estimator, progress, now, end = run([2.0] * 96, workers, until=0.5)
    eta = estimator.range(progress)
    assert eta is not None
    assert eta.low == eta.high == pytest.approx(end - now, abs=2.1)


def test_the_truth_is_mostly_within_the_range_on_uneven_wells() -> None:
    generator = random.Random(7)
    within = 0
    for _ in range(100):
        durations = [generator.lognormvariate(1.0, 0.5) for _ in range(96)]
        estimator, progress, now, end = run(durations, workers=4, until=0.3)
        eta = estimator.range(progress)
        assert eta is not None
        within += eta.low <= end - now <= eta.high
    assert within >= 80
