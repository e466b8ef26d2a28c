"""Questions to runners from the window: in a thread of their own, so that news never waits for an answer."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from plateflow.gui.link import Answer, Refused, ServerLink
from plateflow.service.questions import Failed, consult

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from plateflow.service import questions


class Consultant(QObject):
    """Asks one question after another; the thread is started with the first.

    Parameters
    ----------
    directory
        The server's; one is started where none runs.
    """

    _woken = Signal()

    def __init__(self, directory: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._directory = directory
        self._link: ServerLink | None = None
        self._numbers = itertools.count(1)
        self._asked: dict[str, Callable[[questions.Answer], object]] = {}
        self._closing = False
        self._woken.connect(self._take)

    def close(self) -> None:
        """End the thread; a question that is not answered yet never is."""
        self._closing = True
        if self._link is not None:
            self._link.close()
            self._link = None

    def ask(self, question: questions.Question, then: Callable[[questions.Answer], object]) -> None:
        """Have a question answered.

        Parameters
        ----------
        question
            What to ask.
        then
            Called in this thread with the answer: ``Failed`` also where the server is gone or its runner ended.
        """
        if self._link is None:
            self._link = ServerLink(self._directory, self._woken.emit)
        name = str(next(self._numbers))
        self._asked[name] = then
        self._link.ask(
            name, lambda client: (name, consult(client, question, give_up=lambda: self._closing)), self._answer
        )

    def _take(self) -> None:
        for event in self._link.take() if self._link is not None else ():
            if isinstance(event, Answer):
                event.then(event.value)
            elif isinstance(event, Refused):
                self._answer((event.execution_id, Failed(reason=event.reason)))

    def _answer(self, answered: tuple[str, questions.Answer]) -> None:
        name, answer = answered
        then = self._asked.pop(name, None)
        if then is not None:
            then(answer)
