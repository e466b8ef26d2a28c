"""Stitching on a real plate: two fields of an Operetta, which its own metadata place beside each other."""

from pathlib import Path

import numpy as np
import pytest
import zarr

from plateflow import FunctionStep, Pipeline, compile_plate, open_plate, run_plate
from plateflow.functions import find_nuclei, stitch
from plateflow.storage.image import read_image


@pytest.mark.slow
def test_two_fields_of_an_operetta_lie_where_their_metadata_say(test_data: Path, tmp_path: Path) -> None:
    plate = open_plate(test_data / "opera_phenix" / "operetta_plate_2fields")
    (records,) = plate.wells.values()
    channel = records[0].channel
    fields = {record.site: record for record in records if record.channel == channel and record.z == records[0].z}
    steps = [
        FunctionStep(stitch, inputs=channel, outputs="Whole", variable_components="site"),
        FunctionStep(find_nuclei, inputs="Whole", outputs="Nuclei", drop_border=False),
    ]
    outcome = run_plate(compile_plate(plate, Pipeline("whole", steps)), output=tmp_path / "out", workers=1)
    assert outcome.errors == {}
    (well,) = plate.wells
    folder = tmp_path / "out" / "plate.zarr" / well[0] / well[1:]
    whole = np.asarray(zarr.open_group(folder / "0", mode="r")["0"])[0]
    whole = whole.reshape(whole.shape[-2:]) if whole.ndim == 2 or whole.shape[0] == 1 else whole[0]
    assert plate.pixel_size_um is not None
    places = {site: (record.y_um, record.x_um) for site, record in fields.items()}
    top, left = (min(place[axis] or 0.0 for place in places.values()) for axis in (0, 1))
    for site, record in fields.items():
        pixels = read_image(record.path, record.part)
        y, x = places[site]
        assert y is not None
        assert x is not None
        at = round((y - top) / plate.pixel_size_um), round((x - left) / plate.pixel_size_um)
        inner = (slice(20, -20), slice(20, -20))  # where they overlap by a pixel, it is their mean
        placed = whole[at[0] : at[0] + pixels.shape[0], at[1] : at[1] + pixels.shape[1]]
        assert np.array_equal(placed[inner], pixels[inner]), site
    assert whole.size >= 1.9 * pixels.size
