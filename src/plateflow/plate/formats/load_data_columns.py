"""The headings of a LoadData table: which column is which."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from plateflow.errors import PlateError
from plateflow.plate.formats.name_pattern import component_of
from plateflow.storage.regular import open_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import TextIOWrapper

_FILE = re.compile(r"(?:Image_)?(FileName|PathName|URL|Frame|Series)_(.+)")
_METADATA: Final = "Metadata_"
_OTHER_NAMES: Final = {"FieldID": "site", "PlaneID": "z", "TimepointID": "timepoint"}
"""Components by the names that pe2loaddata gives them, where there are no others."""
_LENGTHS: Final = ("ImageResolutionX", "PositionX", "PositionY", "PositionZ")


@dataclass(frozen=True, slots=True)
class FileColumns:
    """Where a channel's files are named: numbers of columns."""

    file: int
    folder: int | None
    """None where the file's column has the whole path, or a URL."""
    frame: int | None


@dataclass(frozen=True, slots=True)
class LoadDataColumns:
    """Which column is which; None for what there is none of."""

    files: dict[str, FileColumns]
    """By channel, in the order of the table."""
    well: int | None
    row: int | None
    column: int | None
    site: int | None
    z: int | None
    timepoint: int | None
    plate: int | None
    lengths: dict[str, int]
    """Those in metres, by heading without ``Metadata_``."""


def open_table(path: str) -> TextIOWrapper:
    """Open a CSV.

    Raises
    ------
    OSError
        If it is not there or is no regular file.
    """
    return open_text(path, "utf-8-sig")


def is_load_data(path: str) -> bool:
    """Return whether the first line of a file has the headings of a LoadData table."""
    try:
        with open_table(path) as file:
            headings = next(csv.reader([file.readline(2**20)]), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return False
    return bool(_file_columns(headings)) and _well_columns(_components(headings))


def read_columns(path: str, headings: Sequence[str]) -> LoadDataColumns:
    """Find the columns of a table.

    Raises
    ------
    PlateError
        If two have the same heading, no image is named, or no well.
    """
    names = [heading.strip() for heading in headings]
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise PlateError(f"{path}: two columns are headed {twice!r}; rename one")
    files, components = _file_columns(names), _components(names)
    if not files or not _well_columns(components):
        raise PlateError(
            f"{path}: is no LoadData table: columns FileName_<channel> and Metadata_Well (or Metadata_Row and "
            "Metadata_Column) are needed"
        )
    lengths = {
        name.removeprefix(_METADATA): number
        for number, name in enumerate(names)
        if name.removeprefix(_METADATA).startswith(_LENGTHS)
    }
    return LoadDataColumns(
        files=files,
        **{each: components.get(each) for each in ("well", "row", "column", "site", "z", "timepoint")},
        plate=names.index("Metadata_Plate") if "Metadata_Plate" in names else None,
        lengths=lengths,
    )


def _file_columns(headings: Sequence[str]) -> dict[str, FileColumns]:
    found: dict[str, dict[str, int]] = {}
    for number, heading in enumerate(headings):
        match = _FILE.fullmatch(heading.strip())
        if match is not None:
            found.setdefault(match[2], {})[match[1]] = number
    return {
        name: FileColumns(
            columns.get("FileName", columns.get("URL", 0)),
            columns.get("PathName"),
            columns.get("Frame", columns.get("Series")),
        )
        for name, columns in found.items()
        if "FileName" in columns or "URL" in columns
    }


def _components(headings: Sequence[str]) -> dict[str, int]:
    components: dict[str, int] = {}
    later: dict[str, int] = {}
    for number, heading in enumerate(headings):
        if not heading.startswith(_METADATA):
            continue
        component = component_of(heading)
        other = _OTHER_NAMES.get(heading.removeprefix(_METADATA))
        if component is not None:
            components.setdefault(component, number)
        elif other is not None:
            later[other] = number
    return later | components


def _well_columns(components: dict[str, int]) -> bool:
    return "well" in components or {"row", "column"} <= components.keys()
