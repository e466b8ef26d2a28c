"""What the cells of a LoadData table may hold."""

from __future__ import annotations

import math
from decimal import Decimal, DecimalException
from functools import lru_cache
from typing import Final

from plateflow.errors import PlateError
from plateflow.plate.formats.whole_numbers import MOST_DIGITS, is_whole_number
from plateflow.plate.wells import STANDARD_PLATES, canonical_well, join_well

_LONGEST_WELL: Final = 20
_MOST_SHOWN: Final = 40


def shown(text: str) -> str:
    """Return a cell in quotes, as an error shows it: a long one is cut."""
    return repr(text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..")


def whole_number(text: str) -> int:
    """Return a site, plane or timepoint.

    Raises
    ------
    PlateError
        If it is no whole number; says what is needed.
    """
    if not is_whole_number(text):
        raise PlateError(f"a whole number of at most {MOST_DIGITS} digits is needed")
    return int(text)


def plate_rows(text: str) -> int:
    """Return how many rows a plate has.

    Raises
    ------
    PlateError
        If no plate has as many.
    """
    return _up_to(STANDARD_PLATES[-1][0], text)


def plate_columns(text: str) -> int:
    """Return how many columns a plate has.

    Raises
    ------
    PlateError
        If no plate has as many.
    """
    return _up_to(STANDARD_PLATES[-1][1], text)


@lru_cache(maxsize=65536)
def micrometres(text: str) -> float:
    """Return a place, told in metres, in micrometres.

    Raises
    ------
    PlateError
        If it is no finite number.
    """
    try:
        length = float(Decimal(text).scaleb(6))
    except DecimalException as e:
        raise PlateError("a number of metres is needed") from e
    if not math.isfinite(length):
        raise PlateError("a finite number of metres is needed")
    return length


def pixel_micrometres(text: str) -> float:
    """Return the size of a pixel, told in metres, in micrometres.

    Raises
    ------
    PlateError
        If it is no finite number above 0.
    """
    size = micrometres(text)
    if size <= 0:
        raise PlateError("a number of metres above 0 is needed")
    return size


def well_of(*cells: str) -> str:
    """Return the canonical name of the well that one cell names, or two: its row and its column.

    Raises
    ------
    PlateError
        If they name none.
    """
    if max(map(len, cells)) > _LONGEST_WELL:
        raise PlateError(f"{' and '.join(map(shown, cells))}: is no well name such as B06 or AA01")
    return join_well(*cells) if len(cells) > 1 else canonical_well(*cells)


def _up_to(most: int, text: str) -> int:
    number = whole_number(text)
    if not 1 <= number <= most:
        raise PlateError(f"a number from 1 to {most} is needed")
    return number
