"""Plates that no vendor reader claims: every file whose name matches the user's pattern is an image.

What the plate declares is what any of its wells has: an image (site, channel, timepoint, z) that other wells have and
this one lacks is a missing one. Numbers and channels are taken as the names tell them, also where they start at 0.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from plateflow.errors import PlateError
from plateflow.plate.formats.name_pattern import compile_pattern
from plateflow.plate.image_table import ImageTable, Position, describe, natural_order
from plateflow.plate.listing import FileReport, Folder, each_file, list_folders
from plateflow.plate.model import Channel, ImageRecord, Plate
from plateflow.plate.wells import enclosing_plate

if TYPE_CHECKING:
    from plateflow.plate.formats.name_pattern import NamePattern

LAYOUT: Final = "filenames"
EXAMPLE_PATTERN: Final = r".*_(?P<well>[A-P]\d\d)_s(?P<site>\d+)_w(?P<channel>\d+)\.tif"


def read_plate(folder: str, pattern: str, report: FileReport | None = None) -> Plate:
    """Read a plate by the names of its files.

    Parameters
    ----------
    folder
        Absolute path; files are found in it and in all folders below it.
    pattern
        Regular expression with named groups (see :mod:`.name_pattern`), matched against the whole of a file's name, or
        of its path relative to the folder where the pattern has a ``/``.
    report
        Told how many files were looked at.

    Raises
    ------
    PlateError
        If the pattern is no use, no file matches, or two files have the same address.
    """
    names = compile_pattern(pattern)
    folders = list_folders(folder, lambda _: True)
    images = _match_files(folders, names, report)
    wells = images.wells()
    if not wells:
        raise PlateError(_nothing_matches(folder, pattern, folders))
    channels = natural_order({position.channel for position in images.positions()})
    rows, columns = enclosing_plate(wells)
    return Plate(
        path=folder,
        name=os.path.basename(folder),
        layout=LAYOUT,
        rows=rows,
        columns=columns,
        channels=tuple(Channel(name) for name in channels),
        wells=_records(folder, images, channels),
    )


def _match_files(folders: list[Folder], pattern: NamePattern, report: FileReport | None) -> ImageTable:
    images = ImageTable()
    by_path, fullmatch = pattern.by_path, pattern.regex.fullmatch
    for folder, name in each_file(folders, report):
        match = fullmatch(folder.prefix + name if by_path else name)
        if match is None:
            continue
        path = folder.path + name
        try:
            well, position = pattern.address(match)
        except PlateError as e:
            raise PlateError(f"{path}: {e}; mend the file name pattern {pattern.regex.pattern!r}") from e
        images.add(well, position, path)
    images.require_one_each()
    return images


def _records(folder: str, images: ImageTable, channels: list[str]) -> dict[str, tuple[ImageRecord, ...]]:
    rank = {channel: number for number, channel in enumerate(channels)}
    declared = sorted(images.positions(), key=lambda at: (at.site, rank[at.channel], at.timepoint, at.z))
    return {
        well: tuple(_record(folder, well, position, images.find(well, position)) for position in declared)
        for well in images.wells()
    }


def _record(folder: str, well: str, position: Position, path: str | None) -> ImageRecord:
    site, channel, timepoint, z = position
    if path is not None:
        return ImageRecord(well, site, channel, z, timepoint, path)
    # Names may hold parts that nobody can guess (a running number), so the path says what no file was found for.
    sought = os.path.join(folder, f"(no file for {well}, {describe(position)})")
    return ImageRecord(well, site, channel, z, timepoint, sought, missing=True)


def _nothing_matches(folder: str, pattern: str, folders: list[Folder]) -> str:
    found = [folder.prefix + name for folder in folders for name in folder.names]
    if not found:
        return f"{folder}: holds no files, so none matches the file name pattern {pattern!r}"
    whole = "the path below the plate folder" if "/" in pattern else "the whole file name"
    examples = " and ".join(repr(name) for name in found[:: max(1, len(found) - 1)][:2])
    return (
        f"{folder}: none of {len(found)} files matches the file name pattern {pattern!r}, which must match {whole}; "
        f"files are named like {examples}"
    )
