"""Plates that no vendor reader claims: every file whose name matches the user's pattern is an image.

What the plate declares is what any of its wells has: an image (site, channel, timepoint, z) that other wells have and
this one lacks is a missing one. Numbers and channels are taken as the names tell them, also where they start at 0.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from plateflow.errors import PlateError
from plateflow.plate.formats.name_pattern import compile_pattern
from plateflow.plate.image_table import natural_order
from plateflow.plate.listing import FileReport, Folder, each_portion, list_folders
from plateflow.plate.model import Channel, ImageRecord, Plate
from plateflow.plate.record_table import RecordTable
from plateflow.plate.wells import enclosing_plate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plateflow.plate.formats.name_pattern import NamePattern
    from plateflow.plate.image_table import Position

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
    table = RecordTable(folder)
    for record, position in _match_files(folders, names, report):
        table.add(record, position)
    if not table.wells():
        raise PlateError(_nothing_matches(folder, pattern, folders))
    table.complete()
    channels = natural_order({position.channel for position in table.positions()})
    try:
        wells = table.by_well(channels)
    except PlateError as e:
        raise PlateError(f"{e}{names.untold()}") from e
    rows, columns = enclosing_plate(wells)
    return Plate(
        path=folder,
        name=os.path.basename(folder),
        layout=LAYOUT,
        rows=rows,
        columns=columns,
        channels=tuple(Channel(name) for name in channels),
        wells=wells,
    )


def _match_files(
    folders: list[Folder], pattern: NamePattern, report: FileReport | None
) -> Iterator[tuple[ImageRecord, Position]]:
    by_path, fullmatch = pattern.by_path, pattern.regex.fullmatch
    for folder, names in each_portion(folders, report):
        for name in names:
            match = fullmatch(folder.prefix + name if by_path else name)
            if match is None:
                continue
            path = folder.path + name
            try:
                well, position = pattern.address(match)
            except PlateError as e:
                raise PlateError(f"{path}: {e}; mend the file name pattern {pattern.regex.pattern!r}") from e
            site, channel, timepoint, z = position
            yield ImageRecord(well, site, channel, z, timepoint, path), position


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
