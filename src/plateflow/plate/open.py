"""Opening a plate: which reader a folder is for, and the plate map beside it."""

from __future__ import annotations

import gc
import os
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from plateflow.errors import PlateError
from plateflow.plate.detect import detect
from plateflow.plate.formats import filenames as by_name
from plateflow.plate.listing import FileReport, check_is_text, telling_found
from plateflow.plate.plate_map import read_plate_map
from plateflow.progress.carried import carried
from plateflow.progress.emitter import Emitter, Report, no_report
from plateflow.progress.update import ProgressPhase, ProgressStatus
from plateflow.progress.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plateflow.plate.model import Plate


def open_plate(
    path: str | os.PathLike[str],
    *,
    filenames: str | None = None,
    metadata: str | None = None,
    layout: str | None = None,
    execution_id: str | None = None,
    report: Report | None = None,
) -> Plate:
    """Open a plate by the names of its files and its metadata files; pixels are not read, nothing is written.

    Parameters
    ----------
    path
        The acquisition folder.
    filenames
        Regular expression with the named groups ``well`` or ``row`` and ``column``, and where there are several
        ``site``, ``channel``, ``z``, ``timepoint``; must match the whole of a file's name (of its path below the folder
        where it has a ``/``). It wins over vendor readers.
    metadata
        A CSV table of what is in each well (:func:`.read_plate_map`); a relative path is looked up in the folder and
        then in the one above it.
    layout
        Name of the reader ("opera-phenix") that is to read the folder; None: the one that knows it.
    execution_id
        Of the updates; None: a new one.
    report
        Takes ``init`` updates, at most every 0.1 s, and at the end. While folders are listed the total is 0, and the
        message tells how many files were found; with the first update after that the total is fixed.

    Raises
    ------
    PlateError
        If the folder is none, no reader knows its layout, or its files contradict each other.
    """
    where = carried(os.path.abspath(os.fspath(path)))
    emitter = Emitter(report or no_report, execution_id or uuid4().hex, where)
    told = _InitUpdates(emitter)
    try:
        folder = _resolve(os.fspath(path))
        told = _InitUpdates(replace(emitter, plate_id=folder))
        with telling_found(told.found):
            plate = _read(folder, filenames, layout, told.count)
        if metadata is not None:
            plate = msgspec.structs.replace(plate, plate_map=read_plate_map(folder, metadata, plate.wells))
    except PlateError as e:
        told.fail(str(e))
        raise
    told.complete(plate)
    return plate


class _InitUpdates:
    """Turns the counts of a plate's reader into updates."""

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self._status = ProgressStatus.STARTED
        self._done = self._total = 0

    def found(self, files: int) -> None:
        """Tell of files that were found; a reader may list a folder when it has begun to count, too."""
        self._emit(f"{counted(files, 'file')} found")

    def count(self, done: int, total: int) -> None:
        self._done, self._total = done, total
        self._emit()

    def complete(self, plate: Plate) -> None:
        total = self._total
        self._emitter.emit(ProgressPhase.INIT, ProgressStatus.COMPLETED, total, total, message=describe_plate(plate))

    def fail(self, error: str) -> None:
        self._emitter.emit(ProgressPhase.INIT, ProgressStatus.ERROR, self._done, self._total, error=error)

    def _emit(self, message: str = "") -> None:
        self._emitter.emit(ProgressPhase.INIT, self._status, self._done, self._total, message=message)
        self._status = ProgressStatus.RUNNING


def describe_plate(plate: Plate) -> str:
    """Say in one line what was understood of a plate."""
    records = list(chain.from_iterable(plate.wells.values()))
    missing = sum(map(attrgetter("missing"), records))  # as below, in half the time of a loop: there may be a million
    channels = ", ".join(f"{c.name} {c.label}".strip() for c in plate.channels)
    parts = [
        f"{counted(len(plate.wells), 'well')} of {plate.rows} x {plate.columns}",
        counted(len(set(map(attrgetter("site"), records))), "site"),
        f"channels {channels}",
        counted(len(set(map(attrgetter("z"), records))), "z plane"),
        counted(len(set(map(attrgetter("timepoint"), records))), "timepoint"),
        counted(len(records) - missing, "image"),
    ]
    if missing:
        parts.append(f"{missing} missing")
    return f"{plate.layout}: " + ", ".join(parts)


def _resolve(path: str) -> str:
    check_is_text(path)
    try:
        folder = os.path.realpath(path, strict=True)
    except (OSError, ValueError) as e:
        reason = e.strerror if isinstance(e, OSError) else e
        raise PlateError(f"{path}: there is no such plate folder: {reason}") from e
    check_is_text(folder)
    if not os.path.isdir(folder):
        raise PlateError(f"{folder}: is a file; give the folder of the plate")
    return folder


def _read(folder: str, filenames: str | None, layout: str | None, report: FileReport | None) -> Plate:
    if layout is not None and (filenames is None) is (layout == by_name.LAYOUT):
        wrong = "needs --filenames, too" if filenames is None else "and --filenames cannot be given together"
        raise PlateError(f"--format {layout} {wrong}")
    with _uncollected():
        if filenames is not None:
            return by_name.read_plate(folder, filenames, report)
        return detect(folder, layout).read(report)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector from looking through a million records again and again; they hold no cycles."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
