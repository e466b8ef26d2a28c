"""Which view a command shows: in place on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol, Self

from plateflow.cli.view.live import LiveView
from plateflow.cli.view.plain import PlainView

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from rich.console import Console

    from plateflow.cli.view.pace import Past
    from plateflow.progress.messages import Message
    from plateflow.progress.state import ExecutionProgress


class View(Protocol):
    """What a command feeds: all messages once folded, a tick now and then, and the last state."""

    def __enter__(self) -> Self:
        """Take the terminal, where there is one."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None:
        """Give it back, also after an error."""

    def take(self, messages: Sequence[Message], state: ExecutionProgress, /) -> None:
        """Take messages that are already folded into the state."""

    def journal(self, problem: str, state: ExecutionProgress, /) -> None:
        """Tell that the server cannot write its journal, so that nothing moves; with "", that it can again."""

    def stopping(self, state: ExecutionProgress, /) -> None:
        """Tell that the run ends once the wells under way have."""

    def tick(self, state: ExecutionProgress, /) -> None:
        """Draw if it is time to; call it ten times a second or more often."""

    def close(self, state: ExecutionProgress, /) -> None:
        """Show the last state; nothing is drawn after it."""


def make_view(
    console: Console,
    clock: Callable[[], float] = time.monotonic,
    *,
    plain: bool = False,
    screen: bool = False,
    past: Past | None = None,
) -> View:
    """Return the live view where the console is a terminal that can be repainted, else the plain one.

    ``plain`` asks for lines also there: wanted where another stream writes to the same terminal. ``past`` is
    what had been of the execution before.
    """
    repaints = console.is_terminal and console.is_interactive and not console.options.ascii_only
    if plain or not repaints:
        return PlainView(console, clock, past=past)
    return LiveView(console, clock, screen=screen, past=past)
