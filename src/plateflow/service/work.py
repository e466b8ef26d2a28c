"""Carry out one job in a runner: open the plate, compile, run, and say how it ended."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec
from msgspec import UNSET

from plateflow.errors import PipelineError, PlateflowError, UserError
from plateflow.execution.executor import default_workers
from plateflow.execution.finish import FinishError
from plateflow.execution.processes import ProcessExecutor
from plateflow.pipeline.compile import compile_plate
from plateflow.pipeline.pipeline import Pipeline, PipelineSource, SourceError, load_source
from plateflow.pipeline.plan import PlatePlan, make_topology
from plateflow.pipeline.signature import resolve_function
from plateflow.plate.formats.load_data_export import write_load_data
from plateflow.plate.summary import summarise
from plateflow.progress.carried import carried
from plateflow.progress.emitter import Emitter
from plateflow.progress.messages import ExecutionKind, ExecutionMessage, ExecutionState, Topology, encode_message
from plateflow.progress.strict import ENCODER
from plateflow.progress.update import ProgressPhase, ProgressStatus
from plateflow.service.consult import answer_payload
from plateflow.service.execute import RunOptions, execute_plan, ready_plan
from plateflow.service.job import decode_job, pipeline_text
from plateflow.service.opening import open_for
from plateflow.service.time_limit import TimeLimitError, time_limit
from plateflow.settings import LOAD_LIMIT
from plateflow.storage.atomic import write_atomic
from plateflow.storage.output import claim_output, require_outside

if TYPE_CHECKING:
    from types import TracebackType

    from plateflow.execution.orchestrator import Forward
    from plateflow.execution.steering import Steering
    from plateflow.plate.model import Plate
    from plateflow.runtime.jobs import Inquiry, Job
    from plateflow.service.job import PipelineFile
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
        except FinishError as e:
            state = ExecutionState.CANCELLED if e.outcome.cancelled else ExecutionState.FAILED
            self._send_state(state, reason=carried(str(e)))
        except (PlateflowError, OSError) as e:
            self._send_state(ExecutionState.FAILED, reason=carried(str(e)) or type(e).__name__)
        else:
            self._send_state(state)

    def _work(self) -> ExecutionState:
        pipeline = self._load()
        plate = self._open(pipeline)
        if self._job.kind is ExecutionKind.INIT or pipeline is None:
            self._tell(plate)
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
            return _load_in_time(self._spec.pipeline, self._spec.settings, min(LOAD_LIMIT, self._spec.step_limit))
        except UserError as e:
            self._emitter.emit(ProgressPhase.COMPILE, ProgressStatus.ERROR, 0, 0, error=str(e))
            raise

    def _open(self, pipeline: Pipeline | None) -> Plate:
        return open_for(self._spec, pipeline, execution_id=self._job.execution_id, report=self._emitter.report)

    def _tell(self, plate: Plate) -> None:
        """Write what an init was asked for beside opening the plate.

        Raises
        ------
        UserError
            If the plate cannot be written as the table that was asked for.
        """
        try:
            rows = None if self._spec.load_data is None else write_load_data(plate, Path(self._spec.load_data))
        except UserError as e:
            self._emitter.emit(ProgressPhase.INIT, ProgressStatus.ERROR, 0, 0, error=str(e))
            raise
        if self._spec.summary is not None:
            summary = msgspec.structs.replace(summarise(plate), load_data_rows=rows)
            write_atomic(Path(self._spec.summary), msgspec.json.encode(summary))

    def _claim(self, stack: ExitStack) -> OutputFolder | None:
        if self._spec.output is None or self._job.kind is not ExecutionKind.RUN:
            return None
        output = Path(self._spec.output)
        try:
            require_outside(output, self._job.plate_id)
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


def _load_in_time(file: PipelineFile, settings: tuple[str, ...], seconds: float) -> Pipeline:
    source = PipelineSource(file.path, pipeline_text(file))
    try:
        with time_limit(seconds, "loading the pipeline"):
            pipeline = load_source(source, settings)
            _import_functions(pipeline)
    except SourceError as e:
        if isinstance(e.__cause__, TimeLimitError):
            raise SourceError(source.path, e.line, str(e.__cause__)) from e
        raise
    except TimeLimitError as e:
        raise SourceError(source.path, 0, str(e)) from e
    return pipeline


def _import_functions(pipeline: Pipeline) -> None:
    # What steps only name is imported here too, for the limit's sake.
    for step in pipeline.steps:
        for branch in chain.from_iterable(first.chain for first in step.branches.values()):
            with suppress(PipelineError):  # compile says so, and of which step
                resolve_function(branch.func)
