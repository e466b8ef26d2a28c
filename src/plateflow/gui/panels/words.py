"""Words that several panels share; pure functions of plain values."""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import PurePosixPath, PureWindowsPath
from typing import Final

PLATE_AXIS: Final = "plate:"
"""Begins the axis of a plate-wide step; its step's name follows."""
HALF_A_YEAR = 182 * 86400.0
"""Seconds; what is older is told by its year, not by its hour."""
SEPARATOR = " · "


def one_line(text: str) -> str:
    """Return text on one line, without control characters: an error text may hold any."""
    if text.isprintable():
        return " ".join(text.split())
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def short_error(error: str, plate_id: str) -> str:
    """Return an error on one line, the files of its plate named within it: ``images/B07.tif: is cut off``."""
    return one_line(error.replace(f"{plate_id}/", ""))


def well_word(axis_id: str) -> str:
    """Return how people call an axis: a plate-wide step is of the plate."""
    return "plate" if axis_id.startswith(PLATE_AXIS) else axis_id


def well_key(axis_id: str) -> str:
    """Return a text by which wells sort as people count them: A1, A2, A10, B1, AA1; the plate itself comes first."""
    row = axis_id.rstrip("0123456789")
    if axis_id.startswith(PLATE_AXIS) or not row.isalpha():
        return f"00{axis_id}"
    return f"{len(row):02d}{row}{axis_id[len(row) :]:0>5}"


def plate_name(plate_id: str) -> str:
    """Return the last part of a plate's path, whichever system wrote it."""
    path = PureWindowsPath(plate_id) if "\\" in plate_id else PurePosixPath(plate_id)
    return one_line(path.name) or plate_id


def duration(seconds: float) -> str:
    """Return a duration as people say it: ``16 s``, ``4 min 05 s``, ``2 h 07 min``."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def clock(seconds: float) -> str:
    """Return the local time of day of seconds since the epoch: ``08:41:07``."""
    return _clock(int(seconds))


def date(seconds: float, now: float) -> str:
    """Return a local date: with the hour, or with the year where it is long ago."""
    form = "%Y-%m-%d" if now - seconds > HALF_A_YEAR else "%m-%d %H:%M"
    return time.strftime(form, time.localtime(seconds))


def size(count: int) -> str:
    """Return a number of bytes: ``312 bytes``, ``1.4 MB``."""
    if count < 1000:
        return f"{count} bytes"
    power = next((p for p in (1, 2, 3) if count < 999.95 * 1000**p), 4)
    return f"{count / 1000**power:.1f} {' kMGT'[power]}B"


def counted(count: int, noun: str) -> str:
    """Return a count of something: ``1 well``, ``1,536 wells``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


@lru_cache(maxsize=64)
def _clock(seconds: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds))
