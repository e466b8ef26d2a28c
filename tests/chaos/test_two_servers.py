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
from tests.chaos.machinery import PLATE, ROOT, WAIT, WELLS, ServerProcess, promise, server_command, talk, write_lines

from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.runtime.client import ExecutionClient

RUNS = runs(20)
LIMIT = 1.0
"""Seconds until a second server is refused, or a third answers, in the middle of all runs: no run alone is judged, as a
busy machine may hold up any; and no imports, which the control has too."""
CONTROL = (sys.executable, "-c", "import plateflow.cli.main")


@dataclass(slots=True)
class Tally:
    """Seconds and failures of all runs."""

    refused: list[float] = field(default_factory=list)
    """From the start of a second server's process to its end."""
    imported: list[float] = field(default_factory=list)
    """The same of a process that only imports what a server does."""
    replaced: list[float] = field(default_factory=list)
    """From the death of the first server until a third answers, whose imports were done before."""
    problems: list[str] = field(default_factory=list)


@pytest.fixture
def lines(short_tmp: Path) -> Path:
    return write_lines(short_tmp / "lines", WELLS[:1])


@pytest.mark.timeout(300)
def test_of_one_directory(short_tmp: Path, lines: Path) -> None:
    directory, tally = short_tmp / "run", Tally()
    second = (sys.executable, "-m", "plateflow", "serve", "--directory", str(directory))
    with ExitStack() as servers:
        first = servers.enter_context(ServerProcess(directory))
        first.serve()
        for _ in range(RUNS):
            problems = list(find_problems(first, second, lines, tally))
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
            second = server_command(short_tmp / str(n), journal=journal)
            problems = list(find_problems(first, second, lines, tally))
            third = servers.enter_context(ServerProcess(short_tmp / str(n), journal=journal))
            problems += find_problems_of_third(first, third, lines, tally)
            tally.problems += problems[:1]
            first = third
        first.stop()
    report("two-servers, one journal", tally)


def find_problems(first: ServerProcess, second: tuple[str, ...], lines: Path, tally: Tally) -> Iterator[str]:
    """Start a second server, which should end and leave the first as it is."""
    began = time.monotonic()
    subprocess.run(CONTROL, cwd=ROOT, timeout=WAIT, check=True)
    tally.imported.append(time.monotonic() - began)
    began = time.monotonic()
    ended = subprocess.run(second, cwd=ROOT, input=b"\n", capture_output=True, timeout=WAIT, check=False)
    tally.refused.append(time.monotonic() - began)
    said = ended.stderr.decode()
    if ended.returncode <= 0:
        yield f"the second ended with {ended.returncode}: {said}"
    if f"(pid {first.process.pid})" not in said:
        yield f"the second does not name the first's pid, {first.process.pid}: {said}"
    yield from find_refusal(first, lines)


def find_problems_of_third(first: ServerProcess, third: ServerProcess, lines: Path, tally: Tally) -> Iterator[str]:
    """Kill the first and let a third serve."""
    third.await_imports()
    first.kill()
    began = time.monotonic()
    third.serve()
    tally.replaced.append(time.monotonic() - began)
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
        f"\na second server was refused {max(tally.refused):.2f} s after its process's start at worst, imports"
        f" included, {statistics.median(tally.refused):.2f} s in the middle"
        f" ({statistics.median(tally.imported):.2f} s for the imports alone);"
        f" a third answered {max(tally.replaced):.2f} s after the first one's death at worst"
    )
    promise(name, RUNS - len(tally.problems), RUNS)
    assert statistics.median(tally.refused) < statistics.median(tally.imported) + LIMIT
    assert statistics.median(tally.replaced) < LIMIT
