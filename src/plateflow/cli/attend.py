"""``plateflow serve``, ``watch`` and ``cancel``: a server, and executions that it knows."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from plateflow.cli.exits import Exit, exit_of
from plateflow.cli.find import current_execution, find_execution
from plateflow.cli.follow import cancelling, follow
from plateflow.cli.out import print_json, remark
from plateflow.cli.view.pace import Past
from plateflow.errors import UserError
from plateflow.progress.messages import ENDED, ExecutionState
from plateflow.runtime.client import ExecutionClient
from plateflow.runtime.endpoints import read_connection
from plateflow.service.connect import connect
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
            print_json(read_connection(where))
        remark(f"serving in {where}; stop it with Ctrl-C")
        server.wait()
    return ended[0] if ended else Exit.DONE


_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
"""Where one of these is set there is something for Qt to draw on; else it would abort."""
_EXITS = {
    signal.SIGINT: Exit.INTERRUPTED,
    signal.SIGTERM: Exit.TERMINATED,
    signal.SIGHUP: Exit.TERMINATED,
}


def gui(plates: list[Path]) -> Exit:
    """Open the window; returns when it is closed.

    Raises
    ------
    UserError
        If Qt is not installed, or there is no display.
    """
    if sys.platform == "linux" and not any(map(os.environ.get, _DISPLAYS)):
        raise UserError("there is no display to open a window on; `plateflow watch` shows a run in the terminal")
    try:
        from plateflow.gui.app import open_window
    except ImportError as e:
        raise UserError(f"the Plate Manager needs Qt ({e}); install it with pip install 'plateflow[gui]'") from e
    return Exit.DONE if open_window([str(plate) for plate in plates]) == 0 else Exit.BROKEN


def watch(execution: str | None, after: int | None, *, json: bool) -> Exit:
    """Follow an execution to its end, from here or from an earlier message; one that has ended is shown again.

    Parameters
    ----------
    execution
        Beginning of its id; None: the one that runs, else the last.
    after
        Show also what came after the message of this ``seq``; None: join one that goes on where it is now.
    json
        Messages on stdout.

    Raises
    ------
    UserError
        If there is no such execution.
    """
    with _client(execution) as client:
        found = current_execution(client) if execution is None else find_execution(client, execution)
        if after is None and found.state in ENDED:
            after = 0
        goes_on = "" if found.state in ENDED else "; the run goes on, `plateflow watch` looks again"
        with cancelling(client, [], f"stopped watching{goes_on}"):
            follower = client.follow(found.execution_id, after=after)
            past = Past(found.seq, found.seconds)
            return exit_of(follow(client, follower, json=json, past=past).state)


def pause(execution: str | None, *, json: bool) -> Exit:
    """Have a run begin no further well; by default the one that runs.

    Raises
    ------
    UserError
        If there is no such run, or it has ended.
    """
    with ExecutionClient(runtime_directory()) as client:
        found = _under_way(client, execution)
        state = client.pause(found.execution_id)
    _tell(found, state, f"pausing {found.execution_id}: the wells under way end first", json=json)
    return Exit.DONE


def proceed(execution: str | None, *, json: bool) -> Exit:
    """Have a run go on after a pause; by default the one that runs.

    Raises
    ------
    UserError
        If there is no such run, or it has ended.
    """
    with ExecutionClient(runtime_directory()) as client:
        found = _under_way(client, execution)
        state = client.proceed(found.execution_id)
    _tell(found, state, f"{found.execution_id} goes on", json=json)
    return Exit.DONE


def cancel(execution: str | None, *, json: bool) -> Exit:
    """Cancel an execution; by default the one that runs.

    Raises
    ------
    UserError
        If there is no such execution, or it has ended.
    """
    with ExecutionClient(runtime_directory()) as client:
        found = _under_way(client, execution)
        client.cancel(found.execution_id)
        state = client.wait(found.execution_id).state
    if state is not ExecutionState.CANCELLED:
        raise UserError(f"execution {found.execution_id} ended before it could be cancelled: it is {state}")
    _tell(found, state, f"cancelled {found.execution_id} ({found.kind} of {found.plate_id})", json=json)
    return Exit.DONE


def _client(execution: str | None) -> ExecutionClient:
    # The history needs a server to read it; that nothing runs is known without.
    return ExecutionClient(runtime_directory()) if execution is None else connect(runtime_directory())


def _under_way(client: ExecutionClient, execution: str | None) -> Summary:
    found = current_execution(client) if execution is None else find_execution(client, execution)
    if found.state in ENDED:
        raise UserError(f"execution {found.execution_id} has ended already: it is {found.state}")
    return found


def _tell(found: Summary, state: ExecutionState, words: str, *, json: bool) -> None:
    if json:
        print_json({"execution_id": found.execution_id, "state": state})
    else:
        print(words)
