"""The same real pixels in the containers of every vendor: what is measured must not depend on who wrote them.

Few real plates have pixels of more than one well. So these are fixtures, and say so: two wells and two channels of
BBBC013, real pixels, in folders that the tests make after the real metadata (the grammars are those of the tests of
each reader, which are held to real files in test_real_*.py).
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
import zarr
from tests.unit.plate import (
    test_cellvoyager,
    test_cytation,
    test_imagexpress_database,
    test_ome_zarr,
    test_opera_phenix,
)

from plateflow import FunctionStep, Pipeline, compile_plate, open_plate, run_plate
from plateflow.functions import find_nuclei, measure_intensity
from plateflow.plate.formats.load_data_export import write_load_data
from plateflow.storage.tiff import read_plane

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

SBS = r"Channel(?P<channel>\d)-\d+-(?P<row>[A-H])-(?P<column>\d\d)\.tif"
WELLS = ("B03", "F10")


@pytest.fixture(scope="module")
def pixels(test_data: Path) -> Any:
    """By well and channel."""
    plate = open_plate(test_data / "sbs_bbbc013", filenames=SBS)
    return {(well, int(r.channel)): read_plane(r.path) for well in WELLS for r in plate.wells[well]}


def save(path: Path, plane: NDArray[Any], **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, plane, **options)


def phenix(version: int) -> Callable[[Path, Any], Path]:
    def write(root: Path, pixels: Any) -> Path:
        model = test_opera_phenix.Model(version, WELLS, fields=1, planes=1, timepoints=1, labels=("GFP", "DNA"))
        test_opera_phenix.write_plate(root, model)
        for image in model.images():
            # Harmony packs by LZW.
            path = root / "Images" / test_opera_phenix.file_name(*image)
            save(path, pixels[image[0], image[-1]], compression="lzw", metadata=None)
        return root

    return write


def yokogawa(root: Path, pixels: Any) -> Path:
    model = test_cellvoyager.Model(WELLS, fields=1, planes=1, channels=(1, 2))
    test_cellvoyager.write_plate(root, model)
    for image in model.images():
        save(root / test_cellvoyager.file_name(*image), pixels[image[0], image[-1]], metadata=None)
    return root


def cytation(root: Path, pixels: Any) -> Path:
    model = test_cytation.Model(WELLS, channels=((1, 1, "GFP"), (1, 2, "DNA")), fields=1)
    for well, channel, field, z, time in test_cytation.images(model):
        name = test_cytation.file_name(model, well, channel, field, z, time)
        save(root / name, pixels[well, channel[1]], description=test_cytation.XML.format(pixels=640, width=416))
    return root


def database(root: Path, pixels: Any) -> Path:
    module = test_imagexpress_database
    model = module.Model(WELLS, sites=1, channels=(("GFP", 1, ""), ("DNA", 1, "")))
    for number, (well, site, channel, _, z) in enumerate(module.images(model)):
        path = root / "2023-02-21/1334/ZStep_1" / module.file_name(model, well, site, channel, number)
        text = module.description(model, well, site, channel, z)
        save(path, pixels[well, channel], description=text, metadata=None)
    return root


def ome_zarr(version: Any) -> Callable[[Path, Any], Path]:
    def write(root: Path, pixels: Any) -> Path:
        model = test_ome_zarr.Model(version, WELLS, fields=("0",), axes="cyx", sizes=(1, 2, 1), labels=("GFP", "DNA"))
        test_ome_zarr.write_plate(root, model)
        for well in WELLS:
            both = np.stack([pixels[well, channel] for channel in (1, 2)])
            array = root / well[0] / well[1:] / "0/0"
            options: Any = {"chunks": (1, 256, 320), "zarr_format": model.zarr_format, "overwrite": True}
            zarr.create_array(array, shape=both.shape, dtype=both.dtype, **options)[...] = both
        return root

    return write


def load_data(root: Path, pixels: Any) -> Path:
    plate = open_plate(yokogawa(root / "images", pixels))
    (root / "table").mkdir()
    write_load_data(plate, root / "table/load_data.csv")
    return root / "table"


FORMATS: dict[str, Callable[[Path, Any], Path]] = {
    "opera-phenix-5": phenix(5),
    "opera-phenix-7": phenix(7),
    "yokogawa": yokogawa,
    "cytation": cytation,
    "imagexpress-database": database,
    "ome-zarr-0.4": ome_zarr("0.4"),
    "ome-zarr-0.5": ome_zarr("0.5"),
    "load-data": load_data,
}


def measured(plate_folder: Path, output: Path, channel: str, filenames: str | None = None) -> list[dict[str, str]]:
    """Return the rows of wells.csv, but for seconds and names of the plate."""
    plate = open_plate(plate_folder, filenames=filenames)
    steps = [
        FunctionStep(find_nuclei, inputs="DNA", outputs="Nuclei", min_diameter=8, max_diameter=40),
        FunctionStep(measure_intensity, inputs=("Nuclei", ["DNA"])),
    ]
    plan = compile_plate(plate, Pipeline("nuclei", channels={"DNA": channel}, steps=steps), wells=WELLS)
    run_plate(plan, output=output, executor="threads")
    with open(output / "wells.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return [{key: row[key] for key in row if key not in ("Metadata_Plate", "Seconds")} for row in rows]


@pytest.fixture(scope="module")
def expected(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    return measured(test_data / "sbs_bbbc013", tmp_path_factory.mktemp("sbs") / "out", "2", filenames=SBS)


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_the_same_is_measured(name: str, pixels: Any, expected: list[dict[str, str]], tmp_path: Path) -> None:
    folder = FORMATS[name](tmp_path / "plate", pixels)
    channel = {"load-data": "FITC"}.get(name, "2")
    assert measured(folder, tmp_path / "out", channel) == expected
    assert [row["Status"] for row in expected] == ["completed", "completed"]
    assert min(int(row["Count_Nuclei"]) for row in expected) > 50
