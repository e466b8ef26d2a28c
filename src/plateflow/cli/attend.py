"""``plateflow serve``, ``watch`` and ``cancel``: a server, and executions that run on one already."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import msgspec

from plateflow.cli.exits import Exit, exit_of
from plateflow.cli.follow import cancelling, follow
from plateflow.errors import UserError
from plateflow.progress.messages import ENDED, ExecutionState
from plateflow.runtime.client import ExecutionClient
from plateflow.runtime.endpoints import read_connection
from plateflow.service.server import plate_server
from plateflow.settings import runtime_directory

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

    from plateflow.runtime.control import Summary


def serve(directory: Path | None, *, exit_when_idle: bool, json: bool) -> Exit:
    """Serve until stopped by a signal, a request, or idleness; ``json`` prints how to reach it."""
    where = directory or runtime_directory()
    server = plate_server(where, exit_when_idle=exit_when_idle)
    ended: list[Exit] = []

    def stop(number: int, frame: FrameType | None) -> None:
        ended.append(_EXITS[signal.Signals(number)])
        server.stop()

    for number in _EXITS:
        signal.signal(number, stop)
    with server:
        if json:
            print(msgspec.json.encode(read_connection(where)).decode(), flush=True)
        sys.stderr.write(f"plateflow: serving in {where}; stop it with Ctrl-C\n")
        server.wait()
    return ended[0] if ended else Exit.DONE


_EXITS = {
    signal.SIGINT: Exit.INTERRUPTED,
    signal.SIGTERM: Exit.TERMINATED,
    signal.SIGHUP: Exit.TERMINATED,
}


def watch(execution: str | None, *, json: bool) -> Exit:
    """Follow an execution from here to its end; by default the one that runs, or the last.

    Raises
    ------
    UserError
        If there is no such execution.
    """
    with ExecutionClient(runtime_directory()) as client:
        found = _find(client, execution)
        with cancelling(client, [], "stopped watching; the run goes on, `plateflow watch` looks again"):
            return exit_of(follow(client.follow(found.execution_id), json=json).state)


def cancel(execution: str | None, *, json: bool) -> Exit:
    """Cancel an execution; by default the one that runs.

    Raises
    ------
    UserError
        If there is no such execution, or it has ended.
    """
    with ExecutionClient(runtime_directory()) as client:
        found = _find(client, execution)
        if found.state in ENDED:
            raise UserError(f"execution {found.execution_id} has ended already: it is {found.state}")
        client.cancel(found.execution_id)
        state = client.wait(found.execution_id).state
    if state is not ExecutionState.CANCELLED:
        raise UserError(f"execution {found.execution_id} ended before it could be cancelled: it is {state}")
    if json:
        print(msgspec.json.encode({"execution_id": found.execution_id, "state": state}).decode())
    else:
        print(f"cancelled {found.execution_id} ({found.kind} of {found.plate_id})")
    return Exit.DONE


def _find(client: ExecutionClient, execution: str | None) -> Summary:
    known = client.status()
    if execution is not None:
        matching = [summary for summary in known if summary.execution_id.startswith(execution)]
        if len(matching) != 1:
            what = "no execution" if not matching else f"{len(matching)} executions"
            raise UserError(f"{what} with an id that begins with {execution!r}; there are: {_ids(known)}")
        return matching[0]
    if not known:
        raise UserError("the server knows no execution; start one with plateflow run")
    running = [summary for summary in known if summary.state not in ENDED]
    return running[0] if running else known[-1]


def _ids(known: tuple[Summary, ...]) -> str:
    return ", ".join(f"{summary.execution_id[:8]} ({summary.state})" for summary in known) or "none"
