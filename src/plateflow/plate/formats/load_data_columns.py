"""The headings of a LoadData table: which column is which."""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass
from io import BufferedReader
from typing import TYPE_CHECKING, Final

from plateflow.errors import PlateError
from plateflow.plate.formats.name_pattern import component_of
from plateflow.storage.regular import open_regular

if TYPE_CHECKING:
    from collections.abc import Sequence

_FILE = re.compile(r"(?:Image_)?(FileName|PathName|URL|Frame|Series)_(.+)", re.IGNORECASE)
_METADATA: Final = "metadata_"
_OTHER_NAMES: Final = {"fieldid": "site", "planeid": "z", "timepointid": "timepoint"}
"""Components by the names that pe2loaddata gives them, where there are no others."""
_OF_CHANNEL = re.compile(r"Metadata_(PositionZ|Projection)_(.+)", re.IGNORECASE)
_SEPARATORS: Final = ",;\t"
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


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

    headings: list[str]
    files: dict[str, FileColumns]
    """By channel, in the order of the table."""
    well: tuple[int, ...]
    """The column of its name, or those of its row and its column."""
    site: int | None
    z: int | None
    timepoint: int | None
    plate: int | None
    plate_rows: int | None
    plate_columns: int | None
    pixel_size: int | None
    x: int | None
    y: int | None
    heights: dict[str, int]
    """By channel, else by "" for all of them."""
    projections: dict[str, int]
    """By channel."""


def find_separator(path: str) -> str | None:
    """Return what separates the headings of a LoadData table; None if the first line of the file has no such headings.

    That is a comma, unless the table is a wrong one; it may be of any encoding.
    """
    try:
        with BufferedReader(open_regular(path)) as file:
            data = file.readline(2**20)
    except OSError:
        return None
    line = re.split(r"[\r\n]", _decoded(data), maxsplit=1)[0]
    return next((separator for separator in _SEPARATORS if _names_images(line, separator)), None)


def read_columns(path: str, headings: Sequence[str]) -> LoadDataColumns:
    """Find the columns of a table; their headings may be in upper or lower case.

    Raises
    ------
    PlateError
        If two have the same heading, no image is named, or no well.
    """
    names = [heading.strip() for heading in headings]
    _require_one_each(path, names)
    files, components = _file_columns(names), _components(names)
    well = _well_columns(components)
    if not files or not well:
        raise PlateError(
            f"{path}: is no LoadData table: columns FileName_<channel> and Metadata_Well (or Metadata_Row and "
            "Metadata_Column) are needed"
        )
    numbers = {name.lower().removeprefix(_METADATA): at for at, name in _metadata(names)}
    return LoadDataColumns(
        headings=names,
        files=files,
        well=well,
        **{each: components.get(each) for each in ("site", "z", "timepoint")},
        plate=numbers.get("plate"),
        plate_rows=numbers.get("platerows"),
        plate_columns=numbers.get("platecolumns"),
        pixel_size=numbers.get("imageresolutionx"),
        x=numbers.get("positionx"),
        y=numbers.get("positiony"),
        heights=_of_channels(names, "positionz") | ({"": numbers["positionz"]} if "positionz" in numbers else {}),
        projections=_of_channels(names, "projection"),
    )


def _decoded(data: bytes) -> str:
    if data.startswith(_UTF16):
        return data.decode("utf-16", errors="ignore")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _names_images(line: str, separator: str) -> bool:
    try:
        headings = next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return False
    return bool(_file_columns(headings) and _well_columns(_components(headings)))


def _require_one_each(path: str, names: Sequence[str]) -> None:
    first: dict[str, str] = {}
    for name in filter(None, names):
        match = _FILE.fullmatch(name)
        column = name if match is None else f"{match[1].lower()}_{match[2]}"
        if column in first:
            both = repr(name) if name == first[column] else f"{first[column]!r} and {name!r}, which are the same"
            raise PlateError(f"{path}: two columns are headed {both}; rename one")
        first[column] = name


def _file_columns(headings: Sequence[str]) -> dict[str, FileColumns]:
    found: dict[str, dict[str, int]] = {}
    for number, heading in enumerate(headings):
        match = _FILE.fullmatch(heading.strip())
        if match is not None:
            found.setdefault(match[2], {})[match[1].lower()] = number
    return {
        name: FileColumns(
            columns.get("filename", columns.get("url", 0)),
            columns.get("pathname"),
            columns.get("frame", columns.get("series")),
        )
        for name, columns in found.items()
        if "filename" in columns or "url" in columns
    }


def _metadata(headings: Sequence[str]) -> list[tuple[int, str]]:
    """Return (number, heading) of the columns of metadata; the first of each name wins, so it comes last."""
    names = [(number, heading.strip()) for number, heading in enumerate(headings)]
    return [each for each in reversed(names) if each[1].lower().startswith(_METADATA)]


def _of_channels(headings: Sequence[str], kind: str) -> dict[str, int]:
    matches = ((number, _OF_CHANNEL.fullmatch(heading)) for number, heading in enumerate(headings))
    return {match[2]: number for number, match in matches if match is not None and match[1].lower() == kind}


def _components(headings: Sequence[str]) -> dict[str, int]:
    components: dict[str, int] = {}
    later: dict[str, int] = {}
    for number, heading in _metadata(headings):
        component = component_of(heading)
        other = _OTHER_NAMES.get(heading.lower().removeprefix(_METADATA))
        if component is not None:
            components[component] = number
        elif other is not None:
            later[other] = number
    return later | components


def _well_columns(components: dict[str, int]) -> tuple[int, ...]:
    if "well" in components:
        return (components["well"],)
    return (components["row"], components["column"]) if {"row", "column"} <= components.keys() else ()
