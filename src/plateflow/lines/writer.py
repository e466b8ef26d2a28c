"""Writes whole lines to a pipe or socket whose reader may be slow, without holding up the work that reports."""

from __future__ import annotations

import itertools
import os
import select
import threading
import time
from collections import OrderedDict
from typing import TypeAlias

from plateflow.errors import PlateflowError

STALL_WAIT = 0.05
"""Seconds that a write may wait on a full pipe, once per stall."""

CoalesceKey: TypeAlias = tuple[str, int]
"""(axis_id, step_index) of a good ``pattern_group`` line: while it waits, a newer one with the same key replaces it."""


class ReaderGoneError(PlateflowError):
    """Nobody reads this pipe or socket any more: its reader has closed it or died."""


class LineWriter:
    """Writes lines in order; what the pipe does not take at once waits in memory.

    On a full pipe one write waits at most ``stall_wait`` seconds; until the backlog is gone, further writes only try.
    What waits is tried again with each write, so it may stay for as long as nothing is reported: :meth:`flush` before
    a result and at the end. Any thread may write. The descriptor is made non-blocking and stays the caller's to close.

    Parameters
    ----------
    fd
        The write end of a pipe, or a stream socket.
    stall_wait
        Seconds.
    """

    def __init__(self, fd: int, *, stall_wait: float = STALL_WAIT) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._stall_wait = stall_wait
        self._lock = threading.Lock()
        self._rest = b""  # of the line that is partly written: never replaced
        self._waiting: OrderedDict[CoalesceKey | int, bytes] = OrderedDict()
        self._serial = itertools.count()
        self._stalled = False

    @property
    def pending(self) -> bool:
        """Whether something waits in memory."""
        return bool(self._rest or self._waiting)

    def write(self, line: bytes, coalesce: CoalesceKey | None = None) -> None:
        """Write one line, its newline included.

        Parameters
        ----------
        line
            At most 128 KiB.
        coalesce
            Only for a ``pattern_group`` that ran well: a waiting line with the same key is dropped for this one, which
            takes its own place at the end, so the order of what remains never changes. None for every other line:
            those are never dropped.

        Raises
        ------
        ReaderGoneError
            If the reader is gone.
        """
        with self._lock:
            key = next(self._serial) if coalesce is None else coalesce
            self._waiting.pop(key, None)
            self._waiting[key] = line
            if not self._try_writing() and not self._stalled:
                self._stalled = not self._write_until(time.monotonic() + self._stall_wait)

    def write_pending(self) -> bool:
        """Write what waits, as far as the pipe takes it now; return whether nothing waits any more.

        Raises
        ------
        ReaderGoneError
            If the reader is gone.
        """
        with self._lock:
            return self._try_writing()

    def flush(self) -> None:
        """Block until every line is in the pipe; other threads' writes wait as long.

        Raises
        ------
        ReaderGoneError
            If the reader is gone.
        """
        with self._lock:
            self._write_until(None)

    def _write_until(self, deadline: float | None) -> bool:
        writable = select.poll()
        writable.register(self._fd, select.POLLOUT)
        while not self._try_writing():
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return False
            writable.poll(None if left is None else 1000 * left)
        return True

    def _try_writing(self) -> bool:
        while self._rest or self._waiting:
            if not self._rest:
                _, self._rest = self._waiting.popitem(last=False)
            written = self._send(self._rest)
            self._rest = self._rest[written:]
            if not written:
                return False
        self._stalled = False
        return True

    def _send(self, data: bytes) -> int:
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0
        except (BrokenPipeError, ConnectionResetError) as e:
            raise ReaderGoneError(f"nobody reads descriptor {self._fd} any more: its reader has ended") from e
