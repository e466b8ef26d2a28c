"""The attributes of OME-Zarr groups, 0.4 and 0.5, checked and put into micrometres."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from plateflow.errors import ImageError, PlateError
from plateflow.plate.formats.field_rois import FieldRoi, read_field_rois
from plateflow.plate.wells import parse_well
from plateflow.storage.limits import MAX_CHANNELS
from plateflow.storage.zarr_metadata import describe_array, read_attributes

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSIONS: Final = ("0.4", "0.5")
_MICROMETRES: Final = {
    "angstrom": 1e-4, "nanometer": 1e-3, "micrometer": 1.0, "millimeter": 1e3, "centimeter": 1e4, "meter": 1e6,
}  # fmt: skip
_DIMENSIONS: Final = "tczyx"

_Group = TypeVar("_Group")


class _Name(msgspec.Struct, frozen=True):
    name: str


class _WellEntry(msgspec.Struct, frozen=True):
    path: str


class _PlateGroup(msgspec.Struct, frozen=True):
    wells: tuple[_WellEntry, ...]
    rows: tuple[_Name, ...] = ()
    columns: tuple[_Name, ...] = ()


class WellImageEntry(msgspec.Struct, frozen=True):
    """An image that a well lists."""

    path: str
    acquisition: int | None = None


class _WellGroup(msgspec.Struct, frozen=True):
    images: tuple[WellImageEntry, ...]


class _Transformation(msgspec.Struct, frozen=True):
    type: str
    scale: tuple[float, ...] | None = None
    translation: tuple[float, ...] | None = None


class _Dataset(msgspec.Struct, frozen=True):
    path: str
    transformations: tuple[_Transformation, ...] = msgspec.field(default=(), name="coordinateTransformations")


class _Axis(msgspec.Struct, frozen=True):
    name: str
    unit: str | None = None


class _Multiscale(msgspec.Struct, frozen=True):
    axes: tuple[_Axis, ...]
    datasets: tuple[_Dataset, ...]
    transformations: tuple[_Transformation, ...] = msgspec.field(default=(), name="coordinateTransformations")


class _OmeroChannel(msgspec.Struct, frozen=True):
    label: str | None = None


class _Omero(msgspec.Struct, frozen=True):
    channels: tuple[_OmeroChannel, ...] = ()


class _ImageGroup(msgspec.Struct, frozen=True):
    multiscales: tuple[_Multiscale, ...]
    omero: _Omero = _Omero()


@dataclass(frozen=True, slots=True)
class PlateListing:
    """What a plate lists."""

    wells: list[str]
    """Paths, "A/01"."""
    names: list[str]
    """The well in the last of the rows and columns that the plate names, if it names any."""


@dataclass(frozen=True, slots=True)
class FieldImage:
    """The largest level of an image."""

    array: str
    """Path of its folder."""
    shape: tuple[int, ...]
    axes: str
    """Of :data:`_DIMENSIONS`, "czyx"."""
    labels: tuple[str, ...]
    """Of each channel; "" where it has no name."""
    acquisition: int
    pixel_size_um: float | None
    z_step_um: float | None
    x_um: float | None
    """Of the left edge, where the image says where it lies."""
    y_um: float | None
    rois: tuple[FieldRoi, ...]
    """Its fields, where it is made of several; () where it is one."""

    def planes(self) -> Iterator[tuple[tuple[int, ...], int, int, int]]:
        """Yield each plane's index in the array, and its channel, timepoint and z, from 0."""
        leading = self.axes[:-2]
        for index in product(*(range(size) for size in self.shape[:-2])):
            at = dict(zip(leading, index, strict=True))
            yield index, at.get("c", 0), at.get("t", 0), at.get("z", 0)


