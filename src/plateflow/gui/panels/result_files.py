"""What lies in a results folder; reads it, knows no Qt."""

from __future__ import annotations

import csv
import math
import os
import re
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from plateflow.gui.panels.rows import Column, Row
from plateflow.gui.panels.words import size, well_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plateflow.storage.zarr_chunks import ArrayPlane

TABLE: Final = "wells.csv"
PIXELS: Final = "plate.zarr"
RECORD: Final = "run.json"
PROFILES: Final = "profiles.parquet"
PLATE_TABLES: Final = "plate_tables"
PICTURES: Final = "preview"
"""Folder of the pictures that ``run --preview`` draws: ``B06_s1_z1_t1.png``."""
METADATA: Final = "Metadata_"
WELL: Final = "Metadata_Well"
MOST_ROWS = 1536
MOST_PICTURES = 200
_PICTURE = re.compile(r"(?P<well>[^_]+)_s(?P<site>\d+)_z(?P<z>\d+)_t(?P<t>\d+)\.png")


class ResultFile(NamedTuple):
    """One of the files, or folders, that a run leaves."""

    name: str
    what: str
    """What it holds."""
    path: Path
    there: bool
    state: str
    """Whether it is there, in words."""


class Picture(NamedTuple):
    """One drawn overlay."""

    path: Path
    label: str
    """``B06 site 1``."""
    changed: int
    """When it was written, in nanoseconds."""
    part: ArrayPlane | None = None
    """Which part of the Zarr array at the path it is; None where the path is its own file."""


class Pictures(NamedTuple):
    """The first overlays of a plate, in the order of its wells."""

    first: list[Picture]
    total: int


class WellsTable(NamedTuple):
    """The beginning of wells.csv."""

    columns: list[str]
    rows: list[list[str]]
    problem: str = ""
    """Why there is none, or not all of it."""


def result_files(folder: Path) -> list[ResultFile]:
    """Return what a run leaves in a folder, and whether it is there."""
    return [
        _result_file(folder, TABLE, "a row for each well", "written when the run has ended"),
        _result_file(folder, PROFILES, "the median cell of each well", "only where objects are measured"),
        _result_file(folder, "tables", "a row for each object, by well", "only where objects are measured"),
        _result_file(folder, PLATE_TABLES, "what steps over all tables made", "only where there are such steps"),
        _result_file(folder, PIXELS, "kept images and labels", "only where the pipeline keeps images"),
        _result_file(folder, RECORD, "what was run, with what", "written when the run has ended"),
    ]


def stamp(folder: str) -> tuple[int, ...]:
    """Return when the outputs were last written, 0 for what is not there."""
    names = ("", TABLE, RECORD, PICTURES, PIXELS, PROFILES, PLATE_TABLES)
    return tuple(_changed(Path(folder, name)) for name in names) if folder else ()


def folder_problem(folder: str) -> str:
    """Return why there are no outputs to be shown; "" where there are."""
    if not folder:
        return "No results yet: run the plate, and its outputs are listed here."
    try:
        with os.scandir(folder) as entries:
            empty = next(entries, None) is None
    except FileNotFoundError:
        return f"The results folder {folder} is not there: the run has not begun, or somebody moved or removed it."
    except OSError as e:
        return f"The results folder {folder} cannot be read: {e.strerror}."
    return f"The results folder {folder} is empty: no well has been finished yet." if empty else ""


def read_wells(path: Path) -> WellsTable:
    """Read the beginning of wells.csv."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file)
            columns = next(reader, [])
            rows = [row for row in islice(reader, MOST_ROWS) if len(row) == len(columns)]
            more = next(reader, None) is not None
    except FileNotFoundError:
        return WellsTable([], [], f"There is no {TABLE} yet: it is written when the run has ended.")
    except (OSError, UnicodeError, csv.Error) as e:
        return WellsTable([], [], f"{TABLE} cannot be read: {e}")
    return WellsTable(columns, rows, f"the first {MOST_ROWS:,} rows" if more else "")


def table_columns(table: WellsTable) -> list[Column]:
    """Return the columns of wells.csv; where every value is a number, a column of numbers."""
    return [
        Column(
            name.removeprefix(METADATA), name, numeric=all(_is_number(row[place]) for row in table.rows if row[place])
        )
        for place, name in enumerate(table.columns)
    ]


def table_rows(table: WellsTable, columns: Sequence[Column]) -> list[Row]:
    """Return the rows of wells.csv; columns of numbers sort as such, what is empty first."""
    return [
        Row(str(number), tuple(cells), tuple(map(_sort_key, cells, columns))) for number, cells in enumerate(table.rows)
    ]


def find_pictures(folder: Path) -> Pictures:
    """Return the first overlays."""
    try:
        names = os.listdir(folder / PICTURES)
    except OSError:
        return Pictures([], 0)
    found = [match for name in names if (match := _PICTURE.fullmatch(name))]
    found.sort(key=lambda match: (well_key(match["well"]), int(match["site"]), int(match["z"]), int(match["t"])))
    first = [_picture(folder, match) for match in found[:MOST_PICTURES]]
    return Pictures(first, len(found))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _sort_key(text: str, column: Column) -> str | float:
    if column.numeric:
        return float(text) if text else -math.inf
    return well_key(text) if column.tip == WELL else text


def _picture(folder: Path, match: re.Match[str]) -> Picture:
    path = folder / PICTURES / match.string
    return Picture(path, _label(match), _changed(path))


def _label(match: re.Match[str]) -> str:
    label = f"{match['well']} site {match['site']}"
    return label + "".join(f" {axis}{match[axis]}" for axis in ("z", "t") if match[axis] not in ("0", "1"))


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _result_file(folder: Path, name: str, what: str, absent: str) -> ResultFile:
    path = folder / name
    try:
        stat = path.stat()
    except OSError:
        return ResultFile(name, what, path, there=False, state=f"not there: {absent}")
    return ResultFile(
        name, what, path, there=True, state=f"{what}" if path.is_dir() else f"{what}, {size(stat.st_size)}"
    )
