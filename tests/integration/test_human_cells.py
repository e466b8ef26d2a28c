"""examples/human_cells.py against what CellProfiler found in the same images, object by object.

The bounds are those that were set before anything was measured. Beside each stands what is reached, so that a change
that costs agreement is seen.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from skimage.segmentation import find_boundaries

from plateflow import compile_plate, load_pipeline, open_plate, run_plate

EXAMPLE = Path(__file__).parents[2] / "examples" / "human_cells.py"
NEAR = 5.0
"""Pixels between the centres of one object."""


@dataclass(frozen=True)
class Compared:
    """One set of objects: CellProfiler's, ours, and which are the same."""

    theirs: pl.DataFrame
    ours: pl.DataFrame
    name: str

    @cached_property
    def pairs(self) -> tuple[Any, Any]:
        """Rows of one object in both tables: one to one, as many as there can be."""
        columns = [f"{self.name}_AreaShape_Center_{axis}" for axis in "XY"]
        centres = self.theirs.select("Location_Center_X", "Location_Center_Y").to_numpy()
        apart = cdist(centres, self.ours.select(columns).to_numpy())
        theirs, ours = linear_sum_assignment(np.where(apart <= NEAR, apart, 1e6))
        near = apart[theirs, ours] <= NEAR
        return theirs[near], ours[near]

    @property
    def matched(self) -> int:
        return len(self.pairs[0])

    def column(self, name: str) -> tuple[Any, Any]:
        theirs, ours = self.pairs
        return self.theirs[name].to_numpy()[theirs], self.ours[f"{self.name}_{name}"].to_numpy()[ours]

    def correlation(self, name: str) -> float:
        return float(np.corrcoef(*self.column(name))[0, 1])


@pytest.fixture(scope="module")
def results(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pipeline = load_pipeline(EXAMPLE)
    plate = open_plate(test_data / "example_human", filenames=pipeline.filenames)
    output = tmp_path_factory.mktemp("human") / "out"
    outcome = run_plate(compile_plate(plate, pipeline), output=output, workers=1)
    assert outcome.completed == ["D03"]
    return output


def compare(test_data: Path, results: Path, name: str) -> Compared:
    theirs = pl.read_csv(test_data / "example_human" / "expected" / f"{name}.csv")
    return Compared(theirs, pl.read_parquet(results / "tables" / name / "*.parquet"), name)


def test_nuclei(test_data: Path, results: Path) -> None:
    nuclei = compare(test_data, results, "Nuclei")
    assert nuclei.theirs.height == 289
    assert abs(nuclei.ours.height - 289) <= 0.05 * 289  # 286
    assert nuclei.matched >= 0.95 * 289  # 286, 99 %
    assert nuclei.correlation("AreaShape_Area") >= 0.95  # 0.976
    assert nuclei.correlation("Intensity_MeanIntensity_DNA") >= 0.95  # 0.990
    assert nuclei.correlation("Intensity_IntegratedIntensity_DNA") >= 0.95  # 0.989


def test_mitoses_and_their_nuclei(test_data: Path, results: Path) -> None:
    mitoses = compare(test_data, results, "PH3")
    assert mitoses.theirs.height == 22
    assert mitoses.matched >= 18  # 20 of our 22
    nuclei = compare(test_data, results, "Nuclei")
    same = dict(zip(*(nuclei.theirs["ObjectNumber"].to_numpy()[nuclei.pairs[0]], numbers(nuclei)), strict=True))
    theirs, ours = mitoses.column("Parent_Nuclei")
    related = [bool(a) == bool(b) and (not a or same.get(a) == b) for a, b in zip(theirs, ours, strict=True)]
    assert sum(related) >= 18  # of 20


def numbers(objects: Compared) -> Any:
    """The numbers of our objects that are matched."""
    return objects.ours["Metadata_ObjectNumber"].to_numpy()[objects.pairs[1]]


def test_cells_and_cytoplasms(test_data: Path, results: Path) -> None:
    nuclei = compare(test_data, results, "Nuclei")
    for name in ("Cells", "Cytoplasm"):
        objects = compare(test_data, results, name)
        # Row for row those of the nuclei: theirs and ours share their numbers.
        assert objects.theirs["ObjectNumber"].equals(nuclei.theirs["ObjectNumber"])
        theirs = objects.theirs["AreaShape_Area"].to_numpy()[nuclei.pairs[0]]
        ours = objects.ours[f"{name}_AreaShape_Area"].to_numpy()[nuclei.pairs[1]]
        assert np.corrcoef(theirs, ours)[0, 1] >= 0.95, name  # 0.974 and 0.974
        assert 0.9 <= np.median(ours / theirs) <= 1.1, name  # 1.00 and 0.99


def test_cells_cytoplasms_and_nuclei_share_their_numbers(results: Path) -> None:
    ours = {
        name: pl.read_parquet(results / "tables" / name / "*.parquet")["Metadata_ObjectNumber"].to_list()
        for name in ("Nuclei", "Cells", "Cytoplasm")
    }
    assert ours["Nuclei"] == ours["Cells"] == ours["Cytoplasm"]


def test_labels_agree_with_the_tables(results: Path) -> None:
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(results / "plate.zarr/D/03/0", mode="r")
    nuclei, cells, cytoplasm = (np.asarray(group[f"labels/{name}/0"]) for name in ("Nuclei", "Cells", "Cytoplasm"))
    inside = nuclei > 0
    assert (cells[inside] == nuclei[inside]).all()
    assert np.array_equal(cytoplasm[cytoplasm > 0], cells[cytoplasm > 0])
    assert not cytoplasm[inside & ~find_boundaries(nuclei, connectivity=2, mode="inner")].any()


def test_whole_numbers_are_whole_in_the_tables(results: Path) -> None:
    mitoses = pl.read_parquet(results / "tables" / "PH3" / "*.parquet")
    nuclei = pl.read_parquet(results / "tables" / "Nuclei" / "*.parquet")
    assert mitoses.schema["PH3_Parent_Nuclei"] == nuclei.schema["Nuclei_Children_PH3_Count"] == pl.Int64
    assert nuclei["Nuclei_Children_PH3_Count"].sum() == (mitoses["PH3_Parent_Nuclei"] > 0).sum()
    wells = pl.read_csv(results / "wells.csv")
    assert "Mean_Nuclei_Children_PH3_Count" in wells.columns
    assert "Mean_PH3_Parent_Nuclei" not in wells.columns


def test_the_pipeline_is_short() -> None:
    lines = EXAMPLE.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("pipeline = "))
    assert len(lines) - start <= 30