def unwrap(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return what OME-Zarr keeps in a group's attributes: since 0.5 below ``ome``, before directly."""
    inner = attributes.get("ome")
    return inner if isinstance(inner, dict) else attributes


def read_plate_group(folder: str, file: str) -> PlateListing:
    """Read which wells a plate has.

    Raises
    ------
    PlateError
        If it is no plate, or of a version that cannot be read; names the file.
    """
    try:
        attributes = unwrap(read_attributes(folder))
        if "plate" not in attributes:
            what = "well" if "well" in attributes else "image"
            raise PlateError(f"{folder}: is one {what} of an OME-Zarr plate; open the folder of the whole plate")
        _check_version(attributes, "plate")
        plate = _convert(attributes["plate"], _PlateGroup, file, "plate")
    except ImageError as e:
        raise PlateError(str(e)) from e
    for well in plate.wells:
        if len(parts := well.path.split("/")) != 2 or not all(part.isalnum() for part in parts):
            raise PlateError(f"{file}: lists well {well.path!r}; a row and a column are needed, such as B/06")
    corner = [f"{plate.rows[-1].name}{plate.columns[-1].name}"] if plate.rows and plate.columns else []
    for well_name in corner:
        try:
            parse_well(well_name)
        except PlateError as e:
            raise PlateError(f"{file}: its rows and columns end where no well can be: {e}") from e
    return PlateListing([well.path for well in plate.wells], corner)


def read_well_group(folder: str) -> tuple[WellImageEntry, ...]:
    """Read which images a well has.

    Raises
    ------
    ImageError
        If it is not there, or its metadata are wrong.
    """
    attributes = unwrap(read_attributes(folder))
    if "well" not in attributes:
        raise ImageError(f"{folder}: is listed by the plate, but no well is there; copy it again")
    images = _convert(attributes["well"], _WellGroup, folder, "well").images
    for image in images:
        if not image.path.isascii() or not image.path or "/" in image.path or image.path.startswith("."):
            raise ImageError(f"{folder}: lists an image {image.path!r}; the name of a folder in it is needed")
    return images


def read_image_group(folder: str, acquisition: int) -> FieldImage:
    """Read what an image is.

    Raises
    ------
    ImageError
        If it is not there, its metadata are wrong, or it cannot be read in planes.
    """
    attributes = unwrap(read_attributes(folder))
    if "multiscales" not in attributes:
        raise ImageError(f"{folder}: is listed by its well, but no image is there; copy it again")
    image = _convert(attributes, _ImageGroup, folder, "image")
    if not (image.multiscales and image.multiscales[0].datasets):
        raise ImageError(f"{folder}: its metadata list no array (multiscales.datasets)")
    multiscale = image.multiscales[0]
    dataset = multiscale.datasets[0]
    if os.path.isabs(dataset.path) or ".." in dataset.path.split("/"):
        raise ImageError(f"{folder}: its array {dataset.path!r} is not in its folder")
    array = describe_array(os.path.join(folder, dataset.path))
    axes = _axes(folder, multiscale, array.shape)
    place = _Place(multiscale, dataset, axes)
    labels = [channel.label or "" for channel in image.omero.channels]
    channels = array.shape[axes.index("c")] if "c" in axes else 1
    if channels > MAX_CHANNELS:
        raise ImageError(f"{array.path}: claims {channels} channels, more than the {MAX_CHANNELS} allowed")
    pixel_size = place.scale("x")
    return FieldImage(
        array=array.path,
        shape=array.shape,
        axes=axes,
        labels=tuple([*labels, *[""] * channels][:channels]),
        acquisition=acquisition,
        pixel_size_um=pixel_size,
        z_step_um=place.scale("z") if "z" in axes else None,
        x_um=place.translation("x"),
        y_um=place.translation("y"),
        rois=read_field_rois(folder, (place.scale("y"), pixel_size), array.shape),
    )


class _Place:
    """Where pixels of an image lie, by dimension and in micrometres; None where that is not told."""

    def __init__(self, multiscale: _Multiscale, dataset: _Dataset, axes: str) -> None:
        self._axes = axes
        self._units = [_MICROMETRES.get(axis.unit or "") for axis in multiscale.axes]
        self._own = dataset.transformations
        self._all = multiscale.transformations

    def scale(self, dimension: str) -> float | None:
        number = self._axes.index(dimension)
        unit = self._units[number]
        scales = [each.scale[number] for each in (*self._own, *self._all) if each.scale and number < len(each.scale)]
        if unit is None or not scales:
            return None
        size = unit
        for scale in scales:
            size *= scale
        return size if size > 0 else None

    def translation(self, dimension: str) -> float | None:
        number = self._axes.index(dimension)
        unit = self._units[number]
        if unit is None or not any(each.translation for each in (*self._own, *self._all)):
            return None
        place = 0.0
        for each in (*self._own, *self._all):
            if each.scale and number < len(each.scale):
                place *= each.scale[number]
            if each.translation and number < len(each.translation):
                place += each.translation[number]
        return place * unit


def _axes(folder: str, multiscale: _Multiscale, shape: tuple[int, ...]) -> str:
    names = [axis.name for axis in multiscale.axes]
    letters = "".join(names)
    known = len(letters) == len(names) and set(letters) <= set(_DIMENSIONS) and len(set(letters)) == len(letters)
    if not known or not letters.endswith("yx") or len(letters) != len(shape):
        raise ImageError(
            f"{folder}: its axes are {names} for an array of {shape}; some of t, c, z, then y, x are needed"
        )
    return letters


def _check_version(attributes: dict[str, Any], kind: str) -> None:
    group = attributes[kind]
    version = attributes.get("version") or (group.get("version") if isinstance(group, dict) else None)
    if version is not None and version not in VERSIONS:
        raise ImageError(f"the OME-Zarr version of the {kind} is {version}; {' and '.join(VERSIONS)} can be read")


def _convert(value: Any, kind: type[_Group], path: str, what: str) -> _Group:
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as e:
        raise ImageError(f"{path}: its metadata of the {what} are wrong: {e}") from e
