"""Finds out why nothing comes: a server that cannot write its journal publishes nothing, but it answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from plateflow.runtime.requester import NoAnswerError

if TYPE_CHECKING:
    from collections.abc import Callable

PERIOD_S = 2.0
"""Least time without a message, and between two questions."""


class JournalCheck:
    """Asks the server of an execution while nothing comes of it.

    Parameters
    ----------
    ask
        Asks the server why its journal cannot be written; "" where it can.
    clock
        Monotonic seconds.
    """

    def __init__(self, ask: Callable[[], str], clock: Callable[[], float] = time.monotonic) -> None:
        self.problem = ""
        """Why the journal cannot be written, as far as is known; "" where it can."""
        self._ask = ask
        self._clock = clock
        self._due = clock() + PERIOD_S

    def look(self, *, news: bool) -> bool:
        """Ask where that is due; return whether the problem is another now.

        Parameters
        ----------
        news
            Whether messages came: then the journal can be written, or they are old ones.

        Raises
        ------
        ServerError
            If the server is gone.
        """
        now = self._clock()
        if news and not self.problem:
            self._due = now + PERIOD_S
        if now < self._due and not (news and self.problem):
            return False
        self._due = now + PERIOD_S
        before = self.problem
        try:
            self.problem = self._ask()
        except NoAnswerError:
            self.problem = "the server does not answer; it is stopped, or very busy"
        return self.problem != before
