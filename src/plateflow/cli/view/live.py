"""The view for a terminal: a frame that is repainted in place, at most ten times a second."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Self

from plateflow.cli.view.pace import Stopwatch
from plateflow.cli.view.painter import Painter
from plateflow.cli.view.screen import render, render_last
from plateflow.cli.view.summary import STOPPING, waiting_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from rich.console import Console

    from plateflow.cli.view.pace import Past
    from plateflow.cli.view.screen import Frame
    from plateflow.progress.messages import Message
    from plateflow.progress.state import ExecutionProgress

PERIOD_S: Final = 0.1
"""Least time between two frames."""


class LiveView:
    """Shows an execution in place; leaves its last frame, with the summary and the failures.

    Parameters
    ----------
    console
        Of stderr; what else writes to its terminal meanwhile tears the frame.
    clock
        Monotonic seconds.
    screen
        Draw on the terminal's alternate screen; only the last frame stays.
    past
        What had been of the execution before.
    """

    def __init__(
        self, console: Console, clock: Callable[[], float], *, screen: bool = False, past: Past | None = None
    ) -> None:
        self._console = console
        self._clock = clock
        self._screen = screen
        self._painter = Painter(console)
        self._stopwatch = Stopwatch(past)
        self._shown_at = float("-inf")
        self._notice = ""

    def __enter__(self) -> Self:
        """Take the terminal."""
        if self._screen:
            self._console.set_alt_screen(True)
        self._console.show_cursor(False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give the terminal back."""
        self._leave_screen()
        self._console.show_cursor(True)

    def take(self, messages: Sequence[Message], state: ExecutionProgress) -> None:
        """Take notice of messages, already folded into the state; costs the same for one and for thousands."""
        self._stopwatch.read(state, self._clock())

    def journal(self, problem: str, state: ExecutionProgress) -> None:
        """Show in place of the status what keeps the server from writing its journal; "" for nothing any more."""
        self._notice = waiting_text(problem) if problem else ""
        self.show(state)

    def stopping(self, state: ExecutionProgress) -> None:
        """Show in place of the status that the run ends once the wells under way have."""
        self._notice = STOPPING
        self.show(state)

    def tick(self, state: ExecutionProgress) -> None:
        """Repaint, if the last frame is old enough."""
        if self._clock() - self._shown_at >= PERIOD_S:
            self.show(state)

    def close(self, state: ExecutionProgress) -> None:
        """Paint the last frame, which stays and lists the failures."""
        self._leave_screen()
        self._paint(render_last, state)

    def show(self, state: ExecutionProgress) -> None:
        """Repaint now."""
        self._paint(partial(render, notice=self._notice), state)

    def _paint(self, draw: Callable[..., Frame], state: ExecutionProgress) -> None:
        self._shown_at = self._clock()
        pace = self._stopwatch.read(state, self._shown_at)
        colour = self._console.color_system is not None and not self._console.no_color
        self._painter.paint(draw(state, pace, self._console.size, colour=colour).lines)

    def _leave_screen(self) -> None:
        if self._screen:
            self._console.set_alt_screen(False)
            self._screen = False
            self._painter = Painter(self._console)
