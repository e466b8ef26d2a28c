"""Reads lines from a pipe or socket without ever blocking."""

from __future__ import annotations

import os
from typing import NamedTuple

from plateflow.errors import SchemaError
from plateflow.progress.strict import LINE_LIMIT

READ_LIMIT = 256 * 1024
"""Bytes that one :meth:`LineReader.read` takes, so that one busy writer cannot starve the others."""
_CHUNK = 64 * 1024


class Lines(NamedTuple):
    """What one read found."""

    complete: bytes
    """Whole lines, newlines included; may be empty."""
    ended: bool
    """Whether the writer is gone and all that it wrote has been read."""


class LineTooLongError(SchemaError):
    """A line is longer than any message may be.

    Attributes
    ----------
    complete : bytes
        The whole lines that came before it in this read.
    """

    def __init__(self, complete: bytes, limit: int) -> None:
        self.complete = complete
        super().__init__("", f"a line is longer than {limit} bytes")


class LineReader:
    """Reads lines as they come; the last one, where its writer died within it, is dropped at the end.

    Parameters
    ----------
    fd
        The read end of a pipe, or a stream socket; it is made non-blocking and stays the caller's to close.
    limit
        Bytes in one line, newline included.
    """

    def __init__(self, fd: int, *, limit: int = LINE_LIMIT) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._limit = limit
        self._tail = bytearray()

    def read(self) -> Lines:
        """Read what is there: to the end, until nothing more is ready, or 256 KiB.

        Nothing complete and not ended means that nothing more is ready.

        Raises
        ------
        LineTooLongError
            At a line over the limit; what follows it cannot be read.
        """
        complete: list[bytes] = []
        taken = 0
        while taken < READ_LIMIT:
            chunk = self._receive()
            if not chunk:
                return Lines(b"".join(complete), ended=chunk is not None)
            taken += len(chunk)
            self._split(chunk, complete)
        return Lines(b"".join(complete), ended=False)

    def _split(self, chunk: bytes, complete: list[bytes]) -> None:
        first = chunk.find(b"\n") + 1
        if len(self._tail) + (first or len(chunk)) > self._limit:
            raise LineTooLongError(b"".join(complete), self._limit)
        end = chunk.rfind(b"\n") + 1
        if end:
            complete += (bytes(self._tail), chunk[:end])
            self._tail.clear()
        self._tail += chunk[end:]

    def _receive(self) -> bytes | None:
        # None: nothing is ready; b"": the end.
        try:
            return os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return None
        except ConnectionResetError:  # a socket whose peer died with something unread; what it sent has been read
            return b""
