"""What steps over the wells' tables read and make: one table of all wells that are done, and tables of the plate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from plateflow.errors import OutputError
from plateflow.functions.kinds import Info, Kind
from plateflow.progress.messages import AxisKind, Skipped
from plateflow.storage.atomic import WrittenFile, write_atomic
from plateflow.storage.commit import is_whole, read_committed
from plateflow.storage.names import encode_name
from plateflow.storage.output import find_link, require_own
from plateflow.storage.refusals import telling_what_to_do
from plateflow.storage.tables import part_path, read_parts, read_table, write_frame

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import polars as pl

    from plateflow.pipeline.plan import AxisPlan, Group, Output, PlateInfo, Ref
    from plateflow.storage.commit import WellRecord

FOLDER = "plate_tables"
"""Of the results: ``Normalised.parquet`` for each table, and a record for each step that came to its end."""


class TableStepRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a step over the wells' tables went; written last, it is what makes its tables count."""

    step: str
    seconds: float
    wells: tuple[str, ...]
    """Those whose tables it read."""
    fingerprint: str
    """Of what it does, from :mod:`plateflow.execution.fingerprint`."""
    files: tuple[WrittenFile, ...]
    """What it wrote, relative to the folder of the tables."""


class TableData:
    """What one step over the wells' tables has in memory.

    Parameters
    ----------
    axis
        The step.
    output
        Results folder.
    """

    def __init__(self, axis: AxisPlan, output: Path) -> None:
        self.axis = axis
        self._output = output
        self._wells: dict[str, WellRecord] = {}
        self._made: dict[str, pl.DataFrame] = {}

    def arguments(self, group: Group, kinds: tuple[Kind, ...]) -> list[Any]:
        """Return the tables that a call gets, each with the rows of all wells that are done.

        Raises
        ------
        OutputError
            If no well is done, or none has such a table; or one cannot be read.
        """
        records = read_committed(self._output)
        self._wells = {well: record for well, record in records.items() if well not in self.axis.left_out}
        if not self._wells:
            raise OutputError(f"none of the plate's {self.axis.wells} wells is done, so there are no tables to read")
        return [self._read(refs[0]) for refs in group.inputs]

    def keep(self, output: Output, thing: Any, group: Group) -> None:
        """Take in a table that a call returned."""
        for ref in output.refs:
            self._made[ref.name] = thing

    def info(self, group: Group, plate: PlateInfo) -> Info:
        """Return where the tables of a call are from."""
        return Info(plate=plate.name, pixel_size_um=plate.pixel_size_um)

    def remark(self, group: Group) -> str:
        """Return what is to be said of a call: of how many wells it read the tables."""
        return f"read the tables of {len(self._wells)} of {self.axis.wells} wells"

    def release(self, names: tuple[str, ...]) -> None:
        """Forget nothing: what it made is written at its end."""

    def write(self, seconds: float) -> None:
        """Write what was made, then the record of it.

        Raises
        ------
        OutputError
            Names the file that cannot be written, and what to do.
        """
        folder = self._output / FOLDER
        require_own(self._output, folder)
        with telling_what_to_do():
            files = [self._write(name, frame) for name, frame in self._made.items()]
            record = TableStepRecord(
                step=self.axis.axis_id,
                seconds=seconds,
                wells=tuple(self._wells),
                fingerprint=self.axis.fingerprint,
                files=tuple(files),
            )
            write_atomic(record_path(self._output, self.axis.axis_id), msgspec.json.encode(record), fsync=True)

    def _read(self, ref: Ref) -> pl.DataFrame:
        if ref.kind is Kind.FRAME:
            return read_table(table_path(self._output, ref.name))
        parts = [
            path
            for well, record in self._wells.items()
            if (path := part_path(self._output, ref.name, well)).relative_to(self._output).as_posix()
            in {file.path for file in record.files}
        ]
        if not parts:
            raise OutputError(f"none of the {len(self._wells)} wells that are done has a table {ref.name!r}")
        return read_parts(parts)

    def _write(self, name: str, frame: pl.DataFrame) -> WrittenFile:
        path = table_path(self._output, name)
        return WrittenFile(path.name, write_frame(path, frame, fsync=True))


def table_path(output: Path, name: str) -> Path:
    """Name the file of a table of the plate: ``plate_tables/Normalised.parquet`` in the results folder."""
    return output / FOLDER / f"{encode_name(name)}.parquet"


def record_path(output: Path, axis_id: str) -> Path:
    """Name the file of a step's record."""
    return output / FOLDER / f"{encode_name(axis_id)}.json"


def read_table_record(output: Path, axis_id: str) -> TableStepRecord | None:
    """Read how a step over the wells' tables went; None where it did not come to its end."""
    try:
        return msgspec.json.decode(record_path(output, axis_id).read_bytes(), type=TableStepRecord)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def with_tables_to_make(axes: tuple[AxisPlan, ...], output: Path) -> tuple[AxisPlan, ...]:
    """Mark the steps over the wells' tables that need not run again, and take back what the others made.

    One runs again where a well will, or another one before it; where what it does has changed, or what it made is gone
    or damaged; or where other wells are done than it had read.

    Parameters
    ----------
    axes
        All of the plan; the wells marked, and those that will run taken back.
    output
        Claimed results folder.

    Raises
    ------
    OSError
        Names the file that cannot be removed.
    """
    done = tuple(read_committed(output))
    is_wanted = any(axis.skipped is None and not axis.error for axis in axes if axis.kind is AxisKind.WELL)
    marked = []
    for axis in axes:
        if axis.reads_tables:
            is_wanted = is_wanted or not _is_made(axis, output, done)
        marked.append(replace(axis, skipped=Skipped.COMPLETED) if axis.reads_tables and not is_wanted else axis)
    keep_tables(output, [axis.axis_id for axis in marked if axis.reads_tables and axis.skipped])
    return tuple(marked)


def keep_tables(output: Path, steps: Iterable[str]) -> None:
    """Remove all tables of the plate but those that these steps made, if they came to their end.

    Raises
    ------
    OSError
        Names the file that cannot be removed.
    """
    records = [record for step in steps if (record := read_table_record(output, step)) is not None]
    kept = {file.path for record in records for file in record.files}
    kept |= {record_path(output, record.step).name for record in records}
    folder = output / FOLDER
    if find_link(output, folder) is not None:
        return
    for file in (*folder.glob("*.json"), *folder.glob("*.parquet")):  # first what makes them count
        if file.name not in kept and file.is_file():
            file.unlink()


def _is_made(axis: AxisPlan, output: Path, done: tuple[str, ...]) -> bool:
    record = read_table_record(output, axis.axis_id)
    if record is None or (record.fingerprint, record.wells) != (axis.fingerprint, done):
        return False
    return all(is_whole(output / FOLDER / file.path, file.size) for file in record.files)
