"""Growing objects over an image: by the cheapest way to a seed, where it costs to cross an edge of brightness.

The metric is that of Jones, Carpenter and Golland 2005 (Computer Vision for Biomedical Image Applications, LNCS
3765:535): a step between neighbours costs the root of the squared change of their 3 x 3 surroundings plus the squared
length of the step times a weight. The cheapest ways are found by scipy's Dijkstra.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from scipy import sparse
from scipy.sparse import csgraph

from plateflow.functions.kinds import Labels

_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""To half of a pixel's eight neighbours; the others are their mirror images."""


def propagate(image: NDArray[Any], seeds: Labels, mask: NDArray[np.bool_], weight: float) -> Labels:
    """Give each pixel of a mask the number of the seed that is cheapest to reach.

    Parameters
    ----------
    image : array, (Y, X)
        Within 0..1.
    seeds : array, (Y, X) int32
        They keep their pixels, inside and outside of the mask.
    mask : array, (Y, X) bool
        Where seeds may grow; what no way leads to stays 0.
    weight : float
        Of a step's length against the change of brightness.
    """
    rim = (seeds > 0) & ~ndi.binary_erosion(seeds > 0)  # the inside of a seed is no way to anywhere
    inside = (mask & (seeds == 0)) | rim
    nodes = np.full(image.shape, -1, np.int32)
    nodes[inside] = np.arange(np.count_nonzero(inside))
    places = np.flatnonzero(inside)
    starts = nodes[rim]
    if not len(starts):
        return seeds.copy()
    graph = _graph(image.astype(np.float64), nodes, weight)
    _, _, sources = csgraph.dijkstra(graph, indices=starts, min_only=True, return_predecessors=True)
    grown = seeds.copy()
    reached = sources >= 0
    grown.ravel()[places[reached]] = seeds.ravel()[places[sources[reached]]]
    return grown


def fill_label_holes(objects: Labels) -> Labels:
    """Fill the ground that one object alone encloses."""
    ground, count = ndi.label(objects == 0)
    if not count:
        return objects
    around = np.zeros((2, count + 1), np.int64)  # the smallest and the largest number beside each piece of ground
    around[0] = np.iinfo(np.int64).max
    for axis in (0, 1):
        here, there = _neighbours(axis, objects.ndim)
        for first, second in ((here, there), (there, here)):
            edge = (ground[first] > 0) & (objects[second] > 0)
            np.minimum.at(around[0], ground[first][edge], objects[second][edge])
            np.maximum.at(around[1], ground[first][edge], objects[second][edge])
    border = np.unique(np.concatenate((ground[0], ground[-1], ground[:, 0], ground[:, -1])))
    enclosed = around[0] == around[1]
    enclosed[border] = False
    filled = np.where(enclosed, around[1], 0).astype(np.int32)
    return np.where(objects == 0, filled[ground], objects).astype(np.int32)


def _graph(image: NDArray[np.float64], nodes: NDArray[np.int32], weight: float) -> Any:
    rows, columns, costs = [], [], []
    for dy, dx in _STEPS:
        here, there = _shifted(dy, dx)
        change = np.zeros_like(image)
        change[here] = np.abs(image[here] - image[there])
        cost = np.sqrt((9 * ndi.uniform_filter(change, 3)) ** 2 + (abs(dy) + abs(dx)) * weight**2)
        both = (nodes[here] >= 0) & (nodes[there] >= 0)
        rows.append(nodes[here][both])
        columns.append(nodes[there][both])
        costs.append(cost[here][both])
    row, column, data = (np.concatenate(parts) for parts in (rows, columns, costs))
    size = int(nodes.max()) + 1
    ends = (np.concatenate((row, column)), np.concatenate((column, row)))
    return sparse.csr_array((np.concatenate((data, data)), ends), shape=(size, size))


def _shifted(dy: int, dx: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    # All pixels that have such a neighbour, and these neighbours.
    here = (slice(0, -dy or None), slice(-dx, None) if dx < 0 else slice(0, -dx or None))
    there = (slice(dy, None), slice(0, dx) if dx < 0 else slice(dx, None))
    return here, there


def _neighbours(axis: int, dims: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    here, there = [slice(None)] * dims, [slice(None)] * dims
    here[axis], there[axis] = slice(0, -1), slice(1, None)
    return tuple(here), tuple(there)
