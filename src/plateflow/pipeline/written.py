"""What a plan will write, and about how much of it: said before a pixel is read."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from plateflow.pipeline.plan import PlatePlan, Ref, Shape

LABEL_BYTES = 4
MADE_BYTES = 4
"""A pixel that a step makes: most return float32, some more, some less."""


def describe_written(plan: PlatePlan) -> str:
    """Return the names of the pixels that will be written, and their size before they are compressed."""
    shapes = {axis.shape: plan.shapes[axis.shape] for axis in plan.wells}
    labels = dict.fromkeys(ref.name for shape in shapes.values() for ref in shape.labels)
    images = dict.fromkeys(ref.name for shape in shapes.values() for ref in shape.images)
    if not labels and not images:
        return "tables only"
    named = [f"{what} {', '.join(names)}" for what, names in (("labels", labels), ("images", images)) if names]
    return f"{' and '.join(named)}: about {_spoken(written_bytes(plan))} before compression"


def written_bytes(plan: PlatePlan) -> int:
    """Return about how many bytes of pixels all wells that run will write, before they are compressed.

    What was stitched counts as one of its fields: how large it is only its positions tell.
    """
    by_shape = {index: _bytes(plan, shape) for index, shape in enumerate(plan.shapes)}
    return sum(by_shape[axis.shape] for axis in plan.wells if not axis.error)


def _bytes(plan: PlatePlan, shape: Shape) -> int:
    places = {ref.address for ref in shape.labels}
    channels = sum(
        _pixels(plan, name) * np.dtype(plan.declared[name].dtype).itemsize
        for name in shape.channels
        if name in plan.declared
    )
    labels = sum(_pixels(plan, _source(plan, ref)) for ref in shape.labels) * LABEL_BYTES
    images = sum(_pixels(plan, ref.name) for ref in shape.images) * MADE_BYTES
    return len(places) * channels + labels + images


def _source(plan: PlatePlan, ref: Ref) -> str:
    return plan.label_sources.get(ref.name, ref.name)


def _pixels(plan: PlatePlan, name: str) -> int:
    # Of an image that a step made: those of the channels that it may be made of.
    declared = plan.declared.get(name)
    if declared is not None:
        return prod(declared.shape)
    return max((prod(each.shape) for each in plan.declared.values()), default=0)


def _spoken(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"
