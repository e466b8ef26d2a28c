"""Functions that say which object belongs to which.

The kinds in the signatures are read when a pipeline is compiled, so this module keeps its annotations evaluated.
"""

import numpy as np

from plateflow.functions.kinds import Labels, Table
from plateflow.functions.regions import Regions


def relate(children: Labels, parents: Labels) -> tuple[Table, Table]:
    """Find the parent of each object: the one that covers most of its pixels.

    Parameters
    ----------
    children, parents : array, (Y, X) int32
        Objects, such as spots, and those they may lie in, such as nuclei.

    Returns
    -------
    dict of array, (N,) int64
        Of the children: ``Parent_{parents}``, a number, 0 where an object lies in none.
    dict of array, (M,) int64
        Of the parents: ``Children_{children}_Count``.

    References
    ----------
    CellProfiler's RelateObjects. Of two that cover as many pixels, it is the one with the lower number.
    """
    young, old = Regions.of(children), Regions.of(parents)
    above = parents.ravel()[young.pixels]
    owners = np.repeat(np.arange(len(young.numbers)), young.areas)[above > 0]
    pairs, overlaps = np.unique(np.stack((owners, above[above > 0])), axis=1, return_counts=True)
    parent = np.zeros(len(young.numbers), np.int64)
    ascending = np.lexsort((-pairs[1], overlaps, pairs[0]))  # of each child the parent to keep comes last
    parent[pairs[0][ascending]] = pairs[1][ascending]
    counts = np.bincount(np.searchsorted(old.numbers, parent[parent > 0]), minlength=len(old.numbers))
    return {"Parent_{parents}": parent}, {"Children_{children}_Count": counts.astype(np.int64)}
