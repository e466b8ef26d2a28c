"""Well names as people write and count them: ``B06``, and ``AA01`` on a 1536-well plate."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from plateflow.errors import PlateError
from plateflow.plate.notes import BY_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable

STANDARD_PLATES: Final = ((2, 3), (3, 4), (4, 6), (6, 8), (8, 12), (16, 24), (32, 48))
"""(rows, columns) of the 6, 12, 24, 48, 96, 384 and 1536-well plates."""

_MOST_ROWS, _MOST_COLUMNS = STANDARD_PLATES[-1]
_WELL = re.compile(r"([A-Za-z]{1,2})0*(\d{1,3})", re.ASCII)
_ROW_LETTERS = re.compile(r"[A-Za-z]{1,2}")


def well_name(row: int, column: int) -> str:
    """Return the canonical name of a well; row and column count from 1, so ``(2, 6)`` is ``"B06"``."""
    first, last = divmod(row - 1, 26)
    letters = chr(ord("A") + last)
    return f"{chr(ord('A') + first - 1) if first else ''}{letters}{column:02d}"


@lru_cache(maxsize=8192)
def parse_well(text: str) -> tuple[int, int]:
    """Return (row, column), counted from 1, of a well written as B6, b06, B06 or AA01.

    Raises
    ------
    PlateError
        If it is no well name, or beyond the largest plate (rows A..AF, columns 1..48).
    """
    match = _WELL.fullmatch(text.strip())
    if match is None:
        raise PlateError(f"{text!r} is no well name: row letters and a column number are needed, such as B06 or AA01")
    row, column = _row_of_letters(match[1]), int(match[2])
    if not (row <= _MOST_ROWS and 1 <= column <= _MOST_COLUMNS):
        raise PlateError(f"well {text!r} is on no plate: rows go from A to AF, columns from 1 to {_MOST_COLUMNS}")
    return row, column


@lru_cache(maxsize=8192)
def canonical_well(text: str) -> str:
    """Return the canonical name of a well written in any of the ways that :func:`parse_well` reads.

    Raises
    ------
    PlateError
        As :func:`parse_well`.
    """
    return well_name(*parse_well(text))


def well_of_file(path: str, text: str) -> str:
    """Return the canonical name of the well that a file's name tells.

    Parameters
    ----------
    path
        Named in the error.
    text
        The part of its name that is the well.

    Raises
    ------
    PlateError
        As :func:`parse_well`.
    """
    try:
        return canonical_well(text)
    except PlateError as e:
        raise PlateError(f"{path}: {e}; move it away, or {BY_NAMES}") from e


@lru_cache(maxsize=8192)
def join_well(row: str, column: str) -> str:
    """Return the canonical name of a well whose row (letters, or a number from 1) and column are written apart.

    Raises
    ------
    PlateError
        As :func:`parse_well`.
    """
    row, column = row.strip(), column.strip()
    if row.isascii() and row.isdigit() and 1 <= int(row) <= _MOST_ROWS:
        return canonical_well(well_name(int(row), 1)[:-2] + column)
    if _ROW_LETTERS.fullmatch(row) is None:
        raise PlateError(f"{row!r} is no row of a plate: letters from A to AF or a number from 1 to {_MOST_ROWS} is")
    return canonical_well(row + column)


def well_order(name: str) -> tuple[int, int]:
    """Return the sort key by which people count wells: A01, A02 .. B01 .. Z01 .. AA01."""
    return parse_well(name)


def enclosing_plate(wells: Iterable[str]) -> tuple[int, int]:
    """Return (rows, columns) of the smallest standard plate that holds all of these wells."""
    positions = [parse_well(well) for well in wells]
    most_rows = max(row for row, _ in positions)
    most_columns = max(column for _, column in positions)
    return next((rows, columns) for rows, columns in STANDARD_PLATES if rows >= most_rows and columns >= most_columns)


def _row_of_letters(letters: str) -> int:
    row = 0
    for letter in letters.upper():
        row = row * 26 + ord(letter) - ord("A") + 1
    return row


def split_well(name: str) -> tuple[str, str]:
    """Return the row's letters and the column's digits of a canonical name: ``("B", "06")``."""
    letters = name.rstrip("0123456789")
    return letters, name[len(letters) :]
