"""The index of a Harmony export (Opera Phenix, Operetta): every image, where it was taken, and what it shows.

``Index.idx.xml`` of the namespace HarmonyV5 tells of each image its channel's name and resolution; ``Index.xml`` of
HarmonyV7 tells these once a channel, under ``Maps``. TimepointID counts from 0 in one, from 1 in the other, the K of an
image's id (``0303K1F2P1R1``: row, column, timepoint, field, plane, channel) from 1 in both. Lengths are metres, y
grows upwards. Read from real files of both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from plateflow.errors import PlateError
from plateflow.plate.formats.xml_elements import Element, Row, read_rows
from plateflow.plate.formats.xml_values import Counts, Lengths, WrongValueError
from plateflow.plate.image_table import Position
from plateflow.plate.notes import BY_NAMES
from plateflow.plate.wells import STANDARD_PLATES, well_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plateflow.plate.formats.xml_template import Key

NAMES: Final = ("Index.xml", "Index.idx.xml")
_ELEMENTS: Final = frozenset({"Plate", "Well", "Entry", "Image"})
_ID = re.compile(r"(\d\d)(\d\d)K(\d{1,9})F(\d{1,9})P(\d{1,9})R(\d{1,9})", re.ASCII)
_MOST_ROWS, _MOST_COLUMNS = STANDARD_PLATES[-1]


class _Told(NamedTuple):
    """What an image's element tells, as it is written."""

    row: str | None
    column: str | None
    field: str | None
    channel: str | None
    plane: str | None
    timepoint: str | None
    x: str | None
    x_unit: str | None
    y: str | None
    y_unit: str | None
    z: str | None
    z_unit: str | None
    pixel_size: str | None
    pixel_size_unit: str | None
    label: str | None
    id: str | None
    state: str | None
    url: str | None
    declared: str | None
    """The id of one that a well declares: it has nothing else."""


_WANTED: Final[tuple[Key, ...]] = (
    ("child", "Row"), ("child", "Col"), ("child", "FieldID"), ("child", "ChannelID"), ("child", "PlaneID"),
    ("child", "TimepointID"), ("child", "PositionX"), ("unit", "PositionX"), ("child", "PositionY"),
    ("unit", "PositionY"), ("child", "PositionZ"), ("unit", "PositionZ"), ("child", "ImageResolutionX"),
    ("unit", "ImageResolutionX"), ("child", "ChannelName"), ("child", "id"), ("child", "State"), ("child", "URL"),
    ("attribute", "id"),
)  # fmt: skip
"""In the order of :class:`_Told`."""
_FIRST_LENGTH: Final = 6


class IndexedImage(NamedTuple):
    """One image of the index."""

    line: int
    """Of the index."""
    well: str
    position: Position
    state: str
    """ "Ok", or what went wrong."""
    file: str
    """Name of its file, beside the index."""
    x_um: float | None
    """From the middle of the well, to the right."""
    y_um: float | None
    """The same, downwards."""
    z_um: float | None


