"""The index of a Harmony export (Opera Phenix, Operetta): every image, where it was taken, and what it shows.

``Index.idx.xml`` of the namespace HarmonyV5 tells of each image its channel's name and resolution; ``Index.xml`` of
HarmonyV7 tells these once a channel, under ``Maps``. TimepointID counts from 0 in one, from 1 in the other, the K of an
image's id (``0303K1F2P1R1``: row, column, timepoint, field, plane, channel) from 1 in both. Lengths are metres, y
grows upwards. Read from real files of both.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final, NamedTuple

from plateflow.errors import PlateError
from plateflow.plate.formats.xml_elements import Element, read_elements
from plateflow.plate.wells import STANDARD_PLATES, well_name

if TYPE_CHECKING:
    from collections.abc import Iterator

_ELEMENTS: Final = frozenset({"Plate", "Well", "Entry", "Image"})
_WANTED: Final = frozenset({
    "id", "State", "URL", "Row", "Col", "FieldID", "PlaneID", "TimepointID", "ChannelID", "ChannelName",
    "ImageResolutionX", "PositionX", "PositionY", "PositionZ",
})  # fmt: skip
NAMES: Final = ("Index.xml", "Index.idx.xml")
_TO_MICROMETRES: Final = {"m": 6, "mm": 3, "um": 0, "µm": 0, "nm": -3}
"""Powers of ten."""
_ID = re.compile(r"(\d\d)(\d\d)K(\d+)F(\d+)P(\d+)R(\d+)", re.ASCII)
_MOST_ROWS, _MOST_COLUMNS = STANDARD_PLATES[-1]


class ImageId(NamedTuple):
    """Where an image belongs."""

    well: str
    field: int
    channel: int
    timepoint: int
    """From 1."""
    plane: int


@dataclass(frozen=True, slots=True)
class IndexedImage:
    """One image of the index."""

    line: int
    """Of the index."""
    at: ImageId
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
    declared: set[ImageId] = field(default_factory=set)
    """What wells declare and no image was read for yet."""
    labels: dict[int, str] = field(default_factory=dict)
    """Name of each channel."""
    pixel_size_um: float | None = None
    _lengths: dict[tuple[str, str], float] = field(default_factory=dict)
    """By text and unit; as the next two, so that what a million images share is read and kept once."""
    _counts: dict[str, int] = field(default_factory=dict)
    _wells: dict[tuple[str, str], str] = field(default_factory=dict)

    def images(self) -> Iterator[IndexedImage]:
        """Yield the images, in the order of the file.

        Raises
        ------
        PlateError
            If the file is no such index, or a value is not of its kind; names the line.
        """
        for element in read_elements(self.path, _ELEMENTS, repeated="Image", children=_WANTED):
            match element.name:
                case "Plate" if self.rows:
                    raise self._wrong(element, "is a second plate")
                case "Plate":
                    self.rows = self._count(element, "PlateRows")
                    self.columns = self._count(element, "PlateColumns")
                case "Well":
                    self._take_well(element)
                case "Entry":
                    self._take_channel(element, "ChannelID", element.attributes)
                case "Image" if not element.children:
                    self._take_declared(element)
                case "Image":
                    yield self._image(element)
        if not self.rows:
            raise PlateError(f"{self.path}: is no index of Harmony: it describes no Plate")

    def _take_well(self, element: Element) -> None:
        name = element.attributes.get("id") or element.children.get("id", "")
        if len(name) != 4 or not name.isdecimal():
            raise self._wrong(element, f"well {name!r} is not two digits of a row and two of a column")
        self.wells.add(self._well(element, int(name[:2]), int(name[2:])))

    def _take_declared(self, element: Element) -> None:
        found = _ID.fullmatch(element.attributes.get("id", ""))
        if found:
            row, column, timepoint, site, plane, channel = map(int, found.groups())
            self.declared.add(ImageId(self._well(element, row, column), site, channel, timepoint, plane))

    def _take_channel(self, element: Element, key: str, source: dict[str, str]) -> None:
        label = element.children.get("ChannelName")
        if label is not None:
            self.labels.setdefault(self._number_in(element, key, source), label)
        if self.pixel_size_um is None:
            self.pixel_size_um = self._length(element, "ImageResolutionX")

    def _image(self, element: Element) -> IndexedImage:
        told = element.children
        found = _ID.fullmatch(told.get("id", ""))
        at = ImageId(
            self._well_told(element),
            self._number(element, "FieldID"),
            self._number(element, "ChannelID"),
            int(found[3]) if found else self._number(element, "TimepointID"),
            self._number(element, "PlaneID"),
        )
        if "ChannelName" in told or self.pixel_size_um is None:
            self._take_channel(element, "ChannelID", told)
        self.declared.discard(at)
        y_um = self._length(element, "PositionY")
        return IndexedImage(
            element.line,
            at,
            told.get("State", "Ok"),
            # Below the folder of the index, whatever software wrote the path.
            self._text(element, "URL").replace("\\", "/").rpartition("/")[2],
            self._length(element, "PositionX"),
            -y_um if y_um else y_um,
            self._length(element, "PositionZ"),
        )

    def _well_told(self, element: Element) -> str:
        texts = element.children.get("Row", ""), element.children.get("Col", "")
        known = self._wells.get(texts)
        if known is None:
            row, column = self._number(element, "Row"), self._number(element, "Col")
            known = self._wells[texts] = self._well(element, row, column)
        return known

    def _well(self, element: Element, row: int, column: int) -> str:
        if not (1 <= row <= (self.rows or _MOST_ROWS) and 1 <= column <= (self.columns or _MOST_COLUMNS)):
            raise self._wrong(element, f"row {row}, column {column} is not on the plate")
        return well_name(row, column)

    def _count(self, element: Element, key: str) -> int:
        value = self._number(element, key)
        if not 1 <= value <= _MOST_COLUMNS:
            raise self._wrong(element, f"{key} is {value}")
        return value

    def _number(self, element: Element, key: str) -> int:
        return self._number_in(element, key, element.children)

    def _number_in(self, element: Element, key: str, source: dict[str, str]) -> int:
        text = source.get(key, "")
        known = self._counts.get(text)
        if known is None:
            if not (text.isascii() and text.isdigit()):
                raise self._wrong(element, f"{key} is {text!r}, a whole number is needed")
            known = self._counts[text] = int(text)
        return known

    def _text(self, element: Element, key: str) -> str:
        text = element.children.get(key, "").strip()
        if not text:
            raise self._wrong(element, f"there is no {key}")
        return text

    def _length(self, element: Element, key: str) -> float | None:
        text = element.children.get(key)
        if not text:
            return None
        unit = element.units.get(key, "m")
        known = self._lengths.get((text, unit))
        if known is None:
            try:
                # As decimals, for 0.000645814 m is not 645.8139999 um.
                known = float(Decimal(text).scaleb(_TO_MICROMETRES[unit]))
            except (InvalidOperation, KeyError) as e:
                raise self._wrong(element, f"{key} is {text!r} {unit}, a length is needed") from e
            if not math.isfinite(known):
                raise self._wrong(element, f"{key} is {text!r}, a length is needed")
            self._lengths[text, unit] = known
        return known

    def _wrong(self, element: Element, why: str) -> PlateError:
        where = f"{self.path}, line {element.line}: {element.name}: {why}"
        return PlateError(f"{where}; export the plate again, or use --filenames")
