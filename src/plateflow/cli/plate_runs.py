"""Runs of one job over several plates: an execution and a results folder each."""

from __future__ import annotations

import uuid
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from plateflow.errors import PlateError
from plateflow.progress.messages import ExecutionKind
from plateflow.progress.words import SHORT_ID
from plateflow.service.job import default_results
from plateflow.storage.names import fit_name
from plateflow.storage.regular import real_path

if TYPE_CHECKING:
    from plateflow.runtime.client import ExecutionClient
    from plateflow.service.job import JobSpec


class PlateRun(msgspec.Struct, frozen=True):
    """One plate to run."""

    execution_id: str
    plate: str
    """Resolved absolute path."""
    output: str
    """Absolute path of its results folder."""

    @property
    def short_id(self) -> str:
        """The beginning of its id."""
        return self.execution_id[:SHORT_ID]


def plan_runs(plates: list[Path], output: Path | None) -> list[PlateRun]:
    """Give each plate an execution and a results folder.

    Parameters
    ----------
    plates
        Their folders.
    output
        Results folder; with several plates, each gets its own in there. None: one below ``plateflow_results``, named
        by plate, time and the beginning of the execution's id, so that no two are the same.

    Raises
    ------
    PlateError
        If a plate is not there: a mistake that would otherwise show when its turn comes, perhaps hours later.
    """
    for plate in plates:
        if not plate.exists():
            raise PlateError(f"{plate}: there is no such plate folder")
    resolved = [Path(real_path(plate)) for plate in plates]
    ids = [uuid.uuid4().hex for _ in plates]
    folders = _folders(resolved, ids, output)
    return [PlateRun(*fields) for fields in zip(ids, map(str, resolved), map(str, folders), strict=True)]


def submit(client: ExecutionClient, run: PlateRun, spec: JobSpec) -> None:
    """Queue one plate.

    Parameters
    ----------
    client
        Of the server.
    run
        The plate.
    spec
        The job; its plate and output are filled here.
    """
    job = msgspec.structs.replace(spec, plate=run.plate, output=run.output)
    client.submit(run.plate, ExecutionKind.RUN, job, execution_id=run.execution_id)


def _folders(plates: list[Path], ids: list[str], output: Path | None) -> list[Path]:
    if output is None:
        return [default_results(plate, key) for plate, key in zip(plates, ids, strict=True)]
    if len(plates) == 1:
        return [Path(real_path(output))]
    return [Path(real_path(output)) / name for name in _distinct([fit_name(plate.name) for plate in plates])]


def _distinct(names: list[str]) -> list[str]:
    distinct: dict[str, None] = {}
    for given in names:
        name, numbers = given, count(2)
        while name in distinct or (name != given and name in names):
            name = fit_name(given, f"_{next(numbers)}")
        distinct[name] = None
    return list(distinct)
