"""Tables: Parquet parts, one for each well and kind of object, and CSV files.

A column's dtype follows from what it is, never from what happens to be in it, so the part of a well without objects
has the schema of all others.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from polars import selectors

from plateflow.errors import OutputError
from plateflow.storage.atomic import write_atomic
from plateflow.storage.names import encode_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Column = NDArray[Any] | Sequence[Any]


TABLES = "tables"
WELLS_CSV = "wells.csv"
"""One row a well."""
_NOT_FOR_ALL = (pl.Int128, pl.UInt128, pl.Time)
"""What polars writes to Parquet in a form that others refuse."""
PROFILES = "profiles.parquet"
"""The median cell of each well."""


def part_path(output: Path, objects: str, well: str) -> Path:
    """Name a well's part of a table: ``tables/Nuclei/B06.parquet`` in the results folder."""
    return output / TABLES / encode_name(objects) / f"{encode_name(well)}.parquet"


def write_table(
    path: Path,
    columns: Mapping[str, Column],
    *,
    integers: Collection[str] = (),
    texts: Collection[str] = (),
    fsync: bool = False,
) -> int:
    """Write a table; folders above it are made.

    Parameters
    ----------
    path : Path
    columns : mapping of str to array-like
        ``(N,)`` each. None is null in any column; NaN, an undefined feature, is written as null.
    integers : collection of str
        Columns that are Int64: object numbers, sites, parents, counts.
    texts : collection of str
        Columns that are text. All others are Float64.
    fsync : bool
        Return only when the table would survive a power cut.

    Returns
    -------
    int
        Size of the file in bytes.

    Raises
    ------
    OutputError
        For a column whose values are not of its kind, or that is not as long as the others; names it.
    """
    frame = _frame(path, columns, {**dict.fromkeys(integers, pl.Int64), **dict.fromkeys(texts, pl.String)})
    return _write(path, frame, fsync=fsync)


def write_frame(path: Path, frame: pl.DataFrame, *, fsync: bool = False) -> int:
    """Write a table that has its dtypes; NaN, an undefined feature, is written as null. Returns its size in bytes.

    Raises
    ------
    OutputError
        For a column that no Parquet file can hold, or that pandas cannot read from one; names it.
    """
    for column, dtype in frame.schema.items():
        if _holds(dtype, _NOT_FOR_ALL):
            raise OutputError(f"{path}: column {column!r} is {dtype}, which pandas cannot read; cast it to another")
    try:
        return _write(path, frame.with_columns(selectors.float().fill_nan(None)), fsync=fsync)
    except pl.exceptions.PolarsError as error:
        raise OutputError(f"{path}: cannot be written as Parquet ({error}); give its columns plain types") from error


def read_tables(folder: Path, wells: Collection[str] | None = None) -> pl.DataFrame:
    """Read the parts of a table as one, in the order of the wells' names.

    Parameters
    ----------
    folder : Path
        "tables/Nuclei".
    wells : collection of str, optional
        The committed ones: a well that failed after it wrote its part is not among them. All parts by default.

    Raises
    ------
    OutputError
        If there is no such part, or two have different columns; names the file.
    """
    parts = (
        sorted(folder.glob("*.parquet")) if wells is None else [folder / f"{well}.parquet" for well in sorted(wells)]
    )
    if not parts:
        raise OutputError(f"{folder} holds no tables; run the pipeline first")
    frames = [read_table(part) for part in parts]
    for part, frame in zip(parts, frames, strict=True):
        if frame.schema != frames[0].schema:
            raise OutputError(f"{part} has other columns than {parts[0].name}; they are not of one run")
    return pl.concat(frames)


def read_parts(parts: Sequence[Path]) -> pl.DataFrame:
    """Read parts of a table as one, in this order; a column that a part has not is null there.

    Raises
    ------
    OutputError
        If one cannot be read, or a column is of another dtype in two; names the files.
    """
    frames = [read_table(part) for part in parts]
    first: dict[str, tuple[Path, pl.DataType]] = {}
    for part, frame in zip(parts, frames, strict=True):
        for column, dtype in frame.schema.items():
            other, known = first.setdefault(column, (part, dtype))
            if dtype != known:
                raise OutputError(
                    f"{part}: column {column!r} is {dtype}, but {known} in {other.name}; they are not of one run"
                )
    return pl.concat(frames, how="diagonal")


def read_table(path: Path) -> pl.DataFrame:
    """Read one table, or one part of one.

    Raises
    ------
    OutputError
        If it cannot be read; names the file.
    """
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise OutputError(f"{path}: not a readable table ({error}); run what wrote it again") from error


def write_csv(path: Path, rows: Iterable[Sequence[object]], columns: Sequence[str]) -> None:
    """Write a table for people and spreadsheets: UTF-8, a header, None as an empty cell, floats in full.

    Raises
    ------
    OutputError
        For a row that has not one cell for each column.
    """
    lines = [_csv_line(columns)]
    for number, row in enumerate(rows, start=1):
        if len(row) != len(columns):
            raise OutputError(f"{path}: row {number} has {len(row)} cells for {len(columns)} columns")
        lines.append(_csv_line(row))
    write_atomic(path, "".join(lines).encode())


def _write(path: Path, frame: pl.DataFrame, *, fsync: bool) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", compression_level=1, statistics=False)
    data = buffer.getbuffer()
    write_atomic(path, data, fsync=fsync)
    return len(data)


def _holds(dtype: pl.DataType, sought: Collection[type[pl.DataType]]) -> bool:
    if isinstance(dtype, pl.List | pl.Array):
        return _holds(dtype.inner, sought)  # type: ignore[arg-type]  # of a table that there is, it is no class
    if isinstance(dtype, pl.Struct):
        return any(_holds(field.dtype, sought) for field in dtype.fields)  # type: ignore[arg-type]  # as above
    return isinstance(dtype, tuple(sought))


def _csv_line(cells: Sequence[object]) -> str:
    # Python 3.11 quotes only those characters of an end of line that it writes itself: so it is given both.
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue().removesuffix("\r\n") + "\n"


def _frame(path: Path, columns: Mapping[str, Column], dtypes: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    series = [_series(path, name, values, dtypes.get(name, pl.Float64)) for name, values in columns.items()]
    for column in series:
        if len(column) != len(series[0]):
            raise OutputError(
                f"{path}: column {column.name!r} has {len(column)} values, {series[0].name!r} has {len(series[0])}"
            )
    return pl.DataFrame(series)


def _series(path: Path, name: str, values: Column, dtype: type[pl.DataType]) -> pl.Series:
    if not isinstance(values, np.ndarray):
        values = [None if value != value else value for value in values]  # NaN alone differs from itself
    found = pl.Series(name, values, strict=False, nan_to_null=True)
    if len(found) and not _fits(found.dtype, dtype):
        raise OutputError(f"{path}: column {name!r} must be {dtype}, its values are {found.dtype}")
    return found.cast(dtype)


def _fits(found: pl.DataType, wanted: type[pl.DataType]) -> bool:
    """Tell whether values go into a column without a loss; Null is a column of None alone."""
    if found == pl.Null or found == wanted:
        return True
    if wanted == pl.Int64:
        return found.is_integer() or found == pl.Boolean
    return wanted == pl.Float64 and (found.is_numeric() or found == pl.Boolean)
