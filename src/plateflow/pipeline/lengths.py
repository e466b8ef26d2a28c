"""Lengths as people say them: pixels, or micrometres where a plate tells the size of its pixels."""

from __future__ import annotations

import re
import types
from typing import Annotated, Any, Union, get_args, get_origin

from plateflow.errors import PipelineError
from plateflow.functions.kinds import Unit

_LENGTH = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\s\d]*)\s*")
_MICROMETRES = {"um": 1.0, "\N{MICRO SIGN}m": 1.0, "\N{GREEK SMALL LETTER MU}m": 1.0, "nm": 1e-3, "mm": 1e3}


class LengthError(PipelineError):
    """A text is no length, or one in micrometres on a plate that does not tell its pixel size."""


def is_length(annotation: Any) -> bool:
    """Tell whether a hint is that of a length, or of one that may be left out."""
    if get_origin(annotation) is Annotated:
        inner, *notes = get_args(annotation)
        return Unit.LENGTH in notes or is_length(inner)
    return get_origin(annotation) in (Union, types.UnionType) and any(map(is_length, get_args(annotation)))


def is_said_otherwise(annotation: Any, value: object) -> bool:
    """Tell whether a value is a length that is not said as a number of pixels."""
    return isinstance(value, str) and is_length(annotation)


def in_pixels(value: Any, pixel_size_um: float | None) -> float:
    """Return a length that was said as a text in pixels.

    Parameters
    ----------
    value
        ``"8 px"``, ``"2.6 um"``, ``"400 nm"``.
    pixel_size_um
        Of the plate; None where it does not tell.

    Raises
    ------
    LengthError
        If it is no length, or the pixel size is needed but not known.
    """
    found = _LENGTH.fullmatch(value)
    if found is None or not (found[2] in _MICROMETRES or found[2] in ("px", "")):
        raise LengthError(f"{value!r:.80} is no length; say it like 8, '8 px' or '2.6 um'")
    number = float(found[1])
    if found[2] in ("px", ""):
        return number
    if pixel_size_um is None:
        raise LengthError(f"{value!r} needs the size of a pixel, which this plate does not tell; say it in pixels")
    return number * _MICROMETRES[found[2]] / pixel_size_um