@dataclass(slots=True)
class HarmonyIndex:
    """Reads an index; all but the images is known once they have been read.

    Parameters
    ----------
    path
        Of the file.
    """

    path: str
    rows: int = 0
    columns: int = 0
    wells: set[str] = field(default_factory=set)
    """Those declared, whether they have images or not."""
    declared: set[tuple[str, Position]] = field(default_factory=set)
    """Wells and places in them that they declare and no image was read for yet."""
    labels: dict[int, str] = field(default_factory=dict)
    """Name of each channel."""
    pixel_size_um: float | None = None
    _lengths: Lengths = field(default_factory=partial(Lengths, "m"))
    _counts: Counts = field(default_factory=Counts)
    _wells: dict[tuple[str | None, str | None], str] = field(default_factory=dict)
    _positions: dict[tuple[str | None, ...], Position] = field(default_factory=dict)
    _has_ids: bool | None = None
    """Whether images have an id that can be read; None before the first of them."""

    def images(self) -> Iterator[IndexedImage]:
        """Yield the images, in the order of the file.

        Raises
        ------
        PlateError
            If the file is no such index, or a value is not of its kind; names the line.
        """
        for element in read_rows(self.path, _ELEMENTS, "Image", _WANTED):
            if isinstance(element, Row):
                line, told = element.line, _Told._make(element.values)
                try:
                    if told.declared is None or told.url is not None:
                        yield self._image(line, told)
                    else:
                        self._take_declared(line, told.declared)
                except WrongValueError as e:
                    key = _WANTED[told.index(e.value, _FIRST_LENGTH if e.is_length else 0)][1]
                    raise self._wrong(line, "Image", f"{key} {e.why}") from e
            else:
                self._take(element)
        if not self.rows:
            raise PlateError(f"{self.path}: is no index of Harmony: it describes no Plate")

    def _take(self, element: Element) -> None:
        match element.name:
            case "Plate" if self.rows:
                raise self._wrong(element.line, "Plate", "is a second plate")
            case "Plate":
                self.rows, self.columns = self._size(element, "PlateRows"), self._size(element, "PlateColumns")
            case "Well":
                self._take_well(element)
            case "Entry" if "ChannelName" in element.children or "ImageResolutionX" in element.children:
                self._take_entry(element)

    def _size(self, element: Element, key: str) -> int:
        text = element.children.get(key, "")
        try:
            size = self._counts[text]
        except WrongValueError as e:
            raise self._wrong(element.line, "Plate", f"{key} {e.why}") from e
        if not 1 <= size <= _MOST_COLUMNS:
            raise self._wrong(element.line, "Plate", f"{key} is {size}")
        return size

    def _take_well(self, element: Element) -> None:
        name = element.attributes.get("id") or element.children.get("id", "")
        if len(name) != 4 or not (name.isascii() and name.isdigit()):
            why = f"well {name!r} is not two digits of a row and two of a column"
            raise self._wrong(element.line, "Well", why)
        self.wells.add(self._well(element.line, int(name[:2]), int(name[2:])))

    def _take_declared(self, line: int, name: str) -> None:
        found = _ID.fullmatch(name)
        if found:
            row, column, timepoint, site, plane, channel = map(int, found.groups())
            self.declared.add((self._well(line, row, column), Position(site, str(channel), timepoint, plane)))

    def _take_entry(self, element: Element) -> None:
        """Take in what a map tells of a channel."""
        channel = element.attributes.get("ChannelID")
        size, unit = (source.get("ImageResolutionX") for source in (element.children, element.units))
        try:
            self._take_channel(self._counts[channel], element.children.get("ChannelName"), self._lengths[size, unit])
        except WrongValueError as e:
            key = "ChannelID" if e.value is channel else "ImageResolutionX"
            raise self._wrong(element.line, "Entry", f"{key} {e.why}") from e

    def _take_channel(self, channel: int, label: str | None, pixel_size_um: float | None) -> None:
        if label is not None:
            self.labels.setdefault(channel, label)
        if self.pixel_size_um is None:
            self.pixel_size_um = pixel_size_um

    def _image(self, line: int, told: _Told) -> IndexedImage:
        well = self._wells.get(told[:2])
        if well is None:
            row, column = self._counts[told.row], self._counts[told.column]
            well = self._wells[told[:2]] = self._well(line, row, column)
        position = self._position(line, told)
        if told.label is not None or told.pixel_size is not None:
            pixel_size_um = self._lengths[told.pixel_size, told.pixel_size_unit]
            self._take_channel(int(position.channel), told.label, pixel_size_um)
        if self.declared:
            self.declared.discard((well, position))
        # Below the folder of the index, whatever software wrote the path.
        file = (told.url or "").strip().replace("\\", "/").rpartition("/")[2]
        if not file:
            raise self._wrong(line, "Image", "there is no URL")
        y_um = self._lengths[told.y, told.y_unit]
        return IndexedImage(
            line,
            well,
            position,
            "Ok" if told.state is None else told.state,
            file,
            self._lengths[told.x, told.x_unit],
            -y_um if y_um else y_um,
            self._lengths[told.z, told.z_unit],
        )

    def _position(self, line: int, told: _Told) -> Position:
        name = told.id or ""
        # The id's K counts timepoints from 1 in every form; without ids, the TimepointID is as good as it is.
        key = (*told[2:6], name[4 : name.find("F")])
        known = self._positions.get(key)
        if known is None:
            site, channel, plane, timepoint = (self._counts[text] for text in told[2:6])
            found = _ID.fullmatch(name)
            if self._has_ids is None:
                self._has_ids = found is not None
            if self._has_ids is not (found is not None):
                raise self._wrong(line, "Image", f"id {name!r} is not like those of the images before it")
            known = Position(site, str(channel), int(found[3]) if found else timepoint, plane)
            self._positions[key] = known
        return known

    def _well(self, line: int, row: int, column: int) -> str:
        if not (1 <= row <= (self.rows or _MOST_ROWS) and 1 <= column <= (self.columns or _MOST_COLUMNS)):
            raise self._wrong(line, "Well or Image", f"row {row}, column {column} is not on the plate")
        return well_name(row, column)

    def _wrong(self, line: int, element: str, why: str) -> PlateError:
        return PlateError(f"{self.path}, line {line}: {element}: {why}; export the plate again, or {BY_NAMES}")
