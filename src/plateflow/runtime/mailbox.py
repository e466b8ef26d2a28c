"""How other threads, and signal handlers, reach the server's loop."""

from __future__ import annotations

import os
import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, NamedTuple

from plateflow.errors import ServerError

if TYPE_CHECKING:
    from plateflow.progress.update import ProgressUpdate


class Letter(NamedTuple):
    """An update, and where its ``seq`` is awaited."""

    update: ProgressUpdate
    line: bytes
    answer: Future[int]


class Mailbox:
    """Updates on their way to the loop, and the wish that it ends; wakes the loop's poll."""

    def __init__(self) -> None:
        self.fd = self.wake_fd = -1
        """Ends of a pipe: whatever is written to the second wakes the loop."""
        self._lock = threading.RLock()  # a signal handler may interrupt the thread that holds it
        self._letters: deque[Letter] = deque()
        self._open = False
        self.stopping = False
        """Whether the loop was asked to end."""

    def open(self) -> None:
        """Begin to take letters."""
        self.fd, self.wake_fd = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(self.wake_fd, False)
        self._open = True

    def send(self, update: ProgressUpdate, line: bytes) -> Future[int]:
        """Hand an update to the loop.

        Raises
        ------
        ServerError
            If the loop has ended.
        """
        letter = Letter(update, line, Future())
        with self._lock:
            if not self._open:
                raise ServerError("the server is not running; start it before sending updates through it")
            self._letters.append(letter)
            self._wake()
        return letter.answer

    def stop(self) -> None:
        """Ask the loop to end; may be called from a signal handler, and again."""
        with self._lock:
            self.stopping = True
            if self._open:
                self._wake()

    def take(self) -> list[Letter]:
        """Return what has come since the last call."""
        with self._lock:
            letters = list(self._letters)
            self._letters.clear()
            try:
                os.read(self.fd, 4096)
            except BlockingIOError:
                pass
        return letters

    def close(self) -> None:
        """Refuse what is left and whatever comes."""
        with self._lock:
            letters = self.take()
            self._open = False
            os.close(self.fd)
            os.close(self.wake_fd)
        for letter in letters:
            letter.answer.set_exception(ServerError("the server has ended"))

    def _wake(self) -> None:
        try:
            os.write(self.wake_fd, b"!")
        except BlockingIOError:
            pass  # the pipe is full: the loop wakes anyway
