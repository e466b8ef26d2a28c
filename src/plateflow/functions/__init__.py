"""The library of functions: plain numpy in and out, on scikit-image and scipy; polars for tables of a whole plate.

A function here needs no pipeline: its type hints, from `plateflow.functions.kinds`, say what flows.
"""

from plateflow.functions.assay import normalise_to_controls, score_assay
from plateflow.functions.cells import expand, grow_cells, subtract
from plateflow.functions.filters import difference_of_gaussians, median, subtract_background, unsharp_mask, white_tophat
from plateflow.functions.illumination import correct_illumination, estimate_illumination
from plateflow.functions.images import composite, gaussian, normalise
from plateflow.functions.measure import measure_intensity, ratio
from plateflow.functions.objects import find_nuclei, ring_around
from plateflow.functions.profiles import measure_granularity, measure_radial_distribution, measure_texture
from plateflow.functions.projections import project_focus, project_max, project_mean, project_min, project_sum
from plateflow.functions.quality import measure_image_quality
from plateflow.functions.relations import relate
from plateflow.functions.selection import filter_objects, keep_inside, keep_same
from plateflow.functions.shape import measure_shape
from plateflow.functions.spots import find_spots
from plateflow.functions.stitching import stitch
from plateflow.functions.thresholds import measure_threshold

__all__ = [
    "composite",
    "correct_illumination",
    "difference_of_gaussians",
    "estimate_illumination",
    "expand",
    "filter_objects",
    "find_nuclei",
    "find_spots",
    "gaussian",
    "grow_cells",
    "keep_inside",
    "keep_same",
    "measure_granularity",
    "measure_image_quality",
    "measure_intensity",
    "measure_radial_distribution",
    "measure_shape",
    "measure_texture",
    "measure_threshold",
    "median",
    "normalise",
    "normalise_to_controls",
    "project_focus",
    "project_max",
    "project_mean",
    "project_min",
    "project_sum",
    "ratio",
    "relate",
    "ring_around",
    "score_assay",
    "stitch",
    "subtract",
    "subtract_background",
    "unsharp_mask",
    "white_tophat",
]
