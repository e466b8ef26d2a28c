"""What MetaXpress writes into a TIFF about its plane: the only place that tells a plane from a copy of one.

The description is XML, ``<PlaneInfo><prop id="z-position" type="float" value="9991.87"/>..``. Files that went through
other software have none, and then nothing is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree

from plateflow.errors import ImageError
from plateflow.storage.tiff import read_description


@dataclass(frozen=True, slots=True)
class PlaneInfo:
    """How a plane was acquired; None and "" are what the file does not tell."""

    z_step: float | None = None
    """Number of the plane in its z series, from 1; absent in projections."""
    z_position: float | None = None
    """Height of the objective in micrometres; a projection has that of its middle."""
    projection: str = ""
    """Method by which the microscope made one plane of several: "Maximum", "Best Focus"."""
    pixel_size_um: float | None = None


NOTHING_KNOWN: Final = PlaneInfo()


def read_plane_info(path: str) -> PlaneInfo:
    """Read what a file tells about its plane; :data:`NOTHING_KNOWN` if it is unreadable or was written by others."""
    try:
        description = read_description(path)
    except ImageError:
        # A damaged image is an error of its well, when the well is read; here it is only no help.
        return NOTHING_KNOWN
    return parse_plane_info(description)


def parse_plane_info(description: str) -> PlaneInfo:
    """Read a TIFF's description; :data:`NOTHING_KNOWN` if it is not MetaSeries XML."""
    if "<PlaneInfo>" not in description or "<!" in description:
        return NOTHING_KNOWN
    try:
        root = ElementTree.fromstring(description)
    except ElementTree.ParseError:
        return NOTHING_KNOWN
    values = {str(prop.get("id")): str(prop.get("value")) for prop in root.iterfind("PlaneInfo/*")}
    calibrated = values.get("spatial-calibration-units") == "um" and values.get("spatial-calibration-state") == "on"
    return PlaneInfo(
        z_step=_number(values.get("Z Step")),
        z_position=_number(values.get("z-position")),
        projection=values.get("Z Projection Method", ""),
        pixel_size_um=_number(values.get("spatial-calibration-x")) if calibrated else None,
    )


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
