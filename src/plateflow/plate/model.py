"""A plate as its acquisition wrote it: image records by well, read once, never written to."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from plateflow.storage.zarr_chunks import ArrayPlane

PlateMap: TypeAlias = dict[str, dict[str, str | float]]
"""Per well, the columns of a metadata table: ``{"B06": {"dose": 4.0}}``."""


class ImageRecord(msgspec.Struct, frozen=True, gc=False):
    """One image and its address on the plate."""

    well: str
    """Canonical name, "B06" or "AA01"."""
    site: int
    """Field of view, counted from 1."""
    channel: str
    """The name by which a pipeline may ask for it: the vendor's number, "1"."""
    z: int
    """Plane, counted from 1; 0 for a projection that the microscope made."""
    timepoint: int
    """Counted from 1."""
    path: str
    """Absolute path of its file, or with :attr:`part` of the folder of its array."""
    projection: str = ""
    """The microscope's projection method ("unknown" where the vendor does not tell); "" for a plane."""
    missing: bool = False
    """Declared by the plate's metadata but not on disk."""
    reason: str = ""
    """Why it is missing, where the metadata tell: "AF Error"."""
    part: ArrayPlane | None = None
    """Which part of the Zarr array in the folder :attr:`path` it is; None where the path is its own file."""
    x_um: float | None = None
    """Where the field lies in its well, to the right; the same point of each field (its centre, or its corner)."""
    y_um: float | None = None
    """The same, downwards."""
    z_um: float | None = None
    """Height of the plane, upwards, from the same place in the whole well."""


class Channel(msgspec.Struct, frozen=True):
    """One channel of a plate, in acquisition order."""

    name: str
    """The vendor's number as text, "1"; unique on the plate, used in :attr:`ImageRecord.channel`."""
    label: str = ""
    """What the microscope calls it, "DAPI"; need not be unique."""


class Plate(msgspec.Struct, frozen=True):
    """What is on disk, before anyone decides what to do with it."""

    path: str
    """Resolved absolute path of the folder; the ``plate_id`` of every update."""
    name: str
    layout: str
    """The reader that claimed it: "imagexpress-htd", "filenames"."""
    rows: int
    """Rows of the plate itself (8 on a 96-well plate), also where few of its wells were imaged."""
    columns: int
    channels: tuple[Channel, ...]
    wells: dict[str, tuple[ImageRecord, ...]]
    """In the order people count wells (A01, A02 .. B01 ..); each well's records by site, channel, timepoint, z."""
    plate_map: PlateMap = {}
    pixel_size_um: float | None = None
    notes: tuple[str, ...] = ()
    """What is odd about the plate and no well's error: files that nothing declares, metadata that are not there."""
