"""A well's pixels as OME-Zarr fields: for each site the channels that steps used, its labels, and kept images."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from plateflow.functions.kinds import Kind
from plateflow.pipeline.plan import AxisPlan, PlatePlan, Ref
from plateflow.storage.ome_zarr import Field, LabelImage, kept_image_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from plateflow.execution.well_data import WellData
    from plateflow.plate.pattern_groups import Address

STITCHED = "0"
"""The field of what was made of several sites."""


def make_fields(plan: PlatePlan, axis: AxisPlan, data: WellData) -> Iterator[tuple[str, Field]]:
    """Yield the fields of a well with their paths, one in memory at a time; none where nothing is kept.

    A field's image has the acquired pixels, as OME-Zarr allows no labels without an image.
    """
    shape = plan.shapes[axis.shape]
    for site, refs in groupby(sorted(shape.labels, key=_by_site), key=_by_site):
        yield _site_path(site), _label_field(plan, shape.channels, sorted(refs, key=_by_site_and_name), data)
    for (site, name), refs in groupby(sorted(shape.images, key=_by_site_and_name), key=_by_site_and_name):
        pixels = _stack(list(refs), data.plane)[np.newaxis]
        path = kept_image_path(_site_path(site), name)
        yield path, Field(_without_single(pixels, plane_dims=1), (name,), plan.plate.pixel_size_um)


def _label_field(plan: PlatePlan, used: tuple[str, ...], refs: list[Ref], data: WellData) -> Field:
    by_name = {name: list(same) for name, same in groupby(refs, key=lambda ref: ref.name)}
    places = [ref.address for ref in next(iter(by_name.values()))]
    pixels = data.plane(refs[0]).shape
    channels = [name for name in used if plan.declared[name].shape == pixels and _acquired(data, name, places)]
    sources = dict.fromkeys(plan.label_sources[name] for name in by_name)
    channels += [name for name in sources if name not in channels]
    planes = [_stack([Ref(Kind.IMAGE, name, place) for place in places], data.source) for name in channels]
    return Field(
        pixels=_without_single(np.stack(planes), plane_dims=1),
        channels=tuple(channels),
        pixel_size_um=plan.plate.pixel_size_um,
        labels=tuple(
            LabelImage(name, _without_single(_stack(same, data.plane), plane_dims=0), plan.label_sources[name])
            for name, same in by_name.items()
        ),
    )


def _acquired(data: WellData, name: str, places: list[Address]) -> bool:
    return all(data.was_acquired(Ref(Kind.IMAGE, name, place)) for place in places)


def _stack(refs: list[Ref], read: Callable[[Ref], NDArray[Any]]) -> NDArray[Any]:
    # by timepoint and z: (T, Z, Y, X)
    times = sorted({_time(ref.address) for ref in refs})
    depths = sorted({_depth(ref.address) for ref in refs})
    ordered = sorted(refs, key=lambda ref: (_time(ref.address), _depth(ref.address)))
    planes = np.stack([read(ref) for ref in ordered])
    return planes.reshape(len(times), len(depths), *planes.shape[1:])


def _without_single(pixels: NDArray[Any], *, plane_dims: int) -> NDArray[Any]:
    """Turn ``(C, T, Z, Y, X)`` (or without C) into the fewest dims that OME-Zarr has for it: CYX, CZYX or TCZYX."""
    times, depths = pixels.shape[plane_dims : plane_dims + 2]
    if times == 1:
        pixels = pixels.squeeze(axis=plane_dims)
        return pixels.squeeze(axis=plane_dims) if depths == 1 else pixels
    return np.moveaxis(pixels, plane_dims, 0)


def _site_path(site: int) -> str:
    return str(site) if site else STITCHED


def _by_site(ref: Ref) -> int:
    return ref.address.site or 0


def _by_site_and_name(ref: Ref) -> tuple[int, str]:
    return _by_site(ref), ref.name


def _time(address: Address) -> int:
    return address.timepoint or 0


def _depth(address: Address) -> int:
    return address.z or 0
