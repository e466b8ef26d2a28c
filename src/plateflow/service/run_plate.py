"""Run a plan right here, without server or journal, for scripts and notebooks."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from plateflow.execution.steering import Steering
from plateflow.progress.messages import Message, decode_lines
from plateflow.service.execute import ExecutorName, RunOptions, execute_plan, ready_plan
from plateflow.settings import STEP_LIMIT
from plateflow.storage.output import claim_output, require_outside

if TYPE_CHECKING:
    from collections.abc import Callable

    from plateflow.execution.orchestrator import Outcome
    from plateflow.pipeline.plan import PlatePlan


def run_plate(
    plan: PlatePlan,
    *,
    output: str | Path | None = None,
    executor: ExecutorName = "threads",
    workers: int | None = None,
    step_limit: float = STEP_LIMIT,
    on_progress: Callable[[Message], None] | None = None,
    execution_id: str | None = None,
    resume: bool = False,
) -> Outcome:
    """Run all wells of a plan; returns when each has ended.

    Parameters
    ----------
    plan
        From :func:`~plateflow.pipeline.compile.compile_plate`.
    output
        New or empty folder for the results; None: nothing is written.
    executor
        "threads", or "processes", which survive what a function does to them but need functions they can import.
    workers
        None: as many as processors.
    step_limit
        Seconds that a step of a well may take, in processes; a thread cannot be ended.
    on_progress
        Called in this thread with each message.
    execution_id
        Of the messages; None: a new one.
    resume
        Go on in a results folder: leave out the wells that are done, and would be the same again.

    Raises
    ------
    OutputError
        If the results folder is not empty, cannot be written, or is inside the plate's own.
    """
    options = RunOptions(executor, workers, step_limit, resume=resume)
    execution_id = execution_id or uuid4().hex

    def forward(body: bytes) -> None:
        if on_progress is not None:
            for message in decode_lines(body):
                on_progress(message)

    if output is not None:
        require_outside(Path(output), plan.plate.path)
    with nullcontext() if output is None else claim_output(Path(output), execution_id, resume=resume) as claimed:
        if claimed is not None:
            plan = ready_plan(plan, claimed.path, options)
        return execute_plan(plan, execution_id, options, forward, Steering(), output=claimed)
