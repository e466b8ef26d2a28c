"""What a few files of a MetaXpress export tell of all: which planes channels have, and where sites and planes lie.

MetaXpress fills ZStep folders with copies where channels differ in their z (see :mod:`.imagexpress`), so one file of
each channel and ZStep folder is asked what it is.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from plateflow.plate.formats.metaseries import NOTHING_KNOWN, PlaneInfo, read_plane_info

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plateflow.plate.image_table import ImageTable, Position

_SAMPLES: Final = 3
"""Wells, or files of one channel and z, that are asked until one can be read."""


@dataclass(frozen=True, slots=True)
class Plane:
    """One z of a channel and the ZStep folder that holds it."""

    folder: int
    z: int
    projection: str = ""


@dataclass(frozen=True, slots=True)
class Places:
    """Where images lie in their wells, in micrometres; empty where files do not tell."""

    offsets: dict[int, tuple[float, float]]
    """(x, y) by site."""
    heights: dict[tuple[str, int], float]
    """By channel and number of the ZStep folder."""

    def x_um(self, site: int) -> float | None:
        """Return where a site lies, to the right."""
        return self.offsets[site][0] if site in self.offsets else None

    def y_um(self, site: int) -> float | None:
        """Return where a site lies, downwards."""
        return self.offsets[site][1] if site in self.offsets else None


def sample_infos(images: ImageTable, found: set[Position]) -> dict[tuple[str, int], PlaneInfo]:
    """Return what one file of each (channel, ZStep folder) says of itself; as far as can be, files of one well."""
    first: dict[tuple[str, int], Position] = {}
    for position in sorted(found):
        first.setdefault((position.channel, position.z), position)
    best: dict[tuple[str, int], PlaneInfo] = {}
    for well in sorted(images.wells(), key=lambda well: -len(images.of(well)))[:_SAMPLES]:
        paths = {key: path for key, position in first.items() if (path := images.of(well).get(position)) is not None}
        infos = {key: info for key, path in paths.items() if (info := read_plane_info(path)) != NOTHING_KNOWN}
        best = max(best, infos, key=len)
        if len(best) == len(first):
            return best
    return {key: best.get(key) or _read_first(images.paths_at(position)) for key, position in first.items()}


def _read_first(paths: Iterable[str]) -> PlaneInfo:
    infos = (read_plane_info(path) for path in list(paths)[:_SAMPLES])
    return next((info for info in infos if info != NOTHING_KNOWN), NOTHING_KNOWN)


def site_offsets(images: ImageTable, found: set[Position]) -> dict[int, tuple[float, float]]:
    """Return where each site lies in its well, as a file of it tells: all wells have the same sites."""
    first: dict[int, Position] = {}
    for position in sorted(found):
        first.setdefault(position.site, position)
    infos = {site: _read_first(images.paths_at(position)) for site, position in first.items()}
    return {site: info.offset for site, info in infos.items() if info.offset is not None}


def plane_heights(infos: dict[tuple[str, int], PlaneInfo]) -> dict[tuple[str, int], float]:
    """Return how high each plane lies above the lowest, in the well and site that most of the files asked are of."""
    fields = Counter((info.well, info.site) for info in infos.values() if info.well)
    if not fields:
        return {}
    field = fields.most_common(1)[0][0]
    heights = {
        plane: info.z_position
        for plane, info in infos.items()
        if (info.well, info.site) == field and info.z_position is not None
    }
    lowest = min(heights.values(), default=0.0)
    return {plane: round(height - lowest, 6) for plane, height in heights.items()}


def planes_of(channel: str, infos: dict[tuple[str, int], PlaneInfo]) -> list[Plane]:
    """Return the z of one channel, ascending, by what its sampled files say of themselves."""
    own = {folder: info for (of, folder), info in sorted(infos.items()) if of == channel}
    planes, known = [], set()
    for folder, info in own.items():
        identity = (info.z_step, info.z_position)
        if folder == 0 or info.projection or (info.z_step is not None and identity in known):
            continue
        known.add(identity)
        planes.append(Plane(folder, folder))
    if len(planes) == 1 and len(own) > 1:
        return [Plane(planes[0].folder, 1)]  # the others are copies of it, so its folder's number tells nothing
    if planes:
        return planes
    if not own:
        return [Plane(1, 1)]
    folder, info = next(iter(own.items()))
    if info.z_step is not None and not info.projection:
        return [Plane(folder, 1)]
    return [Plane(folder, 0, info.projection or "unknown")]
