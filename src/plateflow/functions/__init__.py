"""The library of image functions: plain numpy in and out, on scikit-image and scipy.

A function here needs no pipeline: its type hints, from `plateflow.functions.kinds`, say what flows.
"""

from plateflow.functions.images import composite, gaussian, normalise
from plateflow.functions.measure import measure_intensity, ratio
from plateflow.functions.objects import find_nuclei, ring_around

__all__ = ["composite", "find_nuclei", "gaussian", "measure_intensity", "normalise", "ratio", "ring_around"]
