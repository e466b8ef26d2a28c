"""CellProfiler's LoadData tables, in which many tools hand images on: read here, written by :mod:`.load_data_export`.

A row is a site (and plane and timepoint); each channel has a column ``FileName_DNA`` and mostly one ``PathName_DNA``,
or one ``URL_DNA``; ``Metadata_Well``, ``Metadata_Site`` and so on say where it belongs. An empty cell says that the row
has no image of its channel; it is missing only where another well has one. Tables of pe2loaddata also tell
places (metres, y upwards) and the size of a pixel. The paths are often those of another computer: files of a folder
that is not here are looked for by their names in the table's folder.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from plateflow.errors import PlateError
from plateflow.plate.formats.load_data_columns import find_separator
from plateflow.plate.formats.load_data_files import NamedFiles
from plateflow.plate.formats.load_data_reader import Reader
from plateflow.plate.formats.plate_format import PlateFormat
from plateflow.plate.model import Channel, Plate
from plateflow.plate.record_table import RecordTable
from plateflow.plate.wells import enclosing_plate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plateflow.plate.listing import FileReport, TopFolder

LAYOUT: Final = "load-data"
_LOOKED_AT: Final = 50
"""Tables of a folder whose first line is read."""


def _find(top: TopFolder) -> str | None:
    return next(_tables(top), None)


def _tables(top: TopFolder) -> Iterator[str]:
    for name in [name for name in top.files if name.lower().endswith(".csv")][:_LOOKED_AT]:
        path = os.path.join(top.path, name)
        if find_separator(path) is not None:
            yield path


def read_plate(top: TopFolder, table_path: str, report: FileReport | None = None) -> Plate:
    """Read a plate by a LoadData table.

    Parameters
    ----------
    top
        The folder of the table.
    table_path
        Of the table.
    report
        Told how many rows were read.

    Raises
    ------
    PlateError
        If there are several tables, the table is wrong (names its line), or it is of several plates.
    """
    tables = [os.path.basename(path) for path in _tables(top)]
    if len(tables) > 1:
        raise PlateError(f"{top.path}: holds several LoadData tables ({', '.join(tables)}); leave one in a folder")
    reader = Reader(table_path, NamedFiles(top.path))
    table = RecordTable(top.path)
    reader.read(table, report)
    if not table.positions():
        raise PlateError(f"{table_path}: has no row of an image; a row for each site is needed")
    reader.add_gaps(table)
    wells = table.by_well(reader.channels())
    rows, columns = reader.size or enclosing_plate(wells)
    return Plate(
        path=top.path,
        name=os.path.basename(top.path),
        layout=LAYOUT,
        rows=rows,
        columns=columns,
        channels=tuple(Channel(name) for name in reader.channels()),
        wells=wells,
        pixel_size_um=reader.pixel_size_um,
        notes=tuple(reader.notes()),
    )


FORMAT: Final = PlateFormat(
    LAYOUT, "a CSV with columns FileName_<channel> and Metadata_Well in the folder", _find, read_plate, derived=True
)
