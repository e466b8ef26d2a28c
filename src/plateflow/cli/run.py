"""``plateflow run``: a pipeline over plates, watched to the end."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from plateflow.cli.exits import Exit, exit_of, worst
from plateflow.cli.follow import cancelling, follow
from plateflow.progress.messages import ExecutionKind
from plateflow.service.server import connect
from plateflow.settings import runtime_directory

if TYPE_CHECKING:
    from plateflow.runtime.client import ExecutionClient
    from plateflow.service.job import JobSpec


@dataclass(frozen=True, slots=True)
class PlateRun:
    """One plate to run."""

    plate: Path
    output: Path
    execution_id: str


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
    runs = [PlateRun(plate, folder, uuid.uuid4().hex) for plate, folder in _outputs(plates, output)]
    exits: list[Exit] = []
    with (
        connect(runtime_directory()) as client,
        cancelling(client, [run.execution_id for run in runs], _farewell(runs)),
    ):
        followers = [client.follow(run.execution_id) for run in runs]
        for run in runs:
            _submit(client, run, spec)
        for run, follower in zip(runs, followers, strict=True):
            exits.append(exit_of(follow(follower, json=json).state))
            if not json and exits[-1] in (Exit.DONE, Exit.WELLS_FAILED, Exit.CANCELLED) and run.output.exists():
                print(run.output)
    return worst(exits)


def _farewell(runs: list[PlateRun]) -> str:
    return f"cancelling; wells that are finished keep their results in {', '.join(str(run.output) for run in runs)}"


def _outputs(plates: list[Path], output: Path | None) -> list[tuple[Path, Path]]:
    resolved = [plate.resolve() for plate in plates]
    if output is None:
        now = datetime.now().strftime("%Y%m%d-%H%M%S")
        base = Path("plateflow_results").resolve()
        names = [f"{name}_{now}" for name in _names(resolved)]
    elif len(plates) == 1:
        return [(resolved[0], output.resolve())]
    else:
        base, names = output.resolve(), _names(resolved)
    return [(plate, base / name) for plate, name in zip(resolved, names, strict=True)]


def _names(plates: list[Path]) -> list[str]:
    seen: Counter[str] = Counter()
    names = []
    for plate in plates:
        seen[plate.name] += 1
        names.append(plate.name if seen[plate.name] == 1 else f"{plate.name}_{seen[plate.name]}")
    return names


def _submit(client: ExecutionClient, run: PlateRun, spec: JobSpec) -> None:
    job = msgspec.structs.replace(spec, plate=str(run.plate), output=str(run.output))
    client.submit(str(run.plate), ExecutionKind.RUN, job, execution_id=run.execution_id)
