"""Functions that make objects from objects: cells around nuclei, what lies between the two.

The kinds in the signatures are read when a pipeline is compiled, so this module keeps its annotations evaluated.
"""

from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage import segmentation

from plateflow.functions.growth import fill_label_holes, propagate
from plateflow.functions.kinds import Image, Labels, Length, PositiveLength
from plateflow.functions.thresholds import NonNegative, Threshold, find_threshold


def grow_cells(
    seeds: Labels,
    image: Image,
    method: Threshold = "li",
    factor: Annotated[float, msgspec.Meta(gt=0)] = 1.0,
    lowest_threshold: NonNegative = 0.0,
    smoothing: Length = 0.0,
    by: Literal["propagation", "watershed", "distance"] = "propagation",
    regularisation: NonNegative = 0.05,
) -> Labels:
    """Grow nuclei into cells: each takes what lies around it and is brighter than a threshold.

    Give it the nuclei that touch the border too, and drop cells afterwards (`keep_same`): a nucleus that is not there
    leaves its cell to the neighbours.

    Parameters
    ----------
    seeds : array, (Y, X) int32
        Usually nuclei; gaps in their numbers are fine.
    image : array, (Y, X)
        Bright cells on a dark ground; any numeric dtype, finite.
    method : str
        How the threshold is found, as in `find_nuclei`.
    factor : float
        The threshold is multiplied by it: below 1, cells reach further out into the dark.
    lowest_threshold : float, in grey values
        The threshold is not let below it.
    smoothing : float, in pixels
        Sigma of the blur before the threshold; 0 for none.
    by : str
        Where two cells meet: ``propagation``, where the way to either nucleus costs the same, and it costs to cross an
        edge of brightness; ``watershed``, in the dark between bright middles; ``distance``, halfway.
    regularisation : float
        For ``propagation``: how much a way's length counts against the edges on it, grey values being 0..1. 0 looks at
        edges alone, 1 and more at length alone.

    Returns
    -------
    array, (Y, X) int32
        Cells, each with the number of its nucleus and all of its pixels; holes within a cell are filled.

    References
    ----------
    CellProfiler's IdentifySecondaryObjects; propagation after Jones, Carpenter and Golland 2005, LNCS 3765:535, over
    `scipy.sparse.csgraph.dijkstra`; the watershed is that of `skimage.segmentation`.
    """
    low, high = float(image.min()), float(image.max())
    if low == high or not seeds.any():
        return seeds.copy()
    smooth = ndi.gaussian_filter(image.astype(np.float64), smoothing)
    mask = smooth > max(find_threshold(smooth, method) * factor, lowest_threshold)
    scaled = (image.astype(np.float64) - low) / (high - low)
    if by == "propagation":
        grown = propagate(scaled, seeds, mask, regularisation)
    else:
        grown = _flood(scaled if by == "watershed" else np.zeros_like(scaled), seeds, mask)
    return fill_label_holes(grown)


def expand(objects: Labels, distance: PositiveLength = 5.0) -> Labels:
    """Grow each object by a distance; where two meet, each keeps what is nearer to it.

    Parameters
    ----------
    objects : array, (Y, X) int32
        The objects; gaps in their numbers are fine.
    distance : float, in pixels
        How far.

    Returns
    -------
    array, (Y, X) int32
        The larger objects, with the numbers of the smaller.

    References
    ----------
    `skimage.segmentation.expand_labels`; CellProfiler's IdentifySecondaryObjects by distance N.
    """
    grown: Labels = segmentation.expand_labels(objects, distance).astype(np.int32)
    return grown


def subtract(objects: Labels, inner: Labels, shrink: bool = True) -> Labels:
    """Take from each object the one with the same number inside it: the cytoplasm is a cell without its nucleus.

    Parameters
    ----------
    objects : array, (Y, X) int32
        The larger ones, cells.
    inner : array, (Y, X) int32
        The smaller ones, nuclei. Their pixels are taken from whichever object they lie in.
    shrink : bool
        Leave the outermost pixels of the smaller objects to the larger, so that a cell as small as its nucleus still
        has a cytoplasm.

    Returns
    -------
    array, (Y, X) int32
        What is left, with the numbers of the larger objects.

    References
    ----------
    CellProfiler's IdentifyTertiaryObjects.
    """
    inside = inner > 0
    if shrink:
        inside &= ~segmentation.find_boundaries(inner, connectivity=2, mode="inner")
    return np.where(inside, 0, objects).astype(np.int32)


def _flood(height: NDArray[Any], seeds: Labels, mask: NDArray[np.bool_]) -> Labels:
    flooded: Labels = segmentation.watershed(-height, seeds, mask=mask | (seeds > 0)).astype(np.int32)
    return flooded
