"""Words for people that every face shares; pure functions of plain values."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

SHORT_ID = 8
"""Digits of an execution's id that people see."""


def one_line(text: str) -> str:
    """Return text on one line, without control characters: an error text may hold any."""
    if text.isprintable():
        return " ".join(text.split())
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def short_error(error: str, plate_id: str) -> str:
    """Return an error on one line, the files of its plate named within it: ``images/B07.tif: is cut off``."""
    return one_line(error.replace(f"{plate_id}/", ""))


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


def counted(count: int, noun: str) -> str:
    """Return a count of something: ``1 well``, ``1,536 wells``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
