"""Plates that come with no file but their images, told by names that many programs agree on.

Read as by ``--filenames``: numbers and channels are as the names tell them, and what one well of the plate has and
another lacks is missing there. The images may lie in a folder ``images``.
"""

from __future__ import annotations

import os
import re
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from plateflow.plate.formats import filenames
from plateflow.plate.formats.plate_format import PlateFormat
from plateflow.plate.listing import peek

if TYPE_CHECKING:
    from plateflow.plate.listing import FileReport, TopFolder
    from plateflow.plate.model import Plate

CELLOMICS: Final = r".*_(?P<well>[A-P]\d\d)f(?P<site>\d+)d(?P<channel>\d+)\.(?:tif|TIF|tiff|TIFF)"
"""ArrayScan, as exported: plate, well, field, dye."""
SBS: Final = r"(?P<channel>\w+)-\d+-(?P<row>[A-P])-(?P<column>\d\d)\.(?:tif|TIF|tiff|TIFF)"
"""CellProfiler's SBS names: channel, number of the image, row, column."""
_LOOKED_AT: Final = 500
"""Names of a folder that are looked at to find one."""


def _find(pattern: str, top: TopFolder) -> str | None:
    matches = re.compile(pattern).fullmatch
    folders = [top.path, *(os.path.join(top.path, name) for name in top.folders if name.lower() == "images")]
    for folder in folders:
        name = min((name for name in peek(folder, _LOOKED_AT) if matches(name)), default=None)
        if name is not None:
            return os.path.join(folder, name)
    return None


def _read(pattern: str, layout: str, top: TopFolder, _: str, report: FileReport | None) -> Plate:
    return msgspec.structs.replace(filenames.read_plate(top.path, pattern, report), layout=layout)


def _format(name: str, example: str, pattern: str) -> PlateFormat:
    looks_for = f"files named like {example} in the folder or in its images"
    return PlateFormat(name, looks_for, partial(_find, pattern), partial(_read, pattern, name), derived=True)


FORMATS: Final = (
    _format("cellomics", "AS_09125_050116030001_D03f00d0.tif", CELLOMICS),
    _format("sbs-names", "Channel1-01-A-01.tif", SBS),
)
