"""What was understood of a plate, small enough to be read by people and complete enough for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from plateflow.errors import ImageError
from plateflow.storage.image import read_image_header

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plateflow.plate.model import ImageRecord, Plate

MOST_LISTED: Final = 200
"""Missing images that are told one by one; the others are counted (a plate may lack a million)."""


class ChannelSummary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One channel of a plate."""

    name: str
    label: str
    z: tuple[int, ...]
    """Its planes on the plate; 0 is a projection."""
    projection: str
    """The microscope's method where it is one; "" for planes."""
    shape: tuple[int, ...]
    """(Y, X) of one of its images; () where none can be read."""
    dtype: str
    problem: str
    """Why that image cannot be read; "" where it can, or there is none."""


class WellSummary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One well, counted."""

    images: int
    """Those that are there."""
    missing: int


class MissingImage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An image that should be there and is not."""

    well: str
    site: int
    channel: str
    z: int
    timepoint: int
    path: str
    reason: str
    """ "" where nothing more is known than that it is not there."""


class PlateSummary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A plate as it was opened."""

    path: str
    name: str
    format: str
    """The reader that knew it."""
    rows: int
    columns: int
    wells: dict[str, WellSummary]
    """In the order people count them."""
    sites: tuple[int, ...]
    channels: tuple[ChannelSummary, ...]
    z: tuple[int, ...]
    timepoints: tuple[int, ...]
    pixel_size_um: float | None
    has_positions: bool
    """Whether it is told where sites lie."""
    plate_map: tuple[str, ...]
    """Columns of the table of what is in each well."""
    images: int
    missing: int
    missing_images: tuple[MissingImage, ...]
    """The first :data:`MOST_LISTED`."""
    missing_images_left_out: int
    """How many more are missing than :attr:`missing_images` lists."""
    notes: tuple[str, ...]
    load_data_rows: int | None = None
    """Rows of the LoadData table that was asked for and written."""


def summarise(plate: Plate) -> PlateSummary:
    """Count what a plate has; one header of each channel is read."""
    wells = {
        well: WellSummary(sum(not record.missing for record in records), sum(1 for record in records if record.missing))
        for well, records in plate.wells.items()
    }
    listed = tuple(_missing(plate))
    missing = sum(well.missing for well in wells.values())
    return PlateSummary(
        path=plate.path,
        name=plate.name,
        format=plate.layout,
        rows=plate.rows,
        columns=plate.columns,
        wells=wells,
        sites=_values(record.site for record in _records(plate)),
        channels=tuple(_channel(plate, channel.name, channel.label) for channel in plate.channels),
        z=_values(record.z for record in _records(plate)),
        timepoints=_values(record.timepoint for record in _records(plate)),
        pixel_size_um=plate.pixel_size_um,
        has_positions=any(record.x_um is not None for record in _records(plate)),
        plate_map=tuple(sorted({column for row in plate.plate_map.values() for column in row})),
        images=sum(well.images for well in wells.values()),
        missing=missing,
        missing_images=listed,
        missing_images_left_out=missing - len(listed),
        notes=plate.notes,
    )


def _records(plate: Plate) -> Iterable[ImageRecord]:
    return (record for records in plate.wells.values() for record in records)


def _values(values: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(set(values)))


def _channel(plate: Plate, name: str, label: str) -> ChannelSummary:
    own = [record for record in _records(plate) if record.channel == name]
    shape: tuple[int, ...] = ()
    dtype = problem = ""
    sample = next((record for record in own if not record.missing), None)
    if sample is not None:
        try:
            header = read_image_header(sample.path, sample.part)
            shape, dtype = header.shape, str(header.dtype)
        except ImageError as e:
            problem = str(e)
    projection = next((record.projection for record in own if record.projection), "")
    return ChannelSummary(name, label, _values(record.z for record in own), projection, shape, dtype, problem)


def _missing(plate: Plate) -> Iterable[MissingImage]:
    left = MOST_LISTED
    for record in _records(plate):
        if record.missing:
            yield MissingImage(
                record.well, record.site, record.channel, record.z, record.timepoint, record.path, record.reason
            )
            left -= 1
            if not left:
                return
