"""ImageXpress plates as MetaXpress exports them: ``<plate>/9987.HTD``, ``TimePoint_1/ZStep_2/9987_B02_s1_w1.TIF``.

Folders are left out where there is one timepoint or no z series, ``_s1`` and ``_w1`` where there is one site or one
channel. Each folder holds a copy of the HTD; ``_thumb`` files are previews.

**Planes.** ``ZStep_0`` holds projections, ``ZStep_n`` the n-th plane. But where channels of a plate differ in their z,
MetaXpress fills every ZStep folder with a copy of what the channel has. On plate 3434 (3 z steps):

=============  =========================  ================  =====================
channel        ZStep_0                    ZStep_1           ZStep_2
=============  =========================  ================  =====================
w1 DAPI, 3 z   maximum projection         plane 1           plane 2
w2 FITC, MIP   maximum projection         the same          the same
w3 Texas Red   its one plane              the same          the same
w4 Cy5, 1 z    no file                    no file           no file (nor ZStep_3)
=============  =========================  ================  =====================

Names alone would make planes of copies, so one file per channel and ZStep folder is asked for its :class:`.PlaneInfo`:
a file there that is a projection, or the same plane as in a lower folder, is a copy and left out. A channel that has
planes loses its projection; one that has none keeps it as its one record, z = 0.

**Places.** The HTD does not tell where sites lie, nor how high planes do; one file of each site and plane tells, and it
holds for all wells.

**Missing.** The HTD declares wells, sites, waves and timepoints. Which z a channel has, only its files on the rest of
the plate tell; a wave without any file is one missing plane, z = 1, of each site.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from plateflow.errors import PlateError
from plateflow.plate.formats.htd import read_htd
from plateflow.plate.formats.imagexpress_planes import (
    Places,
    Plane,
    plane_heights,
    planes_of,
    sample_infos,
    site_offsets,
)
from plateflow.plate.formats.plate_format import PlateFormat
from plateflow.plate.image_table import ImageTable, Position
from plateflow.plate.listing import FileReport, Folder, TopFolder, each_portion, list_folders
from plateflow.plate.model import Channel, ImageRecord, Plate
from plateflow.plate.notes import BY_NAMES, lacking_planes, left_out
from plateflow.plate.wells import canonical_well, well_of_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plateflow.plate.formats.htd import Htd

LAYOUT: Final = "imagexpress-htd"

_FOLDER = re.compile(r"(?:TimePoint_(\d+))?/?(?:ZStep_(\d+))?", re.IGNORECASE)
_IMAGES = re.compile(
    r"(?<![^/])(([^/]*?)_([A-Z]{1,2}\d{1,2})(?:_s(\d+))?(?:_w(\d+))?(\.tiff?))(?![^/])", re.IGNORECASE | re.DOTALL
)
"""In names that are joined by ``/``, which is in none: all of them at once take half the time."""


@dataclass(frozen=True, slots=True)
class _Naming:
    """How this plate names its files, taken from one of them: where a missing one should be."""

    stem: str
    suffix: str
    """Of the name: ".TIF"."""
    has_site: bool
    has_wave: bool
    has_timepoint: bool
    has_z: bool

    def path(self, folder: str, well: str, position: Position) -> str:
        """Return where the file of an image should be; ``position.z`` is the number of its ZStep folder."""
        site = f"_s{position.site}" if self.has_site else ""
        wave = f"_w{position.channel}" if self.has_wave else ""
        folders = [f"TimePoint_{position.timepoint}"] * self.has_timepoint + [f"ZStep_{position.z}"] * self.has_z
        return os.path.join(folder, *folders, f"{self.stem}_{well}{site}{wave}{self.suffix}")


def _find_htd(top: TopFolder) -> str | None:
    return next((os.path.join(top.path, name) for name in top.files if name.lower().endswith(".htd")), None)


def _check_is_whole(top: TopFolder) -> None:
    """Refuse a folder that is less or more than one plate.

    Raises
    ------
    PlateError
        If it holds several HTD files, or is a part of a plate.
    """
    names = [name for name in top.files if name.lower().endswith(".htd")]
    if len(names) > 1:
        raise PlateError(f"{top.path}: holds several HTD files ({', '.join(names)}); a plate folder has one")
    if _FOLDER.fullmatch(os.path.basename(top.path)):
        raise PlateError(f"{top.path}: is a part of a plate (each has a copy of the HTD); open the folder above it")


def read_plate(top: TopFolder, htd_path: str, report: FileReport | None = None) -> Plate:
    """Read a plate by its HTD and the names of its files.

    Parameters
    ----------
    top
        The plate's folder.
    htd_path
        Of its HTD.
    report
        Told how many files were looked at.

    Raises
    ------
    PlateError
        If the HTD is wrong, no image is there, or there are images that the HTD does not declare.
    """
    _check_is_whole(top)
    htd = read_htd(htd_path)
    folder = top.path
    folders = list_folders(folder, lambda relative: _FOLDER.fullmatch(relative) is not None)
    images, naming, others = _match_files(folders, report)
    if naming is None:
        raise PlateError(f"{folder}: its HTD declares {len(htd.wells)} wells, but no image is there; copy them again")
    found = images.positions()
    sites = _declared_sites(htd, images, found)
    infos = sample_infos(images, found)
    planes = {str(wave): planes_of(str(wave), infos) for wave in range(1, len(htd.wave_names) + 1)}
    declared = _declared(htd, sites, planes, Places(site_offsets(images, found), plane_heights(infos)))
    return Plate(
        path=folder,
        name=os.path.basename(folder),
        layout=LAYOUT,
        rows=htd.rows,
        columns=htd.columns,
        channels=tuple(Channel(str(wave), label) for wave, label in enumerate(htd.wave_names, 1)),
        wells={well: _records(folder, well, declared, images, naming) for well in htd.wells},
        pixel_size_um=next((info.pixel_size_um for info in infos.values() if info.pixel_size_um), None),
        notes=(*_notes_on_planes(htd, planes), *left_out(others, os.path.basename(htd_path))),
    )


def _notes_on_planes(htd: Htd, planes: dict[str, list[Plane]]) -> Iterator[str]:
    for channel, of_channel in planes.items():
        yield from lacking_planes(channel, [plane.z for plane in of_channel if plane.z > 0], htd.z_steps)


def _match_files(folders: list[Folder], report: FileReport | None) -> tuple[ImageTable, _Naming | None, list[str]]:
    """Return the files by well and position (there, z is the ZStep folder's number), how they are named, and others."""
    images, naming = ImageTable(), None
    others: list[str] = []
    numbers = {folder.prefix: _folder_numbers(folder) for folder in folders}
    # Beside ZStep folders, what lies above them is a projection; without any, it is the one plane.
    loose_z = 0 if any(z is not None for _, z in numbers.values()) else 1
    # All wells share one object for each site, wave and folder: a plate has a million images, but few of these.
    positions: dict[str, dict[tuple[str, str], Position]] = {}
    wells: dict[str, dict[Position, str]] = {}
    for folder, names in each_portion(folders, report):
        known = positions.setdefault(folder.prefix, {})
        found = _IMAGES.findall("/".join(names))
        if len(found) < len(names):
            others += _others(folder, names, {match[0] for match in found})
        for name, stem, well, site, wave, suffix in found:
            position = known.get((site, wave))
            if position is None:
                timepoint, z = numbers[folder.prefix]
                position = known[site, wave] = Position(
                    int(site or 1),
                    str(int(wave or 1)),
                    1 if timepoint is None else timepoint,
                    loose_z if z is None else z,
                )
                if naming is None:
                    naming = _Naming(stem, suffix, bool(site), bool(wave), timepoint is not None, z is not None)
            paths = wells.get(well)
            if paths is None:
                paths = wells[well] = images.paths_of(well_of_file(folder.path + name, well))
            path = folder.path + name
            if paths.setdefault(position, path) is not path:
                images.add_second(canonical_well(well), position, path)
    images.require_one_each()
    return images, naming, others


def _others(folder: Folder, names: Iterable[str], known: set[str]) -> Iterator[str]:
    for name in names:
        stem, suffix = os.path.splitext(name.lower())
        if name not in known and suffix in (".tif", ".tiff") and "_thumb" not in stem:
            yield folder.prefix + name


def _folder_numbers(folder: Folder) -> tuple[int | None, int | None]:
    """Return (timepoint, z) that the folder's path tells."""
    match = _FOLDER.fullmatch(folder.prefix.rstrip("/"))
    timepoint, z = match.groups() if match else (None, None)
    return (None if timepoint is None else int(timepoint)), (None if z is None else int(z))


def _declared_sites(htd: Htd, images: ImageTable, found: set[Position]) -> tuple[int, ...]:
    """Return the numbers of the sites, after a check that the HTD declares every file found.

    Raises
    ------
    PlateError
        For a file of a well, site, wave or timepoint that it does not declare.
    """
    used = {position.site for position in found}
    sites = next((numbers for numbers in (htd.sites, htd.site_positions) if used <= set(numbers)), htd.sites)
    declared: dict[str, set[int] | set[str]] = {
        "site": set(sites),
        "channel": {str(wave) for wave in range(1, len(htd.wave_names) + 1)},
        "timepoint": set(range(1, htd.timepoints + 1)),
    }
    of_plate = set(htd.wells)
    for well in images.wells():
        if well not in of_plate:
            _refuse(htd, images.any_path(well), f"well {well}")
    for position in sorted(found):
        values = {"site": position.site, "channel": position.channel, "timepoint": position.timepoint}
        undeclared = next((f"{name} {value}" for name, value in values.items() if value not in declared[name]), None)
        if undeclared is not None:
            _refuse(htd, images.paths_at(position)[0], undeclared)
    return sites


def _refuse(htd: Htd, path: str, what: str) -> None:
    raise PlateError(f"{path}: is of {what}, which {htd.path} does not declare; move it away, or {BY_NAMES}")


class _Declared(NamedTuple):
    """An image that each well should have."""

    at: Position
    """Of its file: there, z is the number of the ZStep folder."""
    z: int
    projection: str
    x_um: float | None
    y_um: float | None
    z_um: float | None


def _declared(htd: Htd, sites: tuple[int, ...], planes: dict[str, list[Plane]], places: Places) -> list[_Declared]:
    """Return what each well should have, by site, channel, timepoint, z."""
    return [
        _Declared(
            Position(site, channel, timepoint, plane.folder),
            plane.z,
            plane.projection,
            places.x_um(site),
            places.y_um(site),
            places.heights.get((channel, plane.folder)),
        )
        for site in sites
        for channel, of_channel in planes.items()
        for timepoint in range(1, htd.timepoints + 1)
        for plane in of_channel
    ]


def _records(
    folder: str, well: str, declared: list[_Declared], images: ImageTable, naming: _Naming
) -> tuple[ImageRecord, ...]:
    find = images.of(well).get
    return tuple(
        [
            ImageRecord(
                well,
                at.site,
                at.channel,
                z,
                at.timepoint,
                path or naming.path(folder, well, at),
                projection,
                path is None,
                x_um=x_um,
                y_um=y_um,
                z_um=z_um,
            )
            for at, z, projection, x_um, y_um, z_um in declared
            for path in (find(at),)
        ]
    )


FORMAT: Final = PlateFormat(LAYOUT, "an .HTD file in the folder", _find_htd, read_plate)
