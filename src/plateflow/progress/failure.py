"""An exception as plain text: what crosses to other processes is never the exception itself."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from plateflow.errors import InputError, PlateflowError
from plateflow.progress.carried import carried

TRACEBACK_LIMIT = 16_000
"""Characters; with the error's they fit a line even where JSON escapes each one as ``\\u0000``."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, for people."""

    error: str
    """Type and text; of an error of plateflow's own the text alone."""
    traceback: str = ""


def describe(error: BaseException) -> Failure:
    """Put an exception into words, cut so that an update can carry it; whatever the exception, this raises none.

    Of a long traceback both ends stay: where it began, and what was raised. What the library refuses has none.
    """
    try:
        text = "".join(traceback.format_exception_only(error)).strip()
        frames = "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001 - an exception may be anything, its own formatting included
        text = f"{type(error).__name__}, which cannot be formatted"
        frames = "".join(traceback.format_tb(error.__traceback__))
    if isinstance(error, PlateflowError):
        text = text.partition(": ")[2] or text  # made for people: its type says nothing to them
    if isinstance(error, InputError):
        frames = ""
    return Failure(carried(text) or type(error).__name__, carried(frames, TRACEBACK_LIMIT))
