from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import ndimage as ndi
from skimage import segmentation

from plateflow.functions import expand, grow_cells, keep_inside, keep_same, relate, subtract
from plateflow.functions.growth import fill_label_holes, propagate

if TYPE_CHECKING:
    from numpy.typing import NDArray

WAYS = ["propagation", "watershed", "distance"]


def two_cells() -> tuple[NDArray[np.int32], NDArray[Any], NDArray[np.bool_]]:
    """Two nuclei in two bright cells with a dark line between them, nearer to the left nucleus."""
    y, x = np.mgrid[:60, :100]
    cell = (np.abs(y - 30) < 20) & (np.abs(x - 50) < 40)
    image = np.where(cell, 150, 10).astype(np.uint8)
    image[:, 35:37] = np.minimum(image[:, 35:37], 70)
    seeds = np.zeros((60, 100), np.int32)
    seeds[np.hypot(y - 30, x - 22) <= 5] = 4
    seeds[np.hypot(y - 30, x - 75) <= 5] = 9
    return seeds, image, cell


@pytest.mark.parametrize("by", WAYS)
def test_cells_cover_what_is_bright_and_have_the_numbers_of_their_nuclei(by: Any) -> None:
    seeds, image, cell = two_cells()
    cells = grow_cells(seeds, image, method="otsu", factor=0.7, by=by)
    assert cells.dtype == np.int32
    assert np.unique(cells).tolist() == [0, 4, 9]
    assert np.array_equal(cells > 0, cell)
    assert (cells[seeds > 0] == seeds[seeds > 0]).all()


def test_propagation_stops_at_an_edge_and_distance_halfway() -> None:
    seeds, image, _ = two_cells()
    by_edge, by_distance = (
        grow_cells(seeds, image, method="otsu", factor=0.7, by=by)[30] for by in ("propagation", "distance")
    )
    assert np.flatnonzero(by_edge == 4).max() in (34, 35, 36)
    assert np.flatnonzero(by_distance == 4).max() in (47, 48, 49)


def test_a_great_regularisation_looks_at_length_alone() -> None:
    seeds, image, _ = two_cells()
    grown = grow_cells(seeds, image, method="otsu", factor=0.7, regularisation=1000.0)[30]
    assert np.flatnonzero(grown == 4).max() in (47, 48, 49)


@pytest.mark.parametrize("by", WAYS)
def test_a_blank_image_or_no_nuclei_give_back_the_nuclei(by: Any) -> None:
    seeds, image, _ = two_cells()
    assert np.array_equal(grow_cells(seeds, np.full_like(image, 7), by=by), seeds)
    assert not grow_cells(np.zeros_like(seeds), image, by=by).any()


def test_propagation_is_the_cheapest_way_counted_by_hand() -> None:
    """A plain loop over all pixels until nothing gets cheaper: slow, and simple enough to believe."""
    random = np.random.default_rng(6)
    image = random.random((9, 11))
    seeds = np.zeros((9, 11), np.int32)
    seeds[2, 2:4], seeds[6, 8] = 1, 2
    mask = random.random((9, 11)) > 0.15
    best = np.where(seeds > 0, 0.0, np.inf)
    owner = seeds.copy()
    padded = np.pad(image, 1, mode="edge")
    around = np.stack([padded[dy : dy + 9, dx : dx + 11] for dy in range(3) for dx in range(3)])
    for _ in range(99):
        for y, x in np.ndindex(9, 11):
            for dy, dx in [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if (a or b)]:
                v, u = y + dy, x + dx
                if 0 <= v < 9 and 0 <= u < 11 and (mask[y, x] or seeds[y, x]) and owner[v, u]:
                    change = np.abs(around[:, y, x] - around[:, v, u]).sum()
                    cost = best[v, u] + np.hypot(change, 0.05 * np.sqrt(abs(dy) + abs(dx)))
                    if cost < best[y, x] - 1e-12:
                        best[y, x], owner[y, x] = cost, owner[v, u]
    grown = propagate(image, seeds, mask, 0.05)
    inner = (slice(1, -1), slice(1, -1))  # at the border the surroundings are another few pixels
    assert (grown[inner] == owner[inner]).mean() > 0.95
    assert np.array_equal(grown > 0, owner > 0)


