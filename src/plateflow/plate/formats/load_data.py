"""CellProfiler's LoadData tables, in which many tools hand images on: read here, written by :mod:`.load_data_export`.

A row is a site (and plane and timepoint); each channel has a column ``FileName_DNA`` and mostly one ``PathName_DNA``,
or one ``URL_DNA``; ``Metadata_Well``, ``Metadata_Site`` and so on say where it belongs. Tables of pe2loaddata also tell
places (metres, y upwards) and the size of a pixel. The paths are often those of another computer: what is not where the
table says is looked for by its name in the table's folder.
"""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from io import BufferedReader
from typing import TYPE_CHECKING, Final, NamedTuple

from plateflow.errors import PlateError
from plateflow.plate.formats.load_data_columns import LoadDataColumns, is_load_data, open_table, read_columns
from plateflow.plate.formats.load_data_files import NamedFiles
from plateflow.plate.formats.plate_format import PlateFormat
from plateflow.plate.image_table import Position
from plateflow.plate.listing import FileReport, PacedReport, TopFolder
from plateflow.plate.model import Channel, ImageRecord, Plate
from plateflow.plate.notes import some
from plateflow.plate.record_table import RecordTable
from plateflow.plate.wells import canonical_well, enclosing_plate, join_well
from plateflow.storage.regular import open_regular, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator

LAYOUT: Final = "load-data"
_LOOKED_AT: Final = 50
"""Tables of a folder whose first line is read."""


def _find(top: TopFolder) -> str | None:
    return next(_tables(top), None)


def _tables(top: TopFolder) -> Iterator[str]:
    for name in [name for name in top.files if name.lower().endswith(".csv")][:_LOOKED_AT]:
        path = os.path.join(top.path, name)
        if is_load_data(path):
            yield path


def read_plate(top: TopFolder, table_path: str, report: FileReport | None = None) -> Plate:
    """Read a plate by a LoadData table.

    Parameters
    ----------
    top
        The folder of the table.
    table_path
        Of the table.
    report
        Told how many rows were read.

    Raises
    ------
    PlateError
        If there are several tables, the table is wrong (names its line), or it is of several plates.
    """
    tables = [os.path.basename(path) for path in _tables(top)]
    if len(tables) > 1:
        raise PlateError(f"{top.path}: holds several LoadData tables ({', '.join(tables)}); leave one in a folder")
    reader = _Reader(table_path, NamedFiles(top.path))
    table = RecordTable(top.path)
    for line, record in reader.records(report):
        table.add(record, file=table_path, line=line)
    wells = table.by_well(reader.channels)
    if not wells:
        raise PlateError(f"{table_path}: has no row of an image; a row for each site is needed")
    rows, columns = enclosing_plate(wells)
    return Plate(
        path=top.path,
        name=os.path.basename(top.path),
        layout=LAYOUT,
        rows=rows,
        columns=columns,
        channels=tuple(Channel(name) for name in reader.channels),
        wells=wells,
        pixel_size_um=reader.pixel_size_um,
        notes=tuple(reader.notes()),
    )


class _Row(NamedTuple):
    line: int
    cells: list[str]


@dataclass(slots=True)
class _Place:
    """What a row says of all its images."""

    well: str
    position: Position
    """Of no channel yet."""
    x_um: float | None
    y_um: float | None


