from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from plateflow.functions import find_spots, measure_shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

PLACES = [(20, 30), (50, 90), (70, 25), (100, 100), (110, 60)]


def spots(diameter: float = 4.0, noise: float = 3.0, dtype: type[np.generic] = np.uint16) -> NDArray[Any]:
    y, x = np.mgrid[:128, :128]
    image = 100 + 0.5 * x + np.random.default_rng(7).normal(0, noise, (128, 128))
    for row, column in PLACES:
        image += 80 * np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * (diameter / 2.83) ** 2))
    drawn: NDArray[Any] = image.astype(dtype)
    return drawn


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("diameter", [3.0, 4.0, 8.0])
def test_every_spot_is_found_at_its_place_on_an_uneven_ground(diameter: float, dtype: type[np.generic]) -> None:
    image = spots(diameter, dtype=dtype)
    found = find_spots(image, diameter=diameter)
    assert found.dtype == np.int32
    table = measure_shape(found)
    places = sorted(zip(table["AreaShape_Center_Y"], table["AreaShape_Center_X"], strict=True))
    assert np.array(places) == pytest.approx(np.array(sorted(PLACES)), abs=1.0)


def test_they_are_numbered_by_row() -> None:
    found = find_spots(spots())
    assert [found[place] for place in sorted(PLACES)] == [1, 2, 3, 4, 5]


def test_noise_alone_has_no_spots() -> None:
    image = np.random.default_rng(8).normal(100, 10, (256, 256))
    assert not find_spots(image).any()


@pytest.mark.parametrize(
    "image", [np.zeros((20, 20), np.uint8), np.full((20, 20), 255, np.uint8), np.full((9, 9), 0.1)]
)
def test_a_blank_image_has_no_spots(image: NDArray[Any]) -> None:
    assert not find_spots(image).any()


def test_a_contrast_that_no_spot_has_finds_none() -> None:
    assert find_spots(spots(), lowest_contrast=60).max() == 5
    assert not find_spots(spots(), lowest_contrast=150).any()
