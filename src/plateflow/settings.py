"""Where plateflow keeps what belongs to this user and this machine; read when asked, never at import."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

RUNTIME_VARIABLE = "PLATEFLOW_RUNTIME_DIR"


def runtime_directory() -> Path:
    """Return the private directory of the default server: its sockets, lock, connection file and logs.

    ``$PLATEFLOW_RUNTIME_DIR``, else ``$XDG_RUNTIME_DIR/plateflow``, else ``plateflow`` in the user's state directory
    (``~/.local/state`` on Linux). It need not exist yet.
    """
    for variable, name in ((RUNTIME_VARIABLE, ""), ("XDG_RUNTIME_DIR", "plateflow")):
        value = os.environ.get(variable, "")
        if value:
            return Path(value).expanduser().absolute() / name
    return platformdirs.user_state_path("plateflow", appauthor=False)
