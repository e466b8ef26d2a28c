"""Plates of BioTek / Agilent readers (Cytation, Lionheart) as Gen5 exports them: ``B7_01_1_3_DAPI_001.tif``.

That is well, read step, channel of the step, field, name of the channel, time; in a z series ``Z0`` stands behind one
of the numbers. Channels of several steps are told apart as ``2-1``: a step may use another objective. Gen5 writes no
other file; the size of a pixel is in the TIFFs. What one well of the plate has and another lacks is missing there.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from plateflow.errors import ImageError, PlateError
from plateflow.plate.formats.plate_format import PlateFormat
from plateflow.plate.listing import FileReport, PacedReport, TopFolder
from plateflow.plate.model import Channel, ImageRecord, Plate
from plateflow.plate.notes import BY_NAMES
from plateflow.plate.record_table import RecordTable
from plateflow.plate.wells import enclosing_plate, well_of_file
from plateflow.storage.tiff import read_description

if TYPE_CHECKING:
    from collections.abc import Iterable

LAYOUT: Final = "cytation"
_IMAGE = re.compile(
    r"([A-Z]{1,2}\d\d?)_(-?\d+)(?:Z(\d+))?_(\d+)(?:Z(\d+))?_(\d+)(?:Z(\d+))?_(.+)_(\d+)\.tiff?",
    re.I | re.A | re.S,
)
_NUMBER: Final = r"\s*([0-9.eE+-]+)\s*"
_PIXELS = re.compile(rf"<PixelWidth>{_NUMBER}</PixelWidth>")
_WIDTH = re.compile(rf"<ImageWidthMicrons>{_NUMBER}</ImageWidthMicrons>")
_LOOKED_AT: Final = 1000
"""Names of a folder that are looked at to find one that Gen5 wrote."""
_SAMPLES: Final = 3
"""Headers that are asked for the size of a pixel until one can be read."""


class _File(NamedTuple):
    name: str
    well: str
    step: int
    channel: int
    field: int
    z: int | None
    label: str
    time: int


def _find(top: TopFolder) -> str | None:
    names = top.files[:: max(1, len(top.files) // _LOOKED_AT)]
    return next((os.path.join(top.path, name) for name in names if _IMAGE.fullmatch(name)), None)


def read_plate(top: TopFolder, _: str, report: FileReport | None = None) -> Plate:
    """Read a plate by the names of its files.

    Parameters
    ----------
    top
        The plate's folder.
    report
        Told how many names were read.

    Raises
    ------
    PlateError
        If two files are the same image, a channel of a step has two names, or a file's well is on no plate.
    """
    files = list(_files(top, report))
    steps = len({file.step for file in files}) > 1
    labels = _labels(top.path, files)
    # Gen5 counts planes from 0, and is not relied on to do so.
    first_z = 1 if any(file.z == 0 for file in files) else 0
    first_field = 1 if any(file.field == 0 for file in files) else 0
    first_time = 1 if any(file.time == 0 for file in files) else 0
    table = RecordTable(top.path)
    for file in files:
        table.add(
            ImageRecord(
                well=file.well,
                site=file.field + first_field,
                channel=_channel(file.step, file.channel, several_steps=steps),
                z=1 if file.z is None else file.z + first_z,
                timepoint=file.time + first_time,
                path=os.path.join(top.path, file.name),
            )
        )
    table.complete()
    channels = {_channel(step, number, several_steps=steps): label for (step, number), label in sorted(labels.items())}
    wells = table.by_well(list(channels))
    rows, columns = enclosing_plate(wells)
    return Plate(
        path=top.path,
        name=os.path.basename(top.path),
        layout=LAYOUT,
        rows=rows,
        columns=columns,
        channels=tuple(Channel(name, label) for name, label in channels.items()),
        wells=wells,
        pixel_size_um=_pixel_size(os.path.join(top.path, file.name) for file in files[:_SAMPLES]),
    )


def _files(top: TopFolder, report: FileReport | None) -> Iterable[_File]:
    pace = PacedReport(report, len(top.files))
    for done, name in enumerate(top.files, 1):
        match = _IMAGE.fullmatch(name)
        if match is not None:
            well, step, after_step, channel, after_channel, field, after_field, label, time = match.groups()
            z = after_step or after_channel or after_field
            yield _File(
                name,
                well_of_file(f"{top.path}{os.sep}{name}", well),
                int(step),
                int(channel),
                int(field),
                None if z is None else int(z),
                label,
                int(time),
            )
        pace.reach(done)
    pace.finish()


def _labels(folder: str, files: list[_File]) -> dict[tuple[int, int], str]:
    """Return the name of each channel of each step.

    Raises
    ------
    PlateError
        If one has two: which is which cannot be told.
    """
    labels: dict[tuple[int, int], str] = {}
    for file in files:
        known = labels.setdefault((file.step, file.channel), file.label)
        if known != file.label:
            channel = f"channel {file.channel} of step {file.step}"
            raise PlateError(
                f"{os.path.join(folder, file.name)}: {channel} is called {file.label!r} here and {known!r} elsewhere; "
                f"move the files of one away, or {BY_NAMES}"
            )
    return labels


def _channel(step: int, number: int, *, several_steps: bool) -> str:
    return f"{step}-{number}" if several_steps else str(number)


def _pixel_size(paths: Iterable[str]) -> float | None:
    for path in paths:
        try:
            description = read_description(path)
        except ImageError:  # a damaged image is an error of its well; here it is only no help
            continue
        size = parse_pixel_size(description)
        if size is not None:
            return size
    return None


def parse_pixel_size(description: str) -> float | None:
    """Return the micrometres of a pixel that a TIFF's description tells; None where it tells none."""
    pixels, width = _PIXELS.search(description), _WIDTH.search(description)
    if pixels is None or width is None:
        return None
    try:
        size = float(width[1]) / float(pixels[1])
    except (ValueError, ZeroDivisionError):
        return None
    return size if 0 < size < 1e6 else None


FORMAT: Final = PlateFormat(LAYOUT, "files named like B7_01_1_3_DAPI_001.tif in the folder", _find, read_plate)
