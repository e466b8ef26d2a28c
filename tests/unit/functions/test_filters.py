from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import ndimage as ndi
from skimage import morphology, restoration

from plateflow.functions import (
    correct_illumination,
    difference_of_gaussians,
    median,
    subtract_background,
    unsharp_mask,
    white_tophat,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

DTYPES = [np.uint8, np.uint16, np.float32, np.float64]


def noise(dtype: type[np.generic] = np.uint8) -> NDArray[Any]:
    return np.random.default_rng(1).integers(0, 200, (60, 70)).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_median_takes_away_a_single_pixel_and_keeps_an_edge(dtype: type[np.generic]) -> None:
    image = np.zeros((20, 20), dtype)
    image[:, 10:] = 100
    hot = image.copy()
    hot[5, 5] = 200
    filtered = median(hot, radius=1)
    assert filtered.dtype == dtype
    assert np.array_equal(filtered, image)


@pytest.mark.parametrize("radius", [1, 2, 3])
def test_small_white_tophats_are_those_of_scikit_image(radius: int) -> None:
    expected = morphology.white_tophat(noise(np.float32), morphology.disk(radius))
    assert white_tophat(noise(), radius=radius) == pytest.approx(expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_white_tophat_keeps_what_is_smaller_than_its_disc_alone(dtype: type[np.generic]) -> None:
    y, x = np.mgrid[:120, :120]
    image = (10 + y / 4).astype(dtype)  # an uneven ground
    small, large = np.hypot(y - 30, x - 30) <= 5, np.hypot(y - 80, x - 80) <= 25
    image[small] += 50
    image[large] += 50
    kept = white_tophat(image, radius=12)
    assert kept.dtype == np.float32
    assert kept[30, 30] == pytest.approx(50, abs=3)
    assert kept[80, 80] == pytest.approx(0, abs=3)
    assert kept[100, 20] == pytest.approx(0, abs=3)
    assert kept.min() >= 0


def test_a_rolling_ball_is_that_of_scikit_image() -> None:
    image = noise(np.float32)
    expected = image - restoration.rolling_ball(image, radius=20)
    assert subtract_background(image, radius=20) == pytest.approx(expected, abs=1e-3)


@pytest.mark.slow
def test_a_rolling_ball_on_a_large_image_finds_the_same_ground() -> None:
    y, x = np.mgrid[:1030, :1024]
    ground = 20 + 40 * x / 1024
    cell = 100 * np.exp(-((y - 500) ** 2 + (x - 500) ** 2) / (2 * 6.0**2))
    left = subtract_background((ground + cell).astype(np.float32), radius=60)
    assert left[500, 500] == pytest.approx(100, abs=5)
    assert np.abs(left[:400]).max() < 2


def test_the_percentile_is_one_number() -> None:
    image = np.arange(101, dtype=np.uint8).reshape(1, 101)
    assert subtract_background(image, method="percentile")[0, [0, 10, 60]] == pytest.approx([0, 0, 50])


def test_a_difference_of_gaussians_keeps_one_size() -> None:
    image = noise(np.float32)
    expected = ndi.gaussian_filter(image, 1) - ndi.gaussian_filter(image, 4)
    assert difference_of_gaussians(image, low=1, high=4)[20:40, 20:40] == pytest.approx(expected[20:40, 20:40], abs=0.1)
    with pytest.raises(ValueError, match="low 4 must be below high 2"):
        difference_of_gaussians(image, low=4, high=2)


def test_an_unsharp_mask_adds_what_a_blur_takes_away() -> None:
    image = noise(np.float32)
    expected = image + 0.5 * (image - ndi.gaussian_filter(image, 2))
    assert unsharp_mask(image, radius=2, amount=0.5)[20:40, 20:40] == pytest.approx(expected[20:40, 20:40], rel=1e-4)


def uneven(size: int = 64) -> NDArray[np.float64]:
    return np.tile(np.linspace(0.5, 1.5, size), (size, 1))


def test_dividing_by_the_light_makes_an_even_sample_even() -> None:
    image = (100 * uneven()).astype(np.float32)
    even = correct_illumination(image, uneven() * 7)
    assert even.dtype == np.float32
    assert even == pytest.approx(np.full((64, 64), 100.0), rel=1e-5)


def test_the_cameras_offset_is_no_light() -> None:
    image = 20 + 100 * uneven()
    assert correct_illumination(image, 20 + 3 * uneven(), offset=20) == pytest.approx(np.full((64, 64), 120.0))


def test_subtracting_takes_an_uneven_ground_away() -> None:
    image = np.full((64, 64), 50.0) + 10 * uneven()
    assert correct_illumination(image, 10 * uneven(), method="subtract") == pytest.approx(np.full((64, 64), 60.0))


def test_an_illumination_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(64, 64\).*\(32, 32\)"):
        correct_illumination(uneven(), uneven(32))
    with pytest.raises(ValueError, match="nowhere brighter than the offset 9"):
        correct_illumination(uneven(), uneven(), offset=9)
