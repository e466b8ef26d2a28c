from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from plateflow.functions import ring_around

if TYPE_CHECKING:
    from numpy.typing import NDArray


def squares(*corners: tuple[int, int, int], side: int = 6, size: int = 40) -> NDArray[np.int32]:
    """Draw square objects ``(y, x, number)``."""
    labels = np.zeros((size, size), np.int32)
    for y, x, number in corners:
        labels[y : y + side, x : x + side] = number
    return labels


@pytest.mark.parametrize(
    ("gap", "width", "expected"),
    [
        pytest.param(0, 2, "....77###77....", id="touches its object"),
        pytest.param(1, 2, "...77.###.77...", id="one pixel free"),
        pytest.param(2, 3, ".777..###..777.", id="wide and far"),
        pytest.param(1, 20, "77777.###.77777", id="cut by the border"),
    ],
)
def test_the_ring_is_as_wide_and_as_far_as_asked(gap: float, width: float, expected: str) -> None:
    line = np.array([[7 * (mark == "#") for mark in expected]], np.int32)
    ring = ring_around(line, gap=gap, width=width)
    assert ring.dtype == np.int32
    assert ring.tolist() == [[7 * (mark == "7") for mark in expected]]


def test_rings_share_the_numbers_of_their_objects_gaps_included() -> None:
    objects = squares((5, 5, 3), (5, 25, 8), (25, 15, 200))
    assert sorted(np.unique(ring_around(objects))) == [0, 3, 8, 200]


@pytest.mark.parametrize("gap", [0, 1, 2.5])
@pytest.mark.parametrize("seed", range(3))
def test_rings_overlap_no_object_and_each_pixel_belongs_to_the_nearest(seed: int, gap: float) -> None:
    objects = np.random.default_rng(seed).choice(np.arange(60, dtype=np.int32), (40, 40), p=[0.97] + [0.03 / 59] * 59)
    ring = ring_around(objects, gap=gap, width=3)
    object_yx, ring_yx = np.argwhere(objects), np.argwhere(ring)
    assert len(ring_yx) > 100
    distances = np.linalg.norm(ring_yx[:, None] - object_yx[None], axis=2)
    nearest = distances.min(axis=1)
    assert (nearest > gap).all(), "no pixel on an object, nor in its gap or that of a neighbour"
    assert (nearest <= gap + 3).all()
    for (y, x), row, least in zip(ring_yx, distances, nearest, strict=True):
        assert ring[y, x] in objects[tuple(object_yx[row == least].T)]


def test_touching_objects_have_rings_that_meet_but_keep_off_both() -> None:
    objects = squares((10, 10, 1), (10, 16, 2))
    ring = ring_around(objects, gap=0, width=4)
    assert not ring[objects > 0].any()
    assert set(ring[10:16, :10].ravel()) == {0, 1}
    assert set(ring[10:16, 22:].ravel()) == {0, 2}


def test_an_object_without_room_gets_no_ring() -> None:
    objects = np.full((20, 20), 1, np.int32)
    objects[8:12, 8:12] = 2
    objects[:, 19] = 0
    assert sorted(np.unique(ring_around(objects, gap=0, width=3))) == [0, 1]


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (30, 40)])
@pytest.mark.parametrize("number", [0, 1])
def test_no_rings_where_all_is_ground_or_all_is_one_object(number: int, shape: tuple[int, int]) -> None:
    ring = ring_around(np.full(shape, number, np.int32))
    assert ring.dtype == np.int32
    assert ring.shape == shape
    assert not ring.any()
