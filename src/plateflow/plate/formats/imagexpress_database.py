"""ImageXpress plates as MetaXpress keeps them in its database's folders, without any HTD.

``<plate>/2023-02-21/1334/[TimePoint_1/][ZStep_2/]<name>_E07_s1_w1<GUID>.tif``: ``_s`` and ``_w`` are left out where
there is one site or one channel. In ZStep folders lie planes, above them projections. All else is in the TIFFs, so each
of their headers is read. ``_thumb`` files are previews. What one well of the plate has and another lacks is missing.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from plateflow.errors import PlateError
from plateflow.plate.formats.metaseries import PlaneInfo, read_plane_info
from plateflow.plate.formats.plate_format import PlateFormat
from plateflow.plate.image_table import natural_order
from plateflow.plate.listing import FileReport, PacedReport, TopFolder, list_folders, peek
from plateflow.plate.model import Channel, ImageRecord, Plate
from plateflow.plate.notes import BY_NAMES, otherwise_named
from plateflow.plate.record_table import RecordTable
from plateflow.plate.wells import enclosing_plate, well_of_file
from plateflow.storage.read_each import read_each

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_Value = TypeVar("_Value")

LAYOUT: Final = "imagexpress-database"
_GUID: Final = r"[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}"
_IMAGE = re.compile(rf".*?_([A-Z]{{1,2}}\d\d?)(?:_s(\d+))?(?:_w(\d+))?{_GUID}\.tiff?", re.I | re.A | re.S)
_STEP = re.compile(r"(?=.)(?:TimePoint_(\d+))?/?(?:ZStep_(\d+))?", re.ASCII | re.IGNORECASE)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_LOOKED_AT: Final = 500
"""Names of a folder that are looked at to find an image."""
_SUFFIXES: Final = (".tif", ".tiff")
_PREVIEW: Final = "_thumb"


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    well: str
    site: int
    channel: str
    timepoint: int
    step: int | None
    """Number of its ZStep folder; None above those."""


def _find(top: TopFolder) -> str | None:
    return next((image for _, image in _acquisitions(top)), None)


def _acquisitions(top: TopFolder) -> Iterator[tuple[str, str]]:
    """Yield the folders of acquisitions, each with an image: this one, or those below it by day and number."""
    here = _an_image(top.path)
    if here is not None:
        yield top.path, here
        return
    days = [child for name in top.folders if _DAY.fullmatch(name) and (child := top.child(name)) is not None]
    for day in [top] if _DAY.fullmatch(os.path.basename(top.path)) else days:
        for name in day.folders:
            path = os.path.join(day.path, name)
            image = _an_image(path) if name.isdigit() else None
            if image is not None:
                yield path, image


def _an_image(path: str) -> str | None:
    """Return an image in a folder of an acquisition, or in the first of its steps; None where none is seen."""
    names = peek(path, _LOOKED_AT)
    found = min((name for name in names if _IMAGE.fullmatch(name)), default=None)
    if found is not None:
        return os.path.join(path, found)
    step = min((name for name in names if _STEP.fullmatch(name)), default=None)
    return None if step is None else _an_image(os.path.join(path, step))


def read_plate(top: TopFolder, _: str, report: FileReport | None = None) -> Plate:
    """Read a plate by the names and the headers of its files.

    Parameters
    ----------
    top
        The plate's folder, or the one of the day or of the acquisition.
    report
        Told how many headers were read.

    Raises
    ------
    PlateError
        If the plate was acquired more than once, two files are one image, or a file says that it is of another well, or
        of one that is on no plate.
    """
    several = [folder for folder, _ in _acquisitions(top)]
    if len(several) > 1:
        names = ", ".join(os.path.relpath(path, top.path) for path in several)
        raise PlateError(f"{top.path}: holds {len(several)} acquisitions ({names}); open the folder of one of them")
    foreign: list[str] = []
    files = list(_files(several[0], foreign))
    infos = list(_read_infos(files, report))
    table = _records(top.path, files, infos)
    table.without_copied_projections()
    table.complete()
    channels = natural_order({position.channel for position in table.positions()})
    wells = table.by_well(channels)
    rows, columns = enclosing_plate(wells)
    return Plate(
        path=top.path,
        name=os.path.basename(top.path),
        layout=LAYOUT,
        rows=rows,
        columns=columns,
        channels=tuple(Channel(name, _setting(name, files, infos)) for name in channels),
        wells=wells,
        pixel_size_um=_most_common(info.pixel_size_um for info in infos if info.pixel_size_um),
        notes=otherwise_named(foreign),
    )


def _files(acquisition: str, foreign: list[str]) -> Iterator[_File]:
    """Yield the images of an acquisition; those that have other names are added to `foreign`, previews are not."""
    for folder in list_folders(acquisition, lambda relative: _STEP.fullmatch(relative) is not None):
        step = _STEP.fullmatch(folder.prefix.rstrip("/"))
        timepoint, z = step.groups() if step else (None, None)
        for name in folder.names:
            match = _IMAGE.fullmatch(name)
            if match is None:
                lower = name.lower()
                if lower.endswith(_SUFFIXES) and _PREVIEW not in lower:
                    foreign.append(folder.prefix + name)
            else:
                well, site, wave = match.groups()
                yield _File(
                    folder.path + name,
                    well_of_file(folder.path + name, well),
                    int(site or 1),
                    str(int(wave or 1)),
                    int(timepoint or 1),
                    None if z is None else int(z),
                )


def _read_infos(files: list[_File], report: FileReport | None) -> Iterator[PlaneInfo]:
    pace = PacedReport(report, len(files))
    for done, info in enumerate(read_each(read_plane_info, (file.path for file in files)), 1):
        yield info
        pace.reach(done)
    pace.finish()


def _records(folder: str, files: list[_File], infos: list[PlaneInfo]) -> RecordTable:
    steps = any(file.step is not None for file in files)
    from_middle = any(info.offset for info in infos)
    table = RecordTable(folder)
    for file, info in zip(files, infos, strict=True):
        _check_is_of_its_well(file, info)
        projection = info.projection or ("unknown" if steps and file.step is None else "")
        x_um, y_um = (info.offset if from_middle else info.stage) or (None, None)
        table.add(
            ImageRecord(
                well=file.well,
                site=file.site,
                channel=file.channel,
                z=0 if projection else file.step or 1,
                timepoint=file.timepoint,
                path=file.path,
                projection=projection,
                x_um=x_um,
                y_um=y_um,
                z_um=info.z_position,
            )
        )
    return table


def _check_is_of_its_well(file: _File, info: PlaneInfo) -> None:
    """Refuse a file whose name and header contradict each other: one of them was made after the microscope.

    Raises
    ------
    PlateError
        Names both.
    """
    if (info.well and info.well != file.well) or (info.site is not None and info.site != file.site):
        says = f"{info.well or file.well}, site {info.site if info.site is not None else file.site}"
        raise PlateError(f"{file.path}: says of itself that it is of well {says}; move it away, or {BY_NAMES}")


def _setting(channel: str, files: list[_File], infos: list[PlaneInfo]) -> str:
    settings = (info.setting for file, info in zip(files, infos, strict=True) if file.channel == channel)
    return _most_common(setting for setting in settings if setting) or ""


def _most_common(values: Iterable[_Value]) -> _Value | None:
    counts = Counter(values).most_common(1)
    return counts[0][0] if counts else None


FORMAT: Final = PlateFormat(LAYOUT, "files named like <name>_E07_s1_w1<GUID>.tif in <day>/<number>", _find, read_plate)
