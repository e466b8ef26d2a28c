"""Normalising to control wells, and how well controls are told apart: by hand, and by what pycytominer computed."""

import math
import statistics

import polars as pl
import pytest

from plateflow.functions import normalise_to_controls, score_assay

DRUGS = ["DMSO", "DMSO", "taxol", "taxol", "x", "x"]
CELLS = pl.DataFrame(
    {
        "Metadata_Plate": ["P"] * 12,
        "Metadata_Well": [f"A{n:02d}" for n in range(1, 7) for _ in range(2)],
        "Metadata_Half": ["left", "right"] * 6,
        "Metadata_Drug": [drug for drug in DRUGS for _ in range(2)],
        "Metadata_Code": [code for code in (-1.0, -1.0, 1.0, 1.0, 0.0, None) for _ in range(2)],
        "Metadata_ObjectNumber": [1, 2] * 6,
        "Nuclei_Area": [10.0, 12.0, 11.0, 17.0, 30.0, 34.0, 40.0, None, math.nan, 1.0, 2.0, 3.0],
        "Nuclei_Flat": [5.0] * 12,
        "Nuclei_Children_Spots_Count": [0, 2, 1, 3, 9, 9, 9, 9, 9, 9, 9, 9],
        "Nuclei_Parent_Cells": list(range(12)),
    }
)


def quartiles(values: list[float]) -> float:
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return high - low


CONTROLS = [10.0, 12.0, 11.0, 17.0]
BY_HAND = {
    "standardize": (12.5, statistics.pstdev(CONTROLS)),
    "robustize": (11.5, quartiles(CONTROLS)),
    "mad_robustize": (11.5, 1.4826 * 1.0),  # deviations 1.5, 0.5, 0.5, 5.5
}


@pytest.mark.parametrize("method", BY_HAND)
def test_measurements_are_expressed_in_the_controls_spread(method: str) -> None:
    found = normalise_to_controls(CELLS, "Metadata_Drug", "DMSO", method)  # type: ignore[arg-type]
    centre, spread = BY_HAND[method]
    assert found["Nuclei_Area"][4] == pytest.approx((30.0 - centre) / spread)
    assert found["Nuclei_Area"][0] == pytest.approx((10.0 - centre) / spread)
    assert found["Nuclei_Area"][7] is None
    assert found.columns == CELLS.columns
    assert found.height == CELLS.height
    kept = [name for name in CELLS.columns if name.startswith("Metadata_") or "Parent" in name]
    assert found.select(kept).equals(CELLS.select(kept)), "these say where a row is from"
    assert found["Nuclei_Children_Spots_Count"].dtype == pl.Float64
    assert found["Nuclei_Flat"].null_count() == 12, "nothing can be said of what does not vary"


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("standardize", [1.0907826618076852, -1.9659534853052365, 0.01150432241009138]),
        ("robustize", [1.4824745598449371, -2.972379260216443, -0.09045388467129685]),
        ("mad_robustize", [1.428681327135056, -2.8645231839114498, -0.08717166519891362]),
    ],
)
def test_as_pycytominer(method: str, expected: list[float]) -> None:
    # pycytominer 1.7.1, normalize(samples="Metadata_Dose < 2", method=method, mad_robustize_epsilon=0).
    cells = pl.DataFrame({"Metadata_Dose": PYCYTOMINER[0], "Nuclei_Mean": PYCYTOMINER[1]})
    found = normalise_to_controls(cells, "Metadata_Dose", (0, 1), method)  # type: ignore[arg-type]
    assert found["Nuclei_Mean"][:3].to_list() == pytest.approx(expected, rel=1e-12)


def test_numbers_and_several_values_choose_controls_too() -> None:
    one = normalise_to_controls(CELLS, "Metadata_Code", -1)
    assert one.equals(normalise_to_controls(CELLS, "Metadata_Drug", "DMSO"))
    both = normalise_to_controls(CELLS, "Metadata_Drug", ("DMSO", "taxol"))
    values = [*CONTROLS, 30.0, 34.0, 40.0]
    assert both["Nuclei_Area"][0] == pytest.approx((10 - statistics.mean(values)) / statistics.pstdev(values))


def test_without_a_column_all_of_the_plate_is_the_control() -> None:
    found = normalise_to_controls(CELLS)["Nuclei_Area"].drop_nulls().drop_nans()
    assert found.mean() == pytest.approx(0)
    assert found.std(ddof=0) == pytest.approx(1)


