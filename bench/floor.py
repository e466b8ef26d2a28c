"""The floor under a whole plate: a plain loop in one process over the same files and the same functions.

    python bench/floor.py PLATE [OUTPUT]

With OUTPUT it writes, byte for byte, the arrays and tables that plateflow writes for `bench/pipeline_floor.py`; without
it the same is computed and dropped. It prints the seconds spent in storage as JSON.

It uses plateflow's own functions to read and write: what is measured is what plateflow adds around them, and they are
the fastest there are (zarr-python takes 15 to 20 times as long for the same arrays), so a floor on anything else would
flatter plateflow. It owes nobody durability or resume, so it syncs no file, records no well and writes no provenance.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from plateflow.functions import composite, find_nuclei, measure_intensity, normalise
from plateflow.storage import ome_metadata
from plateflow.storage.ome_zarr import Field, LabelImage, WellPath, write_field
from plateflow.storage.tables import write_table
from plateflow.storage.tiff import read_plane
from plateflow.storage.zarr_array import group_metadata

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHANNELS = ("DNA", "GFP")
FILE_NAME = re.compile(r".+_(?P<well>[A-Z]\d\d)_s(?P<site>\d+)_w(?P<wave>\d+)\.TIF")

Files = dict[str, dict[int, list[str]]]
"""By well and site, the paths of its channels in order."""


def main() -> None:
    plate, output = Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None
    storage = 0.0
    for well, sites in list_files(plate).items():
        fields, tables = run_well(plate.name, well, sites)
        if output is not None:
            started = time.perf_counter()
            write_well(output, well, fields, tables)
            storage += time.perf_counter() - started
    print(json.dumps({"storage": storage}))


def list_files(plate: Path) -> Files:
    files: Files = {}
    for path in sorted((plate / "TimePoint_1").iterdir()):
        found = FILE_NAME.fullmatch(path.name)
        if found is not None:
            files.setdefault(found["well"], {}).setdefault(int(found["site"]), []).append(str(path))
    return files


def run_well(plate: str, well: str, sites: dict[int, list[str]]) -> tuple[dict[int, Field], dict[str, dict[str, Any]]]:
    """Return a well's fields by site, and its tables by name."""
    fields: dict[int, Field] = {}
    measured: list[dict[str, NDArray[Any]]] = []
    for site, paths in sites.items():
        planes = [read_plane(path) for path in paths]
        normal = [normalise(plane) for plane in planes]
        merged = composite(np.stack(normal))
        nuclei = find_nuclei(merged)
        measured.append(measure_intensity(nuclei, dict(zip(CHANNELS, normal, strict=True))))
        fields[site] = Field(
            np.stack([*planes, merged]),
            (*CHANNELS, "Composite"),
            labels=(LabelImage("Nuclei", nuclei, "Composite"),),
        )
    numbers = [np.arange(1, field.labels[0].pixels.max() + 1) for field in fields.values()]
    counts = np.array([len(found) for found in numbers])
    return fields, {
        "Nuclei": {
            **where(plate, well, np.repeat(list(sites), counts)),
            "Metadata_ObjectNumber": np.concatenate(numbers),
            **{f"Nuclei_{name}": np.concatenate([table[name] for table in measured]) for name in measured[0]},
        },
        "Image": {**where(plate, well, np.array(list(sites))), "Count_Nuclei": counts},
    }


def where(plate: str, well: str, sites: NDArray[Any]) -> dict[str, Any]:
    rows = len(sites)
    return {
        "Metadata_Plate": [plate] * rows,
        "Metadata_Well": [well] * rows,
        "Metadata_Row": [well[0]] * rows,
        "Metadata_Column": np.full(rows, int(well[1:])),
        "Metadata_Site": sites,
    }


def write_well(output: Path, well: str, fields: dict[int, Field], tables: dict[str, dict[str, Any]]) -> None:
    plate, path = output / "plate.zarr", WellPath(well[0], well[1:])
    for site, field in fields.items():
        write_field(plate, path, str(site), field)
    images = group_metadata(ome_metadata.well([str(site) for site in fields]))
    (plate / str(path) / "zarr.json").write_bytes(images)
    for name, columns in tables.items():
        texts = ("Metadata_Plate", "Metadata_Well", "Metadata_Row")
        integers = ("Metadata_Column", "Metadata_Site", "Metadata_ObjectNumber", "Count_Nuclei")
        write_table(
            output / "tables" / name / f"{well}.parquet",
            columns,
            integers=[column for column in integers if column in columns],
            texts=texts,
        )


if __name__ == "__main__":
    main()
