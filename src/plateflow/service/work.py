"""Carry out one job in a runner: open the plate, compile, run, and say how it ended."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from msgspec import UNSET

from plateflow.errors import OutputError, PlateflowError, UserError
from plateflow.execution.executor import default_workers
from plateflow.execution.processes import ProcessExecutor
from plateflow.pipeline.compile import compile_plate
from plateflow.pipeline.pipeline import Pipeline, PipelineSource, load_source
from plateflow.pipeline.plan import PlatePlan, make_topology
from plateflow.plate.open import open_plate
from plateflow.progress.carried import carried
from plateflow.progress.emitter import Emitter
from plateflow.progress.messages import ExecutionKind, ExecutionMessage, ExecutionState, Topology, encode_message
from plateflow.progress.strict import ENCODER
from plateflow.progress.update import ProgressPhase, ProgressStatus
from plateflow.service.consult import answer_payload
from plateflow.service.execute import RunOptions, execute_plan, ready_plan
from plateflow.service.job import decode_job, pipeline_text
from plateflow.storage.output import claim_output

if TYPE_CHECKING:
    from types import TracebackType

    from plateflow.execution.orchestrator import Forward
    from plateflow.execution.steering import Steering
    from plateflow.plate.model import Plate
    from plateflow.runtime.jobs import Inquiry, Job
    from plateflow.storage.output import OutputFolder


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

    def do(self, job: Job, forward: Forward, steering: Steering) -> None:
        """Do a job; everything that a user can mend, and a disk that fails, is said in its last message."""
        JobWork(job, Worksite(forward, steering, self._spare)).run()

    @staticmethod
    def answer(inquiry: Inquiry) -> bytes:
        """Answer a question, in one line."""
        return ENCODER.encode(answer_payload(bytes(inquiry.payload))) + b"\n"


@dataclass(frozen=True, slots=True)
class Worksite:
    """What a job is done with."""

    forward: Forward
    """Takes lines of messages, in order."""
    steering: Steering
    spare: ProcessExecutor | None
    """Processes started ahead; closed with the job."""


class JobWork:
    """One job on its way."""

    def __init__(self, job: Job, site: Worksite) -> None:
        self._job = job
        self._site = site
        self._emitter = Emitter(lambda update: site.forward(encode_message(update)), job.execution_id, job.plate_id)

    def run(self) -> None:
        """Do it, and send the message that ends the execution.

        Everything that a user can mend, and a disk that fails, is said in that message; nothing is raised for it.
        """
        try:
            self._spec = decode_job(bytes(self._job.payload))
            state = self._work()
        except (PlateflowError, OSError) as e:
            self._send_state(ExecutionState.FAILED, reason=carried(str(e)) or type(e).__name__)
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
                wells=None if self._spec.rerun else self._spec.wells,
                execution_id=self._job.execution_id,
                report=self._emitter.report,
            )
            if output is not None:
                plan = ready_plan(plan, output.path, self._options)
            for topology in make_topology(plan):
                self._send_state(ExecutionState.RUNNING, topology=topology)
            return ExecutionState.COMPLETED if output is None else self._execute(plan, output)

    @property
    def _options(self) -> RunOptions:
        spec = self._spec
        return RunOptions(
            executor=spec.executor,
            workers=spec.workers,
            step_limit=spec.step_limit,
            preview=spec.preview,
            resume=spec.resume,
            rerun=spec.rerun,
            only=spec.wells if spec.rerun else None,
        )

    def _execute(self, plan: PlatePlan, output: OutputFolder) -> ExecutionState:
        outcome = execute_plan(
            plan,
            self._job.execution_id,
            self._options,
            self._site.forward,
            self._site.steering,
            output=output,
            spare=self._site.spare,
        )
        return ExecutionState.CANCELLED if outcome.cancelled else ExecutionState.COMPLETED

    def _load(self) -> Pipeline | None:
        if self._spec.pipeline is None:
            return None
        try:
            source = PipelineSource(self._spec.pipeline.path, pipeline_text(self._spec.pipeline))
            return load_source(source, self._spec.settings)
        except UserError as e:
            self._emitter.emit(ProgressPhase.COMPILE, ProgressStatus.ERROR, 0, 0, error=str(e))
            raise

    def _open(self, pipeline: Pipeline | None) -> Plate:
        return open_plate(
            self._spec.plate,
            filenames=self._spec.filenames or (pipeline.filenames if pipeline else None),
            metadata=self._spec.metadata or (pipeline.metadata if pipeline else None),
            execution_id=self._job.execution_id,
            report=self._emitter.report,
        )

    def _claim(self, stack: ExitStack) -> OutputFolder | None:
        if self._spec.output is None or self._job.kind is not ExecutionKind.RUN:
            return None
        output = Path(self._spec.output)
        try:
            if output.is_relative_to(self._job.plate_id):
                raise OutputError(f"results folder {output} is inside the plate's own, which is never written to")
            stack.callback(_remove_if_empty, output)
            goes_on = self._spec.resume or self._spec.rerun is not None
            return stack.enter_context(claim_output(output, self._job.execution_id, resume=goes_on))
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


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):  # it holds results, or was never made
        folder.rmdir()
