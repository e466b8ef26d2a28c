"""OME-Zarr plates, versions 0.4 and 0.5: ``plate.zarr/<row>/<column>/<field>/<level>``.

The standard (https://ngff.openmicroscopy.org/0.5/) has one image for each field of a well. Fractal has one image of all
its fields, and beside it a table of where each lies in it: then each row of the table is a site, a part of that image.

Metadata are attributes of Zarr groups, in version 0.5 under ``ome``. A well or an image that is listed but not there,
or damaged, is that well's error.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from plateflow.errors import ImageError, PlateError
from plateflow.plate.formats import ome_attributes as ome
from plateflow.plate.formats.field_rois import FieldRoi
from plateflow.plate.formats.plate_format import PlateFormat
from plateflow.plate.image_table import Position
from plateflow.plate.listing import PacedReport
from plateflow.plate.model import Channel, ImageRecord, Plate
from plateflow.plate.notes import some
from plateflow.plate.record_table import RecordTable
from plateflow.plate.wells import enclosing_plate, join_well, split_well
from plateflow.storage.read_each import read_each
from plateflow.storage.zarr_chunks import ArrayPlane
from plateflow.storage.zarr_metadata import read_attributes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plateflow.plate.formats.ome_attributes import FieldImage
    from plateflow.plate.listing import FileReport, TopFolder

LAYOUT: Final = "ome-zarr"


def _find(top: TopFolder) -> str | None:
    if not ("zarr.json" in top.files or os.path.exists(os.path.join(top.path, ".zattrs"))):
        return None
    try:
        attributes = ome.unwrap(read_attributes(top.path))
    except ImageError as e:
        raise PlateError(str(e)) from e
    known = any(key in attributes for key in ("plate", "well", "multiscales"))
    return os.path.join(top.path, "zarr.json" if "zarr.json" in top.files else ".zattrs") if known else None


def read_plate(top: TopFolder, found: str, report: FileReport | None = None) -> Plate:
    """Read a plate by its metadata.

    Parameters
    ----------
    top
        The plate's folder.
    found
        The file of its attributes.
    report
        Told how many wells were read.

    Raises
    ------
    PlateError
        If the metadata are wrong or of another version, or the folder is a part of a plate.
    """
    listed = ome.read_plate_group(top.path, found)
    reader = _Reader(top.path)
    pace = PacedReport(report, len(listed.wells))
    folders = [os.path.join(top.path, *path.split("/")) for path in listed.wells]
    for done, (path, images) in enumerate(zip(listed.wells, read_each(_read_well, folders), strict=True), 1):
        reader.take_well(path, images)
        pace.reach(done)
    pace.finish()
    return reader.plate(listed.names)


def _read_well(folder: str) -> dict[str, FieldImage | ImageError]:
    """Return the images of a well by path, or why they cannot be read; "" is the whole well."""
    try:
        listed = ome.read_well_group(folder)
    except ImageError as e:
        return {"": e}
    images: dict[str, FieldImage | ImageError] = {}
    for image in listed:
        try:
            images[image.path] = ome.read_image_group(os.path.join(folder, image.path), image.acquisition or 0)
        except ImageError as e:
            images[image.path] = e
    return images


class _Reader:
    """Takes in one well after the other."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._fields: list[tuple[str, str, FieldImage]] = []
        """Well, path of the image in its well, and the image."""
        self._problems: dict[tuple[str, str], str] = {}
        """By well and path of the image ("" for the whole well): why it cannot be read."""
        self._wells: dict[str, None] = {}
        """In the order of the plate."""
        self._acquisitions: set[int] = set()

    def take_well(self, path: str, images: dict[str, FieldImage | ImageError]) -> None:
        """Take in what was read of a well.

        Raises
        ------
        PlateError
            If it is on no plate, or listed twice.
        """
        try:
            well = join_well(*path.split("/"))
        except PlateError as e:
            raise PlateError(f"{self._folder}: lists well {path!r}: {e}") from e
        if well in self._wells:
            raise PlateError(f"{self._folder}: lists well {well} twice; mend its metadata")
        self._wells[well] = None
        for name, image in images.items():
            if isinstance(image, ImageError):
                self._problems[well, name] = str(image)
            else:
                self._fields.append((well, name, image))
                self._acquisitions.add(image.acquisition)

    def plate(self, names: list[str]) -> Plate:
        if not self._fields:
            why = next(iter(self._problems.values()), "it lists no well")
            raise PlateError(f"{self._folder}: no image of the plate can be read: {why}")
        channels = self._channels()
        sites, notes = self._sites()
        pixel_size, notes_on_size = self._pixel_size()
        table = RecordTable(self._folder)
        for well in self._wells:
            table.declare(well)
        for well, path, field in self._fields:
            if path in sites:
                for record in self._records(well, sites[path], field):
                    table.add(record)
        self._add_missing(table, sites)
        self._add_missing_channels(table, sites)
        rows, columns = enclosing_plate([*names, *self._wells])
        return Plate(
            path=self._folder,
            name=os.path.basename(self._folder),
            layout=LAYOUT,
            rows=rows,
            columns=columns,
            channels=tuple(channels.values()),
            wells=table.by_well(list(channels)),
            pixel_size_um=pixel_size,
            notes=(*notes, *notes_on_size),
        )

    def _channels(self) -> dict[str, Channel]:
        channels: dict[str, Channel] = {}
        for well, path, field in self._fields:
            for number, label in enumerate(field.labels):
                name = self._channel_name(field, number)
                known = channels.setdefault(name, Channel(name, label)).label
                if known and label and known != label:
                    raise PlateError(
                        f"{self._folder}: image {path} of well {well} calls its channel {number + 1} {label!r}, others "
                        f"call theirs {known!r}; which is which cannot be told"
                    )
        return dict(sorted(channels.items(), key=lambda item: [int(part) for part in item[0].split("-")]))

    def _channel_name(self, field: FieldImage, number: int) -> str:
        name = str(number + 1)
        return name if len(self._acquisitions) == 1 else f"{field.acquisition}-{name}"

    def _sites(self) -> tuple[dict[str, int], list[str]]:
        """Return the number of the site of each path of an image, and what is to be told of it.

        A path is the site's number; where it counts from 0, sites are one more. Images of several acquisitions cannot
        have the same path in a well: there the n-th of each is site n.
        """
        paths = list(dict.fromkeys(path for _, path, _ in self._fields))
        paths += [path for _, path in self._problems if path and path not in paths]
        if len(self._acquisitions) > 1:
            return self._sites_of_acquisitions(), []
        numbered = {path: int(path) for path in paths if path.isascii() and path.isdigit()}
        if not numbered:
            return {path: rank for rank, path in enumerate(sorted(paths), 1)}, []
        others = [path for path in paths if path not in numbered]
        notes = [f"images that are no fields of view were left out: {', '.join(others)}"] if others else []
        first = 1 if 0 in numbered.values() else 0
        return {path: number + first for path, number in numbered.items()}, notes

    def _sites_of_acquisitions(self) -> dict[str, int]:
        sites: dict[str, int] = {}
        for acquisition in self._acquisitions:
            paths = {path for _, path, field in self._fields if field.acquisition == acquisition}
            for rank, path in enumerate(sorted(paths, key=lambda path: (len(path), path)), 1):
                if sites.setdefault(path, rank) != rank:
                    raise PlateError(f"{self._folder}: image {path} is another site in another acquisition")
        return sites

    def _records(self, well: str, site: int, field: FieldImage) -> Iterator[ImageRecord]:
        rois = field.rois or (FieldRoi(0, 0, field.shape[-2], field.shape[-1], field.x_um, field.y_um),)
        first = 1 if field.rois else site
        for roi_site, roi in enumerate(rois, first):
            for index, channel, timepoint, z in field.planes():
                yield ImageRecord(
                    well=well,
                    site=roi_site,
                    channel=self._channel_name(field, channel),
                    z=z + 1,
                    timepoint=timepoint + 1,
                    path=field.array,
                    part=ArrayPlane(index, roi.top, roi.left, roi.rows, roi.columns),
                    x_um=roi.x_um,
                    y_um=roi.y_um,
                    z_um=None if field.z_step_um is None else z * field.z_step_um,
                )

    def _add_missing(self, table: RecordTable, sites: dict[str, int]) -> None:
        everywhere = sorted(table.positions())
        for (well, path), why in self._problems.items():
            if not path:
                table.complete(why, [well])
            elif path in sites:
                sought = os.path.join(self._folder, *split_well(well), path)
                for position in everywhere:
                    table.add_missing(well, position._replace(site=sites[path]), why, sought)

    def _add_missing_channels(self, table: RecordTable, sites: dict[str, int]) -> None:
        """Add what an image lacks of the channels that other images of its acquisition have."""
        most: dict[int, FieldImage] = {}
        for _, _, field in self._fields:
            if len(field.labels) > len(most.setdefault(field.acquisition, field).labels):
                most[field.acquisition] = field
        for well, path, field in self._fields:
            other = most[field.acquisition]
            if path not in sites or len(field.labels) == len(other.labels):
                continue
            why = f"the image has {len(field.labels)} channels, others have {len(other.labels)}"
            lacking = [self._channel_name(other, n) for n in range(len(field.labels), len(other.labels))]
            for record in list(self._records(well, sites[path], field)):
                for channel in lacking:
                    position = Position(record.site, channel, record.timepoint, record.z)
                    table.add_missing(well, position, why, field.array)

    def _pixel_size(self) -> tuple[float | None, list[str]]:
        """Return the size of most images' pixels, and what is to be told where others have another."""
        by_size: dict[str, list[tuple[float, str]]] = {}
        for well, path, field in self._fields:
            if (size := field.pixel_size_um) is not None:
                # Images may tell it in other units: what is converted differs in its last digits.
                by_size.setdefault(f"{size:.6g}", []).append((size, f"image {path} of well {well}"))
        if not by_size:
            return None, []
        first, *others = sorted(by_size.items(), key=lambda item: len(item[1]), reverse=True)
        differing = [f"{size} um ({images[0][1]})" for size, images in others]
        told = [f"images differ in the size of their pixels: {first[0]} um, but {some(differing)}"] if others else []
        return first[1][0][0], told


FORMAT: Final = PlateFormat(LAYOUT, "the attributes of an OME-Zarr plate (zarr.json or .zattrs)", _find, read_plate)
