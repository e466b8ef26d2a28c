"""The plate server: an execution server whose runners know plates; found or started by whoever needs it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from plateflow.errors import ServerError
from plateflow.runtime.client import TIMEOUT, ExecutionClient
from plateflow.runtime.endpoints import Endpoints, private_directory
from plateflow.runtime.server import ExecutionServer
from plateflow.settings import journal_file, retention

if TYPE_CHECKING:
    from pathlib import Path

RUNNER = (sys.executable, "-P", "-m", "plateflow.service.runner")
IDLE_SECONDS = 5.0
"""A server that was started for one command ends when nothing runs and nobody has asked for so long."""
START_SECONDS = 20.0


def plate_server(directory: Path, *, exit_when_idle: bool) -> ExecutionServer:
    """Make the server of a directory; call its ``serve``.

    Raises
    ------
    ServerError
        If one runs there already.
    UserError
        For a setting of the journal that is no number.
    """
    return ExecutionServer(
        directory,
        RUNNER,
        exit_when_idle=IDLE_SECONDS if exit_when_idle else None,
        journal=journal_file(directory),
        retention=retention(),
    )


def connect(directory: Path, *, timeout: float = TIMEOUT) -> ExecutionClient:
    """Connect to the server of a directory; where none runs, start one that ends when it is idle.

    Parameters
    ----------
    directory
        The server's.
    timeout
        Seconds that the client waits for a reply.

    Raises
    ------
    ServerError
        If none can be started; says where its log is.
    """
    return _find(directory, timeout) or _start(directory, timeout)


def _find(directory: Path, timeout: float) -> ExecutionClient | None:
    try:
        client = ExecutionClient(directory, timeout=timeout)
    except ServerError:
        return None
    try:
        client.ping()
    except ServerError:
        client.close()
        return None
    return client


def _start(directory: Path, timeout: float) -> ExecutionClient:
    Endpoints(directory).check_paths()
    private_directory(directory)
    log = directory / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "plateflow", "serve", "--exit-when-idle", "--directory", str(directory)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if (client := _find(directory, timeout)) is not None:
            threading.Thread(
                target=process.wait, name="plateflow-reaper", daemon=True
            ).start()  # or a zombie would stay
            return client
        if process.poll() is not None:
            break
        time.sleep(0.02)
    last = log.read_text(encoding="utf-8", errors="replace").splitlines()[-1:]
    said = f": {last[0].removeprefix('plateflow: ')}" if last else ""
    raise ServerError(f"no server could be started in {directory}{said} (its log: {log})")