def test_the_controls_are_told_apart_by_wells() -> None:
    (row,) = score_assay(CELLS, "Metadata_Drug", "taxol", "DMSO", "Nuclei_Area").to_dicts()
    positive, negative = [32.0, 40.0], [11.0, 14.0]
    sd = statistics.stdev(positive), statistics.stdev(negative)
    apart = 36.0 - 12.5
    assert row == {
        "Metadata_Plate": "P",
        "Feature": "Nuclei_Area",
        "Wells_Positive": 2,
        "Mean_Positive": 36.0,
        "SD_Positive": pytest.approx(sd[0]),
        "Wells_Negative": 2,
        "Mean_Negative": 12.5,
        "SD_Negative": pytest.approx(sd[1]),
        "ZPrime": pytest.approx(1 - 3 * (sd[0] + sd[1]) / apart),
        "SSMD": pytest.approx(apart / math.hypot(*sd)),
    }
    (other,) = score_assay(CELLS, "Metadata_Drug", "DMSO", "taxol", "Nuclei_Area").to_dicts()
    assert (other["ZPrime"], other["SSMD"]) == (row["ZPrime"], -row["SSMD"])


def test_medians_of_wells_if_asked() -> None:
    cells = pl.concat([CELLS, CELLS.head(1).with_columns(Nuclei_Area=pl.lit(1000.0))])
    (row,) = score_assay(cells, "Metadata_Code", 1, -1, "Nuclei_Area", well="median").to_dicts()
    assert row["Mean_Negative"] == (12.0 + 14.0) / 2


def test_a_cell_without_a_value_does_not_count() -> None:
    blank = CELLS.head(1).with_columns(Nuclei_Area=pl.lit(math.nan))
    found = score_assay(pl.concat([blank, CELLS]), "Metadata_Code", 1, -1, "Nuclei_Area")
    assert found.equals(score_assay(CELLS, "Metadata_Code", 1, -1, "Nuclei_Area"))


def test_each_value_of_further_columns_by_itself() -> None:
    found = score_assay(CELLS, "Metadata_Code", 1, -1, "Nuclei_Area", by=("Metadata_Half",))
    assert found["Metadata_Half"].to_list() == ["left", "right"]
    assert found["Mean_Negative"].to_list() == [10.5, 14.5]
    assert found["Wells_Positive"].to_list() == [2, 1]
    assert found["ZPrime"][1] is None


def test_without_a_feature_all_are_scored() -> None:
    found = score_assay(CELLS, "Metadata_Code", 1, -1)
    assert found["Feature"].to_list() == ["Nuclei_Area", "Nuclei_Flat", "Nuclei_Children_Spots_Count"]
    assert found["ZPrime"][0] == score_assay(CELLS, "Metadata_Code", 1, -1, "Nuclei_Area")["ZPrime"][0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"control_column": "Drug"}, "no column 'Drug'; there are: Nuclei_Area"),
        ({"control_column": "Metadata_Drg"}, "no column 'Metadata_Drg'; there are: Metadata_Plate, .*Metadata_Drug"),
        ({"control_values": "water"}, "no row has 'water' in column 'Metadata_Drug'; there are: 'DMSO', 'taxol', 'x'"),
        ({"control_values": ()}, "no row has a value that is asked for in column 'Metadata_Drug'"),
        ({"control_values": 1}, "no row has 1 in column"),
    ],
)
def test_what_there_is_not_is_named(options: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        normalise_to_controls(CELLS, **{"control_column": "Metadata_Drug", "control_values": "DMSO", **options})  # type: ignore[arg-type]


def test_what_is_scored_must_be_there() -> None:
    with pytest.raises(ValueError, match="no column 'Area'; there are: Nuclei_Area, Nuclei_Flat"):
        score_assay(CELLS, "Metadata_Drug", "taxol", "DMSO", "Area")
    with pytest.raises(ValueError, match="no column 'Metadata_Control'; there are"):
        score_assay(CELLS)


PYCYTOMINER = (
    [
        0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0,
        6.0, 7.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 0.0, 1.0, 2.0, 3.0,
        4.0, 5.0, 6.0, 7.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0,
    ],
    [
        16.123, 2.333, 11.254, 8.297, 8.642, 9.353, 3.94, 9.304, 7.404, 19.969, 10.677, 8.942, 9.156, 7.996,
        6.835, 8.828, 11.446, 9.284, 12.873, 9.401, 10.073, 14.637, 11.635, 8.484, 9.451, 11.622, 15.805, 9.191,
        9.269, 13.007, 7.341, 9.125, 12.648, 11.741, 10.275, 12.01, 1.516, 13.064, 7.121, 4.994,
    ],
)  # fmt: skip
