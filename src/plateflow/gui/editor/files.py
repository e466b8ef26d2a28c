"""Pipeline files on disk: what was read, and whether it is still that; no Qt."""

from __future__ import annotations

import stat
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from plateflow.errors import UserError
from plateflow.pipeline.source_file import MOST_BYTES
from plateflow.storage.atomic import write_atomic
from plateflow.storage.regular import read_limited, reason_of

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was when it was read or written."""

    path: Path
    text: str
    """With ``\\n`` between lines, whatever the file has."""
    newline: str = "\n"
    data: bytes | None = None
    """What is on disk, as far as is known; None where nothing is."""


def read_file(path: Path) -> File:
    """Read a file.

    Raises
    ------
    UserError
        If it cannot be read, or is not UTF-8.
    """
    try:
        data = read_limited(path, MOST_BYTES)
        text = data.decode("utf-8")
    except OSError as e:
        raise UserError(f"{path} cannot be read: {reason_of(e, path)}") from e
    except UnicodeDecodeError as e:
        raise UserError(f"{path} is not a Python file: it is not UTF-8 text") from e
    newline = "\r\n" if "\r\n" in text else "\n"
    return File(path, text.replace("\r\n", "\n"), newline, data)


def write_file(file: File, text: str) -> File:
    """Write another text into a file, whole or not at all; its permissions stay, and a link stays a link.

    Raises
    ------
    UserError
        If it cannot be written; what stood there still does.
    """
    data = text.replace("\n", file.newline).encode("utf-8")
    target = file.path.resolve()
    try:
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
        if mode is not None and not mode & stat.S_IWUSR:
            raise UserError(f"{file.path} cannot be saved: it is write-protected")
        write_atomic(target, data, fsync=True, mode=mode)
    except OSError as e:
        raise UserError(f"{file.path} cannot be saved: {e.strerror}") from e
    return replace(file, text=text, data=data)


def changed_on_disk(file: File) -> bool:
    """Tell whether somebody else has changed a file since; one that is gone has not been changed."""
    try:
        return file.path.read_bytes() != file.data
    except OSError:
        return False
