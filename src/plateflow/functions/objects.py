"""Functions that find objects, or make objects from objects.

The kinds in the signatures are read when a pipeline is compiled, so this module keeps its annotations evaluated.
"""

from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage import filters, segmentation

from plateflow.functions.kinds import Image, Labels

Positive = Annotated[float, msgspec.Meta(gt=0)]
NonNegative = Annotated[float, msgspec.Meta(ge=0)]
Threshold = Literal["otsu", "otsu3", "li", "triangle"]


def find_nuclei(
    image: Image,
    min_diameter: Positive = 8.0,
    max_diameter: Positive = 40.0,
    method: Threshold = "otsu",
    lowest_threshold: NonNegative = 0.0,
    smoothing: NonNegative = 1.35,
    declump: NonNegative | None = None,
    split_at: Annotated[float, msgspec.Meta(ge=1)] | None = None,
    split_by: Literal["intensity", "shape"] = "intensity",
    drop_border: bool = True,
) -> Labels:
    """Find bright, roundish objects: a global threshold, then a watershed that splits the ones that touch.

    The order of steps is that of CellProfiler's IdentifyPrimaryObjects (Carpenter et al. 2006, Genome Biology 7:R100);
    thresholds and watershed are scikit-image's.

    Parameters
    ----------
    image : array, (Y, X)
        Bright objects on a dark ground; any numeric dtype, finite.
    min_diameter, max_diameter : float
        Objects whose equivalent diameter (of the circle of the same area, pixels) lies outside are dropped. Holes
        smaller than the smallest object are filled.
    method : str
        How the threshold is found: ``otsu``; ``otsu3``, three classes, the middle one taken as foreground, for few
        bright objects among dim ones; ``li``, minimum cross entropy, for dim objects; ``triangle``, for sparse ones.
    lowest_threshold : float
        The threshold is not let below this grey value. Set it above the camera's noise where wells may be empty: a
        threshold found on noise alone finds hundreds of objects.
    smoothing : float
        Sigma of the blur before the threshold, pixels; 0 for none.
    declump : float, optional
        Sigma of the blur before the search for object centres, pixels. Objects split too much: raise it. Default: a
        quarter of `min_diameter`.
    split_at : float, optional
        Smallest distance between two centres, pixels. Default: half of `min_diameter`, at least 1.
    split_by : str
        What shows a centre: ``intensity``, a bright middle, or ``shape``, the distance to the edge, for objects of
        even brightness.
    drop_border : bool
        Drop objects that touch the border of the image, whose area and mean are not known. Default: drop.

    Returns
    -------
    array, (Y, X) int32
        Objects numbered 1..n without gaps, by the row of their centre; all 0 where nothing is found, as in a blank
        image.

    Raises
    ------
    ValueError
        If no diameter lies between the two.
    """
    if min_diameter >= max_diameter:
        raise ValueError(f"min_diameter {min_diameter} must be below max_diameter {max_diameter}")
    if image.min() == image.max():
        return np.zeros(image.shape, np.int32)
    smooth = ndi.gaussian_filter(image.astype(np.float64), smoothing)
    threshold = max(_THRESHOLDS[method](smooth), lowest_threshold)
    mask = _fill_holes(smooth > threshold, _disc_area(min_diameter))
    height = image.astype(np.float32) if split_by == "intensity" else _distance_inside(mask)
    pieces = _split(
        ndi.gaussian_filter(height, min_diameter / 4 if declump is None else declump),
        mask,
        max(min_diameter / 2, 1.0) if split_at is None else split_at,
    )
    area = np.bincount(pieces.ravel())
    area[0] = 0  # the ground is no object
    wanted = (area >= _disc_area(min_diameter)) & (area <= _disc_area(max_diameter))
    if drop_border:
        wanted[_on_border(pieces)] = False
    return _renumber(pieces, wanted)


def ring_around(objects: Labels, gap: NonNegative = 1.0, width: Positive = 4.0) -> Labels:
    """Draw a ring around each object: a sample of the cytoplasm around a nucleus.

    A pixel between two objects belongs to the nearer one, so rings overlap neither each other nor any object, and
    an object without free pixels around it gets none. The method is that of `skimage.segmentation.expand_labels`, with
    one distance transform for both edges.

    Parameters
    ----------
    objects : array, (Y, X) int32
        The objects; gaps in their numbers are fine.
    gap : float
        Pixels left free between an object and its ring.
    width : float
        Pixels from the inner to the outer edge of the ring.

    Returns
    -------
    array, (Y, X) int32
        Rings, each with the number of its object.
    """
    distance, (y, x) = ndi.distance_transform_edt(objects == 0, return_indices=True)
    return np.where((distance > gap) & (distance <= gap + width), objects[y, x], 0).astype(np.int32)


def _otsu3(image: NDArray[np.float64]) -> float:
    """Return the lower of the two thresholds, or Otsu's own where there are not three grey values to part."""
    if len(np.unique(image)) < 3:
        return float(filters.threshold_otsu(image))
    return float(filters.threshold_multiotsu(image, classes=3)[0])


_THRESHOLDS = {
    "otsu": filters.threshold_otsu,
    "otsu3": _otsu3,
    "li": filters.threshold_li,
    "triangle": filters.threshold_triangle,
}


def _disc_area(diameter: float) -> float:
    return np.pi / 4 * diameter**2


def _fill_holes(mask: NDArray[np.bool_], max_area: float) -> NDArray[np.bool_]:
    """Fill holes below an area only: the ground between cells that form a closed ring stays ground."""
    holes, _ = ndi.label(~mask)
    small = np.bincount(holes.ravel()) < max_area
    return mask | small[holes]


def _distance_inside(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    return ndi.distance_transform_edt(mask).astype(np.float32)


def _split(height: NDArray[np.float32], mask: NDArray[np.bool_], distance: float) -> NDArray[np.int32]:
    """Flood `mask` from the maxima of `height`; no centre has a higher one within `distance` pixels.

    Maxima of equal height, as in saturated objects, are one centre where they lie that close to each other.
    """
    centres = mask & (height == ndi.maximum_filter(height, footprint=_disc(distance)))
    groups, _ = ndi.label(ndi.binary_dilation(centres, _disc((distance - 1) / 2)))
    flooded: NDArray[np.int32] = segmentation.watershed(-height, groups * centres, mask=mask)
    return flooded


def _disc(radius: float) -> NDArray[np.bool_]:
    y, x = np.mgrid[-int(radius) : int(radius) + 1, -int(radius) : int(radius) + 1]
    inside: NDArray[np.bool_] = np.hypot(y, x) <= radius
    return inside


def _on_border(labels: NDArray[np.int32]) -> NDArray[Any]:
    return np.unique(np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1])))


def _renumber(labels: NDArray[np.int32], wanted: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Keep the labels that `wanted` names, in their order and numbered from 1."""
    return (np.cumsum(wanted) * wanted).astype(np.int32)[labels]
