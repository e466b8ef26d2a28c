"""The files of an acquisition folder, read by name alone, and telling others how far reading is.

A plate may have 100,000 files on a network share. So each folder is listed once, no file is asked for its status, and
no object is made per file but its name.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias

from plateflow.errors import PlateError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FileReport: TypeAlias = "Callable[[int, int], None]"
"""Called with (files done, files in total)."""
ListReport: TypeAlias = "Callable[[int], None]"
"""Called with the files found so far."""

REPORT_INTERVAL: Final = 0.1
"""Seconds between two reports."""
_PORTION: Final = 256
"""Names that are worked on in a row: a look at the clock costs as much as half a name."""
_LISTED: Final = 128
"""The same while a folder is listed: 2 ns a name, and where each takes a millisecond soon enough."""


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder and the files directly in it."""

    path: str
    """Absolute, with a separator at its end, so that ``path + name`` is a file's path."""
    prefix: str
    """What stands before a file's name in its path relative to the plate: ``""`` or ``"TimePoint_1/ZStep_2/"``."""
    names: tuple[str, ...]
    """Sorted; hidden files (``.DS_Store``, ``._B02.tif``) are left out."""


@dataclass(frozen=True, slots=True)
class TopFolder:
    """What lies directly in a folder: all that is known of it while its reader is sought."""

    path: str
    """Absolute."""
    files: tuple[str, ...]
    """Sorted names; hidden ones are left out."""
    folders: tuple[str, ...]

    def child(self, name: str) -> TopFolder | None:
        """List a folder in this one; None where there is none.

        Raises
        ------
        PlateError
            As :func:`list_top`.
        """
        return list_top(os.path.join(self.path, name)) if name in self.folders else None

    def file(self, *names: str) -> str | None:
        """Return the path of the first of these files that is here; upper and lower case are the same."""
        wanted = [name.lower() for name in names]
        lengths = set(map(len, wanted))
        # Of a million images hardly any has a name that is as long.
        here = {name.lower(): name for name in reversed(self.files) if len(name) in lengths}
        found = next((here[name] for name in wanted if name in here), None)
        return None if found is None else os.path.join(self.path, found)


def list_top(path: str) -> TopFolder:
    """List what lies directly in a folder.

    Raises
    ------
    PlateError
        If it cannot be listed, or a name in it is no text.
    """
    names, children = _list_one(path, set())
    return TopFolder(path, tuple(names), tuple(children))


def peek(path: str, most: int) -> list[str]:
    """Return the first names in a folder, in no order; all of a large folder would take as long as reading the plate.

    Raises
    ------
    PlateError
        If it cannot be listed.
    """
    try:
        with os.scandir(path) as entries:
            return [entry.name for entry in islice(entries, most)]
    except OSError as e:
        raise PlateError(f"{path}: the folder cannot be read: {e.strerror}") from e


def list_folders(root: str, enter: Callable[[str], bool]) -> list[Folder]:
    """List a folder and those below it.

    Parameters
    ----------
    root
        Absolute path.
    enter
        Told the path of a folder relative to the root, with ``/``; says whether to list it, too. Hidden folders are
        not asked about. Links to folders are followed, but no folder is listed twice.

    Raises
    ------
    PlateError
        If a folder cannot be listed, or a name in it is no text.
    """
    folders: list[Folder] = []
    seen: set[tuple[int, int]] = set()
    waiting = [(root, "")]
    while waiting:
        path, prefix = waiting.pop()
        names, children = _list_one(path, seen)
        folders.append(Folder(os.path.join(path, ""), prefix, tuple(names)))
        waiting += [
            (os.path.join(path, child), f"{prefix}{child}/") for child in reversed(children) if enter(prefix + child)
        ]
    return folders


