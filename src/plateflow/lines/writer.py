"""Writes whole lines to a pipe or socket whose reader may be slow, without holding up the work that reports."""

from __future__ import annotations

import math
import os
import select
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, TypeAlias

from plateflow.errors import PlateflowError

if TYPE_CHECKING:
    from collections.abc import Callable

STALL_WAIT = 0.05
"""Seconds that a write may wait on a full pipe, once per stall."""
GIVE_UP_CHECK = 0.1
"""Seconds within which a flush sees that it may give up."""

CoalesceKey: TypeAlias = tuple[str, int]
"""(axis_id, step_index) of a good ``pattern_group`` line: while it waits, a newer one with the same key replaces it."""
_TORN = 0


class ReaderGoneError(PlateflowError):
    """Nobody reads this pipe or socket any more: its reader has closed it or died."""


def _never() -> bool:
    return False


class LineWriter:
    """Writes lines in order; what the pipe does not take at once waits in memory.

    On a full pipe a write waits until at most ``stall_wait`` seconds after the stall began; until the backlog is gone,
    further writes only try. What waits is tried again with each write, so it may stay for as long as nothing is
    reported: :meth:`flush` before a result and at the end. Any thread may write; nobody waits for room while holding
    what others need, so a thread that flushes holds up no other. The descriptor is made non-blocking and stays the
    caller's to close.

    Parameters
    ----------
    fd
        The write end of a pipe, or a stream socket.
    stall_wait
        Seconds.

    Attributes
    ----------
    coalesced : int
        Lines that were dropped for a newer one so far.
    """

    def __init__(self, fd: int, *, stall_wait: float = STALL_WAIT) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._stall_wait = stall_wait
        self._lock = threading.Lock()
        self._given = 0
        """Lines are numbered from 1 as they come: the newest one's number."""
        self._written = 0
        """Number of the last line that is wholly in the pipe; all before it are too, or gave way to a newer one."""
        self._waiting: OrderedDict[CoalesceKey | int, tuple[int, bytes]] = OrderedDict()
        """Numbers and lines, oldest first: by key or number; under _TORN what is left of a line partly written."""
        self._patient_until = math.inf
        """While something waits: until when a write waits too, on the monotonic clock."""
        self.coalesced = 0

    @property
    def pending(self) -> bool:
        """Whether something waits in memory."""
        return bool(self._waiting)

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
            number = self._given = self._given + 1
            sent = 0 if self._waiting else self._send(line)
            if sent == len(line):
                self._written = number  # as nearly always; what follows costs 1 us more
                return
            self._keep(number, line[sent:], _TORN if sent else coalesce)
            if self._try_writing():
                return
            patient_until = self._patient_until
        self._wait_for(number, patient_until)

    def write_pending(self) -> bool:
        """Write what waits, as far as the pipe takes it now; return whether nothing waits any more.

        Raises
        ------
        ReaderGoneError
            If the reader is gone.
        """
        with self._lock:
            return self._try_writing()

    def flush(self, give_up: Callable[[], bool] = _never) -> None:
        """Block until every line given so far is in the pipe; other threads write on meanwhile.

        Parameters
        ----------
        give_up
            Asked every 0.1 s: whether to leave the lines waiting instead.

        Raises
        ------
        ReaderGoneError
            If the reader is gone.
        """
        with self._lock:
            last = self._given
        writable = self._poll_writable()
        while not self._advance(last) and not give_up():
            writable.poll(1000 * GIVE_UP_CHECK)

    def _wait_for(self, number: int, until: float) -> None:
        writable = self._poll_writable()
        while (left := until - time.monotonic()) > 0:
            writable.poll(1000 * left)
            if self._advance(number):
                return

    def _poll_writable(self) -> select.poll:
        writable = select.poll()  # one each: two threads may not wait on the same
        writable.register(self._fd, select.POLLOUT)
        return writable

    def _advance(self, number: int) -> bool:
        # Write what the pipe takes now; return whether that line is in it.
        with self._lock:
            self._try_writing()
            return self._written >= number

    def _keep(self, number: int, line: bytes, key: CoalesceKey | int | None) -> None:
        if key is None:
            key = number
        self.coalesced += self._waiting.pop(key, None) is not None
        self._waiting[key] = number, line

    def _try_writing(self) -> bool:
        # Return whether nothing waits any more.
        while self._waiting:
            key, (number, line) = next(iter(self._waiting.items()))
            written = self._send(line)
            if not written:
                self._patient_until = min(self._patient_until, time.monotonic() + self._stall_wait)
                return False
            del self._waiting[key]
            if written < len(line):
                self._waiting[_TORN] = number, line[written:]
                self._waiting.move_to_end(_TORN, last=False)
            else:
                self._written = number
        self._patient_until = math.inf
        return True

    def _send(self, data: bytes) -> int:
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0
        except (BrokenPipeError, ConnectionResetError) as e:
            raise ReaderGoneError(f"nobody reads descriptor {self._fd} any more: its reader has ended") from e
