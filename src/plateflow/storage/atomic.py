"""Files that stand complete under their name or not at all: written under a temporary name, then renamed."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

Data: TypeAlias = bytes | bytearray | memoryview

TEMPORARY_PREFIX = ".tmp-"
"""What stands under such a name was left by a writer that died; readers pass it over, :func:`sweep` removes it."""


class WrittenFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the results and its size, by which a later reader sees whether it is still whole."""

    path: str
    """Relative, with ``/``; relative to what, the function that returns it tells."""
    size: int
    """In bytes."""


def write_atomic(path: Path, data: Data, *, fsync: bool = False, mode: int | None = None) -> None:
    """Write a file, or leave what stood under its name as it was.

    Parameters
    ----------
    path : Path
        Its folder must exist.
    data : bytes-like
    fsync : bool
        Return only when file and name would survive a power cut.
    mode : int, optional
        Permissions of the file; by default those that new files get.

    Raises
    ------
    OSError
        With `path` as its ``filename``, also when the disk is full. Where only its folder could not be synced, the new
        file stands, but might not survive a power cut.
    """
    temporary = _temporary_beside(path)
    with naming(path):
        try:
            _write_file(temporary, data, fsync=fsync)
            if mode is not None:
                os.chmod(temporary, mode)
            os.replace(temporary, path)
        except OSError:
            with suppress(OSError):  # then a later sweep finds it
                temporary.unlink(missing_ok=True)
            raise
        if fsync:
            sync_folder(path.parent)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Have an error name this path: a temporary name says nothing to people, and some errors have none.

    Raises
    ------
    OSError
        With `path` as its ``filename``.
    """
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextmanager
def replacing_folder(path: Path) -> Iterator[FolderWriter]:
    """Fill a folder that appears under its name when the block ends, in place of any folder of that name.

    Nothing appears when the block raises. Parents are made. For one writer at a time.
    """
    temporary = _temporary_beside(path)
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
    try:
        yield FolderWriter(temporary, path)
        with naming(path):
            _swap(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # gone already where it was renamed


@dataclass(frozen=True, slots=True)
class FolderWriter:
    """Writes the files of a new folder and notes them, in the order written."""

    folder: Path
    """Where the files are written; fresh, and this writer's alone."""
    final: Path
    """What the folder will be called; named in errors."""
    files: list[WrittenFile] = field(default_factory=list)
    """Paths relative to the folder."""
    _made: set[str] = field(default_factory=set)

    def write(self, path: str, data: Data) -> None:
        """Write a new file and the folders above it.

        Raises
        ------
        OSError
            With the final path as its ``filename``, also when the disk is full.
        """
        with naming(self.final / path):
            self._make(path.rpartition("/")[0])
            _write_file(f"{self.folder}/{path}", data, fsync=False)
        self.files.append(WrittenFile(path, len(data)))

    def _make(self, folder: str) -> None:
        if not folder or folder in self._made:
            return
        self._make(folder.rpartition("/")[0])
        os.mkdir(f"{self.folder}/{folder}")
        self._made.add(folder)


def sweep(folder: Path, *, depth: int = 0) -> None:
    """Remove what writers that died left in a folder; only while no writer is at work there.

    Parameters
    ----------
    folder
        Where to look.
    depth
        How many levels of folders below it too.

    Raises
    ------
    OSError
        With `folder` as its ``filename``.
    """
    with naming(folder):
        for entry in list(os.scandir(folder)):
            is_folder = entry.is_dir(follow_symlinks=False)
            if not entry.name.startswith(TEMPORARY_PREFIX):
                if is_folder and depth:
                    sweep(Path(entry.path), depth=depth - 1)
            elif is_folder:
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)


def remove_folder(path: Path) -> None:
    """Remove a folder, if there is one: it leaves its name at once, so that nobody takes what is left for the whole.

    Raises
    ------
    OSError
        With `path` as its ``filename``.
    """
    temporary = _temporary_beside(path)
    with naming(path):
        try:
            path.rename(temporary)
        except FileNotFoundError:
            return
    shutil.rmtree(temporary, ignore_errors=True)  # what is left a later sweep finds


def sync_folder(folder: Path) -> None:
    """Return when the names in a folder would survive a power cut.

    Raises
    ------
    OSError
        With `folder` as its ``filename``.
    """
    with naming(folder):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _temporary_beside(path: Path) -> Path:
    return path.with_name(TEMPORARY_PREFIX + secrets.token_hex(8))


def _swap(new: Path, path: Path) -> None:
    """Rename over what is there; two renames, because a rename does not replace a folder that holds something."""
    if path.exists():
        old = _temporary_beside(path)
        path.rename(old)
        new.rename(path)
        shutil.rmtree(old, ignore_errors=True)
    else:
        new.rename(path)


def _write_file(path: str | Path, data: Data, *, fsync: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        written = os.write(descriptor, data)
        while written < len(data):  # a signal, or more than 2 GiB
            written += os.write(descriptor, memoryview(data)[written:])
        if fsync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
