"""What MetaXpress writes into a TIFF about its plane: the only place that tells a plane from a copy of one.

The description is XML, ``<PlaneInfo><prop id="z-position" type="float" value="9991.87"/>..``, 6 KB of it for some ten
values that matter; so these are picked out by their names. Files that went through other software have none, and then
nothing is known.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from html import unescape
from typing import Final

from plateflow.errors import ImageError, PlateError
from plateflow.plate.wells import canonical_well
from plateflow.storage.tiff import read_description

_PROPS: Final = re.compile(
    r'<(?:custom-)?prop id="(Z Step|z-position|Z Projection Method|spatial-calibration-(?:state|x|units)|'
    r'stage-(?:label|position-[xy])|_IllumSetting_|OffsetFromWellCenterUm[XY])"(?: type="[^"]*")? value="([^"]*)"'
)
_STAGE_LABEL = re.compile(r"([A-Z]{1,2}\d{1,2})(?: : Site (\d+))?", re.ASCII)


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
    setting: str = ""
    """Name of the illumination, "DAPI"."""
    well: str = ""
    site: int | None = None
    offset: tuple[float, float] | None = None
    """(x, y) from the middle of the well in micrometres, y downwards."""
    stage: tuple[float, float] | None = None
    """(x, y) of the stage in micrometres, y downwards."""


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
    begin, end = description.find("<PlaneInfo>"), description.rfind("</PlaneInfo>")
    if begin < 0 or end < begin or "<!" in description:
        return NOTHING_KNOWN
    values = dict(_PROPS.findall(description, begin, end))
    calibrated = values.get("spatial-calibration-units") == "um" and values.get("spatial-calibration-state") == "on"
    label = _STAGE_LABEL.fullmatch(values.get("stage-label", ""))
    return PlaneInfo(
        z_step=_number(values.get("Z Step")),
        z_position=_number(values.get("z-position")),
        projection=unescape(values.get("Z Projection Method", "")),
        pixel_size_um=_number(values.get("spatial-calibration-x")) if calibrated else None,
        setting=unescape(values.get("_IllumSetting_", "")),
        well=_well(label[1]) if label else "",
        site=int(label[2]) if label and label[2] else None,
        offset=_pair(values.get("OffsetFromWellCenterUmX"), values.get("OffsetFromWellCenterUmY")),
        stage=_pair(values.get("stage-position-x"), values.get("stage-position-y")),
    )


def _well(text: str) -> str:
    try:
        return canonical_well(text)
    except PlateError:  # it is a name that somebody gave
        return ""


def _pair(x: str | None, y: str | None) -> tuple[float, float] | None:
    values = _number(x), _number(y)
    return None if values[0] is None or values[1] is None else (values[0], values[1])


def _number(text: str | None) -> float | None:
    try:
        value = math.nan if text is None else float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
