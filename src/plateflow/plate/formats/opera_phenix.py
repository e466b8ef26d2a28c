"""Opera Phenix and Operetta plates as Harmony exports them.

``Images/Index.idx.xml``, and beside it ``r03c03f01p01-ch1sk1fk1fl1.tiff``: row, column, field, plane, channel, time.
"""

from __future__ import annotations

import os
from typing import Final

from plateflow.errors import PlateError
from plateflow.plate.formats.harmony_index import NAMES, HarmonyIndex, IndexedImage
from plateflow.plate.formats.plate_format import PlateFormat
from plateflow.plate.listing import FileReport, PacedReport, TopFolder, list_top
from plateflow.plate.model import Channel, ImageRecord, Plate
from plateflow.plate.notes import left_out
from plateflow.plate.record_table import RecordTable

LAYOUT: Final = "opera-phenix"
_SUFFIXES: Final = (".tiff", ".tif")


def _find(top: TopFolder) -> str | None:
    for folder in (top, *(top.child(name) for name in top.folders if name.lower() == "images")):
        found = [] if folder is None else [path for name in NAMES if (path := folder.file(name)) is not None]
        if len(found) > 1:
            names = " and ".join(map(os.path.basename, found))
            raise PlateError(f"{os.path.dirname(found[0])}: holds {names}, each the index of a plate; move one away")
        if found:
            return found[0]
    return None


def read_plate(top: TopFolder, index_path: str, report: FileReport | None = None) -> Plate:
    """Read a plate by its index.

    Parameters
    ----------
    top
        The plate's folder, or the one of its images.
    index_path
        Of the index; images are beside it.
    report
        Told how many images were read.

    Raises
    ------
    PlateError
        If the index is wrong, or it describes no image.
    """
    folder = os.path.dirname(index_path)
    here = top if folder == top.path else list_top(folder)
    present = {name for name in here.files if name.lower().endswith(_SUFFIXES)}
    pace = PacedReport(report, len(present))
    index, table = HarmonyIndex(index_path), RecordTable(top.path)
    claimed: set[str] = set()
    for image in index.images():
        there = image.file in present
        if there and image.file in claimed:
            raise PlateError(f"{index_path}, line {image.line}: describes {image.file} twice; export the plate again")
        claimed.add(image.file)
        record = _record(image, f"{folder}{os.sep}{image.file}", there=there)
        table.add(record, image.position, file=index_path, line=image.line)
        pace.reach(min(len(claimed), len(present)))
    pace.finish()
    _add_missing(index, table)
    numbers = sorted({int(position.channel) for position in table.positions()})
    if not numbers:
        raise PlateError(f"{index_path}: describes no image; export the plate again")
    return Plate(
        path=top.path,
        name=os.path.basename(top.path),
        layout=LAYOUT,
        rows=index.rows,
        columns=index.columns,
        channels=tuple(Channel(str(number), index.labels.get(number, "")) for number in numbers),
        wells=table.by_well([str(number) for number in numbers]),
        pixel_size_um=index.pixel_size_um,
        notes=left_out(present - claimed, os.path.basename(index_path)),
    )


def _record(image: IndexedImage, path: str, *, there: bool) -> ImageRecord:
    site, channel, timepoint, z = image.position
    bad = image.state != "Ok" and image.state.strip().lower() != "ok"
    return ImageRecord(
        image.well,
        site,
        channel,
        z,
        timepoint,
        path,
        missing=bad or not there,
        reason=f"the microscope recorded it as {image.state.strip()!r}" if bad else "",
        x_um=image.x_um,
        y_um=image.y_um,
        z_um=image.z_um,
    )


def _add_missing(index: HarmonyIndex, table: RecordTable) -> None:
    name = os.path.basename(index.path)
    for well, position in index.declared:
        table.add_missing(well, position, f"its well declares it, but {name} does not describe it")
    empty = [well for well in index.wells if not table.has(well)]
    for well in empty:
        table.declare(well)
    table.complete(f"{name} declares the well, but describes no image of it", empty)


FORMAT: Final = PlateFormat(LAYOUT, "Index.xml or Index.idx.xml in the folder or in its Images", _find, read_plate)