def _list_one(path: str, seen: set[tuple[int, int]]) -> tuple[list[str], list[str]]:
    """Return the sorted names of files and of folders; nothing of a folder that was seen before.

    Raises
    ------
    PlateError
        As :func:`list_folders`.
    """
    names: list[str] = []
    children: list[str] = []
    found = _found.get()
    try:
        status = os.stat(path)
        identity = (status.st_dev, status.st_ino)
        if identity in seen:
            return names, children
        seen.add(identity)
        with os.scandir(path) as entries:
            while portion := list(islice(entries, _LISTED)):
                for entry in portion:
                    name = entry.name
                    if name[0] != ".":
                        try:
                            # Most file systems say so with the name, so no file is asked.
                            is_folder = entry.is_dir()
                        except OSError:  # a link that leads nowhere: if it stands for an image, its well will say so
                            is_folder = False
                        (children if is_folder else names).append(name)
                if found is not None:
                    found.reach(identity, len(names))
    except OSError as e:
        raise PlateError(f"{path}: the folder cannot be read: {e.strerror}") from e
    names.sort()
    children.sort()
    if not ("".join(names).isascii() and "".join(children).isascii()):
        for name in (*names, *children):
            check_is_text(os.path.join(path, name))
    return names, children


@contextmanager
def telling_found(report: ListReport) -> Iterator[None]:
    """Have whatever lists folders in this block tell how many files it has found.

    It is told at most every :data:`REPORT_INTERVAL` seconds, and never falls: files of a folder that is listed again
    count once. Readers, those of other packages too, need not pass it on; other threads tell others.

    Parameters
    ----------
    report
        Told the files found so far, hidden ones and folders are none.
    """
    token = _found.set(_Found(report))
    try:
        yield
    finally:
        _found.reset(token)


class _Found:
    """Counts the files that are found, folder by folder."""

    def __init__(self, report: ListReport) -> None:
        self._report = report
        self._next = time.monotonic() + REPORT_INTERVAL
        self._by_folder: dict[tuple[int, int], int] = {}
        self._files = 0

    def reach(self, folder: tuple[int, int], files: int) -> None:
        """Note that so many files were found in a folder so far, and tell of all, unless that was a moment ago."""
        more = files - self._by_folder.get(folder, 0)
        if more > 0:
            self._by_folder[folder] = files
            self._files += more
        now = time.monotonic()
        if now >= self._next:
            self._next = now + REPORT_INTERVAL
            self._report(self._files)


_found: ContextVar[_Found | None] = ContextVar("_found", default=None)


def each_portion(folders: list[Folder], report: FileReport | None) -> Iterator[tuple[Folder, tuple[str, ...]]]:
    """Yield every folder's names, a portion at a time, and report how far the consumer is."""
    pace = PacedReport(report, sum(len(folder.names) for folder in folders))
    done = 0
    for folder in folders:
        for begin in range(0, len(folder.names), _PORTION):
            names = folder.names[begin : begin + _PORTION]
            yield folder, names
            done += len(names)
            pace.reach(done)
    pace.finish()


def check_is_text(path: str) -> None:
    """Refuse a path that is not valid UTF-8: it could appear in no message and no table.

    Raises
    ------
    PlateError
        If it is not.
    """
    try:
        path.encode()
    except UnicodeEncodeError as e:
        raise PlateError(f"{os.fsencode(path)!r}: the name is not valid UTF-8, rename it") from e


class PacedReport:
    """Reports the start, the end, and between them at most every :data:`REPORT_INTERVAL` seconds.

    Parameters
    ----------
    report
        Told how many files are done; None for nobody.
    total
        Files in total.
    """

    def __init__(self, report: FileReport | None, total: int) -> None:
        self._report = report
        self._total = total
        self._next = time.monotonic() + REPORT_INTERVAL
        self._tell(0)

    def reach(self, done: int) -> None:
        """Tell that so many files are done, unless it was told a moment ago."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + REPORT_INTERVAL
            self._tell(done)

    def finish(self) -> None:
        """Tell that all files are done."""
        self._tell(self._total)

    def _tell(self, done: int) -> None:
        if self._report is not None:
            self._report(done, self._total)
