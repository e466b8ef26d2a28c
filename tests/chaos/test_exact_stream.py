"""Promise `exact-stream`: a follower, however late, slow or stopped, gets every message once and the same state."""

import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

import pytest
from tests.chaos.counts import runs
from tests.chaos.machinery import (
    BEFORE_LINES,
    HIGH_WATER,
    PLATE,
    UPDATES,
    ServerProcess,
    SubscriberProcess,
    journal_of,
    lines_of,
    new_id,
    promise,
    read_journal,
    talk,
    write_lines,
)
from tests.chaos.subscriber import Loss, Order, Pause, Report

from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.runtime.client import ExecutionClient

TRIALS = runs(200)
SEED = 20_000
ROUND = 3
"""Trials with one server; then it is stopped, and its journal read and deleted."""
AT_ONCE = 14
"""Rounds at once: a trial mostly sleeps."""
PING = 0.05
GROWTH = 64 * 1024 * 1024
"""Bytes by which a server may grow."""
SLOWEST = 4.0
"""Seconds for an answer of the server: it may wait for a processor, but not for a subscriber that is stopped."""


class Join(Enum):
    BEFORE = auto()
    """Before the execution is submitted."""
    START = auto()
    MIDDLE = auto()
    END = auto()
    """After it has ended."""


@dataclass(frozen=True, slots=True)
class Trial:
    seed: int
    seconds: float
    """In which the updates are sent."""
    join: Join
    joins: float
    """Seconds after the submit, where in the middle."""
    stops: float
    """Seconds after the submit, or joining where that is later."""
    stopped: float
    """Seconds."""
    after: int | None
    pauses: tuple[Pause, ...]


@dataclass(slots=True)
class Outcome:
    seed: int
    execution_id: str
    report: Report
    slowest: float
    """Seconds that the server took for an answer at most."""
    served: bytes
    """The state at the end, as the server tells it."""
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Round:
    outcomes: list[Outcome]
    growth: int
    """Bytes, at the highest, since the server was warm."""


