"""A client's way to the server of a directory, which is started where none runs."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from plateflow.errors import ServerError
from plateflow.runtime.client import TIMEOUT, ExecutionClient
from plateflow.runtime.endpoints import Endpoints, private_directory
from plateflow.runtime.requester import NoAnswerError

if TYPE_CHECKING:
    from pathlib import Path

START_SECONDS = 20.0


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
        If none can be started, then it says where the log is; or if one is there but does not answer.
    """
    return _find(directory, timeout) or _start(directory, timeout)


def _find(directory: Path, timeout: float) -> ExecutionClient | None:
    try:
        client = ExecutionClient(directory, timeout=timeout)
    except ServerError:
        return None
    try:
        client.ping()
    except NoAnswerError:  # it holds the directory: another could not start
        client.close()
        raise
    except ServerError:
        client.close()
        return None
    return client


def _start(directory: Path, timeout: float) -> ExecutionClient:
    Endpoints(directory).check_paths()
    private_directory(directory)
    log = directory / "server.log"
    before = log.stat().st_size if log.exists() else 0
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
    raise ServerError(f"no server could be started in {directory}{_last_words(log, before)} (its log: {log})")


def _last_words(log: Path, before: int) -> str:
    # What it said last in its log, which had that many bytes before.
    last = log.read_bytes()[before:].decode(errors="replace").splitlines()[-1:]
    if last:
        return f": {last[0].removeprefix('plateflow: ')}"
    try:
        with log.open("ab") as file:
            file.write(b"a server ended without a word\n")
    except OSError as e:
        return f": {log} cannot be written ({e.strerror}); see that its disk has room and is writable"
    return ""
