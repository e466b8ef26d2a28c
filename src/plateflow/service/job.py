"""What a client asks a runner to do: opaque to the server in between."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from plateflow.errors import PipelineError, UserError
from plateflow.pipeline.source_file import decode_text, read_file
from plateflow.progress.words import SHORT_ID
from plateflow.settings import STEP_LIMIT
from plateflow.storage.names import fit_name
from plateflow.storage.regular import real_path


class PipelineFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pipeline file as the client saw it: the runner reads it once more and runs exactly those bytes or none."""

    path: str
    """Absolute."""
    sha256: str


class JobSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One init, compile or run of a plate."""

    plate: str
    pipeline: PipelineFile | None = None
    """For init only where it names the plate's files; None where it is not needed."""
    settings: tuple[str, ...] = ()
    """Parameters that are set beside the pipeline's file, ``STEP.PARAMETER=VALUE`` each."""
    filenames: str | None = None
    """Wins over the pipeline's."""
    metadata: str | None = None
    layout: str | None = None
    """Name of the reader that is to open the plate; None: the one that knows it."""
    summary: str | None = None
    """Absolute path of a file in which an init leaves what it found, a PlateSummary as JSON."""
    load_data: str | None = None
    """Absolute path of a LoadData table that an init writes of the plate."""
    wells: tuple[str, ...] | None = None
    output: str | None = None
    """Absolute path of the results folder; None for init and compile."""
    executor: Literal["threads", "processes"] = "processes"
    workers: Annotated[int, Meta(ge=1, le=1024)] | None = None
    step_limit: Annotated[float, Meta(gt=0)] = STEP_LIMIT
    """Seconds that a step of a well may take; its worker process is ended then, and the well fails."""
    preview: bool = False
    resume: bool = False
    """Go on in a results folder: leave out the wells that are done, and would be the same again."""
    rerun: Literal["failed", "cancelled", "missing"] | None = None
    """Go on in a results folder: run the wells again that had failed, were not run to their end, or both."""

    def __post_init__(self) -> None:
        if self.wells is not None and self.resume:
            raise ValueError("wells cannot be chosen where a run is resumed: it knows which are to run")
        if self.resume and self.rerun:
            raise ValueError("a run goes on by `resume` or by `rerun`, not by both")


def decode_job(payload: bytes) -> JobSpec:
    """Decode what a client submitted.

    Raises
    ------
    UserError
        If it is no job; names the field.
    """
    try:
        return msgspec.json.decode(payload, type=JobSpec)
    except msgspec.ValidationError as e:
        raise UserError(f"the job cannot be done: {e}") from e


def describe_pipeline(path: str | Path) -> PipelineFile:
    """Name a pipeline file for a job; it is not run here.

    Raises
    ------
    PipelineError
        If it cannot be read, or is no text.
    """
    given = os.path.abspath(path)
    data = read_file(given)
    decode_text(given, data)
    return PipelineFile(path=real_path(given), sha256=hashlib.sha256(data).hexdigest())


def default_results(plate: Path, execution_id: str) -> Path:
    """Return the results folder of a run that names none: below the current folder, and no two are the same."""
    now = datetime.now().strftime("%Y%m%d-%H%M%S")
    return Path("plateflow_results").absolute() / fit_name(plate.name, f"_{now}_{execution_id[:SHORT_ID]}")


def pipeline_text(file: PipelineFile) -> str:
    """Read a job's pipeline file.

    Raises
    ------
    PipelineError
        If it cannot be read, is no text, or is not what the client saw.
    """
    data = read_file(file.path)
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise PipelineError(f"pipeline {file.path} was changed after it was submitted; submit it again")
    return decode_text(file.path, data)
