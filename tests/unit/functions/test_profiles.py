"""Texture, granularity and radial distribution; and our intensities and shapes against cp-measure's."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from plateflow.errors import PipelineError
from plateflow.functions import (
    measure_granularity,
    measure_intensity,
    measure_radial_distribution,
    measure_shape,
    measure_texture,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

FUNCTIONS = [measure_texture, measure_granularity, measure_radial_distribution]


def cells() -> tuple[NDArray[np.int32], NDArray[np.uint16]]:
    """Two discs, 4 and 9: one with a checkerboard, one smooth and bright in the middle."""
    y, x = np.mgrid[:80, :120]
    labels = np.zeros((80, 120), np.int32)
    rough, smooth = np.hypot(y - 40, x - 30) <= 18, np.hypot(y - 40, x - 85) <= 18
    labels[rough], labels[smooth] = 4, 9
    image = np.zeros((80, 120))
    image[rough] = (10000 + 30000 * ((y // 2 + x // 2) % 2))[rough]
    image[smooth] = (50000 - 2000 * np.hypot(y - 40, x - 85))[smooth]
    return labels, image.astype(np.uint16)


@pytest.fixture(autouse=True)
def cp_measure() -> Any:
    return pytest.importorskip("cp_measure.bulk", reason="of the extra 'measure'")


def test_names_are_cellprofilers() -> None:
    labels, image = cells()
    texture = measure_texture(labels, {"DNA": image})
    assert len(texture) == 52
    assert "Texture_AngularSecondMoment_DNA_3_00_256" in texture
    assert list(measure_granularity(labels, {"DNA": image}, steps=3)) == [f"Granularity_{i}_DNA" for i in (1, 2, 3)]
    radial = measure_radial_distribution(labels, {"DNA": image, "GFP": image})
    assert {"RadialDistribution_FracAtD_DNA_1of4", "RadialDistribution_RadialCV_GFP_4of4"} <= set(radial)


def test_a_checkerboard_is_rougher_than_a_smooth_cell_and_a_bright_middle_is_in_the_middle() -> None:
    labels, image = cells()
    contrast = measure_texture(labels, {"DNA": image}, scale=2)["Texture_Contrast_DNA_2_00_256"]
    assert contrast[0] > 10 * contrast[1]
    radial = measure_radial_distribution(labels, {"DNA": image})
    middle = radial["RadialDistribution_MeanFrac_DNA_1of4"]
    assert middle[1] > 1.2 > 1.1 > middle[0] > 0.9


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_objects_give_empty_columns_with_all_names(function: Callable[..., Any]) -> None:
    labels, image = cells()
    none = function(np.zeros_like(labels), {"A": image})
    assert list(none) == list(function(labels, {"A": image}))
    assert {values.shape for values in none.values()} == {(0,)}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_there_is_one_row_an_object_whatever_their_numbers(function: Callable[..., Any]) -> None:
    labels, image = cells()
    renumbered = np.where(labels == 4, 1, np.where(labels == 9, 2, 0)).astype(np.int32)
    for name, values in function(labels, {"A": image}).items():
        assert values.shape == (2,), name
        assert values == pytest.approx(function(renumbered, {"A": image})[name], nan_ok=True)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_without_cp_measure_it_says_what_to_install(
    function: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    labels, image = cells()
    monkeypatch.setitem(sys.modules, "cp_measure.bulk", None)
    with pytest.raises(PipelineError, match=r"needs cp-measure: pip install 'plateflow\[measure\]'"):
        function(labels, {"A": image})


def test_our_intensities_are_those_of_cp_measure(cp_measure: Any) -> None:
    labels, image = cells()
    renumbered = np.where(labels == 4, 1, np.where(labels == 9, 2, 0)).astype(np.int32)
    theirs = cp_measure.get_core_measurements()["intensity"](renumbered, image / 65535)
    ours = measure_intensity(labels, {"DNA": image}, detailed=True)
    compared = [name for name in theirs if f"{name}_DNA" in ours]
    assert len(compared) >= 15
    for name in compared:
        scale = 1 if name.endswith("MassDisplacement") else 65535
        assert ours[f"{name}_DNA"] / scale == pytest.approx(theirs[name], rel=1e-6, abs=1e-9), name


def test_our_shapes_are_those_of_cp_measure(cp_measure: Any) -> None:
    labels, _ = cells()
    renumbered = np.where(labels == 4, 1, np.where(labels == 9, 2, 0)).astype(np.int32)
    theirs = cp_measure.get_core_measurements()["sizeshape"](renumbered, None)
    ours = measure_shape(labels, detailed=True)
    compared = [name for name in theirs if f"AreaShape_{name}" in ours and name != "Orientation"]
    assert len(compared) >= 12
    for name in compared:
        assert ours[f"AreaShape_{name}"] == pytest.approx(theirs[name], rel=1e-6, abs=1e-6), name
