"""An exception as plain text: what crosses to other processes is never the exception itself."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from plateflow.errors import PlateflowError

ERROR_LIMIT = 2_000
TRACEBACK_LIMIT = 16_000
"""Characters; together they fit a line even where JSON escapes each one as ``\\u0000``."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, for people."""

    error: str
    """Type and text."""
    traceback: str = ""


def describe(error: BaseException) -> Failure:
    """Put an exception into words, cut so that an update can carry it."""
    if isinstance(error, PlateflowError):
        text = str(error)
    else:
        text = "".join(traceback.format_exception_only(error)).strip()
    frames = "".join(traceback.format_exception(error))
    return Failure(_carried(text)[:ERROR_LIMIT] or type(error).__name__, _carried(frames)[-TRACEBACK_LIMIT:])


def _carried(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
