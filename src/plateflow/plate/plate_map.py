"""A plate map: what is in each well, from a table with one row per well."""

from __future__ import annotations

import csv
import io
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from plateflow.errors import PlateError
from plateflow.plate.formats.name_pattern import component_of
from plateflow.plate.wells import canonical_well, join_well
from plateflow.storage.regular import MEGABYTE, read_limited, reason_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from plateflow.plate.model import PlateMap


MOST_BYTES: Final = 64 * MEGABYTE


def read_plate_map(folder: str, metadata: str, wells: Collection[str]) -> PlateMap:
    """Read a CSV table and match its rows to wells by a column Well, or by the columns Row and Column.

    Parameters
    ----------
    folder
        The plate's; a relative ``metadata`` is looked up in it and then in its parent.
    metadata
        Path of the table: UTF-8, separated by commas, semicolons or tabs, headings in its first line.
    wells
        Canonical names of the plate's wells; rows of others are left out.

    Returns
    -------
    dict
        By well, in the order of ``wells``, its columns but the ones it was matched by. A column is numbers where every
        filled cell is one; an empty cell is no entry.

    Raises
    ------
    PlateError
        If there is no such table, it does not tell the wells, or none of its wells is on the plate.
    """
    path = _find_table(folder, metadata)
    table = _read_table(path)
    by_well = _match_wells(table)
    if not any(well in by_well for well in wells):
        raise PlateError(
            f"{path}: none of its {len(by_well)} wells ({next(iter(by_well))} ..) has an image on the plate"
        )
    numeric = {heading: _is_numeric(table, heading) for heading in table.values_headings()}
    return {
        well: {heading: _value(cell, numeric[heading]) for heading, cell in by_well[well].items() if cell}
        for well in wells
        if well in by_well
    }


@dataclass(frozen=True, slots=True)
class _Table:
    path: str
    headings: tuple[str, ...]
    matching: dict[str, str]
    """The heading of each component that wells are matched by: {"well": "Well"} or {"row": .., "column": ..}."""
    rows: tuple[tuple[int, dict[str, str]], ...]
    """Line number and stripped cells by heading."""

    def values_headings(self) -> list[str]:
        """Return the headings that are not matched by."""
        return [heading for heading in self.headings if heading not in self.matching.values()]


def _find_table(folder: str, metadata: str) -> str:
    candidates = [os.path.join(place, metadata) for place in (folder, os.path.dirname(folder))]
    for path in candidates[:1] if os.path.isabs(metadata) else candidates:
        if os.path.lexists(path):
            return path
    where = "is not there" if os.path.isabs(metadata) else f"is neither in {folder} nor in the folder above it"
    raise PlateError(f"the metadata table {metadata} {where}; give the path of a CSV file")


def _read_table(path: str) -> _Table:
    lines = _read_lines(path)
    if not lines:
        raise PlateError(f"{path}: the metadata table is empty; headings and a row per well are needed")
    headings = tuple(cell.strip() for cell in lines[0][1])
    if len(set(headings)) < len(headings):
        twice = next(heading for heading in headings if headings.count(heading) > 1)
        raise PlateError(f"{path}: two columns are headed {twice!r}; rename one")
    rows = []
    for line, cells in lines[1:]:
        if len(cells) != len(headings):
            raise PlateError(f"{path}, line {line}: has {len(cells)} cells, not {len(headings)} as the headings")
        rows.append((line, dict(zip(headings, (cell.strip() for cell in cells), strict=True))))
    return _Table(path, headings, _matching_headings(path, headings), tuple(rows))


def _read_lines(path: str) -> list[tuple[int, list[str]]]:
    """Return line number and cells of every line that is not blank.

    Raises
    ------
    PlateError
        If the file cannot be read or is not CSV in UTF-8.
    """
    try:
        text = read_limited(path, MOST_BYTES).decode("utf-8-sig")
    except OSError as e:
        raise PlateError(f"{path}: the metadata table cannot be read: {reason_of(e, path)}") from e
    except UnicodeDecodeError as e:
        raise PlateError(f"{path}: the metadata table is not UTF-8; save it as 'CSV UTF-8'") from e
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    try:
        return [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as e:
        raise PlateError(f"{path}, line {reader.line_num}: is not CSV: {e}") from e


def _matching_headings(path: str, headings: tuple[str, ...]) -> dict[str, str]:
    by_component = {component: heading for heading in reversed(headings) if (component := component_of(heading))}
    for components in (("well",), ("row", "column")):
        if all(component in by_component for component in components):
            return {component: by_component[component] for component in components}
    raise PlateError(
        f"{path}: no column tells the well: one headed Well, or two headed Row and Column, are needed; "
        f"it has {', '.join(headings)}"
    )


def _match_wells(table: _Table) -> dict[str, dict[str, str]]:
    """Return the cells to keep by well.

    Raises
    ------
    PlateError
        If a row tells no well, or one told before.
    """
    keep = table.values_headings()
    by_well: dict[str, dict[str, str]] = {}
    for line, cells in table.rows:
        try:
            well = _well_of(table.matching, cells)
        except PlateError as e:
            raise PlateError(f"{table.path}, line {line}: {e}") from e
        if well in by_well:
            raise PlateError(f"{table.path}, line {line}: a second row for well {well}; one row per well is needed")
        by_well[well] = {heading: cells[heading] for heading in keep}
    if not by_well:
        raise PlateError(f"{table.path}: has headings but no rows; a row per well is needed")
    return by_well


def _well_of(matching: dict[str, str], cells: dict[str, str]) -> str:
    if "well" in matching:
        return canonical_well(cells[matching["well"]])
    return join_well(cells[matching["row"]], cells[matching["column"]])


def _is_numeric(table: _Table, heading: str) -> bool:
    return all(_is_number(cells[heading]) for _, cells in table.rows if cells[heading])


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _value(cell: str, numeric: bool) -> str | float:
    return float(cell) if numeric else cell
