"""Yokogawa plates: ``MeasurementData.mlf`` and beside it ``<plate>_D08_T0001F001L01A01Z01C01.tif``.

What counts is the ``.mlf`` file: it names every image. The plate is what it records, for wells may differ in their
timepoints and channels. Images named DC_ and SC_ are the camera's and the shading's corrections.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Final

from plateflow.errors import PlateError
from plateflow.plate.formats.measurement_files import (
    DATA,
    DETAIL,
    FailedImages,
    MeasurementDetail,
    TakenImage,
    read_detail,
    read_records,
)
from plateflow.plate.formats.plate_format import PlateFormat
from plateflow.plate.image_table import Position
from plateflow.plate.listing import FileReport, PacedReport, TopFolder
from plateflow.plate.model import Channel, ImageRecord, Plate
from plateflow.plate.notes import BY_NAMES, left_out, some
from plateflow.plate.record_table import RecordTable
from plateflow.plate.wells import enclosing_plate, parse_well, well_order

if TYPE_CHECKING:
    from collections.abc import Iterable

LAYOUT: Final = "yokogawa"
_SUFFIXES: Final = (".tif", ".tiff", ".png")
_CORRECTIONS: Final = ("DC_", "SC_")


def read_plate(top: TopFolder, data_path: str, report: FileReport | None = None) -> Plate:
    """Read a plate by the files of its measurement.

    Parameters
    ----------
    top
        The plate's folder.
    data_path
        Of the ``.mlf`` file.
    report
        Told how many images were read.

    Raises
    ------
    PlateError
        If the files are wrong, record no image, or record a file twice.
    """
    detail = read_detail(top)
    table, unclaimed = RecordTable(top.path), _images(top.files)
    claimed: dict[str, int] = {}
    failures: list[FailedImages] = []
    pace = PacedReport(report, len(unclaimed))
    total = len(unclaimed)
    for record in read_records(data_path):
        if isinstance(record, FailedImages):
            failures.append(record)
            table.declare(record.well)
        else:
            name = _claim(record, unclaimed, claimed, data_path)
            table.add(_record(record, top.path, name), record.position, file=data_path, line=record.line)
        pace.reach(total - len(unclaimed))
    pace.finish()
    if not table.positions():
        raise PlateError(f"{data_path}: records no image that was taken; copy the plate again")
    table.without_copied_projections()
    for failure in failures:
        _add_failed(table, failure)
    return _plate(top.path, detail, table, unclaimed)


def _images(names: Iterable[str]) -> dict[str, str]:
    """Return the images of a folder by their names without suffix: a record says .tif where files may be .png."""
    images = [name for name in names if name.lower().endswith(_SUFFIXES) and not name.startswith(_CORRECTIONS)]
    return {name.rpartition(".")[0]: name for name in images}


def _claim(image: TakenImage, unclaimed: dict[str, str], claimed: dict[str, int], data_path: str) -> str | None:
    """Return the file in the folder that is the image; None where there is none.

    Parameters
    ----------
    image
        What a record tells.
    unclaimed
        From :func:`_images`; its file is taken out.
    claimed
        Files taken out before, and the line of the record of each; this one is added.
    data_path
        Of the ``.mlf`` file.

    Raises
    ------
    PlateError
        If the file is another record's, too: which well it is of cannot be told. Names both lines.
    """
    stem = image.file.rpartition(".")[0]
    there = unclaimed.pop(stem, None)
    if there is not None:
        claimed[stem] = image.line
    elif stem in claimed:
        raise PlateError(
            f"{data_path}, line {image.line}: a record names {image.file}, which the record in line {claimed[stem]} "
            f"names; copy it again, or {BY_NAMES}"
        )
    return there


def _record(image: TakenImage, folder: str, there: str | None) -> ImageRecord:
    site, channel, timepoint, z = image.position
    return ImageRecord(
        image.well,
        site,
        channel,
        z,
        timepoint,
        f"{folder}{os.sep}{there or image.file}",
        image.projection,
        there is None,
        x_um=image.x_um,
        y_um=image.y_um,
        z_um=image.z_um,
    )


def _add_failed(table: RecordTable, failure: FailedImages) -> None:
    """Add what a field would have had: what other fields of its well have, or else any field of the plate."""
    here = [position for position in table.of(failure.well) if position.timepoint == failure.timepoint]
    everywhere = here or sorted(table.positions())
    sites = {position.site for position in everywhere} if failure.field is None else {failure.field}
    for site in sorted(sites):
        for channel, z in sorted({(position.channel, position.z) for position in everywhere}):
            at = Position(site, channel, failure.timepoint, z)
            table.add_missing(failure.well, at, f"the microscope recorded: {failure.reason}")


def _plate(folder: str, detail: MeasurementDetail, table: RecordTable, unclaimed: dict[str, str]) -> Plate:
    numbers = sorted({int(position.channel) for position in table.positions()})
    wells = table.by_well([str(number) for number in numbers])
    sizes = [detail.pixel_sizes_um[number] for number in numbers if number in detail.pixel_sizes_um]
    rows, columns = (detail.rows, detail.columns) if detail.rows and detail.columns else enclosing_plate(wells)
    outside = [well for well in wells if not (parse_well(well)[0] <= rows and parse_well(well)[1] <= columns)]
    if outside:
        raise PlateError(
            f"{folder}: {DATA} has images of well {outside[0]}, but {DETAIL} tells {rows} x {columns} wells"
        )
    return Plate(
        path=folder,
        name=os.path.basename(folder),
        layout=LAYOUT,
        rows=rows,
        columns=columns,
        channels=tuple(Channel(str(number), detail.labels.get(number, "")) for number in numbers),
        wells=wells,
        pixel_size_um=Counter(sizes).most_common(1)[0][0] if sizes else None,
        notes=tuple(_notes(detail, sizes, wells, unclaimed)),
    )


def _notes(
    detail: MeasurementDetail, sizes: list[float], wells: Iterable[str], unclaimed: dict[str, str]
) -> Iterable[str]:
    if not detail.rows:
        yield f"{DETAIL} is not there or tells no plate: the size of pixels and of the plate are not known"
    if not detail.setting:
        yield "there is no .mes file of the measurement: what the channels are is not known"
    if len(set(sizes)) > 1:
        yield f"channels differ in the size of their pixels: {', '.join(map(str, sizes))} um"
    if not_measured := sorted(detail.selected - set(wells), key=well_order):
        yield f"{detail.setting} selects {len(not_measured)} wells that {DATA} does not record: {some(not_measured)}"
    yield from left_out(unclaimed.values(), DATA)


FORMAT: Final = PlateFormat(LAYOUT, f"{DATA} in the folder", lambda top: top.file(DATA), read_plate)
