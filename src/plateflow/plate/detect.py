"""Which reader a folder is for: each is asked, and no choice is made between two that both know it."""

from __future__ import annotations

import logging
import os
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

from plateflow.errors import PlateError
from plateflow.plate.formats import (
    cellvoyager,
    cytation,
    filenames,
    imagexpress,
    imagexpress_database,
    known_names,
    load_data,
    ome_zarr,
    opera_phenix,
)
from plateflow.plate.formats.plate_format import ENTRY_POINTS, PlateFormat
from plateflow.plate.listing import list_top
from plateflow.plate.notes import IN_WINDOW

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.metadata import EntryPoint

    from plateflow.plate.listing import FileReport, TopFolder
    from plateflow.plate.model import Plate

BUILT_IN: Final[tuple[PlateFormat, ...]] = (
    imagexpress.FORMAT,
    imagexpress_database.FORMAT,
    opera_phenix.FORMAT,
    cellvoyager.FORMAT,
    cytation.FORMAT,
    ome_zarr.FORMAT,
    load_data.FORMAT,
    *known_names.FORMATS,
)
_LOOKED_INTO: Final = 24
"""Folders inside one that no reader knows, in which a plate is looked for to say so."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Match:
    """A reader, and what it found in a folder."""

    format: PlateFormat
    top: TopFolder
    found: str
    """Path of what marks the folder as its own."""

    def read(self, report: FileReport | None) -> Plate:
        """Read the plate.

        Raises
        ------
        PlateError
            If it cannot be read; also where a reader of another package fails in a way of its own.
        """
        if self.format in BUILT_IN:
            return self.format.read(self.top, self.found, report)
        try:
            return self.format.read(self.top, self.found, report)
        except PlateError:
            raise
        except Exception as e:  # the boundary of another package's code
            reason = f"{type(e).__name__}: {e}"
            where = f"{self.top.path}: the reader {self.format.name!r} of another package"
            raise PlateError(f"{where} failed: {reason}") from e


def known_formats() -> tuple[PlateFormat, ...]:
    """Return all readers: those of plateflow, then those that other packages offer, by name.

    One that cannot be loaded is left out, with a warning in the log.

    Raises
    ------
    PlateError
        If two have the same name.
    """
    offered = sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name)
    formats = (*BUILT_IN, *(loaded for entry in offered if (loaded := _load(entry)) is not None))
    name, count = Counter(each.name for each in formats).most_common(1)[0]
    if count > 1:
        raise PlateError(f"two readers of plates are called {name!r}; uninstall one of the packages that offer them")
    return formats


def detect(folder: str, name: str | None = None) -> Match:
    """Find the reader of a folder.

    Parameters
    ----------
    folder
        Absolute path.
    name
        Of the reader that it must be; None: the one that knows the folder.

    Raises
    ------
    PlateError
        If none or several know it, or the named one does not.
    """
    formats = known_formats()
    top = list_top(folder)
    if name is not None:
        return _named(name, formats, top)
    matches = _matches(formats, top)
    if not matches:
        raise PlateError(_nothing_found(formats, top))
    if len(matches) > 1:
        claims = " and ".join(f"{match.format.name} by {os.path.relpath(match.found, folder)}" for match in matches)
        raise PlateError(
            f"{folder}: {len(matches)} readers know this folder: {claims}; choose one by --format, {IN_WINDOW}"
        )
    return matches[0]


def _load(entry: EntryPoint) -> PlateFormat | None:
    try:
        loaded = entry.load()
    except Exception as e:  # noqa: BLE001 - the boundary of another package's code
        _logger.warning("the reader of plates %r (%s) cannot be loaded: %s", entry.name, entry.value, e)
        return None
    if not isinstance(loaded, PlateFormat):
        _logger.warning("the reader of plates %r (%s) is no PlateFormat", entry.name, entry.value)
        return None
    return loaded


def _named(name: str, formats: tuple[PlateFormat, ...], top: TopFolder) -> Match:
    chosen = next((each for each in formats if each.name == name), None)
    if chosen is None:
        known = ", ".join(each.name for each in formats)
        raise PlateError(
            f"there is no reader of plates {name!r}; there are: {known}, and --filenames; "
            f"choose one by --format, {IN_WINDOW}"
        )
    found = chosen.find(top)
    if found is None:
        raise PlateError(f"{top.path}: is no {name} plate: looked for {chosen.looks_for}; it {_holds(top)}")
    return Match(chosen, top, found)


def _matches(formats: Iterable[PlateFormat], top: TopFolder) -> list[Match]:
    matches = [Match(each, top, found) for each in formats if (found := each.find(top)) is not None]
    own = [match for match in matches if not match.format.derived]
    return own or matches


def _nothing_found(formats: tuple[PlateFormat, ...], top: TopFolder) -> str:
    # What can be done comes first: a list of plates shows the beginning of an error.
    looked_for = "; ".join(f"{each.name} ({each.looks_for})" for each in formats)
    inside = next(filter(None, (_plate_inside(formats, top, name) for name in top.folders[:_LOOKED_INTO])), "")
    return (
        f"{top.path}: no reader knows this layout. It {_holds(top)}. {inside}Any plate can be read by its file names: "
        f"--filenames '{filenames.EXAMPLE_PATTERN}', {IN_WINDOW}. Looked for: {looked_for}"
    )


def _plate_inside(formats: tuple[PlateFormat, ...], top: TopFolder, name: str) -> str:
    try:
        child = top.child(name)
        inside = [] if child is None else _matches(formats, child)
    except PlateError:  # this is a hint for who opened the folder above, where that is no reason to fail
        return ""
    return f"The folder {name} in it is a plate ({inside[0].format.name}): open that one. " if inside else ""


def _holds(top: TopFolder) -> str:
    """Say what is in a folder, in a few words."""
    suffixes = Counter(os.path.splitext(name)[1] or "other" for name in top.files)
    files = ", ".join(f"{count} {suffix} files" for suffix, count in suffixes.most_common(4))
    folders = f"the folders {', '.join(top.folders[:4])}{' ..' if len(top.folders) > 4 else ''}" if top.folders else ""
    return f"holds {' and '.join(part for part in (files, folders) if part) or 'nothing'}"
