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
from typing import TYPE_CHECKING, Final

from plateflow.errors import PlateError
from plateflow.plate.formats.xml_elements import Element, read_elements
from plateflow.plate.wells import STANDARD_PLATES, well_name

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA: Final = "MeasurementData.mlf"
DETAIL: Final = "MeasurementDetail.mrf"
_FIELD_OF_ERROR = re.compile(r"\bNo\. ?(\d+)", re.ASCII)
_MOST_ROWS, _MOST_COLUMNS = STANDARD_PLATES[-1]


@dataclass(frozen=True, slots=True)
class TakenImage:
    """A record of an image."""

    line: int
    """Of the file, from 1."""
    well: str
    field: int
    timepoint: int
    channel: int
    plane: int
    projection: str
    """Method by which the microscope made one plane of several; "" for a plane."""
    file: str
    x_um: float | None
    y_um: float | None
    """Downwards."""
    z_um: float | None


@dataclass(frozen=True, slots=True)
class FailedImages:
    """A record of what could not be taken: all channels and planes of a field."""

    line: int
    well: str
    field: int | None
    """None where it is not told: all fields of the well."""
    timepoint: int
    reason: str


def read_records(path: str) -> Iterator[TakenImage | FailedImages]:
    """Yield the records of a ``.mlf`` file, in its order.

    Raises
    ------
    PlateError
        If it cannot be read, or a value is not of its kind; names the line.
    """
    known = _Known()
    for element in read_elements(path, frozenset({"MeasurementRecord"}), repeated="MeasurementRecord"):
        record = _Record(path, element, known)
        yield record.failed() if element.attributes.get("Type") == "ERR" else record.taken()


@dataclass(slots=True)
class _Known:
    """Values by their text, so that what a million records share is read and kept once."""

    lengths: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    wells: dict[tuple[str, str], str] = field(default_factory=dict)


@dataclass(slots=True)
class _Record:
    """Reads the values of one record, so that every error can name its line."""

    path: str
    element: Element
    known: _Known

    def taken(self) -> TakenImage:
        y_um = self._length("Y")
        projection = self.element.attributes.get("ZImageProcessing", "")
        file = self.element.text.strip().replace("\\", "/").rpartition("/")[2]
        if not file:
            raise self._wrong("names no file")
        return TakenImage(
            line=self.element.line,
            well=self._well(),
            field=self._number("FieldIndex"),
            timepoint=self._number("TimePoint"),
            channel=self._number("Ch"),
            plane=0 if projection else self._number("ZIndex"),
            projection=projection,
            file=file,
            x_um=self._length("X"),
            y_um=-y_um if y_um else y_um,
            z_um=self._length("Z"),
        )

    def failed(self) -> FailedImages:
        reason = self.element.text.strip()
        told = _FIELD_OF_ERROR.search(reason)
        if "FieldIndex" in self.element.attributes:
            site: int | None = self._number("FieldIndex")
        else:
            site = int(told[1]) if told else None
        return FailedImages(self.element.line, self._well(), site, self._number("TimePoint"), reason or "not told why")

    def _well(self) -> str:
        texts = self.element.attributes.get("Row", ""), self.element.attributes.get("Column", "")
        known = self.known.wells.get(texts)
        if known is None:
            row, column = self._number("Row"), self._number("Column")
            if not (1 <= row <= _MOST_ROWS and 1 <= column <= _MOST_COLUMNS):
                raise self._wrong(f"row {row}, column {column} is on no plate")
            known = self.known.wells[texts] = well_name(row, column)
        return known

    def _number(self, key: str) -> int:
        text = self.element.attributes.get(key, "")
        known = self.known.counts.get(text)
        if known is None:
            if not (text.isascii() and text.isdigit()):
                raise self._wrong(f"{key} is {text!r}, a whole number is needed")
            known = self.known.counts[text] = int(text)
        return known

    def _length(self, key: str) -> float | None:
        text = self.element.attributes.get(key)
        if not text:
            return None
        known = self.known.lengths.get(text)
        if known is None:
            known = self.known.lengths[text] = _finite(text)
        if math.isnan(known):
            raise self._wrong(f"{key} is {text!r}, a number is needed")
        return known

    def _wrong(self, why: str) -> PlateError:
        return PlateError(f"{self.path}, line {self.element.line}: a record {why}; copy it again, or use --filenames")


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


def read_detail(folder: str, names: tuple[str, ...]) -> MeasurementDetail:
    """Read the ``.mrf`` file of a folder, and the ``.mes`` file that it names; either may be absent.

    Raises
    ------
    PlateError
        If one of them cannot be read.
    """
    detail = MeasurementDetail()
    if DETAIL in names:
        for element in read_elements(
            os.path.join(folder, DETAIL), frozenset({"MeasurementDetail", "MeasurementChannel"})
        ):
            _take_detail(detail, element)
    settings = [name for name in names if name.lower().endswith(".mes")]
    detail.setting = detail.setting if detail.setting in settings else (settings[0] if len(settings) == 1 else "")
    if detail.setting:
        for element in read_elements(os.path.join(folder, detail.setting), frozenset({"Channel", "TargetWell"})):
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
    return int(text) if text and text.isascii() and text.isdigit() else 0


def _finite(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan
