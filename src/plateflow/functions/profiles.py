"""Functions that measure texture, granularity and radial distribution of objects, as Cell Painting profiles have them.

They need cp-measure (``pip install 'plateflow[measure]'``), which computes what CellProfiler computes; names are
CellProfiler's. The kinds in the signatures are read when a pipeline is compiled, so this module keeps its annotations
evaluated.
"""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from plateflow.errors import PipelineError
from plateflow.functions.kinds import Images, Labels, Table

Whole = Annotated[int, msgspec.Meta(ge=1)]
Measured = dict[str, NDArray[Any]]


def measure_texture(objects: Labels, images: Images, scale: Whole = 3, grey_levels: Whole = 256) -> Table:
    """Measure how coarse or regular each object looks in each channel: Haralick's features, milliseconds an object.

    Parameters
    ----------
    objects : array, (Y, X) int32
        The objects; gaps in their numbers are fine.
    images : dict of array, (Y, X)
        The channels to measure, any numeric dtype.
    scale : int, in pixels
        Distance between the two pixels whose grey values are compared.
    grey_levels : int
        How many grey values are told apart, up to 256.

    Returns
    -------
    dict of array, (N,) float64
        ``Texture_<Feature>_<channel>_<scale>_<angle>_<levels>``: 13 features in 4 directions for each channel.

    References
    ----------
    Haralick, Shanmugam and Dinstein 1973, IEEE Trans Syst Man Cybern 3:610; CellProfiler's MeasureTexture, by
    cp-measure.
    """
    measure = _from_cp_measure("texture")

    def of_image(labels: Labels, image: NDArray[Any]) -> Measured:
        return measure(labels, _unit(image), scale=scale, gray_levels=grey_levels)

    return _by_channel(objects, images, of_image, "Texture_{feature}_{channel}_{rest}")


def measure_granularity(objects: Labels, images: Images, steps: Whole = 16) -> Table:
    """Measure at which sizes each object has grains in each channel: how much of it openings of growing size take away.

    Parameters
    ----------
    objects : array, (Y, X) int32
        The objects; gaps in their numbers are fine.
    images : dict of array, (Y, X)
        The channels to measure, any numeric dtype.
    steps : int
        Sizes, each 4 pixels of the image more in radius than the one before.

    Returns
    -------
    dict of array, (N,) float64
        ``Granularity_<size>_<channel>``, in percent.

    References
    ----------
    Ravkin and Temov 1988; CellProfiler's MeasureGranularity, by cp-measure.
    """
    measure = _from_cp_measure("granularity")

    def of_image(labels: Labels, image: NDArray[Any]) -> Measured:
        return measure(labels, _unit(image), granular_spectrum_length=steps)

    return _by_channel(objects, images, of_image, "{feature}_{rest}_{channel}")


def measure_radial_distribution(objects: Labels, images: Images, bins: Whole = 4) -> Table:
    """Measure how the light of each object is spread from its middle to its edge, in each channel.

    Parameters
    ----------
    objects : array, (Y, X) int32
        The objects; gaps in their numbers are fine.
    images : dict of array, (Y, X)
        The channels to measure, any numeric dtype.
    bins : int
        Rings from the middle to the edge.

    Returns
    -------
    dict of array, (N,) float64
        ``RadialDistribution_<Feature>_<channel>_<ring>of<bins>``: ``FracAtD`` (share of the light), ``MeanFrac`` (that,
        in the share of pixels), ``RadialCV`` (how unevenly it is spread around the ring).

    References
    ----------
    CellProfiler's MeasureObjectIntensityDistribution, by cp-measure.
    """
    measure = _from_cp_measure("radial_distribution")

    def of_image(labels: Labels, image: NDArray[Any]) -> Measured:
        return measure(labels, _unit(image), bin_count=bins)

    return _by_channel(objects, images, of_image, "RadialDistribution_{feature}_{channel}_{rest}")


def _from_cp_measure(name: str) -> Callable[..., Measured]:
    try:
        from cp_measure.bulk import get_core_measurements  # here, as only those who ask for it need it
    except ImportError as e:
        raise PipelineError(f"measuring {name} needs cp-measure: pip install 'plateflow[measure]'") from e
    found: Callable[..., Measured] = get_core_measurements()[name]
    return found


def _by_channel(
    objects: Labels, images: Images, measure: Callable[[Labels, NDArray[Any]], Measured], named: str
) -> Table:
    numbers, index = np.unique(objects, return_inverse=True)
    found = numbers[numbers > 0]
    labels = (index.reshape(objects.shape) + (0 if numbers[0] == 0 else 1)).astype(np.int32)  # 1..N without gaps
    table: Table = {}
    for channel, image in images.items():
        with np.errstate(divide="ignore", invalid="ignore"):
            measured = measure(labels, image) if len(found) else _nothing(measure)
        for name, values in measured.items():
            feature, _, rest = name.removeprefix("RadialDistribution_").partition("_")
            table[named.format(feature=feature, channel=channel, rest=rest)] = np.asarray(values, np.float64)
    return table


def _nothing(measure: Callable[[Labels, NDArray[Any]], Measured]) -> Measured:
    """Return the columns of no object: those of one, without its row."""
    one = np.zeros((32, 32), np.int32)
    one[8:24, 8:24] = 1
    return {name: np.zeros(0) for name in measure(one, np.indices((32, 32)).sum(axis=0) / 64)}


def _unit(image: NDArray[Any]) -> NDArray[np.float64]:
    """Scale grey values to 0..1: by the largest of the dtype, as CellProfiler does; floats by their own largest."""
    if image.dtype.kind in "iu":
        return image / float(np.iinfo(image.dtype).max)
    highest = float(image.max())
    return image.astype(np.float64) / highest if highest > 1 else image.astype(np.float64)
