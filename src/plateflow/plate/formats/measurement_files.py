"""The three XML files of a Yokogawa measurement (CV7000, CV8000, CQ3K).

``MeasurementData.mlf`` has a record for each image that was taken, or failed (type ERR); ``MeasurementDetail.mrf`` the
plate and the cameras; the ``.mes`` file that it names, what each channel is. Positions are micrometres from the middle
of the well, y grows upwards. Read from real files of CV7000 and CV8000.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from plateflow.errors import PlateError
from plateflow.plate.formats.whole_numbers import is_whole_number
from plateflow.plate.formats.xml_elements import Element, Row, read_elements, read_rows
from plateflow.plate.formats.xml_values import Counts, Lengths, WrongValueError
from plateflow.plate.image_table import Position
from plateflow.plate.notes import BY_NAMES
from plateflow.plate.wells import STANDARD_PLATES, well_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plateflow.plate.formats.xml_template import Key
    from plateflow.plate.listing import TopFolder

DATA: Final = "MeasurementData.mlf"
DETAIL: Final = "MeasurementDetail.mrf"
_RECORD: Final = "MeasurementRecord"
_FIELD_OF_ERROR = re.compile(r"\bNo\. ?(\d+)", re.ASCII)
_MOST_ROWS, _MOST_COLUMNS = STANDARD_PLATES[-1]


class TakenImage(NamedTuple):
    """A record of an image."""

    line: int
    """Of the file, from 1."""
    well: str
    position: Position
    """z = 0 for a projection."""
    projection: str
    """Method by which the microscope made one plane of several; "" for a plane."""
    file: str
    x_um: float | None
    y_um: float | None
    """Downwards."""
    z_um: float | None


class FailedImages(NamedTuple):
    """A record of what could not be taken: all channels and planes of a field."""

    line: int
    well: str
    field: int | None
    """None where it is not told: all fields of the well."""
    timepoint: int
    reason: str


class _Told(NamedTuple):
    """What a record tells, as it is written."""

    row: str | None
    column: str | None
    field: str | None
    timepoint: str | None
    channel: str | None
    plane: str | None
    x: str | None
    y: str | None
    z: str | None
    projection: str | None
    kind: str | None
    text: str | None


_WANTED: Final[tuple[Key, ...]] = (
    ("attribute", "Row"), ("attribute", "Column"), ("attribute", "FieldIndex"), ("attribute", "TimePoint"),
    ("attribute", "Ch"), ("attribute", "ZIndex"), ("attribute", "X"), ("attribute", "Y"), ("attribute", "Z"),
    ("attribute", "ZImageProcessing"), ("attribute", "Type"), ("text", ""),
)  # fmt: skip
"""In the order of :class:`_Told`."""
_FIRST_LENGTH: Final = 6


def read_records(path: str) -> Iterator[TakenImage | FailedImages]:
    """Yield the records of a ``.mlf`` file, in its order.

    Raises
    ------
    PlateError
        If it cannot be read, or a value is not of its kind; names the line.
    """
    records = _Records(path)
    for row in read_rows(path, frozenset({_RECORD}), _RECORD, _WANTED):
        if isinstance(row, Row):
            told = _Told._make(row.values)
            try:
                yield records.failed(row.line, told) if told.kind == "ERR" else records.taken(row.line, told)
            except WrongValueError as e:
                key = _WANTED[told.index(e.value, _FIRST_LENGTH if e.is_length else 0)][1]
                raise records.wrong(row.line, f"{key} {e.why}") from e


class _Records:
    """Reads the records of one file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._counts = Counts()
        self._lengths = Lengths("um")
        self._wells: dict[tuple[str | None, ...], str] = {}
        self._positions: dict[tuple[str | bool | None, ...], Position] = {}

    def taken(self, line: int, told: _Told) -> TakenImage:
        lengths = self._lengths
        y_um = lengths[told.y, None]
        file = (told.text or "").strip().replace("\\", "/").rpartition("/")[2]
        if not file:
            raise self.wrong(line, "names no file")
        return TakenImage(
            line,
            self._well(line, told),
            self._position(told),
            told.projection or "",
            file,
            lengths[told.x, None],
            -y_um if y_um else y_um,
            lengths[told.z, None],
        )

    def failed(self, line: int, told: _Told) -> FailedImages:
        reason = (told.text or "").strip()
        named = _FIELD_OF_ERROR.search(reason)
        site = self._counts[told.field] if told.field is not None else int(named[1]) if named else None
        return FailedImages(line, self._well(line, told), site, self._counts[told.timepoint], reason or "not told why")

    def _position(self, told: _Told) -> Position:
        key = (*told[2:6], bool(told.projection))
        known = self._positions.get(key)
        if known is None:
            plane = 0 if told.projection else self._counts[told.plane]
            site, timepoint, channel = (self._counts[text] for text in told[2:5])
            known = self._positions[key] = Position(site, str(channel), timepoint, plane)
        return known

    def _well(self, line: int, told: _Told) -> str:
        known = self._wells.get(told[:2])
        if known is None:
            row, column = self._counts[told.row], self._counts[told.column]
            if not (1 <= row <= _MOST_ROWS and 1 <= column <= _MOST_COLUMNS):
                raise self.wrong(line, f"row {row}, column {column} is on no plate")
            known = self._wells[told[:2]] = well_name(row, column)
        return known

    def wrong(self, line: int, why: str) -> PlateError:
        return PlateError(f"{self._path}, line {line}: a record {why}; copy it again, or {BY_NAMES}")


