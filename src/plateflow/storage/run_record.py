"""``run.json``: what a run did, with what, to what, so that its results can be explained and made again."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from plateflow.storage.atomic import write_atomic

if TYPE_CHECKING:
    from pathlib import Path


class StepRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step as it ran."""

    name: str
    function: str
    """"package.module:function"."""
    parameters: dict[str, Any]
    """All of them, also those left at their default; what JSON cannot hold is written as its ``repr``."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class PipelineRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pipeline as it was when the run was compiled."""

    name: str
    source: str
    """Text of the file that it was loaded from."""
    sha256: str
    """Of the text in UTF-8, hex."""

    @classmethod
    def of(cls, name: str, source: str) -> PipelineRecord:
        """Make the record of a pipeline file's text."""
        return cls(name=name, source=source, sha256=hashlib.sha256(source.encode()).hexdigest())


class RunRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run over one plate."""

    execution_id: str
    plate: str
    """Absolute path of the acquisition."""
    plate_rows: int
    """Of the plate itself, whatever wells were imaged or run."""
    plate_columns: int
    pipeline: PipelineRecord
    steps: tuple[StepRecord, ...]
    fingerprint: str
    """Of all wells, from :mod:`plateflow.execution.fingerprint`."""
    versions: dict[str, str]
    """Of python, and of the libraries that the results depend on."""
    executor: str
    workers: int
    intensity_scale: float
    """What grey values are divided by to be 0..1, as CellProfiler shows them."""
    started: str
    """ISO 8601, UTC, as from :func:`utc_text`."""
    ended: str
    seconds_per_step: tuple[tuple[str, float], ...]
    """Summed over the wells, in the order of the steps."""
    wells_completed: tuple[str, ...]
    wells_failed: tuple[str, ...]


def write_run_record(path: Path, record: RunRecord) -> None:
    """Write ``run.json``; returns when it would survive a power cut."""
    data = msgspec.json.encode(record, enc_hook=repr)
    write_atomic(path, msgspec.json.format(data, indent=2) + b"\n", fsync=True)


def utc_text(seconds: float) -> str:
    """Write seconds since the epoch as ISO 8601 in UTC, to the millisecond: "2024-05-01T09:30:00.000+00:00"."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
