"""Words that several panels share; pure functions of plain values."""

from __future__ import annotations

import time
from functools import lru_cache

from plateflow.progress.wells import is_well

HALF_A_YEAR = 182 * 86400.0
"""Seconds; what is older is told by its year, not by its hour."""


def well_word(axis_id: str) -> str:
    """Return how people call an axis: a plate-wide step is of the plate."""
    return axis_id if is_well(axis_id) else "plate"


def well_key(axis_id: str) -> str:
    """Return a text by which wells sort as people count them: A1, A2, A10, B1, AA1; the plate itself comes first."""
    row = axis_id.rstrip("0123456789")
    if not is_well(axis_id) or not row.isalpha():
        return f"00{axis_id}"
    return f"{len(row):02d}{row}{axis_id[len(row) :]:0>5}"


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


@lru_cache(maxsize=64)
def _clock(seconds: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds))
