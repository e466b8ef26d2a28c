"""Promise `two-servers`: a second server is refused, names the first and does it no harm; a dead one holds nothing."""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.chaos.counts import runs
from tests.chaos.machinery import PLATE, ROOT, WAIT, WELLS, ServerProcess, promise, talk, write_lines

from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.runtime.client import ExecutionClient

RUNS = runs(20)
LIMIT = 1.0
"""Seconds, after its imports, until a second server is refused, or a third answers; in each run."""


@dataclass(slots=True)
class Tally:
    """Seconds and failures of all runs."""

    refused: list[float] = field(default_factory=list)
    """From when a second server begins, its imports done, to its end."""
    replaced: list[float] = field(default_factory=list)
    """From the death of the first server until a third answers, whose imports were done before."""
    problems: list[str] = field(default_factory=list)


@pytest.fixture
def lines(short_tmp: Path) -> Path:
    return write_lines(short_tmp / "lines", WELLS[:1])


@pytest.mark.timeout(300)
def test_of_one_directory(short_tmp: Path, lines: Path) -> None:
    directory, tally = short_tmp / "run", Tally()
    with ExitStack() as servers:
        first = servers.enter_context(ServerProcess(directory))
        first.serve()
        for _ in range(RUNS):
            problems = list(find_problems_of_command(first))
            second = servers.enter_context(ServerProcess(directory))
            problems += find_problems(first, second, lines, tally)
            third = servers.enter_context(ServerProcess(directory))
            problems += find_problems_of_third(first, third, lines, tally)
            tally.problems += problems[:1]
            first = third
        first.stop()
    report("two-servers, one directory", tally)


@pytest.mark.timeout(300)
def test_of_one_journal(short_tmp: Path, lines: Path) -> None:
    journal, tally = short_tmp / "kept" / "journal.sqlite", Tally()
    with ExitStack() as servers:
        first = servers.enter_context(ServerProcess(short_tmp / "0", journal=journal))
        first.serve()
        for n in range(1, RUNS + 1):
            second = servers.enter_context(ServerProcess(short_tmp / str(n), journal=journal))
            problems = list(find_problems(first, second, lines, tally))
            third = servers.enter_context(ServerProcess(short_tmp / str(n), journal=journal))
            problems += find_problems_of_third(first, third, lines, tally)
            tally.problems += problems[:1]
            first = third
        first.stop()
    report("two-servers, one journal", tally)


def find_problems_of_command(first: ServerProcess) -> Iterator[str]:
    """Have a user start a second server: it ends in words."""
    second = [sys.executable, "-m", "plateflow", "serve", "--directory", str(first.directory)]
    ended = subprocess.run(second, cwd=ROOT, capture_output=True, timeout=WAIT, check=False)
    yield from find_problems_of_end(first, ended.returncode, ended.stderr.decode())


def find_problems(first: ServerProcess, second: ServerProcess, lines: Path, tally: Tally) -> Iterator[str]:
    """Start a second server, which should end at once and leave the first as it is."""
    second.await_imports()
    began = time.monotonic()
    second.begin()
    code = second.process.wait(WAIT)
    took = time.monotonic() - began
    tally.refused.append(took)
    if took >= LIMIT:
        yield f"the second was refused after {took:.2f} s"
    yield from find_problems_of_end(first, code, second.said())
    yield from find_refusal(first, lines)


def find_problems_of_end(first: ServerProcess, code: int, said: str) -> Iterator[str]:
    if code <= 0:
        yield f"the second ended with {code}: {said}"
    if f"(pid {first.process.pid})" not in said:
        yield f"the second does not name the first's pid, {first.process.pid}: {said}"


def find_problems_of_third(first: ServerProcess, third: ServerProcess, lines: Path, tally: Tally) -> Iterator[str]:
    """Kill the first and let a third serve."""
    third.await_imports()
    first.kill()
    began = time.monotonic()
    third.serve()
    took = time.monotonic() - began
    tally.replaced.append(took)
    if took >= LIMIT:
        yield f"the third answered after {took:.2f} s"
    yield from find_refusal(third, lines)


def find_refusal(server: ServerProcess, lines: Path) -> Iterator[str]:
    with ExecutionClient(server.directory) as client:
        if client.ping().pid != server.process.pid:
            yield f"another server than {server.process.pid} answers"
        state = client.wait(client.submit(PLATE, ExecutionKind.RUN, talk(lines)), WAIT)
    if state.state is not ExecutionState.COMPLETED:
        yield f"a run ended {state.state}: {state.reason}"


def report(name: str, tally: Tally) -> None:
    for problem in tally.problems:
        print(problem)
    print(
        f"\na second server was refused {max(tally.refused):.2f} s after its imports at worst,"
        f" {statistics.median(tally.refused):.2f} s in the middle;"
        f" a third answered {max(tally.replaced):.2f} s after the first one's death at worst"
    )
    promise(name, RUNS - len(tally.problems), RUNS)
