"""The pixels of objects, one object after the other, so that every measurement is one numpy reduction."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plateflow.functions.kinds import Labels

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Regions:
    """All pixels of all objects of one plane."""

    numbers: NDArray[np.int32]
    """The N object numbers, ascending."""
    pixels: NDArray[np.intp]
    """Flat indices of all pixels that belong to an object, sorted by object number."""
    starts: NDArray[np.intp]
    """Where each object begins in `pixels`, (N,)."""
    areas: NDArray[np.intp]
    """Number of pixels of each object, (N,); never 0."""

    @classmethod
    def of(cls, objects: Labels) -> "Regions":
        """Gather the pixels of each object."""
        labels = objects.ravel()
        pixels = np.flatnonzero(labels)
        pixels = pixels[np.argsort(labels[pixels], kind="stable")]
        numbers, starts, areas = np.unique(labels[pixels], return_index=True, return_counts=True)
        return cls(numbers, pixels, starts, areas)

    def values(self, image: NDArray[Any]) -> Values:
        """Return the grey values of `pixels`."""
        return image.ravel()[self.pixels].astype(np.float64)

    def sum(self, values: Values) -> Values:
        """Return the sum over each object of a value for each pixel."""
        return np.add.reduceat(values, self.starts) if len(self.starts) else np.zeros(0)

    def mean(self, values: Values) -> Values:
        """Return the mean over each object of a value for each pixel."""
        return self.sum(values) / self.areas

    def least(self, values: Values) -> Values:
        """Return the smallest value of each object."""
        return np.minimum.reduceat(values, self.starts) if len(self.starts) else np.zeros(0)

    def largest(self, values: Values) -> Values:
        """Return the largest value of each object."""
        return np.maximum.reduceat(values, self.starts) if len(self.starts) else np.zeros(0)

    def spread(self, per_object: Values) -> Values:
        """Return for each pixel the value of its object."""
        return np.repeat(per_object, self.areas)
