"""Where the fields of a well lie in one image of all of them: the table ``FOV_ROI_table`` that Fractal writes.

A table is an AnnData group (https://fractal-analytics-platform.github.io/fractal-tasks-core/tables/): ``X`` has a row
for each field and a column for each of the names in ``var``, lengths in micrometres.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from plateflow.errors import ImageError
from plateflow.storage.limits import MAX_PLANES
from plateflow.storage.zarr_chunks import ArrayPlane, read_array_plane, read_column
from plateflow.storage.zarr_metadata import describe_array, read_attributes

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLE: Final = "FOV_ROI_table"


@dataclass(frozen=True, slots=True)
class FieldRoi:
    """One field of view in an image, in pixels."""

    top: int
    left: int
    rows: int
    columns: int
    x_um: float | None
    """Of its left edge, where the microscope was; where that is not kept, in the image."""
    y_um: float | None


def read_field_rois(
    image: str, pixel_size_um: tuple[float | None, float | None], shape: tuple[int, ...]
) -> tuple[FieldRoi, ...]:
    """Read where the fields of an image lie; () where it has no such table.

    Parameters
    ----------
    image
        Path of the image's folder.
    pixel_size_um
        Of Y and X.
    shape
        (.., Y, X) of its array.

    Raises
    ------
    ImageError
        If the table cannot be read, it has more fields than an image may have, or a field is not in the image.
    """
    folder = os.path.join(image, "tables", TABLE)
    if not os.path.isdir(folder):
        return ()
    backend = read_attributes(folder).get("backend", "anndata")
    if backend != "anndata":
        raise ImageError(f"{folder}: is kept as {backend!r}, a table kept as 'anndata' is needed")
    names = read_column(os.path.join(folder, "var", _index(os.path.join(folder, "var"))))
    height, width = pixel_size_um
    if height is None or width is None:
        raise ImageError(f"{folder}: is in micrometres, but the image does not tell the size of its pixels")
    values = describe_array(os.path.join(folder, "X"))
    if len(values.shape) != 2 or values.shape[1] != len(names):
        raise ImageError(f"{folder}: has {len(names)} columns, but values of shape {values.shape}")
    if (planes := values.shape[0] * math.prod(shape[:-2])) > MAX_PLANES:
        raise ImageError(
            f"{folder}: claims {values.shape[0]} fields, which are {planes} planes, more than the {MAX_PLANES} allowed"
        )
    rows = read_array_plane(values, ArrayPlane((), 0, 0, *values.shape)).tolist()
    return tuple(
        _roi(f"{folder}, row {number}", dict(zip(names, row, strict=True)), (height, width), shape[-2:])
        for number, row in enumerate(rows, 1)
    )


def _index(folder: str) -> str:
    name = read_attributes(folder).get("_index", "_index")
    if not isinstance(name, str) or not name or "/" in name or name.startswith("."):
        raise ImageError(f"{folder}: its index {name!r} is no name of a column")
    return name


def _roi(what: str, row: Mapping[str, float], pixel_size: tuple[float, float], shape: tuple[int, ...]) -> FieldRoi:
    try:
        top, rows = (round(row[name] / pixel_size[0]) for name in ("y_micrometer", "len_y_micrometer"))
        left, columns = (round(row[name] / pixel_size[1]) for name in ("x_micrometer", "len_x_micrometer"))
    except KeyError as e:
        raise ImageError(f"{what}: there is no column {e}") from e
    except ValueError as e:
        raise ImageError(f"{what}: {e}") from e
    if top < 0 or left < 0 or min(rows, columns) < 1 or top + rows > shape[0] or left + columns > shape[1]:
        raise ImageError(f"{what}: the field ({rows} x {columns} pixels at {top}, {left}) is not in the image, {shape}")
    return FieldRoi(
        top,
        left,
        rows,
        columns,
        row.get("x_micrometer_original", row["x_micrometer"]),
        row.get("y_micrometer_original", row["y_micrometer"]),
    )
