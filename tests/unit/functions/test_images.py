from __future__ import annotations

import numpy as np
import pytest

from plateflow.errors import PipelineError
from plateflow.functions import composite, gaussian, normalise

DTYPES = [np.uint8, np.uint16, np.float32, np.float64]


@pytest.mark.parametrize("dtype", DTYPES)
def test_gaussian_spreads_a_point_and_keeps_its_sum(dtype: type[np.generic]) -> None:
    image = np.zeros((31, 31), dtype)
    image[15, 15] = 200
    blurred = gaussian(image, sigma=2.0)
    assert blurred.dtype == np.float32
    assert blurred.sum() == pytest.approx(200, rel=1e-4)
    assert blurred[15, 15] == pytest.approx(200 / (2 * np.pi * 2.0**2), rel=0.01)
    assert blurred[15, 17] == pytest.approx(blurred[15, 15] * np.exp(-0.5), rel=0.01)
    assert blurred == pytest.approx(blurred.T, abs=1e-4)


def test_gaussian_of_sigma_zero_keeps_the_grey_values() -> None:
    image = np.arange(12, dtype=np.uint16).reshape(3, 4)
    assert np.array_equal(gaussian(image, sigma=0), image)


@pytest.mark.parametrize("dtype", DTYPES)
def test_normalise_stretches_between_its_percentiles(dtype: type[np.generic]) -> None:
    image = np.arange(101).reshape(1, 101).astype(dtype)
    stretched = normalise(image, low=10, high=60)
    assert stretched.dtype == np.float32
    assert stretched[0, [0, 10, 35, 60, 100]] == pytest.approx([0, 0, 0.5, 1, 1])


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.zeros((4, 5), np.uint8), id="black"),
        pytest.param(np.full((4, 5), 65535, np.uint16), id="saturated"),
        pytest.param(np.full((4, 5), 0.1), id="float"),
    ],
)
def test_normalise_makes_a_constant_image_zero(image: np.ndarray) -> None:
    assert np.array_equal(normalise(image), np.zeros((4, 5)))


def test_normalise_refuses_percentiles_in_the_wrong_order() -> None:
    with pytest.raises(PipelineError, match="low=90 must be below high=10"):
        normalise(np.eye(3), low=90, high=10)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        pytest.param(None, 150, id="plain mean does not overflow uint8"),
        pytest.param((1.0, 0.0), 50, id="one plane only"),
        pytest.param((1.0, 3.0), 200, id="weighted"),
    ],
)
def test_composite_is_the_weighted_mean(weights: tuple[float, ...] | None, expected: float) -> None:
    stack = np.stack([np.full((2, 3), 50, np.uint8), np.full((2, 3), 250, np.uint8)])
    merged = composite(stack, weights=weights)
    assert merged.dtype == np.float32
    assert merged == pytest.approx(np.full((2, 3), expected))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        pytest.param((1.0,), "1 weights for 2 planes", id="too few"),
        pytest.param((1.0, -1.0), "add up to 0", id="no sum"),
    ],
)
def test_composite_refuses_weights_that_do_not_fit(weights: tuple[float, ...], message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        composite(np.ones((2, 3, 3)), weights=weights)
