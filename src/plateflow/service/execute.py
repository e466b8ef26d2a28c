"""Run a plan over an executor into a results folder: the same for a runner process and for :func:`run_plate`."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal, get_args

from plateflow.errors import OutputError, PlateStepError, UserError
from plateflow.execution.executor import Executor, Work, default_workers
from plateflow.execution.fingerprint import with_fingerprints
from plateflow.execution.finish import RunInfo, finish_run
from plateflow.execution.orchestrator import Forward, Orchestrator, Outcome
from plateflow.execution.plate_images import FOLDER
from plateflow.execution.processes import ProcessExecutor
from plateflow.execution.resume import Rerun, go_on
from plateflow.execution.threads import ThreadExecutor
from plateflow.progress.messages import PLATE_AXIS
from plateflow.settings import STEP_LIMIT

if TYPE_CHECKING:
    from plateflow.execution.steering import Steering
    from plateflow.pipeline.plan import PlatePlan
    from plateflow.storage.output import OutputFolder

ExecutorName = Literal["threads", "processes"]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a plan is run.

    Raises
    ------
    UserError
        For an executor that there is not, or no workers.
    """

    executor: ExecutorName = "processes"
    workers: int | None = None
    """None: as many as processors."""
    step_limit: float = STEP_LIMIT
    """Seconds that a step of a well may take, in processes; a thread cannot be ended."""
    preview: bool = False
    resume: bool = False
    """Go on in a results folder: leave out the wells that are done, and would be the same again."""
    rerun: Rerun | None = None
    """Go on in a results folder: run these wells again, and no other."""
    only: tuple[str, ...] | None = None
    """Of those, only these; None: all."""

    def __post_init__(self) -> None:
        if self.executor not in get_args(ExecutorName):
            raise UserError(f"no executor {self.executor!r}; there are: {', '.join(get_args(ExecutorName))}")
        if self.workers is not None and self.workers < 1:
            raise UserError(f"{self.workers} workers cannot do anything; give 1 or more, or none for one a processor")
        if not self.step_limit > 0:
            raise UserError(f"a step limit of {self.step_limit} s lets no step run; give seconds above 0")


def ready_plan(plan: PlatePlan, output: Path, options: RunOptions) -> PlatePlan:
    """Return a compiled plan with fingerprints, and without the wells that need not run again.

    Raises
    ------
    OutputError
        If what an earlier run left in the results folder cannot be read.
    """
    plan = with_fingerprints(plan, preview=options.preview)
    return go_on(plan, output, options.rerun, options.only) if options.resume or options.rerun else plan


def execute_plan(
    plan: PlatePlan,
    execution_id: str,
    options: RunOptions,
    forward: Forward,
    steering: Steering,
    *,
    output: OutputFolder | None = None,
    spare: ProcessExecutor | None = None,
) -> Outcome:
    """Run all wells of a plan, and write what belongs to the whole plate.

    Parameters
    ----------
    plan
        The wells; where there is an output, as :func:`ready_plan` made it.
    execution_id
        Of the updates.
    options
        How.
    forward
        Takes the lines of all messages.
    steering
        What people ask of the run meanwhile.
    output
        Claimed results folder; None: nothing is written.
    spare
        Processes started ahead, used where they are as many as asked for; closed here.

    Raises
    ------
    FinishError
        If what belongs to the whole plate cannot be written; names the file.
    PipelineError
        If a function of the pipeline cannot cross to worker processes.
    PlateStepError
        If a step over the whole plate failed, so that nothing after it was begun: no well, where it is one before them.
    OutputError
        If a step reads the tables of the wells, but none are written.
    """
    if output is None and (step := next((axis.axis_id for axis in plan.axes if axis.reads_tables), "")):
        what = f"step {step.removeprefix(PLATE_AXIS)!r} reads the tables of all wells, but none are written"
        raise OutputError(f"{what}; name a results folder by output=")
    info = RunInfo(execution_id, options.executor, options.workers or default_workers(), time.time())
    with ExitStack() as stack:
        images = output.path / FOLDER if output else Path(stack.enter_context(TemporaryDirectory(prefix="plateflow-")))
        work = Work(plan, execution_id, str(output.path) if output else "", options.preview, str(images))
        descriptor = output.descriptor if output else None
        executor = stack.enter_context(closing(_make_executor(options, work, spare, descriptor)))
        outcome = Orchestrator(plan, execution_id, executor, forward, steering).run()
        if output:
            finish_run(plan, output.path, outcome, info)  # before the executor closes, which may wait for a thread
    if outcome.plate_error:
        raise PlateStepError(outcome.plate_error)
    return outcome


def _make_executor(options: RunOptions, work: Work, spare: ProcessExecutor | None, descriptor: int | None) -> Executor:
    workers = options.workers or default_workers()
    if spare is not None and (options.executor != "processes" or spare.free != workers):
        spare.close()
        spare = None
    if options.executor == "threads":
        return ThreadExecutor(work, workers)
    processes = spare or ProcessExecutor(workers)
    try:
        processes.prepare(work, options.step_limit, descriptor)
    except UserError:
        processes.close()
        raise
    return processes
