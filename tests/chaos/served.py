"""What the tests of whole runs share: pipelines that a real server runs over a plate, and what they leave."""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.plates import SBS, contents
from tests.integration.conftest import HEAD, Bench

from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.progress.state import AxisState
from plateflow.runtime.client import ExecutionClient
from plateflow.runtime.control import Summary
from plateflow.service.execute import ExecutorName
from plateflow.service.job import JobSpec, PipelineFile, describe_pipeline
from plateflow.storage.commit import read_committed

EXECUTORS: tuple[ExecutorName, ...] = ("processes", "threads")
WORKERS = 2
WAIT = 60.0
WORK = """
def work(image: Image) -> Image:
    log = os.open(CALLS, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(log, f"{os.getpid()} {mark(image)}\\n".encode())
    os.close(log)
    time.sleep(0.004)
    return image
steps = [
    FunctionStep(work, "DNA"),
    FunctionStep(find_nuclei, "DNA", "Nuclei", min_diameter=4),
    FunctionStep(work, "GFP"),
    FunctionStep(measure_intensity, ("Nuclei", ["GFP"])),
]
"""
"""Some hundredths of a second a well; each call of ``work`` is noted, by process and well."""


@dataclass
class Station:
    """A plate and a pipeline, which servers run."""

    bench: Bench
    pipeline: PipelineFile
    calls: Path
    """What ``work`` noted."""
    filenames: str | None

    @property
    def wells(self) -> list[str]:
        return list(self.bench.plate.wells)

    def submit(
        self,
        client: ExecutionClient,
        output: Path,
        *,
        executor: ExecutorName = "processes",
        resume: bool = False,
        step_limit: float = 3600.0,
    ) -> str:
        """Queue a run; return its execution id. What was called before is forgotten."""
        self.calls.unlink(missing_ok=True)
        job = JobSpec(
            plate=self.bench.plate.path,
            pipeline=self.pipeline,
            filenames=self.filenames,
            output=str(output),
            executor=executor,
            workers=WORKERS,
            resume=resume,
            step_limit=step_limit,
        )
        return client.submit(self.bench.plate.path, ExecutionKind.RUN, job)

    def run(self, client: ExecutionClient, output: Path, *, resume: bool = False) -> Summary:
        """Run the plate to its end."""
        execution = self.submit(client, output, resume=resume)
        client.wait(execution, WAIT)
        return summary_of(client, execution)

    def called(self) -> set[str]:
        """Return the wells for which ``work`` was called since a run was queued, or this was last asked."""
        text = self.calls.read_text() if self.calls.exists() else ""
        self.calls.unlink(missing_ok=True)
        names = {mark: well for well, mark in self.bench.marks.items()}
        return {names[int(line.split()[1])] for line in text.splitlines()}


def station_of(kind: str, bench: Bench, steps: str = WORK) -> Station:
    """Write a pipeline of such steps beside a plate of that kind."""
    calls, path = bench.folder / "calls", bench.folder / "pipeline.py"
    path.write_text(
        f"{HEAD}CALLS = {str(calls)!r}\n{steps}\npipeline = Pipeline('p', steps, channels={{'DNA': '1', 'GFP': '2'}})\n"
    )
    return Station(bench, describe_pipeline(path), calls, SBS if kind == "real" else None)


def summary_of(client: ExecutionClient, execution_id: str) -> Summary:
    """Return what a server says of one execution."""
    [summary] = client.status(execution_id)
    return summary


def is_whole(summary: Summary, wells: int) -> bool:
    """Tell whether a run completed, with all wells."""
    return summary.state is ExecutionState.COMPLETED and summary.counts.get(AxisState.COMPLETED, 0) == wells


def committed(output: Path) -> dict[str, dict[Path, int]]:
    """Return the files of each well that counts, and when each was written."""
    found = {}
    for well, record in read_committed(output).items():
        paths = [output / "wells" / f"{well}.json", *(output / file.path for file in record.files)]
        found[well] = {path: path.stat().st_mtime_ns for path in paths}
    return found


def end_all(pids: Iterable[int]) -> None:
    """Kill processes, those that are still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def undisturbed(station: Station, client: ExecutionClient) -> tuple[dict[str, bytes], float]:
    """Run the plate to its end twice; return what it leaves, and the seconds it took the second time."""
    outputs = [station.bench.folder / f"undisturbed_{n}" for n in range(2)]
    summaries = [station.run(client, output) for output in outputs]
    assert all(is_whole(summary, len(station.wells)) for summary in summaries)
    first, second = map(contents, outputs)
    assert first == second
    return first, summaries[1].seconds
