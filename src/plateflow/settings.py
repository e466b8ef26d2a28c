"""Where plateflow keeps what belongs to this user and this machine; read when asked, never at import."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import NamedTuple

import platformdirs

from plateflow.errors import UserError

RUNTIME_VARIABLE = "PLATEFLOW_RUNTIME_DIR"
JOURNAL_DAYS_VARIABLE = "PLATEFLOW_JOURNAL_DAYS"
JOURNAL_GB_VARIABLE = "PLATEFLOW_JOURNAL_GB"
JOURNAL_NAME = "journal.sqlite"
STEP_LIMIT = 3600.0
"""Seconds that a step of a well may take, where a run sets no limit of its own."""
LOAD_LIMIT = 300.0
"""Seconds that a pipeline file may take to load, with all that it imports; or a step's limit, where that is less, as
workers load it too."""
SESSION_NAME = "plate-manager.json"


class Retention(NamedTuple):
    """How much of the history is kept; what is older or beyond it is deleted, the oldest runs first."""

    seconds: float = 365 * 86400.0
    """Age."""
    size: int = 2 * 10**9
    """Bytes of the journal."""


def runtime_directory() -> Path:
    """Return the private directory of the default server: its sockets, lock, connection file and logs.

    ``$PLATEFLOW_RUNTIME_DIR``, else ``$XDG_RUNTIME_DIR/plateflow``, else ``plateflow`` in the user's state directory
    (``~/.local/state`` on Linux). It need not exist yet.
    """
    for variable, name in ((RUNTIME_VARIABLE, ""), ("XDG_RUNTIME_DIR", "plateflow")):
        value = os.environ.get(variable, "")
        if value:
            return Path(value).expanduser().absolute() / name
    return _state_directory()


def journal_file(directory: Path) -> Path:
    """Return where the server of a directory keeps its journal.

    In the directory itself; but that of the default server is in the user's state directory, since
    ``$XDG_RUNTIME_DIR`` is in memory and is emptied when the user logs out.
    """
    is_default = not os.environ.get(RUNTIME_VARIABLE) and directory == runtime_directory()
    return (_state_directory() if is_default else directory) / JOURNAL_NAME


def session_file() -> Path:
    """Return where the window keeps its session: in ``$PLATEFLOW_RUNTIME_DIR``, else in the user's state directory."""
    is_default = not os.environ.get(RUNTIME_VARIABLE)
    return (_state_directory() if is_default else runtime_directory()) / SESSION_NAME


def retention() -> Retention:
    """Return how much of the history is kept: ``$PLATEFLOW_JOURNAL_DAYS`` (365), ``$PLATEFLOW_JOURNAL_GB`` (2).

    Raises
    ------
    UserError
        If one of them is not a number above 0.
    """
    default = Retention()
    return Retention(
        seconds=86400 * _number(JOURNAL_DAYS_VARIABLE, default.seconds / 86400),
        size=int(min(1e9 * _number(JOURNAL_GB_VARIABLE, default.size / 1e9), 2.0**62)),
    )


def _number(variable: str, default: float) -> float:
    text = os.environ.get(variable, "")
    try:
        value = float(text or default)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise UserError(f"{variable} must be a number above 0, got {text!r}")
    return value


def _state_directory() -> Path:
    return platformdirs.user_state_path("plateflow", appauthor=False)
