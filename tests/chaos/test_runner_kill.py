"""Promise `runner-kill`: all that a killed runner had sent is kept and delivered."""

import random
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.chaos.counts import runs
from tests.chaos.machinery import (
    BEFORE_LINES,
    PLATE,
    ServerProcess,
    journal_of,
    lines_of,
    new_id,
    promise,
    read_journal,
    talk,
    write_lines,
)

from plateflow.progress.messages import ExecutionKind, ExecutionState, encode_message
from plateflow.runtime.client import ExecutionClient

RUNS = runs(100)
SEED = 100
MOST = 3000


@dataclass(slots=True)
class Killed:
    execution_id: str
    sent: int
    """Lines of the runner, the plan included."""
    delivered: bytes
    """All messages that a follower returned, encoded again."""


@pytest.mark.timeout(600)
def test_all_that_a_killed_runner_sent_is_kept_and_delivered(short_tmp: Path) -> None:
    lines, directory = write_lines(short_tmp / "lines"), short_tmp / "run"
    with ServerProcess(directory) as server:
        server.serve()
        with ExecutionClient(directory) as client:
            killed = [run_and_kill(client, lines, short_tmp / "sent", random.Random(SEED + n)) for n in range(RUNS)]
        server.stop()
    problems = [find_problem(run, journal_of(directory), lines) for run in killed]
    for n, problem in enumerate(problems):
        if problem:
            print(f"run {SEED + n}, {killed[n].sent} lines: {problem}")
    promise("runner-kill", problems.count(""), RUNS)


def run_and_kill(client: ExecutionClient, lines: Path, sent: Path, rng: random.Random) -> Killed:
    sent.unlink(missing_ok=True)
    execution_id = new_id()
    progress = client.progress(execution_id, after=0)
    seconds = rng.choice((0.0, 0.1))
    job = talk(lines, count=rng.randint(1, MOST), seed=rng.randrange(10**6), seconds=seconds, sent=sent)
    client.submit(PLATE, ExecutionKind.RUN, job, execution_id=execution_id)
    delivered = b"".join(encode_message(message) for message in progress)
    return Killed(execution_id, int(sent.read_text()), delivered)


def find_problem(run: Killed, journal: Path, lines: Path) -> str:
    kept = read_journal(journal, run.execution_id)
    said = lines_of(lines, run.execution_id).splitlines(keepends=True)[: run.sent]
    if kept.state is not ExecutionState.FAILED or "SIGKILL" not in kept.reason:
        return f"it ended {kept.state.value}: {kept.reason}"
    if kept.last != BEFORE_LINES + run.sent + 1:
        return f"the journal holds {kept.last - BEFORE_LINES - 1} lines of the runner"
    if kept.between(BEFORE_LINES, kept.last - 1) != b"".join(said):
        return "the journal does not hold what the runner sent"
    if kept.lines != run.delivered:
        return "a follower returned anything else than the journal holds"
    return ""
