"""``plateflow run`` and ``submit``: a pipeline over plates, watched to the end or only queued."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from plateflow.cli.exits import Exit, exit_of, worst
from plateflow.cli.follow import Draining, cancelling, follow
from plateflow.cli.out import print_json, remark
from plateflow.cli.plate_runs import PlateRun, plan_runs, submit
from plateflow.errors import PlateflowError
from plateflow.service.connect import connect
from plateflow.settings import runtime_directory

if TYPE_CHECKING:
    from plateflow.runtime.client import ExecutionClient
    from plateflow.service.job import JobSpec


def run_plates(plates: list[Path], output: Path | None, spec: JobSpec, *, json: bool) -> Exit:
    """Run a job over plates, one after the other, and print where the results are.

    Parameters
    ----------
    plates
        Their folders.
    output
        Results folder; with several plates, each gets its own in there. None: one below ``plateflow_results``.
    spec
        The job; its plate and output are filled here.
    json
        Messages on stdout instead of the results folders.
    """
    runs = plan_runs(plates, output)
    ids = [run.execution_id for run in runs]
    exits: list[Exit] = []
    with (
        connect(runtime_directory()) as client,
        cancelling(client, ids, _farewell(runs)),
        Draining(client, ids) as draining,
    ):
        followers = [client.follow(run.execution_id) for run in runs]
        _submit_all(client, runs, spec)
        for run, follower in zip(runs, followers, strict=True):
            exits.append(exit_of(follow(client, follower, json=json, draining=draining).state))
            if not json and exits[-1] in (Exit.DONE, Exit.WELLS_FAILED, Exit.CANCELLED) and Path(run.output).exists():
                print(run.output)
    return Exit.INTERRUPTED if draining.asked else worst(exits)


def submit_plates(plates: list[Path], output: Path | None, spec: JobSpec, *, json: bool) -> Exit:
    """Queue a job over plates and print the execution ids.

    Parameters
    ----------
    plates
        Their folders.
    output
        As for :func:`run_plates`.
    spec
        The job; its plate and output are filled here.
    json
        One JSON object a plate on stdout: execution id, plate, output.
    """
    runs = plan_runs(plates, output)
    with connect(runtime_directory()) as client:
        for run in runs:
            submit(client, run, spec)
            if json:
                print_json(run)
                continue
            print(run.execution_id, flush=True)
            remark(f"{Path(run.plate).name} is queued; results will be in {run.output}")
            remark(f"look with `plateflow watch {run.short_id}`")
    return Exit.DONE


def _submit_all(client: ExecutionClient, runs: list[PlateRun], spec: JobSpec) -> None:
    # All or none: nobody would watch the first ones.
    for number, run in enumerate(runs):
        try:
            submit(client, run, spec)
        except (PlateflowError, UnicodeError):
            for before in runs[:number]:
                client.cancel(before.execution_id)
            raise


def _farewell(runs: list[PlateRun]) -> str:
    return f"cancelling; wells that are finished keep their results in {', '.join(run.output for run in runs)}"
