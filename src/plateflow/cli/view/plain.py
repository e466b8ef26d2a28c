"""The view for where stderr is no terminal: one line of text after another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from plateflow.cli.view.line_log import LineLog
from plateflow.cli.view.summary import STOPPING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from rich.console import Console

    from plateflow.cli.view.pace import Past
    from plateflow.progress.messages import Message
    from plateflow.progress.state import ExecutionProgress


class PlainView:
    """Prints the line log, each line as it comes.

    Parameters
    ----------
    console
        Of stderr.
    clock
        Monotonic seconds.
    past
        What had been of the execution before.
    """

    def __init__(self, console: Console, clock: Callable[[], float], *, past: Past | None = None) -> None:
        self._console = console
        self._clock = clock
        self._log = LineLog(past)

    def __enter__(self) -> Self:
        """Nothing to take."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing to give back."""

    def take(self, messages: Sequence[Message], state: ExecutionProgress) -> None:
        """Print what is to be told of messages, already folded into the state."""
        self._print(self._log.lines(messages, state, self._clock()))

    def journal(self, problem: str, state: ExecutionProgress) -> None:
        """Print that the server cannot write its journal, and when that is over."""
        self._print(self._log.journal(problem, self._clock()))

    def stopping(self, state: ExecutionProgress) -> None:
        """Print that the run ends once the wells under way have."""
        self._print([STOPPING])

    def tick(self, state: ExecutionProgress) -> None:
        """Print a sign of life after a long silence."""
        self._print(self._log.silence(state, self._clock()))

    def close(self, state: ExecutionProgress) -> None:
        """Print how it ended, unless the last message told."""
        self._print(self._log.end(state, self._clock()))

    def _print(self, lines: list[str]) -> None:
        for line in lines:
            self._console.out(line, highlight=False)
