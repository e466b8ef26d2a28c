"""The bytes of a pipeline file; clients that only name a file to a server read it too, so little is imported here."""

from __future__ import annotations

from typing import Final

from plateflow.errors import PipelineError
from plateflow.storage.regular import MEGABYTE, read_limited, reason_of

MOST_BYTES: Final = 4 * MEGABYTE
"""Of a pipeline file."""


def read_file(path: str) -> bytes:
    """Read the bytes of a pipeline file.

    Raises
    ------
    PipelineError
        If it cannot be read, is no regular file, or is larger than :data:`MOST_BYTES`.
    """
    try:
        return read_limited(path, MOST_BYTES)
    except OSError as e:
        raise PipelineError(f"pipeline {path} cannot be read: {reason_of(e, path)}") from e


def decode_text(path: str, data: bytes) -> str:
    """Return the text of a pipeline file.

    Raises
    ------
    PipelineError
        If it is not UTF-8.
    """
    try:
        return data.decode("utf-8-sig")  # some editors put a mark before the text
    except UnicodeDecodeError as e:
        raise PipelineError(f"pipeline {path} is neither Python nor TOML: it is not UTF-8 text") from e
