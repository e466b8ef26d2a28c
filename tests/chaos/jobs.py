"""Jobs over the plates of these tests, as a client submits them, and how they ended."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from msgspec.structs import replace
from tests.chaos.plates import SBS
from tests.chaos.whole import Files, files_of, leftovers, problems_of_files
from tests.integration.conftest import HEAD, Bench

from plateflow.execution.steering import Steering
from plateflow.progress.messages import ExecutionKind, ExecutionState, Message, decode_lines
from plateflow.progress.state import AxisState, ExecutionProgress
from plateflow.progress.update import ProgressPhase, ProgressUpdate
from plateflow.progress.wells import is_well
from plateflow.runtime.jobs import Job
from plateflow.service.job import JobSpec, describe_pipeline
from plateflow.service.work import JobWork, Worksite

EXECUTION = "0123456789abcdef" * 2
PIPELINE = """
pipeline = Pipeline("p", channels={"DNA": "1", "GFP": "2"}, steps=[
    FunctionStep(find_nuclei, "DNA", "Nuclei", min_diameter=4),
    FunctionStep(measure_intensity, ("Nuclei", ["GFP"])),
])
"""
"""Writes tables, labels with their images, and outlines."""


def job_of(bench: Bench, kind: str = "made", text: str = PIPELINE) -> JobSpec:
    """Write a pipeline; return the job of running it over the plate, into ``out`` beside it."""
    path = bench.folder / "pipeline.py"
    path.write_text(HEAD + text)
    return JobSpec(
        plate=bench.plate.path,
        pipeline=describe_pipeline(path),
        filenames=SBS if kind == "real" else None,
        output=str(bench.folder / "out"),
        executor="threads",
        workers=2,
        preview=True,
    )


def do(spec: JobSpec, send: Callable[[bytes], None]) -> None:
    """Do a job as a runner does, in this process."""
    payload = msgspec.Raw(msgspec.json.encode(spec))
    job = Job(execution_id=EXECUTION, plate_id=spec.plate, kind=ExecutionKind.RUN, payload=payload)
    JobWork(job, Worksite(send, Steering(), None)).run()


def do_here(spec: JobSpec) -> "Ended":
    """Do a job in this process; return how it ended."""
    said: list[bytes] = []
    do(spec, said.append)
    return Ended(spec, decode_lines(b"".join(said)))


class Ended:
    """How a job ended, by its messages."""

    def __init__(self, spec: JobSpec, messages: list[Message]) -> None:
        state = ExecutionProgress(execution_id=messages[0].execution_id, plate_id=spec.plate)
        state.apply_all(messages, 1)
        self.output = Path(spec.output or "")
        self.state, self.reason = state.state, state.reason
        self.errors = {name: axis.error for name, axis in state.axes.items() if axis.state is AxisState.FAILED}
        done = (name for name, axis in state.axes.items() if axis.state is AxisState.COMPLETED)
        self.completed = [name for name in done if is_well(name)]
        updates = (message for message in messages if isinstance(message, ProgressUpdate))
        self.begun = Counter(update.axis_id for update in updates if update.phase is ProgressPhase.AXIS_STARTED)
        """How often each well and each step over the whole plate was."""

    @property
    def told(self) -> list[str]:
        """All that is told of what failed."""
        return [*self.errors.values(), *([self.reason] if self.reason else [])]


def problems_of_words(ended: Ended, error: int) -> Iterator[str]:
    """Return where what is told of a failing disk does not say what and where."""
    for words in ended.told:
        if os.strerror(error) not in words or str(ended.output) not in words or ".tmp-" in words:
            yield f"does not name what and where: {words}"
    if ended.state is ExecutionState.FAILED and ended.completed and "--resume" not in ended.reason:
        yield f"does not tell what to do: {ended.reason}"


def problems_of_end(ended: Ended, undisturbed: Files) -> Iterator[str]:
    """Return where a run that went on did not end as an undisturbed one."""
    if ended.state is not ExecutionState.COMPLETED or ended.told:
        yield f"going on ended {ended.state}: {ended.told}"
    if files_of(ended.output).keys() != undisturbed.keys():
        yield f"going on left other files: {files_of(ended.output).keys() ^ undisturbed.keys()}"
    for problem in problems_of_files(ended.output, undisturbed):
        yield f"after going on, {problem}"
    if leftovers(ended.output):
        yield f"going on left {leftovers(ended.output)}"


def undisturbed_files(spec: JobSpec) -> Files:
    """Do a job elsewhere, with nothing in its way; return what it wrote."""
    ended = do_here(replace(spec, output=f"{spec.output}_undisturbed"))
    files = files_of(ended.output)
    assert next(problems_of_end(ended, files), "") == ""
    return files
