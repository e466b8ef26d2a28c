"""What a window that watches takes from a run that keeps all cores busy, and how true the end it foretells is."""

from __future__ import annotations

import random
import statistics
import time
from typing import TYPE_CHECKING, Final

from bench.gui_session import Display, Session
from bench.gui_table import Line
from bench.harness import note
from plateflow.progress.eta import Estimator
from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.progress.state import AxisState, ExecutionProgress
from plateflow.progress.update import ProgressPhase, ProgressStatus, ProgressUpdate

if TYPE_CHECKING:
    from collections.abc import Iterator

PAIRS: Final = 6
SECONDS: Final = 90.0
"""No further pair begins after so many: on a machine that others use, workers at nice +10 hardly come to work."""
WIDEST: Final = 20.0
"""Percent between the pairs, beyond which their median says nothing."""
BLOCKS: Final = 1000
"""Some 3 s on two cores."""
RUNS: Final = 50
WELLS: Final = 384
LANES: Final = 8


def measure_burden(display: Display) -> list[Line]:
    """Run the same work with and without a window on it, in turn."""
    with Session(display, 1, blocks=BLOCKS, wells=384) as session:
        _run(session)  # warms up
        pairs: list[float] = []
        until = time.monotonic() + SECONDS
        for number in range(1, PAIRS + 1):
            if pairs and time.monotonic() > until:
                break
            note(f"a run without and with a window: pair {number} of {PAIRS}")
            order = (False, True) if number % 2 else (True, False)
            seconds = {watched: _run_watched(session) if watched else _run(session) for watched in order}
            pairs.append(100 * (seconds[True] / seconds[False] - 1))
    spread = f"(median of {len(pairs)} pairs; {min(pairs):.1f} to {max(pairs):.1f})"
    goal = 2.0 if max(pairs) - min(pairs) <= WIDEST else None
    remark = spread if goal is not None else f"{spread}: no verdict on the goal of <= 2 %, the machine is too busy"
    return [Line("a run takes longer while a window watches it", statistics.median(pairs), "%", goal, remark=remark)]


def _run_watched(session: Session) -> float:
    window = session.open_window(session.plates)
    try:
        window.ask("select 0")
        time.sleep(1.0)
        return _run(session)
    finally:
        window.close()


def _run(session: Session) -> float:
    """Return the seconds between the run's first and last word."""
    [plate] = session.plates
    execution_id = session.client.submit(str(plate), ExecutionKind.RUN, session.job)
    with session.client.follow(execution_id, after=0) as follower:
        began = 0.0
        while not follower.state.ended:
            follower.poll(1.0)
            if follower.state.state is ExecutionState.RUNNING and not began:
                began = time.monotonic()
        return time.monotonic() - began


def measure_eta() -> list[Line]:
    """Ask the estimator once a simulated second, after a fifth of runs with uneven wells, whether it holds."""
    generator = random.Random(18)
    verdicts = [verdict for _ in range(RUNS) for verdict in _verdicts(generator)]
    share = 100 * statistics.mean(verdicts)
    return [Line("true end inside the shown range, after 20 %", share, "%", 80, at_least=True, remark="of the time")]


def _verdicts(generator: random.Random) -> Iterator[bool]:
    free, events = [0.0] * LANES, []
    for well in range(WELLS):
        start = min(free)
        end = start + generator.lognormvariate(2.0, 0.5)
        free[free.index(start)] = end
        events += [(start, well, False), (end, well, True)]
    end, asked = max(free), 0.2 * max(free)
    estimator, progress = Estimator(), ExecutionProgress(execution_id="x", plate_id="/p")
    progress.counts[AxisState.PENDING] = WELLS
    for when, well, ended in sorted(events):
        while asked < when:
            eta = estimator.range(progress)
            yield eta is not None and eta.low <= end - asked <= eta.high
            asked += 1.0
        update = _edge(well, ended=ended)
        estimator.take([update], when)
        progress.counts[AxisState.RUNNING if ended else AxisState.PENDING] -= 1
        progress.counts[AxisState.COMPLETED if ended else AxisState.RUNNING] += 1


def _edge(well: int, *, ended: bool) -> ProgressUpdate:
    return ProgressUpdate.now(
        execution_id="x",
        plate_id="/p",
        axis_id=f"W{well}",
        total_steps=1,
        phase=ProgressPhase.AXIS_COMPLETED if ended else ProgressPhase.AXIS_STARTED,
        status=ProgressStatus.COMPLETED if ended else ProgressStatus.STARTED,
        completed=int(ended),
        total=1,
    )
