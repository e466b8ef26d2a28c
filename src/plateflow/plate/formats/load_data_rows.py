"""The rows of a LoadData table, with the numbers of their lines; what is no CSV as it should be is told by its line."""

from __future__ import annotations

import codecs
import csv
from io import BufferedReader
from typing import TYPE_CHECKING, Final, NamedTuple

from plateflow.errors import PlateError
from plateflow.plate.formats.load_data_columns import find_separator
from plateflow.storage.regular import open_regular, open_text, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import TextIOWrapper

_SEPARATORS: Final = {";": "semicolons", "\t": "tabs"}
_AS_CSV: Final = "save it as CSV in UTF-8 (in Excel: 'CSV UTF-8')"


class Row(NamedTuple):
    """One row of a table."""

    line: int
    """In which it ends, counted from 1."""
    cells: list[str]


def read_rows(path: str) -> Iterator[Row]:
    """Yield the headings, then each row that is not empty; all have as many cells.

    Raises
    ------
    PlateError
        If the table cannot be read, is no CSV in UTF-8, is separated by something else than commas, or a row has more
        or fewer cells than there are headings.
    """
    separator = find_separator(path)
    if separator in _SEPARATORS:
        raise PlateError(
            f"{path}, line 1: the columns are separated by {_SEPARATORS[separator]}, commas are needed; save the table "
            "with commas between columns and points in numbers"
        )
    try:
        with open_text(path, "utf-8-sig") as file:
            yield from _split(path, file)
    except OSError as e:
        raise PlateError(f"{path}: cannot be read: {reason_of(e, path)}") from e


def count_rows(path: str) -> int:
    """Return about how many rows follow the headings: the lines are counted.

    Raises
    ------
    PlateError
        If the table cannot be read.
    """
    try:
        with BufferedReader(open_regular(path)) as file:
            return max(0, sum(data.count(b"\n") for data in iter(lambda: file.read(2**20), b"")) - 1)
    except OSError as e:
        raise PlateError(f"{path}: cannot be read: {reason_of(e, path)}") from e


def _split(path: str, file: TextIOWrapper) -> Iterator[Row]:
    reader = csv.reader(file, strict=True)
    try:
        headings = next(reader, [])
        yield Row(reader.line_num, headings)
        for cells in reader:
            if not any(cells):
                continue
            if len(cells) != len(headings):
                raise PlateError(
                    f"{path}, line {reader.line_num}: has {len(cells)} cells, the headings are {len(headings)}"
                )
            yield Row(reader.line_num, cells)
    except csv.Error as e:
        raise PlateError(f"{path}, line {reader.line_num}: is no CSV: {e}; mend the line, or {_AS_CSV}") from e
    except UnicodeDecodeError as e:
        raise PlateError(_not_utf8(path)) from e


def _not_utf8(path: str) -> str:
    """Say where a table is no UTF-8; it is read again, for text is decoded in large portions."""
    with BufferedReader(open_regular(path)) as file:
        for number, line in enumerate(file, 1):
            if number == 1 and line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                return f"{path}, line 1: is in UTF-16; {_AS_CSV}"
            try:
                line.decode()
            except UnicodeDecodeError as e:
                byte = line[e.start]
                return (
                    f"{path}, line {number}: is not in UTF-8: byte {e.start + 1} of the line is 0x{byte:02X} "
                    f"({bytes([byte]).decode('latin-1')!r} in Latin-1); {_AS_CSV}"
                )
    return f"{path}: is not in UTF-8; {_AS_CSV}"
