"""Small plates of real TIFF files whose every pixel tells its address."""

from collections.abc import Mapping
from itertools import product
from pathlib import Path

import numpy as np

from plateflow.plate.model import Channel, ImageRecord, Plate
from plateflow.storage.tiff import write_plane

SHAPE = (8, 10)


def grey(site: int, channel: str, z: int, timepoint: int) -> int:
    """Return the grey value of all pixels of an image."""
    return 1000 * site + 100 * int(channel) + 10 * z + timepoint


def write_plate(
    folder: Path,
    *,
    wells: tuple[str, ...] = ("A01",),
    sites: int = 1,
    channels: int = 2,
    zs: int | Mapping[str, int] = 1,
    timepoints: int = 1,
    plate_map: dict[str, dict[str, str | float]] | None = None,
) -> Plate:
    """Write a plate; `zs` may give the planes of each channel."""
    names = [str(number) for number in range(1, channels + 1)]
    depth = dict.fromkeys(names, zs) if isinstance(zs, int) else zs
    records: dict[str, tuple[ImageRecord, ...]] = {}
    for well in wells:
        places = product(range(1, sites + 1), names, range(1, timepoints + 1))
        records[well] = tuple(
            _write(folder, ImageRecord(well, site, name, z, time, str(folder / f"{well}_{site}_{name}_{z}_{time}.tif")))
            for site, name, time in places
            for z in range(1, depth[name] + 1)
        )
    return Plate(
        path=str(folder),
        name=folder.name,
        layout="test",
        rows=8,
        columns=12,
        channels=tuple(Channel(name, {"1": "DAPI", "2": "GFP"}.get(name, "")) for name in names),
        wells=records,
        plate_map=plate_map or {},
    )


def _write(folder: Path, record: ImageRecord) -> ImageRecord:
    folder.mkdir(exist_ok=True)
    value = grey(record.site, record.channel, record.z, record.timepoint)
    write_plane(record.path, np.full(SHAPE, value, np.uint16))
    return record
