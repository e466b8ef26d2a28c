"""Follow executions to their end: the view to stderr, messages or results to stdout."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, Self, TextIO

from rich.console import Console

from plateflow.cli.exits import Exit
from plateflow.cli.journal_check import JournalCheck
from plateflow.cli.out import complain, remark
from plateflow.cli.view.viewer import make_view
from plateflow.errors import ServerError
from plateflow.progress.messages import ExecutionState, Message, encode_message
from plateflow.progress.update import ProgressStatus, ProgressUpdate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType, TracebackType

    from plateflow.cli.view.pace import Past
    from plateflow.progress.state import ExecutionProgress
    from plateflow.runtime.client import ExecutionClient
    from plateflow.runtime.follower import Follower

POLL = 0.05
TRACEBACK_LINES = 8


class Followed:
    """What following an execution to its end brought."""

    def __init__(self, follower: Follower) -> None:
        self.state = follower.state
        self.summaries: list[str] = []
        """What init and compile said at their end."""
        self.traceback: list[str] = []
        """End of the first traceback that came: where a function failed."""

    def note(self, messages: Sequence[Message], state: ExecutionProgress) -> None:
        """Keep what a command prints at the end."""
        self.state = state
        for message in messages:
            if isinstance(message, ProgressUpdate):
                self._note_update(message)

    def _note_update(self, update: ProgressUpdate) -> None:
        if update.status is ProgressStatus.COMPLETED and update.message:
            self.summaries.append(update.message)
        if update.traceback and not self.traceback:
            lines = update.traceback.splitlines()[-TRACEBACK_LINES:]
            self.traceback = [f"{update.axis_id} {update.step_name}:", *lines]


def follow(
    client: ExecutionClient,
    follower: Follower,
    *,
    json: bool,
    past: Past | None = None,
    draining: Draining | None = None,
) -> Followed:
    """Show an execution until it has ended.

    Parameters
    ----------
    client
        Of its server.
    follower
        Of the execution; closed here.
    json
        Print each message as a line on stdout.
    past
        What had been of the execution before; None where it was not submitted yet.
    draining
        What a first Ctrl-C does; None where it ends the command at once.
    """
    followed = Followed(follower)
    console = Console(stderr=True)
    journal = JournalCheck(lambda: client.ping().degraded)
    with follower, make_view(console, plain=json and _is_terminal(sys.stdout), past=past) as view:
        while True:
            messages = follower.poll(POLL)
            if draining is not None and draining.begins():
                view.stopping(follower.state)
            followed.note(messages, follower.state)
            if journal.look(news=bool(messages)):
                view.journal(journal.problem, follower.state)
            if json and messages:
                sys.stdout.buffer.write(b"".join(map(encode_message, messages)))
                sys.stdout.buffer.flush()
            if messages:
                view.take(messages, follower.state)
            if follower.state.ended:
                break
            view.tick(follower.state)
        view.close(follower.state)
    if console.is_terminal:
        _tell_in_full(followed, console)
    return followed


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _tell_in_full(followed: Followed, console: Console) -> None:
    """Print below the last frame what it had no room for: a frame's lines are cut to the terminal."""
    state = followed.state
    if state.state is ExecutionState.FAILED:
        console.out(state.reason, highlight=False)
    for line in followed.traceback:
        console.out(line, highlight=False)


@contextmanager
def cancelling(client: ExecutionClient, execution_ids: list[str], says: str) -> Iterator[None]:
    """Cancel these executions if this command is ended meanwhile: by Ctrl-C, SIGTERM, or a closed stdout.

    Parameters
    ----------
    client
        Of their server.
    execution_ids
        None for a command that only looks.
    says
        What the user is told then.

    Raises
    ------
    SystemExit
        With 130, 143 or 1, after cancelling.
    """
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    except KeyboardInterrupt:
        _leave(client, execution_ids, says)
        raise SystemExit(Exit.INTERRUPTED) from None
    except _Terminated:
        _leave(client, execution_ids, says)
        raise SystemExit(Exit.TERMINATED) from None
    except BrokenPipeError:
        sys.stdout = None  # or Python would try to flush it once more
        _leave(client, execution_ids, f"nobody reads stdout any more; {says}")
        raise SystemExit(Exit.BROKEN) from None
    finally:
        signal.signal(signal.SIGTERM, before)


class Draining:
    """Has a first Ctrl-C end runs once their wells under way have; a second one raises ``KeyboardInterrupt``.

    Parameters
    ----------
    client
        Of their server.
    execution_ids
        What to end.
    """

    def __init__(self, client: ExecutionClient, execution_ids: list[str]) -> None:
        self._client = client
        self._execution_ids = execution_ids
        self._told = False
        self.asked = False
        """Whether Ctrl-C came."""

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._on_interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._before)

    def begins(self) -> bool:
        """Ask the server, the first time after Ctrl-C came; return whether it was that time."""
        if not self.asked or self._told:
            return False
        self._told = True
        for execution_id in self._execution_ids:
            self._client.cancel(execution_id, drain=True)
        return True

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


class _Terminated(BaseException):
    """SIGTERM came."""


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise _Terminated


def _leave(client: ExecutionClient, execution_ids: list[str], says: str) -> None:
    remark(says)
    for execution_id in execution_ids:
        try:
            client.cancel(execution_id)
        except ServerError as e:
            complain(e)
