"""Files that others made, opened so that none can hold up or fill whoever reads it.

In place of a file may stand a FIFO, which blocks until somebody writes to it, or a link to a device that never ends.
What is no regular file is refused before a byte of it is read, and text files have a size that they may not pass.
"""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader, FileIO, TextIOWrapper
from typing import Final

MEGABYTE: Final = 2**20

_KINDS: Final = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_regular(path: str | os.PathLike[str]) -> FileIO:
    """Open a regular file for reading, unbuffered.

    Raises
    ------
    OSError
        If it is not there, may not be read, or is no regular file; ``strerror`` says which.
    """
    descriptor = _open(path)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            kind = _KINDS.get(stat.S_IFMT(mode), "something else")
            raise OSError(errno.EINVAL, f"is not a regular file but {kind}", os.fspath(path))
        return FileIO(descriptor)
    except OSError:
        os.close(descriptor)
        raise


def read_limited(path: str | os.PathLike[str], limit: int) -> bytes:
    """Read a whole regular file of at most so many bytes.

    Raises
    ------
    OSError
        As :func:`open_regular`, or if it is longer.
    """
    data = bytearray()
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        while size <= limit and (part := file.read(MEGABYTE)):
            data += part
            size = max(size, len(data))  # it may grow
    if size > limit:
        allowed = f"{limit // MEGABYTE} MB" if limit >= MEGABYTE else f"{limit} bytes"
        raise OSError(errno.EFBIG, f"is larger than the {allowed} that such a file may have", os.fspath(path))
    return bytes(data)


def open_text(path: str | os.PathLike[str], encoding: str) -> TextIOWrapper:
    """Open a regular text file, its line ends as they are, as for the csv module.

    Raises
    ------
    OSError
        As :func:`open_regular`.
    """
    return TextIOWrapper(BufferedReader(open_regular(path)), encoding=encoding, newline="")


def real_path(path: str | os.PathLike[str]) -> str:
    """Return the absolute path without links, as far as they can be followed; raises nothing for what is not there.

    Not by ``Path.resolve``, which raises where a link leads back to itself.
    """
    try:
        return os.path.realpath(path)
    except ValueError:  # a name that no file can have; whoever opens it says so
        return os.path.abspath(path)


def reason_of(error: OSError, path: str | os.PathLike[str]) -> str:
    """Say why a file could not be opened, and what to do about it."""
    text = error.strerror or str(error)
    if error.errno == errno.ENOENT and os.path.islink(path):
        return f"{text}: it is a link to {os.readlink(path)}; put the file in its place"
    if error.errno == errno.ELOOP:
        return f"{text}: it is a link that leads back to itself; put the file in its place"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{text}; change its permissions, or those of the folders above it"
    return text


def _open(path: str | os.PathLike[str]) -> int:
    # Not blocking: a FIFO opens at once then, and regular files know no difference.
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except ValueError as e:
        raise OSError(errno.EINVAL, "has a name that no file can have", os.fspath(path)) from e
    except OSError as e:
        if e.errno == errno.ENXIO:
            raise OSError(errno.EINVAL, "is not a regular file but a socket", os.fspath(path)) from e
        raise
