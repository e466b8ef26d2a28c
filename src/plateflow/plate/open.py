"""Opening a plate: which reader a folder is for, and the plate map beside it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from plateflow.errors import PlateError
from plateflow.plate.formats import filenames as by_name
from plateflow.plate.formats import imagexpress
from plateflow.plate.listing import FileReport, check_is_text
from plateflow.plate.plate_map import read_plate_map

if TYPE_CHECKING:
    from plateflow.plate.model import Plate


def open_plate(
    path: str | os.PathLike[str],
    *,
    filenames: str | None = None,
    metadata: str | None = None,
    report: FileReport | None = None,
) -> Plate:
    """Open a plate by the names of its files and its metadata files; pixels are not read, nothing is written.

    Parameters
    ----------
    path
        The acquisition folder.
    filenames
        Regular expression with the named groups ``well`` or ``row`` and ``column``, and where there are several
        ``site``, ``channel``, ``z``, ``timepoint``; must match the whole of a file's name (of its path below the folder
        where it has a ``/``). It wins over vendor readers.
    metadata
        A CSV table of what is in each well (:func:`.read_plate_map`); a relative path is looked up in the folder and
        then in the one above it.
    report
        Called with (files done, files in total): at the start, at most every 0.1 s, and at the end. The files have
        been listed by then, so the total is fixed.

    Raises
    ------
    PlateError
        If the folder is none, no reader knows its layout, or its files contradict each other.
    """
    folder = _resolve(os.fspath(path))
    plate = _read(folder, filenames, report)
    if metadata is None:
        return plate
    return msgspec.structs.replace(plate, plate_map=read_plate_map(folder, metadata, plate.wells))


def _resolve(path: str) -> str:
    check_is_text(path)
    try:
        folder = os.path.realpath(path, strict=True)
    except (OSError, ValueError) as e:
        reason = e.strerror if isinstance(e, OSError) else e
        raise PlateError(f"{path}: there is no such plate folder: {reason}") from e
    check_is_text(folder)
    if not os.path.isdir(folder):
        raise PlateError(f"{folder}: is a file; give the folder of the plate")
    return folder


def _read(folder: str, filenames: str | None, report: FileReport | None) -> Plate:
    if filenames is not None:
        return by_name.read_plate(folder, filenames, report)
    folders = imagexpress.list_plate(folder)
    htd = imagexpress.find_htd(folders[0])
    if htd is not None:
        return imagexpress.read_plate(folders, htd, report)
    raise PlateError(
        f"{folder}: no reader knows this layout. Looked for: {imagexpress.LAYOUT} (an .HTD file in the folder). "
        f"Any other plate can be read by its file names: --filenames '{by_name.EXAMPLE_PATTERN}'"
    )
