"""The view for where stderr is no terminal: one line of text after another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from plateflow.cli.view.line_log import LineLog

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rich.console import Console

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
    """

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self._console = console
        self._clock = clock
        self._log = LineLog()

    def __enter__(self) -> Self:
        """Nothing to take."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing to give back."""

    def message(self, message: Message, state: ExecutionProgress) -> None:
        """Print what is to be told of a message, already folded into the state."""
        self._print(self._log.lines(message, state, self._clock()))

    def tick(self, state: ExecutionProgress) -> None:
        """Print a sign of life after a long silence."""
        self._print(self._log.silence(state, self._clock()))

    def close(self, state: ExecutionProgress) -> None:
        """Print how it ended, unless the last message told."""
        self._print(self._log.end(state, self._clock()))

    def _print(self, lines: list[str]) -> None:
        for line in lines:
            self._console.out(line, highlight=False)
