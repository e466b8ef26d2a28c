"""The results folder: one run's own, from its claim to its end."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plateflow.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class OutputFolder:
    """A results folder that this run holds."""

    path: Path
    """Absolute."""
    descriptor: int
    """Of the folder, with the lock, which lasts while any process has it open."""


@contextmanager
def claim_output(path: Path) -> Iterator[OutputFolder]:
    """Make a results folder and hold it for one run.

    The lock is the kernel's, on the folder itself: it is gone when the last process that has the descriptor ends,
    however it ends.

    Raises
    ------
    OutputError
        If a run holds the folder, it is not empty, or it cannot be written.
    """
    path = path.absolute()
    descriptor = _open_folder(path)
    try:
        _lock(descriptor, path)
        _require_writable(path)
        _require_empty(descriptor, path)
        yield OutputFolder(path, descriptor)
    finally:
        os.close(descriptor)  # which frees the lock


def _open_folder(path: Path) -> int:
    try:
        path.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileExistsError, NotADirectoryError) as error:
        raise OutputError(f"results folder {path}: a file is in its place; choose another folder") from error
    except OSError as error:
        raise OutputError(f"results folder {path} cannot be made: {error.strerror}; choose another folder") from error


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OutputError(f"results folder {path} is in use by a run; wait for its end or choose another") from error
    except OSError as error:
        raise OutputError(f"results folder {path} cannot be locked: {error.strerror}; choose a local disk") from error


def _require_writable(path: Path) -> None:
    if not os.access(path, os.W_OK | os.X_OK):
        raise OutputError(f"results folder {path} is not writable; change its permissions or choose another folder")


def _require_empty(descriptor: int, path: Path) -> None:
    entries = sorted(os.listdir(descriptor))
    if entries:
        raise OutputError(f"results folder {path} is not empty (it holds {entries[0]!r}); choose a new folder")
