"""The plate server: an execution server whose runners know plates."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from plateflow.runtime.server import ExecutionServer
from plateflow.settings import journal_file, retention

if TYPE_CHECKING:
    from pathlib import Path

RUNNER = (sys.executable, "-P", "-m", "plateflow.service.runner")
IDLE_SECONDS = 5.0
"""A server that was started for one command ends when nothing runs and nobody has asked for so long."""


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
