"""Functions from a stack of planes to one image: projections along z, or over whatever a step stacks.

The kinds in the signatures are read when a pipeline is compiled, so this module keeps its annotations evaluated.
"""

import numpy as np
from scipy import ndimage as ndi

from plateflow.functions.kinds import Image, Length, Stack


def project_max(stack: Stack) -> Image:
    """Take the brightest value of each pixel over all planes: the maximum projection.

    Parameters
    ----------
    stack : array, (N, Y, X)
        Any numeric dtype.

    Returns
    -------
    array, (Y, X)
        Of the dtype of `stack`.

    References
    ----------
    `numpy.max`; CellProfiler's MakeProjection.
    """
    projected: Image = stack.max(axis=0)
    return projected


def project_min(stack: Stack) -> Image:
    """Take the darkest value of each pixel over all planes.

    Parameters
    ----------
    stack : array, (N, Y, X)
        Any numeric dtype.

    Returns
    -------
    array, (Y, X)
        Of the dtype of `stack`.

    References
    ----------
    `numpy.min`; CellProfiler's MakeProjection.
    """
    projected: Image = stack.min(axis=0)
    return projected


def project_mean(stack: Stack) -> Image:
    """Take the mean of each pixel over all planes.

    Parameters
    ----------
    stack : array, (N, Y, X)
        Any numeric dtype.

    Returns
    -------
    array, (Y, X) float32
        In grey values.

    References
    ----------
    `numpy.mean`; CellProfiler's MakeProjection.
    """
    projected: Image = stack.mean(axis=0, dtype=np.float64).astype(np.float32)
    return projected


def project_sum(stack: Stack) -> Image:
    """Add up each pixel over all planes: all light of a cell, whichever plane it comes from.

    Parameters
    ----------
    stack : array, (N, Y, X)
        Any numeric dtype.

    Returns
    -------
    array, (Y, X) float32
        In grey values, beyond the range of the dtype of `stack`.

    References
    ----------
    `numpy.sum`; CellProfiler's MakeProjection.
    """
    projected: Image = stack.sum(axis=0, dtype=np.float64).astype(np.float32)
    return projected


def project_focus(stack: Stack, smoothing: Length = 2.0) -> Image:
    """Take each pixel from the plane in which its surroundings are sharpest: an extended depth of field.

    Parameters
    ----------
    stack : array, (N, Y, X)
        Any numeric dtype.
    smoothing : float, in pixels
        Sigma of the surroundings over which sharpness is averaged.

    Returns
    -------
    array, (Y, X)
        Of the dtype of `stack`.

    References
    ----------
    Sharpness is the energy of the Laplacian (`scipy.ndimage.laplace`): Subbarao, Choi and Nikzad 1993, Optical
    Engineering 32:2824.
    """
    energy = [ndi.gaussian_filter(ndi.laplace(plane.astype(np.float32)) ** 2, smoothing) for plane in stack]
    sharpest = np.argmax(energy, axis=0)
    projected: Image = np.take_along_axis(stack, sharpest[np.newaxis], axis=0)[0]
    return projected
