"""Follow executions to their end: the view to stderr, messages or results to stdout."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, TextIO

from rich.console import Console

from plateflow.cli.exits import Exit
from plateflow.cli.view.viewer import make_view
from plateflow.errors import PlateflowError, ServerError
from plateflow.progress.messages import ExecutionState, Message, encode_message
from plateflow.progress.update import ProgressStatus, ProgressUpdate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

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

    def note(self, message: Message) -> None:
        """Keep what a command prints at the end."""
        if not isinstance(message, ProgressUpdate):
            return
        if message.status is ProgressStatus.COMPLETED and message.message:
            self.summaries.append(message.message)
        if message.traceback and not self.traceback:
            lines = message.traceback.splitlines()[-TRACEBACK_LINES:]
            self.traceback = [f"{message.axis_id} {message.step_name}:", *lines]


def follow(follower: Follower, *, json: bool) -> Followed:
    """Show an execution until it has ended.

    Parameters
    ----------
    follower
        Of the execution; closed here.
    json
        Print each message as a line on stdout.
    """
    followed = Followed(follower)
    console = Console(stderr=True)
    with follower, make_view(console, plain=json and _is_terminal(sys.stdout)) as view:
        while True:
            messages = follower.poll(POLL)
            followed.state = follower.state
            for message in messages:
                followed.note(message)
                if json:
                    sys.stdout.buffer.write(encode_message(message))
                view.message(message, follower.state)
            if json and messages:
                sys.stdout.buffer.flush()
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


class _Terminated(BaseException):
    """SIGTERM came."""


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise _Terminated


def _leave(client: ExecutionClient, execution_ids: list[str], says: str) -> None:
    sys.stderr.write(f"plateflow: {says}\n")
    for execution_id in execution_ids:
        try:
            client.cancel(execution_id)
        except ServerError as e:
            complain(e)


def complain(error: PlateflowError) -> None:
    """Say on stderr what went wrong, in one line."""
    sys.stderr.write(f"plateflow: {str(error).replace(chr(10), ' ')}\n")