class _Reader:
    """Reads the rows of one table."""

    def __init__(self, path: str, files: NamedFiles) -> None:
        self._path = path
        self._files = files
        self._columns: LoadDataColumns
        self._plates: set[str] = set()
        self.channels: list[str] = []
        self._not_images: set[str] = set()
        self.pixel_size_um: float | None = None

    def records(self, report: FileReport | None) -> Iterator[tuple[int, ImageRecord]]:
        pace = PacedReport(report, _count_lines(self._path) - 1)
        for done, row in enumerate(self._rows(), 1):
            if done == 1:
                self.channels = [name for name in self._columns.files if not self._is_no_image(name, row)]
                self._not_images = set(self._columns.files) - set(self.channels)
            for record in self._of_row(row):
                yield row.line, record
            pace.reach(done)
        pace.finish()

    def notes(self) -> Iterator[str]:
        if self._not_images:
            yield f"columns that name no images (.npy, .mat) were left out: {some(sorted(self._not_images))}"
        if self._files.elsewhere:
            files = f"{self._files.elsewhere} images are not where the table says"
            yield f"{files}, but were found by their names in its folder"

    def _rows(self) -> Iterator[_Row]:
        try:
            with open_table(self._path) as file:
                reader = csv.reader(file, strict=True)
                headings = next(reader, [])
                self._columns = read_columns(self._path, headings)
                for cells in reader:
                    if not any(cells):
                        continue
                    if len(cells) != len(headings):
                        raise self._wrong(reader.line_num, f"has {len(cells)} cells, the headings are {len(headings)}")
                    yield _Row(reader.line_num, cells)
        except OSError as e:
            raise PlateError(f"{self._path}: cannot be read: {reason_of(e, self._path)}") from e
        except (UnicodeDecodeError, csv.Error) as e:
            raise PlateError(f"{self._path}: is no CSV in UTF-8: {e}") from e

    def _is_no_image(self, channel: str, row: _Row) -> bool:
        # Illumination functions have columns like those of images.
        return row.cells[self._columns.files[channel].file].lower().endswith((".npy", ".mat"))

    def _of_row(self, row: _Row) -> Iterator[ImageRecord]:
        self._check_is_one_plate(row)
        place = self._place(row)
        if self.pixel_size_um is None:
            self.pixel_size_um = self._metres(row, "ImageResolutionX")
        for name in self.channels:
            source = self._columns.files[name]
            if source.frame is not None and row.cells[source.frame].strip() not in ("", "0"):
                raise self._wrong(row.line, f"image {name} is inside a file of several; files of one plane are needed")
            found = self._files.find(
                row.cells[source.file], row.cells[source.folder] if source.folder is not None else ""
            )
            yield ImageRecord(
                well=place.well,
                site=place.position.site,
                channel=name,
                z=place.position.z,
                timepoint=place.position.timepoint,
                path=found.path,
                missing=found.reason is not None,
                reason=found.reason or "",
                x_um=place.x_um,
                y_um=place.y_um,
                z_um=self._metres(row, f"PositionZ_{name}", "PositionZ"),
            )

    def _check_is_one_plate(self, row: _Row) -> None:
        if self._columns.plate is not None:
            self._plates.add(row.cells[self._columns.plate])
        if len(self._plates) > 1:
            names = " and ".join(sorted(self._plates))
            raise self._wrong(row.line, f"is of a second plate ({names}); a table of each plate is needed")

    def _place(self, row: _Row) -> _Place:
        columns = self._columns
        try:
            well = (
                canonical_well(row.cells[columns.well])
                if columns.well is not None
                else join_well(row.cells[columns.row or 0], row.cells[columns.column or 0])
            )
        except PlateError as e:
            raise self._wrong(row.line, str(e)) from e
        site, z, timepoint = (self._number(row, column) for column in (columns.site, columns.z, columns.timepoint))
        y_um = self._metres(row, "PositionY")
        return _Place(well, Position(site, "", timepoint, z), self._metres(row, "PositionX"), -y_um if y_um else y_um)

    def _number(self, row: _Row, column: int | None) -> int:
        text = "" if column is None else row.cells[column].strip()
        if not text:
            return 1
        if not (text.isascii() and text.isdigit()):
            raise self._wrong(row.line, f"{text!r} is no whole number (site, plane or timepoint)")
        return int(text)

    def _metres(self, row: _Row, *names: str) -> float | None:
        """Return a length that is told in metres, in micrometres."""
        for name in names:
            column = self._columns.lengths.get(name)
            text = "" if column is None else row.cells[column].strip()
            if text:
                try:
                    return float(Decimal(text).scaleb(6))
                except InvalidOperation as e:
                    raise self._wrong(row.line, f"Metadata_{name} is {text!r}, a number is needed") from e
        return None

    def _wrong(self, line: int, why: str) -> PlateError:
        return PlateError(f"{self._path}, line {line}: {why}")


def _count_lines(path: str) -> int:
    try:
        with BufferedReader(open_regular(path)) as file:
            return max(1, sum(data.count(b"\n") for data in iter(lambda: file.read(2**20), b"")))
    except OSError as e:
        raise PlateError(f"{path}: cannot be read: {reason_of(e, path)}") from e


FORMAT: Final = PlateFormat(
    LAYOUT, "a CSV with columns FileName_<channel> and Metadata_Well in the folder", _find, read_plate, derived=True
)