@pytest.mark.timeout(1200)
def test_everybody_gets_every_message_once(short_tmp: Path) -> None:
    lines = write_lines(short_tmp / "lines")
    trials = [random_trial(SEED + n) for n in range(TRIALS)]
    parts = [trials[n : n + ROUND] for n in range(0, TRIALS, ROUND)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        rounds = list(pool.map(lambda n: play_round(short_tmp / str(n), parts[n], lines), range(len(parts))))
    outcomes = [outcome for played in rounds for outcome in played.outcomes]
    lossy = sum(outcome.report.gaps > 0 for outcome in outcomes)
    growth, slowest = max(played.growth for played in rounds), max(outcome.slowest for outcome in outcomes)
    for outcome in outcomes:
        for problem in outcome.problems:
            print(f"trial {outcome.seed}: {problem}")
    print(
        f"\n{lossy} trials lost frames, {sum(outcome.report.gaps for outcome in outcomes)} times; "
        f"{sum(len(outcome.report.legs) for outcome in outcomes)} followers; a server grew by {growth / 2**20:.1f} MiB "
        f"at most and answered within {1000 * slowest:.0f} ms"
    )
    promise("exact-stream", sum(not outcome.problems for outcome in outcomes), TRIALS)
    assert lossy > TRIALS / 8, "too few frames were lost to prove anything"
    assert growth < GROWTH
    assert slowest < SLOWEST


def random_trial(seed: int) -> Trial:
    rng = random.Random(seed)
    seconds = rng.uniform(2, 6)
    join = rng.choice(list(Join))
    joins = rng.uniform(0.1, 0.7) * seconds
    left = {Join.MIDDLE: seconds - joins, Join.END: 0.2}.get(join, seconds)
    return Trial(
        seed=seed,
        seconds=seconds,
        join=join,
        joins=joins,
        stops=rng.uniform(0, 0.4) * left,
        stopped=rng.uniform(1, 5),
        after=rng.choice((0, None)),
        pauses=tuple(sorted(random_pauses(rng), key=lambda pause: pause.at)),
    )


def random_pauses(rng: random.Random) -> Iterator[Pause]:
    for _ in range(rng.choice((0, 0, 1, 3, 10))):
        loss = rng.choice((Loss.FOLLOWER, Loss.CLIENT))
        yield Pause(at=rng.randrange(UPDATES), loss=loss, seconds=rng.uniform(0, 0.2), replayed=rng.random() < 0.5)
    for _ in range(rng.randint(0, 2)):
        yield Pause(at=rng.randrange(UPDATES), loss=Loss.NOTHING, seconds=rng.uniform(0.2, 1), replayed=False)


def play_round(directory: Path, trials: list[Trial], lines: Path) -> Round:
    with ServerProcess(directory) as server:
        server.serve()
        with ExecutionClient(directory) as client, SubscriberProcess() as subscriber:
            warm_up(client, lines)
            warm = server.memory("VmRSS")
            outcomes = [play(client, subscriber, directory, trial, lines) for trial in trials]
        growth = server.memory("VmHWM") - warm
        server.stop()
    for outcome in outcomes:
        outcome.problems += find_problems(outcome, journal_of(directory), lines)
    journal_of(directory).unlink()
    return Round(outcomes, growth)


def warm_up(client: ExecutionClient, lines: Path) -> None:
    execution_id = client.submit(PLATE, ExecutionKind.RUN, talk(lines, count=UPDATES // 10))
    assert sum(1 for _ in client.progress(execution_id, after=0)) == BEFORE_LINES + UPDATES // 10 + 1


def play(client: ExecutionClient, subscriber: SubscriberProcess, directory: Path, trial: Trial, lines: Path) -> Outcome:
    execution_id = new_id()
    order = Order(
        directory=str(directory),
        execution_id=execution_id,
        high_water=HIGH_WATER,
        after=trial.after,
        pauses=trial.pauses,
    )
    if trial.join is Join.BEFORE:
        subscriber.join(order)
    job = talk(lines, seed=trial.seed, seconds=trial.seconds)
    client.submit(PLATE, ExecutionKind.RUN, job, execution_id=execution_id)
    if trial.join is not Join.BEFORE:
        await_moment(client, trial, execution_id)
        subscriber.join(order)
    time.sleep(trial.stops)
    subscriber.signal(signal.SIGSTOP)
    slowest = ping_for(client, trial.stopped)
    subscriber.signal(signal.SIGCONT)
    report = subscriber.report()
    served = bytes(client.snapshot_of(execution_id).state)
    return Outcome(trial.seed, execution_id, report, slowest, served)


def await_moment(client: ExecutionClient, trial: Trial, execution_id: str) -> None:
    if trial.join is Join.MIDDLE:
        time.sleep(trial.joins)
    elif trial.join is Join.END:
        client.wait(execution_id)


def ping_for(client: ExecutionClient, seconds: float) -> float:
    """Return the seconds that the slowest answer took."""
    end, slowest = time.monotonic() + seconds, 0.0
    while (now := time.monotonic()) < end:
        client.ping()
        slowest = max(slowest, time.monotonic() - now)
        time.sleep(PING)
    return slowest


def find_problems(outcome: Outcome, journal: Path, lines: Path) -> Iterator[str]:
    kept = read_journal(journal, outcome.execution_id)
    yield from kept.problems_of(outcome.report)
    if kept.between(BEFORE_LINES, kept.last) != lines_of(lines, outcome.execution_id):
        yield "the journal does not hold what the runner sent"
    if outcome.served != kept.snapshot:
        yield "the server's state is another than the journal's"
    if kept.state is not ExecutionState.COMPLETED:
        yield f"it ended {kept.state.value}: {kept.reason}"