@dataclass(slots=True)
class MeasurementDetail:
    """What is known of the plate and its channels; nothing where the files are not there."""

    rows: int = 0
    columns: int = 0
    pixel_sizes_um: dict[int, float] = field(default_factory=dict)
    """By channel."""
    labels: dict[int, str] = field(default_factory=dict)
    selected: set[str] = field(default_factory=set)
    """Wells that were to be measured."""
    setting: str = ""
    """Name of the ``.mes`` file; "" where there is none."""


def read_detail(top: TopFolder) -> MeasurementDetail:
    """Read the ``.mrf`` file of a folder, and the ``.mes`` file that it names; either may be absent.

    Upper and lower case of their names are the same, as for the ``.mlf`` file.

    Raises
    ------
    PlateError
        If one of them cannot be read.
    """
    detail = MeasurementDetail()
    path = top.file(DETAIL)
    if path is not None:
        for element in read_elements(path, frozenset({"MeasurementDetail", "MeasurementChannel"})):
            _take_detail(detail, element)
    settings = {name.lower(): name for name in top.files if name.lower().endswith(".mes")}
    only = next(iter(settings.values())) if len(settings) == 1 else ""
    detail.setting = settings.get(detail.setting.lower(), only)
    if detail.setting:
        for element in read_elements(os.path.join(top.path, detail.setting), frozenset({"Channel", "TargetWell"})):
            _take_setting(detail, element)
    return detail


def _take_detail(detail: MeasurementDetail, element: Element) -> None:
    told = element.attributes
    if element.name == "MeasurementDetail":
        detail.rows, detail.columns = _count(told.get("RowCount")), _count(told.get("ColumnCount"))
        detail.setting = told.get("MeasurementSettingFileName", "")
    elif size := _finite(told.get("HorizontalPixelDimension", "")):
        if size > 0:
            detail.pixel_sizes_um[_count(told.get("Ch"))] = size


def _take_setting(detail: MeasurementDetail, element: Element) -> None:
    told = element.attributes
    if element.name == "Channel":
        names = (told.get("Fluorophore"), told.get("Target"), told.get("Acquisition"))
        detail.labels[_count(told.get("Ch"))] = next((name for name in names if name), "")
    elif element.text.strip() == "true":
        row, column = _count(told.get("Row")), _count(told.get("Column"))
        if 1 <= row <= _MOST_ROWS and 1 <= column <= _MOST_COLUMNS:
            detail.selected.add(well_name(row, column))


def _count(text: str | None) -> int:
    return int(text) if text is not None and is_whole_number(text) else 0


def _finite(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan
