"""What compile says will be written, against what a run writes."""

from pathlib import Path

import numpy as np
import pytest
import zarr
from tests.unit.pipeline import functions as f

from plateflow import FunctionStep, Pipeline, compile_plate, open_plate, run_plate
from plateflow.functions import find_nuclei, gaussian, ring_around
from plateflow.pipeline.written import describe_written, written_bytes
from plateflow.plate.model import Plate
from plateflow.plate.synthetic import write_synthetic_plate


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Plate:
    folder = tmp_path_factory.mktemp("plates") / "plate"
    write_synthetic_plate(folder, rows=2, columns=2, sites=2, shape=(96, 96))
    return open_plate(folder)


STEPS = [
    FunctionStep(find_nuclei, inputs="1", outputs="Nuclei"),
    FunctionStep(ring_around, inputs="Nuclei", outputs="Ring"),
    FunctionStep(gaussian, inputs="2", outputs="Smooth"),
]


def test_its_size_is_that_of_the_arrays_that_are_written(plate: Plate, tmp_path: Path) -> None:
    plan = compile_plate(plate, Pipeline("p", STEPS))
    run_plate(plan, output=tmp_path / "out", workers=1)
    written = 0
    for path in (tmp_path / "out" / "plate.zarr").rglob("c"):
        array = zarr.open_array(path.parent, mode="r")
        written += int(np.prod(array.shape)) * array.dtype.itemsize
    assert written_bytes(plan) == written
    assert describe_written(plan) == "labels Nuclei, Ring and images Smooth: about 1.18 MB before compression"


def test_compile_says_it(plate: Plate) -> None:
    said: list[str] = []
    compile_plate(plate, Pipeline("p", STEPS), report=lambda update: said.append(str(update.message)))
    assert said[-1].startswith("4 wells, 3 steps, 24 pattern groups; writes labels Nuclei, Ring and images Smooth")


def test_where_nothing_but_tables_is_written_it_says_so(plate: Plate) -> None:
    assert describe_written(compile_plate(plate, Pipeline("p", [FunctionStep(f.brightness)]))) == "tables only"
