"""Promise `server-kill`: a killed and restarted server has lost nothing that it published, and its queue goes on."""

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import zmq
from tests.chaos.counts import runs
from tests.chaos.machinery import (
    BEFORE_LINES,
    HIGH_WATER,
    PLATE,
    WELLS,
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
from tests.chaos.subscriber import Order, Report

from plateflow.progress.messages import ExecutionKind, ExecutionState, encode_message
from plateflow.runtime.client import ExecutionClient
from plateflow.runtime.frames import Frame, decode_frame

RUNS = runs(50)
SEED = 50
STREAM = 1.5
"""Seconds in which the run would send its updates, about."""
ALIVE = 1.2
"""Seconds after the submit within which the server is killed."""
DOWN = 1.0
"""Seconds until the next server begins, at most; clients wait for it for 2 s."""


@dataclass(slots=True)
class Jobs:
    """What the runs say."""

    long: Path
    short: Path


@dataclass(slots=True)
class Killed:
    """One death of a server."""

    seed: int
    run: str
    """The execution that streamed."""
    queued: str
    """The one behind it."""
    heard: list[Frame]
    """All that a bare subscriber to the run received from the server that was killed."""
    lived_through: Report
    """Of a follower of the run."""
    awaited: bytes
    """All messages of the queued one, encoded again, as a follower that lived through it returned them."""


@pytest.mark.timeout(600)
def test_a_killed_server_has_kept_all_that_it_published(short_tmp: Path) -> None:
    jobs = Jobs(write_lines(short_tmp / "long"), write_lines(short_tmp / "short", WELLS[:1]))
    directory = short_tmp / "run"
    with ExitStack() as opened:
        server = opened.enter_context(ServerProcess(directory))
        server.serve()
        subscriber = opened.enter_context(SubscriberProcess())
        killed: list[Killed] = []
        for n in range(RUNS):
            following = opened.enter_context(ServerProcess(directory))
            following.await_imports()
            killed.append(kill(server, following, subscriber, jobs, SEED + n))
            server = following
        server.stop()
    problems = [next(find_problems(death, journal_of(directory), jobs), "") for death in killed]
    for death, problem in zip(killed, problems, strict=True):
        if problem:
            print(f"kill {death.seed}: {problem}")
    lengths = sorted(death.lived_through.legs[-1].last for death in killed if death.lived_through.legs)
    print(f"\nkilled after {lengths[0]} to {lengths[-1]} messages, {lengths[len(lengths) // 2]} in the middle")
    promise("server-kill", problems.count(""), RUNS)


def kill(
    server: ServerProcess, following: ServerProcess, subscriber: SubscriberProcess, jobs: Jobs, seed: int
) -> Killed:
    rng = random.Random(seed)
    run, queued = new_id(), new_id()
    directory = server.directory
    subscriber.join(Order(directory=str(directory), execution_id=run, high_water=HIGH_WATER, after=0))
    with ExecutionClient(directory) as client, ExitStack() as opened:
        bare = opened.enter_context(subscribe(client.connection.stream, run))
        progress = client.progress(queued, after=0)
        client.submit(PLATE, ExecutionKind.RUN, talk(jobs.long, seed=seed, seconds=STREAM), execution_id=run)
        client.submit(PLATE, ExecutionKind.RUN, talk(jobs.short), execution_id=queued)
        time.sleep(rng.uniform(0, ALIVE))
        server.kill()
        heard = list(frames_of(bare))
        time.sleep(rng.uniform(0, DOWN))
        following.begin()
        awaited = b"".join(encode_message(message) for message in progress)
    return Killed(seed, run, queued, heard, subscriber.report(), awaited)


@contextmanager
def subscribe(address: str, execution_id: str) -> "Iterator[zmq.Socket[bytes]]":
    with zmq.Context() as context, context.socket(zmq.SUB) as bare:
        bare.connect(address)
        bare.subscribe(execution_id.encode())
        yield bare


def frames_of(bare: "zmq.Socket[bytes]") -> Iterator[Frame]:
    while bare.poll(100):
        yield decode_frame(bare.recv_multipart())


def find_problems(death: Killed, journal: Path, jobs: Jobs) -> Iterator[str]:
    kept = read_journal(journal, death.run)
    if (kept.state, kept.reason) != (ExecutionState.INTERRUPTED, "the server died"):
        yield f"the run ended {kept.state.value}: {kept.reason}"
    if not lines_of(jobs.long, death.run).startswith(kept.between(BEFORE_LINES, kept.last - 1)):
        yield "the journal does not hold what the runner sent"
    yield from kept.problems_of(death.lived_through)
    for header, body in death.heard:
        if kept.between(header.first_seq - 1, header.first_seq - 1 + header.count) != body:
            yield f"{header} was published, but is not in the journal"
    yield from find_problems_of_queued(death, journal, jobs)


def find_problems_of_queued(death: Killed, journal: Path, jobs: Jobs) -> Iterator[str]:
    kept = read_journal(journal, death.queued)
    if kept.state is not ExecutionState.COMPLETED:
        yield f"the queued run ended {kept.state.value}: {kept.reason}"
    if kept.between(BEFORE_LINES, kept.last) != lines_of(jobs.short, death.queued):
        yield "the journal does not hold what the queued run's runner sent"
    if kept.lines != death.awaited:
        yield "a follower of the queued run returned anything else than the journal holds"
