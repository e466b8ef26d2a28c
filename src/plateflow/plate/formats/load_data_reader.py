"""The rows of a LoadData table as image records, each value checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from plateflow.errors import PlateError
from plateflow.plate.formats.load_data_columns import LoadDataColumns, read_columns
from plateflow.plate.formats.load_data_rows import Row, count_rows, read_rows
from plateflow.plate.formats.load_data_values import (
    micrometres,
    pixel_micrometres,
    plate_columns,
    plate_rows,
    shown,
    well_of,
    whole_number,
)
from plateflow.plate.image_table import Position
from plateflow.plate.listing import FileReport, PacedReport
from plateflow.plate.model import ImageRecord
from plateflow.plate.notes import some
from plateflow.plate.wells import parse_well

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plateflow.plate.formats.load_data_files import NamedFiles
    from plateflow.plate.record_table import RecordTable

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Place:
    """What a row says of all its images."""

    line: int
    well: str
    site: int
    timepoint: int
    z: int
    x_um: float | None
    y_um: float | None


class Reader:
    """Reads the rows of one table.

    Parameters
    ----------
    path
        Of the table.
    files
        Looks for what it names.
    """

    def __init__(self, path: str, files: NamedFiles) -> None:
        self._path = path
        self._files = files
        self._columns: LoadDataColumns
        self._plates: set[str] = set()
        self._no_images: dict[str, bool] = {}
        """By channel, whether its first cell that is not empty names an illumination function."""
        self._empty: list[tuple[str, Position]] = []
        """Well and position of each empty cell."""
        self._named: dict[str, _Place] = {}
        """The first place of each file."""
        self.pixel_size_um: float | None = None
        self.size: tuple[int, int] | None = None
        """(rows, columns) of the plate, where the table tells them."""

    def read(self, table: RecordTable, report: FileReport | None) -> None:
        """Add what the rows name to the plate's records.

        Raises
        ------
        PlateError
            If the table is wrong (names its line), or of several plates.
        """
        pace = PacedReport(report, count_rows(self._path))
        rows = read_rows(self._path)
        self._columns = read_columns(self._path, next(rows).cells)
        for done, row in enumerate(rows, 1):
            place = self._place(row)
            self._check_plate(row, place)
            table.declare(place.well)
            for record in self._images(row, place):
                table.add(record, file=self._path, line=row.line)
            pace.reach(done)
        pace.finish()

    def add_gaps(self, table: RecordTable) -> None:
        """Add as missing what a row has no file of, where another well has one at the same place.

        What a well has no row of is not missing: rows are left out on purpose, and wells may differ in timepoints.
        """
        everywhere = table.positions()
        for well, position in self._empty:
            if position in everywhere:
                table.add_missing(well, position, "the table names no file, but one for other wells")

    def channels(self) -> list[str]:
        """Return the channels of the table, in its order."""
        return [name for name in self._columns.files if not self._no_images.get(name)]

    def notes(self) -> Iterator[str]:
        """Yield what is odd about the table and no error."""
        left_out = sorted(name for name, no_images in self._no_images.items() if no_images)
        if left_out:
            yield f"columns that name no images (.npy, .mat) were left out: {some(left_out)}"
        if self._files.elsewhere:
            files = f"{self._files.elsewhere} images are not where the table says"
            yield f"{files}, but were found by their names in its folder"

    def _place(self, row: Row) -> _Place:
        columns = self._columns
        try:
            well = well_of(*(row.cells[column] for column in columns.well))
        except PlateError as e:
            raise self._wrong(row.line, str(e)) from e
        site, timepoint, z = (
            self._value(row, column, whole_number) for column in (columns.site, columns.timepoint, columns.z)
        )
        x_um, y_um = (self._value(row, column, micrometres) for column in (columns.x, columns.y))
        return _Place(
            row.line,
            well,
            1 if site is None else site,
            1 if timepoint is None else timepoint,
            1 if z is None else z,
            x_um,
            -y_um if y_um else y_um,
        )

    def _check_plate(self, row: Row, place: _Place) -> None:
        """Check that a row is of the plate of those above it, and take what it says of the plate."""
        columns = self._columns
        if columns.plate is not None:
            self._plates.add(row.cells[columns.plate])
        if len(self._plates) > 1:
            names = " and ".join(sorted(self._plates))
            raise self._wrong(row.line, f"is of a second plate ({names}); a table of each plate is needed")
        pixel_size_um = self._value(row, columns.pixel_size, pixel_micrometres)
        self.pixel_size_um = pixel_size_um if self.pixel_size_um is None else self.pixel_size_um
        self._check_size(row, place)

    def _check_size(self, row: Row, place: _Place) -> None:
        rows = self._value(row, self._columns.plate_rows, plate_rows)
        columns = self._value(row, self._columns.plate_columns, plate_columns)
        if rows is None or columns is None:
            return
        self.size = self.size or (rows, columns)
        if self.size != (rows, columns):
            first = " x ".join(map(str, self.size))
            raise self._wrong(
                row.line, f"is of a plate of {rows} x {columns} wells, the rows above of one of {first}; correct one"
            )
        at_row, at_column = parse_well(place.well)
        if at_row > rows or at_column > columns:
            raise self._wrong(row.line, f"well {place.well} is not on a plate of {rows} x {columns} wells; correct one")

    def _images(self, row: Row, place: _Place) -> Iterator[ImageRecord]:
        """Yield a record for each cell that names a file."""
        columns = self._columns
        for name, source in columns.files.items():
            file = row.cells[source.file].strip()
            if not file:
                self._empty.append((place.well, Position(place.site, name, place.timepoint, place.z)))
                continue
            if self._is_no_image(name, file):
                continue
            if source.frame is not None and row.cells[source.frame].strip() not in ("", "0"):
                raise self._wrong(row.line, f"image {name} is inside a file of several; files of one plane are needed")
            found = self._files.find(file, "" if source.folder is None else row.cells[source.folder])
            self._check_is_of_one_site(found.path, place)
            projection = columns.projections.get(name)
            yield ImageRecord(
                well=place.well,
                site=place.site,
                channel=name,
                z=place.z,
                timepoint=place.timepoint,
                path=found.path,
                projection="" if projection is None else row.cells[projection].strip(),
                missing=found.reason is not None,
                reason=found.reason or "",
                x_um=place.x_um,
                y_um=place.y_um,
                z_um=self._height(row, name),
            )

    def _is_no_image(self, channel: str, file: str) -> bool:
        # Illumination functions have columns like those of images.
        return self._no_images.setdefault(channel, file.lower().endswith((".npy", ".mat")))

    def _check_is_of_one_site(self, path: str, place: _Place) -> None:
        first = self._named.setdefault(path, place)
        if (first.well, first.site) != (place.well, place.site):
            raise self._wrong(
                place.line,
                f"{path} is the image of well {place.well}, site {place.site}, and in line {first.line} that of well "
                f"{first.well}, site {first.site}; correct one of the lines",
            )

    def _height(self, row: Row, channel: str) -> float | None:
        heights = self._columns.heights
        own = self._value(row, heights.get(channel), micrometres)
        return self._value(row, heights.get(""), micrometres) if own is None else own

    def _value(self, row: Row, column: int | None, parse: Callable[[str], _T]) -> _T | None:
        """Return what a cell says; None where it is empty, or there is no such column."""
        text = "" if column is None else row.cells[column].strip()
        if column is None or not text:
            return None
        try:
            return parse(text)
        except PlateError as e:
            raise self._wrong(row.line, f"{self._columns.headings[column]} is {shown(text)}: {e}") from e

    def _wrong(self, line: int, why: str) -> PlateError:
        return PlateError(f"{self._path}, line {line}: {why}")
