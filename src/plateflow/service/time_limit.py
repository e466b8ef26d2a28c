"""A limit on how long the main thread may run code of a user's."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

AGAIN = 1.0
"""Seconds until it is raised once more, where the code has caught it."""
MOST_RAISED = 5
"""After that the process ends."""


class TimeLimitError(BaseException):
    """Raised wherever the code is; no ``Exception``, which user code may well catch and go on."""


@contextmanager
def time_limit(seconds: float, what: str) -> Iterator[None]:
    """End what the block does after so many seconds; main thread only.

    C code that does not return to Python is not ended by it.

    Raises
    ------
    TimeLimitError
        In the block.
    """
    raised = 0

    def on_alarm(number: int, frame: FrameType | None) -> NoReturn:
        nonlocal raised
        raised += 1
        text = f"{what} took longer than its limit of {seconds:g} s"
        if raised > MOST_RAISED:
            sys.stderr.write(f"{text} and did not let itself be ended\n")
            sys.stderr.flush()
            os._exit(1)
        raise TimeLimitError(text)

    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
