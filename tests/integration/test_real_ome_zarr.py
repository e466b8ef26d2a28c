"""Real OME-Zarr plates: third-party converters wrote them from plates that are here as TIFFs, too."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest

from plateflow import FunctionStep, Pipeline, compile_plate, open_plate, run_plate
from plateflow.functions import find_nuclei
from plateflow.plate.model import Channel
from plateflow.storage.image import read_image

if TYPE_CHECKING:
    from pathlib import Path

    from plateflow.plate.model import Plate

SBS = r"Channel(?P<channel>\d)-\d+-(?P<row>[A-H])-(?P<column>\d\d)\.tif"
WELLS = ("A01", "A12", "D06", "H11")


def test_fractal_plate_of_zarr_2(test_data: Path) -> None:
    plate = open_plate(test_data / "ome_zarr/phenix_uzh.zarr")
    assert plate.layout == "ome-zarr"
    assert plate.channels == tuple(
        Channel(str(number), label)
        for number, label in enumerate(
            ("Alexa 647", "Alexa 568", "488 long", "Alexa 488", "HOECHST 33342", "Brightfield"), 1
        )
    )
    assert plate.pixel_size_um == 0.5979760809567617
    [(well, records)] = plate.wells.items()
    assert well == "A01"
    assert [(r.site, r.channel, r.z, r.timepoint) for r in records] == [(1, str(c), 1, 1) for c in range(1, 7)]
    for record in records:
        original = f"opera_phenix/Version1/images/r01c01f01p01-ch{record.channel}sk1fk1fl1.tiff"
        pixels = read_image(record.path, record.part, (1080, 1080), "uint16")
        assert np.array_equal(pixels, read_image(str(test_data / original)))


def test_plate_of_zarr_3(test_data: Path) -> None:
    plate = open_plate(test_data / "ome_zarr/sbs_4wells_v05.zarr")
    assert (plate.layout, plate.rows, plate.columns, plate.pixel_size_um) == ("ome-zarr", 8, 12, 0.65)
    assert plate.channels == (Channel("1", "FKHR-GFP"), Channel("2", "DNA"))
    assert tuple(plate.wells) == WELLS
    originals = open_plate(test_data / "sbs_bbbc013", filenames=SBS)
    for well, number in product(WELLS, (0, 1)):
        record, original = plate.wells[well][number], originals.wells[well][number]
        assert (record.site, record.channel, record.z, record.timepoint) == (1, str(number + 1), 1, 1)
        pixels = read_image(record.path, record.part, (640, 640), "uint8")
        assert np.array_equal(pixels, read_image(original.path))


@pytest.mark.slow
def test_the_same_nuclei_from_zarr_as_from_tiff(test_data: Path, tmp_path: Path) -> None:
    def nuclei(plate: Plate, name: str) -> list[str]:
        steps = [FunctionStep(find_nuclei, inputs="DNA", outputs="Nuclei", min_diameter=8, max_diameter=40)]
        pipeline = Pipeline("nuclei", channels={"DNA": "2"}, steps=steps)
        run_plate(compile_plate(plate, pipeline, wells=WELLS), output=tmp_path / name, executor="processes")
        return (tmp_path / name / "wells.csv").read_text().splitlines()

    rows = [
        nuclei(open_plate(test_data / "ome_zarr/sbs_4wells_v05.zarr"), "zarr"),
        nuclei(open_plate(test_data / "sbs_bbbc013", filenames=SBS), "tiff"),
    ]
    count = rows[0][0].split(",").index("Count_Nuclei")
    counts = [[int(line.split(",")[count]) for line in lines[1:]] for lines in rows]
    assert counts[0] == counts[1]
    assert min(counts[0]) > 50
