"""What a function may know of where its images are from; stitching by it."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.unit.pipeline.here import Here
from tests.unit.pipeline.plates import grey, write_plate

from plateflow.errors import CompileError
from plateflow.functions import find_nuclei, stitch
from plateflow.functions.kinds import Image, Info, Planes, Record, Stack
from plateflow.pipeline.compile import compile_plate
from plateflow.pipeline.pipeline import Pipeline
from plateflow.pipeline.step import FunctionStep
from plateflow.plate.model import Plate
from plateflow.plate.pattern_groups import Address

TOLD: list[Info] = []
PLACES = {1: (100.0, 50.0), 2: (100.0, 53.0), 3: (106.0, 50.0), 4: (106.0, 58.0)}
"""y and x of each site, in micrometres."""


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Plate:
    """Two wells, four sites of 8 x 10 pixels of 0.5 um, two channels, with positions."""
    made = write_plate(
        tmp_path_factory.mktemp("plate") / "p", wells=("A01", "B02"), sites=4, plate_map={"B02": {"dose": 4.0}}
    )
    placed = {
        well: tuple(msgspec.structs.replace(r, y_um=PLACES[r.site][0], x_um=PLACES[r.site][1]) for r in records)
        for well, records in made.wells.items()
    }
    return msgspec.structs.replace(made, wells=placed, pixel_size_um=0.5)


def noted(image: Image, where: Info) -> Record:
    TOLD.append(where)
    return {"Site": float(where.site or 0)}


def over(planes: Planes, info: Info) -> Image:
    TOLD.append(info)
    return next(iter(planes))


def compiled(plate: Plate, *steps: FunctionStep) -> Any:
    return compile_plate(plate, Pipeline("p", steps))


def test_a_function_is_told_where_its_image_is_from(plate: Plate) -> None:
    TOLD.clear()
    assert not Here(compiled(plate, FunctionStep(noted, inputs="1", group_by="site"))).failures
    assert TOLD[6] == Info("p", "B02", 3, 1, 1, "3", 0.5, ((106.0, 50.0),), {"dose": 4.0})
    assert len(TOLD) == 8


def test_over_the_whole_plate_it_is_told_of_no_well(plate: Plate) -> None:
    TOLD.clear()
    step = FunctionStep(over, inputs="1", outputs="G", variable_components=("well", "site"))
    assert not Here(compiled(plate, step, FunctionStep(noted, inputs="2"))).failures
    assert TOLD[0] == Info("p", "", None, 1, 1, "", 0.5)


def test_it_cannot_be_given(plate: Plate) -> None:
    with pytest.raises(CompileError, match="parameter 'where' is told where the images are from; it cannot be given"):
        compiled(plate, FunctionStep(noted, inputs="1", params={"where": 3}))


def test_sites_are_laid_side_by_side_and_overlaps_are_their_mean(plate: Plate) -> None:
    step = FunctionStep(stitch, inputs="1", outputs="Whole", variable_components="site")
    here = Here(compiled(plate, step, FunctionStep(find_nuclei, inputs="Whole", outputs="Nuclei")))
    assert not here.failures
    whole = here.plane("B02", "Whole", Address(None, 1, 1))
    assert whole.shape == (12 + 8, 16 + 10)
    values = {site: grey(site, "1", 1, 1) for site in (1, 2, 3, 4)}
    assert (whole[:8, :6] == values[1]).all()
    assert (whole[:8, 6:10] == (values[1] + values[2]) / 2).all()
    assert (whole[:8, 10:16] == values[2]).all()
    assert (whole[12:, :10] == values[3]).all()
    assert (whole[12:, 16:] == values[4]).all()
    assert not whole[8:12].any()
    assert whole.dtype == np.uint16


def test_what_the_plate_does_not_tell_is_said(plate: Plate, tmp_path: Path) -> None:
    step = FunctionStep(stitch, inputs="1", outputs="Whole", variable_components="site")
    blind = msgspec.structs.replace(plate, pixel_size_um=None)
    assert "does not tell its pixel size" in Here(compiled(blind, step)).failures["A01"].error
    lost = msgspec.structs.replace(write_plate(tmp_path / "q", sites=2), pixel_size_um=1.0)
    assert "does not tell where 2 of the sites lie" in Here(compiled(lost, step)).failures["A01"].error


def test_positions_that_cannot_be_right_take_no_memory() -> None:
    stack: Stack = np.zeros((2, 10, 10), np.uint8)
    with pytest.raises(ValueError, match="their positions cannot be right"):
        stitch(stack, Info(pixel_size_um=0.001, positions_um=((0.0, 0.0), (9999.0, 9999.0))))
