"""Follow executions to their end: the view to stderr, messages or results to stdout."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console

from plateflow.cli.exits import Exit
from plateflow.cli.view.viewer import make_view
from plateflow.errors import PlateflowError, ServerError
from plateflow.progress.messages import Message, encode_message
from plateflow.progress.update import ProgressStatus, ProgressUpdate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from plateflow.runtime.client import ExecutionClient
    from plateflow.runtime.follower import Follower

POLL = 0.05


class Followed:
    """What following an execution to its end brought."""

    def __init__(self, follower: Follower) -> None:
        self.state = follower.state
        self.summaries: list[str] = []
        """What init and compile said at their end."""

    def note(self, message: Message) -> None:
        """Keep what a command prints at the end."""
        if isinstance(message, ProgressUpdate) and message.status is ProgressStatus.COMPLETED and message.message:
            self.summaries.append(message.message)


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
    with follower, make_view(console, plain=json and sys.stdout.isatty()) as view:
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
    return followed


@contextmanager
def cancelling(client: ExecutionClient, execution_ids: list[str]) -> Iterator[None]:
    """Cancel these executions if this command is ended by Ctrl-C or SIGTERM meanwhile.

    Raises
    ------
    SystemExit
        With 130 or 143, after cancelling.
    """
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    except KeyboardInterrupt:
        _cancel_all(client, execution_ids)
        raise SystemExit(Exit.INTERRUPTED) from None
    except _Terminated:
        _cancel_all(client, execution_ids)
        raise SystemExit(Exit.TERMINATED) from None
    finally:
        signal.signal(signal.SIGTERM, before)


class _Terminated(BaseException):
    """SIGTERM came."""


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise _Terminated


def _cancel_all(client: ExecutionClient, execution_ids: list[str]) -> None:
    for execution_id in execution_ids:
        try:
            client.cancel(execution_id)
        except ServerError as e:
            complain(e)


def complain(error: PlateflowError) -> None:
    """Say on stderr what went wrong, in one line."""
    sys.stderr.write(f"plateflow: {str(error).replace(chr(10), ' ')}\n")
