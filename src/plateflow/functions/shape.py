"""Functions that measure the size and shape of objects: one table row per object, in ascending order of number.

Feature names and definitions are CellProfiler's, lengths in pixels. The kinds in the signatures are read when a
pipeline is compiled, so this module keeps its annotations evaluated.
"""

import numpy as np
from skimage.measure import regionprops_table

from plateflow.functions.kinds import Labels, Table
from plateflow.functions.regions import Regions, Values


def measure_shape(objects: Labels, detailed: bool = False) -> Table:
    """Measure size, place and shape of each object.

    Parameters
    ----------
    objects : array, (Y, X) int32
        The objects; gaps in their numbers are fine.
    detailed : bool
        Measure outlines and convex hulls too, object by object; takes about ten times as long.

    Returns
    -------
    dict of array, (N,) float64
        ``AreaShape_<Feature>``, in pixels: ``Area``, ``Center_X``, ``Center_Y``, ``BoundingBoxMinimum_X``,
        ``BoundingBoxMinimum_Y``, ``BoundingBoxMaximum_X``, ``BoundingBoxMaximum_Y`` (one past the last pixel),
        ``BoundingBoxArea``, ``Extent`` (area in that of the box), ``EquivalentDiameter``, and of the ellipse with the
        same moments ``MajorAxisLength``, ``MinorAxisLength``, ``Eccentricity``, ``Orientation`` (degrees, -90 to 90,
        from the image's y axis). With `detailed` also ``Perimeter``, ``FormFactor`` (1 for a disc), ``Compactness``,
        ``Solidity`` (area in that of the convex hull), ``EulerNumber``, ``MaxFeretDiameter``.

    References
    ----------
    CellProfiler's MeasureObjectSizeShape: Carpenter et al. 2006, Genome Biology 7:R100. The detailed features are
    those of `skimage.measure.regionprops`.
    """
    regions = Regions.of(objects)
    y, x = (place.astype(np.float64) for place in np.unravel_index(regions.pixels, objects.shape))
    features = {"Area": regions.areas.astype(np.float64), **_place(regions, y, x), **_ellipse(regions, y, x)}
    if detailed:
        features |= _outline(objects, features["Area"])
    return {f"AreaShape_{name}": values for name, values in features.items()}


def _place(regions: Regions, y: Values, x: Values) -> dict[str, Values]:
    top, bottom = regions.least(y), regions.largest(y) + 1
    left, right = regions.least(x), regions.largest(x) + 1
    box = (bottom - top) * (right - left)
    return {
        "Center_X": regions.mean(x),
        "Center_Y": regions.mean(y),
        "BoundingBoxMinimum_X": left,
        "BoundingBoxMinimum_Y": top,
        "BoundingBoxMaximum_X": right,
        "BoundingBoxMaximum_Y": bottom,
        "BoundingBoxArea": box,
        "Extent": regions.areas / box,
        "EquivalentDiameter": np.sqrt(4 * regions.areas / np.pi),
    }


def _ellipse(regions: Regions, y: Values, x: Values) -> dict[str, Values]:
    """Describe the ellipse with the same second moments.

    A pixel counts as a point in its middle, as in `skimage.measure.regionprops`; a single one has axes of length 0.
    """
    dy, dx = y - regions.spread(regions.mean(y)), x - regions.spread(regions.mean(x))
    yy, xx, xy = regions.mean(dy * dy), regions.mean(dx * dx), regions.mean(dx * dy)
    apart = np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    large = (xx + yy) / 2 + apart
    small = np.maximum((xx + yy) / 2 - apart, 0)
    roundness = np.divide(small, large, out=np.ones_like(large), where=large > 0)
    return {
        "MajorAxisLength": 4 * np.sqrt(large),
        "MinorAxisLength": 4 * np.sqrt(small),
        "Eccentricity": np.sqrt(1 - roundness),
        "Orientation": np.degrees(0.5 * np.arctan2(2 * xy, yy - xx)),
    }


def _outline(objects: Labels, area: Values) -> dict[str, Values]:
    wanted = ("perimeter", "solidity", "euler_number", "feret_diameter_max")
    found = regionprops_table(objects, properties=wanted)
    perimeter, solidity, euler, feret = (np.asarray(found[name], np.float64) for name in wanted)
    around = np.where(perimeter > 0, perimeter, np.nan)  # one or two pixels have none
    return {
        "Perimeter": perimeter,
        "FormFactor": 4 * np.pi * area / around**2,
        "Compactness": around**2 / (4 * np.pi * area),
        "Solidity": solidity,
        "EulerNumber": euler,
        "MaxFeretDiameter": feret,
    }
