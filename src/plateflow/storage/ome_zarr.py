"""OME-Zarr 0.5 plates: ``plate.zarr/<row>/<column>/<site>/``, label images in ``labels/`` below each image.

A field appears whole or not at all. Its well's metadata lists it, and the plate's metadata lists the well, so a reader
finds what is listed to be complete.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from plateflow.errors import ImageError, OutputError
from plateflow.storage import ome_metadata
from plateflow.storage.atomic import FolderWriter, WrittenFile, replacing_folder, sweep, sync_folder, write_atomic
from plateflow.storage.names import encode_alphanumeric, encode_name, require_alphanumeric
from plateflow.storage.zarr_array import OBJECTS, PIXELS, group_metadata, write_array, write_group

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_IMAGE_DIMS = {3: "cyx", 4: "czyx", 5: "tczyx"}
_LABEL_DIMS = {2: "yx", 3: "zyx", 4: "tzyx"}


class WellPath(msgspec.Struct, frozen=True):
    """Where a well stands in a plate.

    Raises
    ------
    OutputError
        For a row or column that is not letters and digits alone.
    """

    row: str
    """"B"."""
    column: str
    """"06"."""

    def __post_init__(self) -> None:
        require_alphanumeric("row", self.row)
        require_alphanumeric("column", self.column)

    def __str__(self) -> str:
        return f"{self.row}/{self.column}"


@dataclass(frozen=True, slots=True)
class LabelImage:
    """The objects of one kind in a field."""

    name: str
    """Of the objects, "Nuclei"."""
    pixels: NDArray[Any]
    """``(Y, X)`` int32, or ``(Z, Y, X)``, ``(T, Z, Y, X)``; the values are the object numbers, 0 is background."""
    source: str = ""
    """The channel that they were found in; "" where there is no one such channel."""


@dataclass(frozen=True, slots=True)
class Field:
    """The pixels of one field of view, and what a viewer needs to show them."""

    pixels: NDArray[Any]
    """``(C, Y, X)``, or ``(C, Z, Y, X)``, ``(T, C, Z, Y, X)``."""
    channels: tuple[str, ...]
    """Of each channel its name."""
    pixel_size_um: float | None = None
    """Of Y and X; None where the plate does not tell."""
    labels: tuple[LabelImage, ...] = ()
    colours: tuple[str, ...] = ()
    """Of each channel "RRGGBB"; () to have them chosen."""
    name: str = ""
    """Shown by viewers; "" for the path, "B/06/1"."""


def kept_image_path(site: str, name: str) -> str:
    """Name the folder of a kept image that does not fit its field's shape or dtype: beside it, "1xComposite".

    Letters and digits alone, because the standard allows no others in the path of a well's image.

    Raises
    ------
    OutputError
        For an empty name, or one that is no Unicode text.
    """
    return f"{site}x{encode_alphanumeric(name)}"


def listed_fields(paths: Iterable[str]) -> list[str]:
    """Return those of a well's images that its metadata list.

    These are its sites. Images kept beside them have other channels: readers that lay all fields of a well side by side
    (ome-zarr-py, napari) would refuse the plate. Where nothing but kept images was made, they are the fields.
    """
    found = list(paths)
    return [path for path in found if path.isdigit()] or found


def write_field(plate: Path, well: WellPath, path: str, field: Field) -> tuple[WrittenFile, ...]:
    """Write an image and its labels, in place of what a dead attempt may have left there.

    Parameters
    ----------
    plate : Path
        The plate's folder, "plate.zarr"; made where it is not there.
    well : WellPath
    path : str
        The site, "1", "0" for a stitched field, or :func:`kept_image_path`.
    field : Field

    Returns
    -------
    tuple of WrittenFile
        Paths relative to the folder that `plate` is in.

    Raises
    ------
    OutputError
        For a path that OME-Zarr does not allow, or a name that no file can have.
    ImageError
        For pixels of a shape or dtype that OME-Zarr cannot hold.
    OSError
        Names the file that could not be written.
    """
    require_alphanumeric("image", path)
    dims = _image_dims(field)
    name = field.name or f"{well}/{path}"
    by_channel = np.moveaxis(field.pixels, dims.index("c"), 0)
    shown = ome_metadata.omero(by_channel, field.channels, field.colours)
    with replacing_folder(plate / str(well) / path) as folder:
        write_group(folder, "", ome_metadata.image(name, dims, field.pixel_size_um, shown))
        write_array(folder, "0", field.pixels, dims, PIXELS)
        _write_labels(folder, field)
    return tuple(WrittenFile(f"{plate.name}/{well}/{path}/{file.path}", file.size) for file in folder.files)


def write_well_metadata(plate: Path, well: WellPath, images: Sequence[str]) -> tuple[WrittenFile, ...]:
    """List the images of a well, after they are written, and make the groups above them.

    Returns when the names in the well's folder would survive a power cut.

    Parameters
    ----------
    plate : Path
    well : WellPath
    images : sequence of str
        The paths given to :func:`write_field`, at least one.

    Returns
    -------
    tuple of WrittenFile
        Paths relative to the folder that `plate` is in; the row's metadata, which its wells share, is not among them.
    """
    folder = plate / str(well)
    sweep(folder)
    data = group_metadata(ome_metadata.well(images))
    write_atomic(folder / "zarr.json", data)
    sync_folder(folder)
    row = plate / well.row / "zarr.json"
    if not row.exists():
        write_atomic(row, group_metadata({}))
    return (WrittenFile(f"{plate.name}/{well}/zarr.json", len(data)),)


def write_plate_metadata(
    plate: Path, name: str, rows: Sequence[str], columns: Sequence[str], wells: Sequence[WellPath], field_count: int
) -> None:
    """List the wells of a plate: those that are committed, no others.

    Parameters
    ----------
    plate : Path
    name : str
    rows, columns : sequence of str
        All of the physical plate, in order.
    wells : sequence of WellPath
        At least one; the standard has no plate without wells.
    field_count : int
        The most images that a well lists.

    Raises
    ------
    OutputError
        For a well that is not on the plate, or no well at all.
    """
    if not wells:
        raise OutputError(f"{plate}: an OME-Zarr plate needs at least one completed well; there is none to list")
    for well in wells:
        if well.row not in rows or well.column not in columns:
            raise OutputError(f"{plate}: well {well} is not on a plate of {len(rows)} rows and {len(columns)} columns")
    listed = [(well.row, well.column) for well in wells]
    write_atomic(plate / "zarr.json", group_metadata(ome_metadata.plate(name, rows, columns, listed, field_count)))


def _write_labels(folder: FolderWriter, field: Field) -> None:
    if not field.labels:
        return
    paths = [encode_name(label.name) for label in field.labels]
    write_group(folder, "labels", ome_metadata.labels(paths))
    for path, label in zip(paths, field.labels, strict=True):
        dims = _label_dims(label)
        largest = int(label.pixels.max(initial=0))
        attributes = ome_metadata.label_image(
            label.name, dims, field.pixel_size_um, source=label.source, largest=largest
        )
        write_group(folder, f"labels/{path}", attributes)
        write_array(folder, f"labels/{path}/0", label.pixels, dims, OBJECTS)


def _image_dims(field: Field) -> str:
    dims = _IMAGE_DIMS.get(field.pixels.ndim)
    if dims is None or field.pixels.shape[dims.index("c")] != len(field.channels):
        raise ImageError(
            f"an image of channels {', '.join(field.channels)} has shape {field.pixels.shape};"
            f" ({len(field.channels)}, Y, X) is needed"
        )
    return dims


def _label_dims(label: LabelImage) -> str:
    dims = _LABEL_DIMS.get(label.pixels.ndim)
    if dims is None or label.pixels.dtype.kind not in "iu":
        raise ImageError(
            f"labels {label.name!r} have shape {label.pixels.shape} and dtype {label.pixels.dtype};"
            " (Y, X) of integers is needed"
        )
    return dims
