"""Functions that find objects, or make objects from objects.

The kinds in the signatures are read when a pipeline is compiled, so this module keeps its annotations evaluated.
"""

from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage import segmentation

from plateflow.functions.kinds import Image, Labels, Length, PositiveLength, Unit
from plateflow.functions.thresholds import NonNegative, Threshold, find_threshold


def find_nuclei(
    image: Image,
    min_diameter: PositiveLength = 8.0,
    max_diameter: PositiveLength = 40.0,
    method: Threshold = "otsu",
    lowest_threshold: NonNegative = 0.0,
    smoothing: Length = 1.35,
    declump: Length | None = None,
    split_at: Annotated[float, Unit.LENGTH, msgspec.Meta(ge=1)] | None = None,
    split_by: Literal["intensity", "shape"] = "intensity",
    drop_border: bool = True,
) -> Labels:
    """Find bright, roundish objects: a global threshold, then a watershed that splits the ones that touch.

    Parameters
    ----------
    image : array, (Y, X)
        Bright objects on a dark ground; any numeric dtype, finite.
    min_diameter, max_diameter : float, in pixels
        Objects whose equivalent diameter (of the circle of the same area) lies outside are dropped. Holes smaller than
        the smallest object are filled.
    method : str
        How the threshold is found: ``otsu``; ``otsu3``, three classes, the middle one taken as foreground, for few
        bright objects among dim ones; ``li``, minimum cross entropy, for dim objects; ``triangle``, for sparse ones;
        ``yen``, for few bright ones; ``isodata``, halfway between the means of both classes.
    lowest_threshold : float, in grey values
        The threshold is not let below this grey value. Set it above the camera's noise where wells may be empty: a
        threshold found on noise alone finds hundreds of objects.
    smoothing : float, in pixels
        Sigma of the blur before the threshold; 0 for none.
    declump : float, in pixels
        Sigma of the blur before the search for object centres. Objects split too much: raise it. Default: a
        quarter of `min_diameter`.
    split_at : float, in pixels
        Smallest distance between two centres. Default: half of `min_diameter`, at least 1.
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

    References
    ----------
    The order of steps is that of CellProfiler's IdentifyPrimaryObjects: Carpenter et al. 2006, Genome Biology 7:R100.
    Thresholds are those of `skimage.filters` (``threshold_otsu``, ``threshold_multiotsu``, ``threshold_li`` and so on),
    the watershed is that of `skimage.segmentation`.
    """
    if min_diameter >= max_diameter:
        raise ValueError(f"min_diameter {min_diameter} must be below max_diameter {max_diameter}")
    if image.min() == image.max():
        return np.zeros(image.shape, np.int32)
    smooth = ndi.gaussian_filter(image.astype(np.float64), smoothing)
    threshold = max(find_threshold(smooth, method), lowest_threshold)
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


def ring_around(objects: Labels, gap: Length = 1.0, width: PositiveLength = 4.0) -> Labels:
    """Draw a ring around each object: a sample of the cytoplasm around a nucleus.

    A pixel between two objects belongs to the nearer one, so rings overlap neither each other nor any object, and
    an object without free pixels around it gets none.

    Parameters
    ----------
    objects : array, (Y, X) int32
        The objects; gaps in their numbers are fine.
    gap : float, in pixels
        Left free between an object and its ring.
    width : float, in pixels
        From the inner to the outer edge of the ring.

    Returns
    -------
    array, (Y, X) int32
        Rings, each with the number of its object.

    References
    ----------
    As `skimage.segmentation.expand_labels`, with one distance transform for both edges.
    """
    distance, (y, x) = ndi.distance_transform_edt(objects == 0, return_indices=True)
    return np.where((distance > gap) & (distance <= gap + width), objects[y, x], 0).astype(np.int32)


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
