from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest

from plateflow.functions import find_nuclei
from plateflow.functions.thresholds import Threshold

if TYPE_CHECKING:
    from numpy.typing import NDArray

METHODS = get_args(Threshold)


def discs(
    *circles: tuple[float, float, float], size: int = 100, ground: float = 10, height: float = 100
) -> NDArray[Any]:
    """Draw bright discs ``(y, x, diameter)``."""
    y, x = np.mgrid[:size, :size]
    image = np.full((size, size), ground)
    for centre_y, centre_x, diameter in circles:
        image[np.hypot(y - centre_y, x - centre_x) <= diameter / 2] = ground + height
    return image


def blobs(*centres: tuple[float, float], sigma: float = 4.0, size: int = 100) -> NDArray[Any]:
    """Draw round objects with a bright middle."""
    y, x = np.mgrid[:size, :size]
    image = np.zeros((size, size))
    for centre_y, centre_x in centres:
        image[:] += 100 * np.exp(-(np.hypot(y - centre_y, x - centre_x) ** 2) / (2 * sigma**2))
    return image


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("method", METHODS)
def test_every_disc_is_one_object_of_its_size(method: Threshold, dtype: type[np.generic]) -> None:
    image = discs((20, 70, 12), (50, 20, 20), (75, 70, 16)).astype(dtype)
    nuclei = find_nuclei(image, method=method, smoothing=0)
    assert nuclei.dtype == np.int32
    assert [nuclei[20, 70], nuclei[50, 20], nuclei[75, 70]] == [1, 2, 3]
    areas = np.bincount(nuclei.ravel())[1:]
    assert 2 * np.sqrt(areas / np.pi) == pytest.approx([12, 20, 16], abs=1.5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.zeros((50, 60), np.uint8), id="black"),
        pytest.param(np.full((50, 60), 255, np.uint8), id="white"),
        pytest.param(np.full((50, 60), 65535, np.uint16), id="saturated"),
        pytest.param(np.full((50, 60), 0.1), id="float"),
        pytest.param(np.full((50, 60), 1e14), id="large float"),
        pytest.param(np.zeros((1, 1), np.uint8), id="one pixel"),
    ],
)
def test_a_blank_image_holds_no_objects(image: NDArray[Any], method: Threshold) -> None:
    nuclei = find_nuclei(image, method=method)
    assert nuclei.dtype == np.int32
    assert nuclei.shape == image.shape
    assert not nuclei.any()


@pytest.mark.parametrize(
    ("limits", "found"),
    [
        pytest.param({"min_diameter": 6, "max_diameter": 40}, [8, 16, 30], id="all"),
        pytest.param({"min_diameter": 11, "max_diameter": 40}, [16, 30], id="small one dropped"),
        pytest.param({"min_diameter": 6, "max_diameter": 22}, [8, 16], id="large one dropped"),
        pytest.param({"min_diameter": 20, "max_diameter": 25}, [], id="none left"),
    ],
)
def test_objects_outside_the_diameters_are_dropped(limits: dict[str, Any], found: list[int]) -> None:
    at = {8: (20, 75), 16: (20, 30), 30: (70, 60)}
    image = discs(*((*centre, diameter) for diameter, centre in at.items()))
    nuclei = find_nuclei(image, **limits, smoothing=0, declump=8, split_at=10)
    assert {diameter for diameter, centre in at.items() if nuclei[centre]} == set(found)
    assert sorted(np.unique(nuclei)) == list(range(len(found) + 1)), "numbered without gaps"


@pytest.mark.parametrize(
    ("centres", "options", "count"),
    [
        pytest.param([(50, 44), (50, 56)], {}, 2, id="touching blobs are split"),
        pytest.param([(50, 44), (50, 56)], {"split_at": 14}, 1, id="not closer than split_at"),
        pytest.param([(50, 44), (50, 56)], {"declump": 8}, 1, id="not after a strong blur"),
        pytest.param([(50, 44), (50, 56), (62, 50)], {}, 3, id="three in a clump"),
        pytest.param([(50, 50)], {}, 1, id="a single blob stays whole"),
    ],
)
def test_clumps_are_split_by_intensity(centres: list[tuple[float, float]], options: dict[str, Any], count: int) -> None:
    nuclei = find_nuclei(blobs(*centres), max_diameter=60, **options)
    assert nuclei.max() == count
    assert len({nuclei[int(y), int(x)] for y, x in centres}) == count


def test_evenly_bright_clumps_are_split_by_shape() -> None:
    image = discs((50, 40, 22), (50, 58, 22))
    nuclei = find_nuclei(image, split_by="shape", declump=1, split_at=8)
    assert nuclei.max() == 2
    assert nuclei[50, 40] != nuclei[50, 58]


@pytest.mark.parametrize(("drop_border", "count"), [(True, 1), (False, 5)])
def test_objects_on_the_border_are_dropped_unless_asked_for(drop_border: bool, count: int) -> None:
    image = discs((50, 50, 16), (0, 50, 16), (99, 50, 16), (50, 0, 16), (50, 99, 16))
    nuclei = find_nuclei(image, drop_border=drop_border)
    assert nuclei.max() == count
    assert nuclei[50, 50] > 0


@pytest.mark.parametrize(
    ("hole", "filled"), [pytest.param(4, True, id="small"), pytest.param(16, False, id="larger than an object")]
)
def test_holes_smaller_than_an_object_are_filled(hole: float, filled: bool) -> None:
    image = discs((50, 50, 30))
    image[discs((50, 50, hole)) > 50] = 10
    nuclei = find_nuclei(image, smoothing=0, declump=8, split_at=20)
    assert (nuclei[50, 50] > 0) == filled


@pytest.mark.parametrize("method", METHODS)
def test_one_dark_pixel_in_a_saturated_image_is_no_object(method: Threshold) -> None:
    image = np.full((60, 60), 65535, np.uint16)
    image[30, 30] = 65534
    assert find_nuclei(image, method=method).max() == 0


def test_the_ground_is_no_object_even_where_it_is_as_small_as_one() -> None:
    image = discs((15, 15, 12), size=30)
    nuclei = find_nuclei(image, drop_border=False)
    assert nuclei[0, 0] == 0
    assert nuclei[15, 15] == 1


def test_otsu3_finds_dim_objects_beside_bright_ones_that_otsu_misses() -> None:
    image = discs((25, 25, 30), height=240) + discs((75, 75, 16), ground=0, height=60)
    image[discs((75, 25, 30)) > 50] = 250
    assert find_nuclei(image, method="otsu")[75, 75] == 0
    assert find_nuclei(image, method="otsu3")[75, 75] > 0


def test_lowest_threshold_keeps_an_empty_noisy_well_empty() -> None:
    noise = np.random.default_rng(0).normal(100, 3, (100, 100))
    assert find_nuclei(noise).max() > 0
    assert find_nuclei(noise, lowest_threshold=120).max() == 0


def test_the_image_is_left_as_it_was() -> None:
    image = blobs((50, 50))
    before = image.copy()
    find_nuclei(image)
    assert np.array_equal(image, before)
