"""A plate as a LoadData table, for CellProfiler and what reads its tables."""

from __future__ import annotations

import csv
import io
import os
import re
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

from plateflow.errors import OutputError, UserError
from plateflow.storage.atomic import write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plateflow.plate.model import ImageRecord, Plate

_Place = tuple[int, int, int]
"""Site, timepoint, z."""


def image_names(plate: Plate) -> dict[str, str]:
    """Return what CellProfiler calls each channel: its label where that is unique, in letters, digits and ``_``."""
    labels = Counter(_identifier(channel.label) for channel in plate.channels if channel.label)
    names: dict[str, str] = {}
    for channel in plate.channels:
        label = _identifier(channel.label)
        name = label if channel.label and labels[label] == 1 else _identifier(channel.name)
        names[channel.name] = name if name not in names.values() else f"{name}_{len(names) + 1}"
    return names


def write_load_data(plate: Plate, path: Path) -> int:
    """Write a table with a row for each site, timepoint and plane.

    A cell is empty where its channel has no such image; an image that is missing is named where it should be. A well
    without images has a row of empty cells. Places and the size of a pixel are told as pe2loaddata tells them: in
    metres, y upwards. What CellProfiler has no columns for (the plate's size, methods of projection) is metadata.

    Parameters
    ----------
    plate
        Whose images are files of their own.
    path
        Of the table; one that is there is replaced.

    Returns
    -------
    int
        How many rows were written.

    Raises
    ------
    UserError
        If images are parts of arrays, which a table of file names cannot tell, or the plate has no well.
    OutputError
        If the table would lie in the plate's folder.
    OSError
        If it cannot be written.
    """
    if path.is_relative_to(plate.path):
        raise OutputError(f"{path} is inside the plate's folder, which is never written to; name another place")
    rows = list(_rows(plate))
    if not rows:
        raise UserError(f"plate {plate.name!r} has no well to write a row of")
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(path, text.getvalue().encode())
    return len(rows)


def _rows(plate: Plate) -> Iterator[dict[str, str]]:
    names = image_names(plate)
    columns = sorted({column for row in plate.plate_map.values() for column in row})
    projected = {record.channel for records in plate.wells.values() for record in records if record.projection}
    for well, records in plate.wells.items():
        told = {f"Metadata_{column}": str(plate.plate_map.get(well, {}).get(column, "")) for column in columns}
        for (site, timepoint, z), images in (_by_place(records) or {(1, 1, 1): {}}).items():
            row = {
                **_files(plate, names, images),
                "Metadata_Plate": plate.name,
                "Metadata_PlateRows": str(plate.rows),
                "Metadata_PlateColumns": str(plate.columns),
                "Metadata_Well": well,
                "Metadata_Site": str(site),
                "Metadata_Timepoint": str(timepoint),
                "Metadata_Z": str(z),
                "Metadata_ImageResolutionX": _metres(plate.pixel_size_um),
                **_positions(names, images),
                **_projections({channel: name for channel, name in names.items() if channel in projected}, images),
            }
            yield row | {column: value for column, value in told.items() if column not in row}


def _by_place(records: tuple[ImageRecord, ...]) -> dict[_Place, dict[str, ImageRecord]]:
    places: dict[_Place, dict[str, ImageRecord]] = {}
    for record in records:
        places.setdefault((record.site, record.timepoint, record.z), {})[record.channel] = record
    return places


def _files(plate: Plate, names: dict[str, str], images: dict[str, ImageRecord]) -> dict[str, str]:
    cells: dict[str, str] = {}
    for channel, name in names.items():
        image = images.get(channel)
        if image is not None and image.part is not None:
            raise UserError(
                f"plate {plate.name!r} holds arrays ({plate.layout}); a LoadData table names files of images"
            )
        folder, file = ("", "") if image is None else os.path.split(image.path)
        cells |= {f"FileName_{name}": file, f"PathName_{name}": folder}
    return cells


def _positions(names: dict[str, str], images: dict[str, ImageRecord]) -> dict[str, str]:
    x_um, y_um = next(((image.x_um, image.y_um) for image in images.values() if image.x_um is not None), (None, None))
    heights = {channel: image.z_um for channel, image in images.items()}
    return {
        "Metadata_PositionX": _metres(x_um),
        "Metadata_PositionY": _metres(-y_um if y_um else y_um),
        **{f"Metadata_PositionZ_{name}": _metres(heights.get(channel)) for channel, name in names.items()},
    }


def _projections(names: dict[str, str], images: dict[str, ImageRecord]) -> dict[str, str]:
    return {
        f"Metadata_Projection_{name}": images[channel].projection if channel in images else ""
        for channel, name in names.items()
    }


def _metres(micrometres: float | None) -> str:
    return "" if micrometres is None else str(Decimal(repr(micrometres)).scaleb(-6))


def _identifier(text: str) -> str:
    name = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_")
    return name if name and not name[0].isdigit() else f"Ch{name}"
