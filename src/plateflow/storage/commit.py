"""The record of a well, ``wells/B06.json``: written last, by a rename, it is what makes a well's results count."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Literal

import msgspec

from plateflow.errors import OutputError
from plateflow.storage.atomic import TEMPORARY_PREFIX, WrittenFile, sync_folder, write_atomic
from plateflow.storage.names import require_alphanumeric

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "wells"


class WellRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a completed well brought, and what it wrote."""

    well: str
    """"B06"."""
    status: Literal["completed"] = "completed"
    """Wells that failed leave no record."""
    sites_done: int
    sites_declared: int
    """By the plate; more than done where images are missing."""
    counts: dict[str, int]
    """Of each kind of object the number found."""
    means: dict[str, float | None]
    """Of each column the mean over the well's objects; None where there is none. NaN is written as null."""
    medians: dict[str, float | None] = {}
    """Of each column the median; as the means."""
    seconds_per_step: tuple[tuple[str, float], ...]
    """In the order of the steps."""
    seconds: float
    """From the well's start to its commit."""
    fingerprint: str
    """Of its inputs and of what was done with them, from :mod:`plateflow.execution.fingerprint`."""
    files: tuple[WrittenFile, ...]
    """All that the well wrote, relative to the results folder; without this record."""


def commit_well(output: Path, record: WellRecord) -> None:
    """Make a well's results count; returns when the record would survive a power cut.

    Call it last: the files that the record names must be written.

    Raises
    ------
    OutputError
        For a well whose name is not letters and digits alone.
    OSError
        Names the file that could not be written; then the well does not count.
    """
    require_alphanumeric("well", record.well)
    folder = output / FOLDER
    folder.mkdir(exist_ok=True)
    path = folder / f"{record.well}.json"
    try:
        write_atomic(path, msgspec.json.encode(record), fsync=True)
    except OSError:
        with suppress(OSError):  # it may stand: where its folder could not be synced, or by an attempt that died
            path.unlink(missing_ok=True)
        raise


def uncommit_well(output: Path, well: str) -> None:
    """Have a well's results count no more; returns when that would survive a power cut, so before they are removed."""
    folder = output / FOLDER
    (folder / f"{well}.json").unlink(missing_ok=True)
    sync_folder(folder)


def read_committed(output: Path) -> dict[str, WellRecord]:
    """Read the records of a results folder, by well, in the order of their names; none where there are none yet.

    Raises
    ------
    OutputError
        For a record that cannot be read; names the file.
    """
    paths = sorted((output / FOLDER).glob("*.json"))
    records = (_read_record(path) for path in paths if not path.name.startswith(TEMPORARY_PREFIX))
    return {record.well: record for record in records}


def find_damage(output: Path, record: WellRecord) -> tuple[str, ...]:
    """Name the files of a well that are gone or have not the size that they were written with, in recorded order."""
    return tuple(file.path for file in record.files if not is_whole(output / file.path, file.size))


def is_whole(path: Path, size: int) -> bool:
    """Return whether a file is there and has the size that it was written with."""
    try:
        return path.stat().st_size == size
    except (FileNotFoundError, NotADirectoryError):
        return False


def _read_record(path: Path) -> WellRecord:
    try:
        record = msgspec.json.decode(path.read_bytes(), type=WellRecord)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OutputError(
            f"{path}: not the record of a well ({error}); delete it to have the well run again"
        ) from error
    if outside := [file.path for file in record.files if not _is_inside(file.path)]:
        raise OutputError(
            f"{path}: names {outside[0]!r}, which is outside the results; delete it to run the well again"
        )
    if record.well != path.stem:
        raise OutputError(f"{path}: is the record of well {record.well!r}; delete it to have the well run again")
    return record


def _is_inside(path: str) -> bool:
    return "\0" not in path and all(part not in ("", ".", "..") for part in path.split("/"))
