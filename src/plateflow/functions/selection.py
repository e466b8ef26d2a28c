"""Functions that choose among objects; those that are kept keep their numbers.

The kinds in the signatures are read when a pipeline is compiled, so this module keeps its annotations evaluated.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from plateflow.errors import PipelineError
from plateflow.functions.kinds import Labels, PositiveLength, Table


def keep_inside(
    objects: Labels,
    min_diameter: PositiveLength | None = None,
    max_diameter: PositiveLength | None = None,
    drop_border: bool = True,
) -> Labels:
    """Keep the objects that lie whole within the image, and within limits of size.

    Parameters
    ----------
    objects : array, (Y, X) int32
        The objects; gaps in their numbers are fine.
    min_diameter, max_diameter : float, in pixels
        Objects whose equivalent diameter (of the circle of the same area) lies outside are dropped. Default: no limit.
    drop_border : bool
        Drop objects that touch the border of the image, whose area and mean are not known. Default: drop.

    Returns
    -------
    array, (Y, X) int32
        Those that are kept, with their numbers.

    References
    ----------
    CellProfiler's FilterObjects; as `skimage.segmentation.clear_border`.
    """
    numbers, index, areas = np.unique(objects, return_inverse=True, return_counts=True)
    wanted = numbers > 0
    if min_diameter is not None:
        wanted &= areas >= np.pi / 4 * min_diameter**2
    if max_diameter is not None:
        wanted &= areas <= np.pi / 4 * max_diameter**2
    if drop_border:
        wanted &= ~np.isin(numbers, _on_border(objects))
    return np.where(wanted, numbers, 0).astype(np.int32)[index].reshape(objects.shape)


def keep_same(objects: Labels, chosen: Labels) -> Labels:
    """Keep the objects whose number is among those of others: the cells of the nuclei that were kept.

    Parameters
    ----------
    objects : array, (Y, X) int32
        To choose from.
    chosen : array, (Y, X) int32
        Objects that say by their numbers which.

    Returns
    -------
    array, (Y, X) int32
        Those that are kept, with their numbers.

    References
    ----------
    CellProfiler's FilterObjects, with objects that share their numbers.
    """
    return np.where(np.isin(objects, np.unique(chosen)), objects, 0).astype(np.int32)


def filter_objects(
    objects: Labels,
    measurements: Table,
    feature: str = "AreaShape_Area",
    minimum: float | None = None,
    maximum: float | None = None,
) -> Labels:
    """Keep the objects of which something measured lies within limits.

    Parameters
    ----------
    objects : array, (Y, X) int32
        The objects; gaps in their numbers are fine.
    measurements : dict of array, (N,)
        What earlier steps measured of these objects; a pipeline gives it by their name once more:
        ``inputs=("Nuclei", "Nuclei")``.
    feature : str
        The column, without the name of the objects: ``AreaShape_Area``, ``Intensity_MeanIntensity_DNA``.
    minimum, maximum : float
        The limits, both allowed; in the unit of the feature. Default: no limit. Objects for which it is NaN are dropped
        where there is a limit.

    Returns
    -------
    array, (Y, X) int32
        Those that are kept, with their numbers.

    Raises
    ------
    PipelineError
        If nobody measured the feature; names those that were.

    References
    ----------
    CellProfiler's FilterObjects, by limits.
    """
    if feature not in measurements:
        known = ", ".join(measurements) or "nothing"
        raise PipelineError(f"filter_objects: {feature!r} was not measured of these objects before; there is {known}")
    values = np.asarray(measurements[feature], np.float64)
    wanted = np.ones(len(values), bool)
    if minimum is not None:
        wanted &= values >= minimum
    if maximum is not None:
        wanted &= values <= maximum
    numbers = np.unique(objects[objects > 0])[wanted]
    return np.where(np.isin(objects, numbers), objects, 0).astype(np.int32)


def _on_border(labels: NDArray[np.int32]) -> NDArray[Any]:
    return np.unique(np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1])))
