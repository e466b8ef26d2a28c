"""An exception as plain text: what crosses to other processes is never the exception itself."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from plateflow.errors import PlateflowError
from plateflow.pipeline.plan import ERROR_LIMIT

TRACEBACK_LIMIT = 16_000
"""Characters; with the error's they fit a line even where JSON escapes each one as ``\\u0000``."""
CUT = "\n[...]\n"


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, for people."""

    error: str
    """Type and text."""
    traceback: str = ""


def describe(error: BaseException) -> Failure:
    """Put an exception into words, cut so that an update can carry it.

    Of a long traceback both ends stay: where it began, and what was raised.
    """
    text = "".join(traceback.format_exception_only(error)).strip()
    if isinstance(error, PlateflowError):
        text = text.partition(": ")[2] or text  # made for people: its type says nothing to them
    frames = "".join(traceback.format_exception(error))
    return Failure(_carried(text, ERROR_LIMIT) or type(error).__name__, _carried(frames, TRACEBACK_LIMIT))


def _carried(text: str, limit: int) -> str:
    # Twice: escaping what UTF-8 cannot carry makes a text longer, and a huge one is not to be escaped whole.
    return _cut(_cut(text, limit).encode("utf-8", "backslashreplace").decode("utf-8"), limit)


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    half = (limit - len(CUT)) // 2
    return text[:half] + CUT + text[-half:]
