"""The HTD file of a MetaXpress export: what an ImageXpress microscope was told to acquire.

A line is a quoted key and its values, ``"WellsSelection2", FALSE, TRUE``; lines end in CR LF and bytes are not UTF-8.
It tells neither pixel size nor positions, and its ``ZSteps`` holds for the plate while channels differ. Read from real
files of MetaXpress 6.7.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from plateflow.errors import PlateError
from plateflow.plate.formats.whole_numbers import is_whole_number
from plateflow.plate.notes import BY_NAMES
from plateflow.plate.wells import STANDARD_PLATES, well_name
from plateflow.storage.regular import MEGABYTE, read_limited, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES: Final = 4 * MEGABYTE
"""Of an HTD; real ones have some 10 kB."""
_Lines: TypeAlias = "dict[str, tuple[int, list[str]]]"


@dataclass(frozen=True, slots=True)
class Htd:
    """What was to be acquired."""

    path: str
    rows: int
    """Of the plate itself."""
    columns: int
    wells: tuple[str, ...]
    """Those selected, canonical names in the order people count them."""
    sites: tuple[int, ...]
    """Numbers of the sites in each well as MetaXpress counts them: only those selected, row by row, from 1."""
    site_positions: tuple[int, ...]
    """The same sites by their place in the grid of all sites, row by row, from 1."""
    wave_names: tuple[str, ...]
    """Name of each wavelength, the first is w1; names may repeat."""
    timepoints: int
    z_steps: int
    """Planes of channels that have more than one; 0 where the plate has no z series."""


def read_htd(path: str) -> Htd:
    """Read an HTD file.

    Raises
    ------
    PlateError
        If it cannot be read, is cut off, lacks a key, or a value is not of its kind; names the file and the line.
    """
    try:
        text = read_limited(path, MOST_BYTES).decode("latin-1")
    except OSError as e:
        raise PlateError(f"{path}: cannot be read: {reason_of(e, path)}") from e
    return _HtdReader(path, _split_lines(path, text)).read()


def _split_lines(path: str, text: str) -> _Lines:
    """Return line number and values by key.

    Raises
    ------
    PlateError
        If a key stands twice, or the first or the last one is not there.
    """
    lines: _Lines = {}
    for line, cells in _read_cells(path, text):
        key, values = cells[0].strip(), [cell.strip() for cell in cells[1:]]
        if not lines and key != "HTSInfoFile":
            break
        if key in lines:
            raise PlateError(f"{path}, line {line}: {key} stands here and in line {lines[key][0]}")
        lines[key] = (line, values)
    if next(iter(lines), "") != "HTSInfoFile":
        raise PlateError(f"{path}: is no HTD file: its first line is not HTSInfoFile")
    if "EndFile" not in lines:
        raise PlateError(f"{path}: is cut off: its last line is not EndFile; copy it again from the microscope")
    return lines


def _read_cells(path: str, text: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        yield from ((reader.line_num, cells) for cells in reader if cells)
    except csv.Error as e:
        raise PlateError(f"{path}, line {reader.line_num}: cannot be read: {e}; export the plate again") from e


class _HtdReader:
    """Reads typed values by key, so that every error can name the file and the line."""

    def __init__(self, path: str, lines: _Lines) -> None:
        self._path = path
        self._lines = lines

    def read(self) -> Htd:
        largest_rows, largest_columns = STANDARD_PLATES[-1]
        rows, columns = self._count("YWells", largest_rows), self._count("XWells", largest_columns)
        positions = self._site_positions() if self._flag("Sites") else (1,)
        waves = self._count("NWavelengths", 100) if self._flag("Waves") else 1
        return Htd(
            path=self._path,
            rows=rows,
            columns=columns,
            wells=self._wells(rows, columns),
            sites=tuple(range(1, len(positions) + 1)),
            site_positions=positions,
            wave_names=tuple(self._one(f"WaveName{wave}") for wave in range(1, waves + 1)),
            timepoints=self._count("TimePoints", 1_000_000),
            z_steps=self._count("ZSteps", 10_000) if "ZSeries" in self._lines and self._flag("ZSeries") else 0,
        )

    def _wells(self, rows: int, columns: int) -> tuple[str, ...]:
        wells = [
            well_name(row, column)
            for row in range(1, rows + 1)
            for column, selected in enumerate(self._flags(f"WellsSelection{row}", columns), 1)
            if selected
        ]
        if not wells:
            raise PlateError(f"{self._path}: selects no well (WellsSelection1 to WellsSelection{rows})")
        return tuple(wells)

    def _site_positions(self) -> tuple[int, ...]:
        rows, columns = self._count("YSites", 1000), self._count("XSites", 1000)
        selected = [flag for row in range(1, rows + 1) for flag in self._flags(f"SiteSelection{row}", columns)]
        positions = tuple(position for position, flag in enumerate(selected, 1) if flag)
        if not positions:
            raise PlateError(f"{self._path}: selects no site (SiteSelection1 to SiteSelection{rows})")
        return positions

    def _count(self, key: str, most: int) -> int:
        text = self._one(key)
        if not (is_whole_number(text) and 1 <= int(text) <= most):
            raise self._wrong(key, f"{text!r} is no whole number from 1 to {most}")
        return int(text)

    def _flag(self, key: str) -> bool:
        return self._flags(key, 1)[0]

    def _flags(self, key: str, count: int) -> list[bool]:
        values = self._values(key)
        if len(values) != count:
            raise self._wrong(key, f"has {len(values)} values, {count} are needed")
        wrong = next((value for value in values if value not in ("TRUE", "FALSE")), None)
        if wrong is not None:
            raise self._wrong(key, f"{wrong!r} is neither TRUE nor FALSE")
        return [value == "TRUE" for value in values]

    def _one(self, key: str) -> str:
        values = self._values(key)
        if len(values) != 1:
            raise self._wrong(key, f"has {len(values)} values, one is needed")
        return values[0]

    def _values(self, key: str) -> list[str]:
        if key not in self._lines:
            raise PlateError(f"{self._path}: has no line {key}; export the plate again, or {BY_NAMES}")
        return self._lines[key][1]

    def _wrong(self, key: str, why: str) -> PlateError:
        return PlateError(f"{self._path}, line {self._lines[key][0]}: {key}: {why}; export again, or {BY_NAMES}")
