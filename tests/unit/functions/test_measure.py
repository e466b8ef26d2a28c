from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from plateflow.functions import find_nuclei, measure_intensity, ratio, ring_around

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

OBJECTS = np.array([[0, 5, 5, 0], [2, 0, 5, 5], [2, 2, 0, 9]], np.int32)
IMAGE = np.array([[99, 1, 3, 99], [10, 99, 5, 7], [20, 30, 99, 200]], np.uint8)
COLUMN = "Math_Ratio_{image}"
FEATURES = ["IntegratedIntensity", "MeanIntensity", "StdIntensity", "MinIntensity", "MaxIntensity"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("feature", "expected"),
    [
        ("IntegratedIntensity", [60, 16, 200]),
        ("MeanIntensity", [20, 4, 200]),
        ("StdIntensity", [np.sqrt(200 / 3), np.sqrt(5), 0]),
        ("MinIntensity", [10, 1, 200]),
        ("MaxIntensity", [30, 7, 200]),
    ],
)
def test_features_by_ascending_number(feature: str, expected: list[float], dtype: type[np.generic]) -> None:
    table = measure_intensity(OBJECTS, {"DNA": IMAGE.astype(dtype)})
    values = table[f"Intensity_{feature}_DNA"]
    assert values.dtype == np.float64
    assert values == pytest.approx(expected)


def test_every_channel_has_every_feature() -> None:
    table = measure_intensity(OBJECTS, {"DNA": IMAGE, "GFP": IMAGE * 0})
    assert set(table) == {f"Intensity_{feature}_{channel}" for feature in FEATURES for channel in ("DNA", "GFP")}
    assert list(table["Intensity_MaxIntensity_GFP"]) == [0, 0, 0]
    assert list(table["Intensity_MaxIntensity_DNA"]) == [30, 7, 200]


def test_sums_of_bright_objects_do_not_overflow() -> None:
    objects = np.ones((500, 500), np.int32)
    table = measure_intensity(objects, {"DNA": np.full((500, 500), 65535, np.uint16)})
    assert table["Intensity_IntegratedIntensity_DNA"] == pytest.approx([65535 * 250_000])
    assert table["Intensity_StdIntensity_DNA"] == pytest.approx([0])


def test_features_of_many_objects_equal_those_of_a_plain_loop() -> None:
    random = np.random.default_rng(1)
    objects = random.choice(np.array([0, 1, 4, 7, 1000, 2**31 - 1], np.int32), (50, 60))
    image = random.integers(0, 65536, (50, 60), np.uint16)
    table = measure_intensity(objects, {"A": image})
    numbers = [1, 4, 7, 1000, 2**31 - 1]
    plain: dict[str, Callable[[NDArray[Any]], Any]] = {
        "Mean": np.mean,
        "Std": np.std,
        "Min": np.min,
        "Max": np.max,
        "Integrated": np.sum,
    }
    for name, function in plain.items():
        expected = [function(image[objects == number].astype(float)) for number in numbers]
        assert table[f"Intensity_{name}Intensity_A"] == pytest.approx(expected)


def test_no_objects_give_empty_columns_with_all_names() -> None:
    none = np.zeros((4, 4), np.int32)
    table = measure_intensity(none, {"DNA": np.ones((4, 4), np.uint8)})
    assert set(table) == {f"Intensity_{feature}_DNA" for feature in FEATURES}
    assert {(values.shape, values.dtype.name) for values in table.values()} == {((0,), "float64")}


def test_ratio_divides_the_means_of_the_same_number() -> None:
    objects = np.array([[2, 2, 0, 7, 7]], np.int32)
    reference = np.array([[7, 7, 2, 0, 0]], np.int32)
    image = np.array([[10, 20, 5, 100, 200]], np.uint8)
    assert ratio(objects, reference, image) == {COLUMN: pytest.approx([15 / 5, 150 / 15])}


@pytest.mark.parametrize(
    ("objects", "reference", "image", "expected"),
    [
        pytest.param([1, 2, 3], [0, 0, 0], [4, 4, 4], [np.nan] * 3, id="no reference at all"),
        pytest.param([1, 2, 0], [0, 0, 2], [4, 8, 4], [np.nan, 2], id="one object without"),
        pytest.param([1, 0, 0], [0, 1, 9], [4, 2, 1], [2], id="a reference without an object"),
        pytest.param([1, 2, 0], [0, 0, 1], [4, 8, 0], [np.nan, np.nan], id="a black reference"),
        pytest.param([1, 0, 0], [0, 1, 1], [0, 2, 2], [0], id="a black object"),
        pytest.param([0, 0, 0], [1, 1, 0], [4, 4, 4], [], id="no objects"),
        pytest.param([0, 0, 0], [0, 0, 0], [4, 4, 4], [], id="nothing"),
    ],
)
def test_ratio_is_nan_where_there_is_nothing_to_divide_by(
    objects: list[int], reference: list[int], image: list[int], expected: list[float]
) -> None:
    table = ratio(np.array([objects], np.int32), np.array([reference], np.int32), np.array([image], np.uint8))
    assert list(table) == [COLUMN]
    assert table[COLUMN].dtype == np.float64
    assert np.array_equal(table[COLUMN], expected, equal_nan=True)


def drawn_cells(dtype: type[np.generic]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Two nuclei of brightness 200, and a protein three times and half as bright in them as around them."""
    y, x = np.mgrid[:80, :120]
    dna, gfp = np.zeros((80, 120)), np.full((80, 120), 40.0)
    for centre, protein in ((30, 120), (90, 20)):
        inside = np.hypot(y - 40, x - centre) <= 9
        dna[inside], gfp[inside] = 200, protein
    return dna.astype(dtype), gfp.astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_the_functions_together_find_how_far_a_protein_moved(dtype: type[np.generic]) -> None:
    dna, gfp = drawn_cells(dtype)
    nuclei = find_nuclei(dna)
    ratios = ratio(nuclei, ring_around(nuclei, gap=2), gfp)[COLUMN]
    assert ratios == pytest.approx([3, 0.5], rel=0.1)
