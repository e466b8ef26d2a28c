"""Carry out one job in a runner: open the plate, compile, run, and say how it ended."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from msgspec import UNSET

from plateflow.errors import PlateflowError, UserError
from plateflow.execution.executor import default_workers
from plateflow.execution.processes import ProcessExecutor
from plateflow.pipeline.compile import compile_plate
from plateflow.pipeline.pipeline import Pipeline, PipelineSource, load_source
from plateflow.pipeline.plan import PlatePlan, make_topology
from plateflow.plate.open import open_plate
from plateflow.progress.emitter import Emitter
from plateflow.progress.messages import ExecutionKind, ExecutionMessage, ExecutionState, Topology, encode_message
from plateflow.progress.update import ProgressPhase, ProgressStatus, encode
from plateflow.service.execute import RunOptions, execute_plan
from plateflow.service.job import decode_job, pipeline_text
from plateflow.storage.output import claim_output

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from plateflow.execution.orchestrator import Forward
    from plateflow.plate.model import Plate
    from plateflow.runtime.jobs import Job


class Workshop:
    """What a runner makes ready before it knows its job: all imports, and worker processes."""

    def __init__(self) -> None:
        self._spare = ProcessExecutor(default_workers())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spare.close()

    def do(self, job: Job, forward: Forward, cancelled: Callable[[], bool]) -> None:
        """Do a job; everything that a user can mend, and a disk that fails, is said in its last message."""
        JobWork(job, Worksite(forward, cancelled, self._spare)).run()


@dataclass(frozen=True, slots=True)
class Worksite:
    """What a job is done with."""

    forward: Forward
    """Takes lines of messages, in order."""
    cancelled: Callable[[], bool]
    spare: ProcessExecutor | None
    """Processes started ahead; closed with the job."""


class JobWork:
    """One job on its way."""

    def __init__(self, job: Job, site: Worksite) -> None:
        self._job = job
        self._site = site
        self._emitter = Emitter(lambda update: site.forward(encode(update) + b"\n"), job.execution_id, job.plate_id)

    def run(self) -> None:
        """Do it, and send the message that ends the execution.

        Everything that a user can mend, and a disk that fails, is said in that message; nothing is raised for it.
        """
        try:
            self._spec = decode_job(bytes(self._job.payload))
            state = self._work()
        except (PlateflowError, OSError) as e:
            self._send_state(ExecutionState.FAILED, reason=str(e))
        else:
            self._send_state(state)

    def _work(self) -> ExecutionState:
        pipeline = self._load()
        plate = self._open(pipeline)
        if self._job.kind is ExecutionKind.INIT or pipeline is None:
            return ExecutionState.COMPLETED
        with ExitStack() as stack:
            output = self._claim(stack)
            plan = compile_plate(
                plate,
                pipeline,
                wells=self._spec.wells,
                execution_id=self._job.execution_id,
                report=self._emitter.report,
            )
            for topology in make_topology(plan):
                self._send_state(ExecutionState.RUNNING, topology=topology)
            return ExecutionState.COMPLETED if output is None else self._execute(plan, output)

    def _execute(self, plan: PlatePlan, output: Path) -> ExecutionState:
        options = RunOptions(self._spec.executor, self._spec.workers, self._spec.preview)
        outcome = execute_plan(
            plan,
            self._job.execution_id,
            options,
            self._site.forward,
            self._site.cancelled,
            output=output,
            spare=self._site.spare,
        )
        return ExecutionState.CANCELLED if outcome.cancelled else ExecutionState.COMPLETED

    def _load(self) -> Pipeline | None:
        if self._spec.pipeline is None:
            return None
        try:
            return load_source(PipelineSource(self._spec.pipeline.path, pipeline_text(self._spec.pipeline)))
        except UserError as e:
            self._emitter.emit(ProgressPhase.COMPILE, ProgressStatus.ERROR, 0, 0, error=str(e))
            raise

    def _open(self, pipeline: Pipeline | None) -> Plate:
        found = _FilesFound(self._emitter)
        try:
            plate = open_plate(
                self._spec.plate,
                filenames=self._spec.filenames or (pipeline.filenames if pipeline else None),
                metadata=self._spec.metadata or (pipeline.metadata if pipeline else None),
                report=found,
            )
        except UserError as e:
            self._emitter.emit(ProgressPhase.INIT, ProgressStatus.ERROR, found.done, found.total, error=str(e))
            raise
        found.complete(plate)
        return plate

    def _claim(self, stack: ExitStack) -> Path | None:
        if self._spec.output is None or self._job.kind is not ExecutionKind.RUN:
            return None
        try:
            return stack.enter_context(claim_output(Path(self._spec.output))).path
        except UserError as e:
            self._emitter.emit(ProgressPhase.COMPILE, ProgressStatus.ERROR, 0, 0, error=str(e))
            raise

    def _send_state(self, state: ExecutionState, *, reason: str = "", topology: Topology | None = None) -> None:
        message = ExecutionMessage.now(
            self._job.execution_id,
            self._job.plate_id,
            self._job.kind,
            state,
            reason=reason or UNSET,
            topology=topology or UNSET,
        )
        self._site.forward(encode_message(message))


class _FilesFound:
    """Turns the counts of a plate's reader into ``init`` updates."""

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self._started = False
        self.done = 0
        self.total = 0

    def __call__(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        status = ProgressStatus.RUNNING if self._started else ProgressStatus.STARTED
        self._started = True
        self._emitter.emit(ProgressPhase.INIT, status, done, total)

    def complete(self, plate: Plate) -> None:
        self._emitter.emit(
            ProgressPhase.INIT, ProgressStatus.COMPLETED, self.total, self.total, message=describe_plate(plate)
        )


def describe_plate(plate: Plate) -> str:
    """Say in one line what was understood of a plate."""
    records = [record for well in plate.wells.values() for record in well]
    missing = sum(1 for record in records if record.missing)
    channels = ", ".join(f"{c.name} {c.label}".strip() for c in plate.channels)
    parts = [
        f"{len(plate.wells)} wells of {plate.rows} x {plate.columns}",
        _counted("site", {record.site for record in records}),
        f"channels {channels}",
        _counted("z plane", {record.z for record in records}),
        _counted("timepoint", {record.timepoint for record in records}),
        f"{len(records) - missing} images",
    ]
    if missing:
        parts.append(f"{missing} missing")
    return f"{plate.layout}: " + ", ".join(parts)


def _counted(what: str, values: set[int]) -> str:
    return f"{len(values)} {what}" + ("" if len(values) == 1 else "s")
