"""Promise P20: workers times the threads of their libraries are no more than the processors there are."""

import json
import os
from pathlib import Path

import pytest
from tests.chaos.plates import bench_of, runs_of, tell
from tests.integration.conftest import Bench

from plateflow.execution.executor import default_workers
from plateflow.service.execute import ExecutorName

STEPS = """
from threadpoolctl import threadpool_info
def report(image: Image) -> Image:
    np.dot(np.ones((64, 64)), np.ones((64, 64)))
    pools = [[pool["internal_api"], pool["num_threads"]] for pool in threadpool_info()]
    log = os.open(CALLS, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(log, (json.dumps([threading.get_ident(), os.getpid(), pools]) + "\\n").encode())
    os.close(log)
    return image
steps = [FunctionStep(report, "DNA")]
"""


def test_p20_threads_are_no_more_than_processors(
    kind: str, executor: ExecutorName, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    bench = bench_of(kind, tmp_path, request)
    calls = bench.folder / "calls"
    problems = {}
    for seed in range(20000, 20000 + runs_of(kind, 5)):
        calls.unlink(missing_ok=True)
        bench.run(f"import json, threading\nCALLS = {str(calls)!r}\n{STEPS}", executor, workers=default_workers())
        problems[seed] = problem_of(bench, calls)
    tell(f"P20 threads, {executor}, {kind} plate", problems)


def problem_of(bench: Bench, calls: Path) -> str:
    said = [json.loads(line) for line in calls.read_text().splitlines()]
    workers = {(process, thread) for thread, process, _ in said}
    pools = [pool for _, _, found in said for pool in found]
    assert pools, "no library with threads was seen, so nothing was shown"
    if len(said) < len(bench.plate.wells) or not 1 <= len(workers) <= default_workers():
        return f"{len(said)} calls in {len(workers)} workers"
    processors = len(os.sched_getaffinity(0))
    most = max(threads for _, threads in pools)
    return f"{len(workers)} workers of {most} threads" if len(workers) * most > processors else ""