def test_holes_are_filled_where_one_object_alone_encloses_them() -> None:
    labels = np.zeros((20, 30), np.int32)
    labels[2:10, 2:10], labels[4:6, 4:6] = 3, 0
    labels[2:10, 15:20], labels[2:10, 20:25], labels[5:7, 18:22] = 5, 6, 0  # between two
    labels[15:20, 5:10], labels[18:20, 7:8] = 8, 0  # open at the border
    filled = fill_label_holes(labels)
    assert (filled[4:6, 4:6] == 3).all()
    assert not filled[5:7, 18:22].any()
    assert not filled[18:20, 7:8].any()


def test_expand_is_that_of_scikit_image() -> None:
    seeds = two_cells()[0]
    assert np.array_equal(expand(seeds, distance=6), segmentation.expand_labels(seeds, 6))
    assert expand(seeds).dtype == np.int32


def test_what_is_left_of_a_cell_without_its_nucleus() -> None:
    seeds, image, cell = two_cells()
    cells = grow_cells(seeds, image, method="otsu", factor=0.7)
    whole = subtract(cells, seeds, shrink=False)
    assert np.array_equal(whole > 0, cell & (seeds == 0))
    shrunk = subtract(cells, seeds)
    assert np.array_equal(shrunk > 0, cell & ~ndi.binary_erosion(seeds > 0, np.ones((3, 3), bool)))
    assert set(np.unique(shrunk)) == {0, 4, 9}
    assert (subtract(seeds, seeds) > 0).any(), "a cell as small as its nucleus keeps its outline"


def test_objects_inside_the_image_and_the_limits_are_kept_with_their_numbers() -> None:
    labels = np.zeros((30, 30), np.int32)
    labels[0:4, 5:9], labels[10:14, 10:14], labels[20:22, 20:22] = 8, 5, 2
    assert np.unique(keep_inside(labels)).tolist() == [0, 2, 5]
    assert np.unique(keep_inside(labels, drop_border=False)).tolist() == [0, 2, 5, 8]
    assert np.unique(keep_inside(labels, min_diameter=3)).tolist() == [0, 5]
    assert np.unique(keep_inside(labels, max_diameter=3, drop_border=False)).tolist() == [0, 2]
    assert np.array_equal(keep_inside(labels) > 0, np.isin(labels, [2, 5]))
    assert not keep_inside(np.zeros((4, 4), np.int32)).any()


def test_those_are_kept_whose_number_others_have() -> None:
    cells, nuclei = np.array([[1, 1, 2, 3]], np.int32), np.array([[0, 3, 1, 7]], np.int32)
    assert keep_same(cells, nuclei).tolist() == [[1, 1, 0, 3]]


def test_the_parent_is_who_covers_most() -> None:
    children = np.array([[1, 1, 1, 0, 5, 5, 6, 6, 9]], np.int32)
    parents = np.array([[4, 4, 7, 7, 0, 0, 7, 4, 7]], np.int32)
    of_children, of_parents = relate(children, parents)
    assert of_children["Parent_{parents}"].tolist() == [4, 0, 4, 7]  # 6: as many of each, so the lower number
    assert of_parents["Children_{children}_Count"].tolist() == [2, 1]


@pytest.mark.parametrize("empty", ["children", "parents", "both"])
def test_relating_nothing(empty: str) -> None:
    some, none = np.array([[2, 0, 3]], np.int32), np.zeros((1, 3), np.int32)
    of_children, of_parents = relate(
        none if empty in ("children", "both") else some, none if empty in ("parents", "both") else some
    )
    assert len(of_children["Parent_{parents}"]) == (2 if empty == "parents" else 0)
    assert of_parents["Children_{children}_Count"].tolist() == ([0, 0] if empty == "children" else [])
