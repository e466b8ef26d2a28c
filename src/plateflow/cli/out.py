"""What a command says: results for programs on stdout, remarks and errors for people on stderr."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from plateflow.errors import PlateflowError


def complain(error: PlateflowError) -> None:
    """Say on stderr what went wrong, in one line."""
    remark(str(error).replace("\n", " "))


def remark(text: str) -> None:
    """Say something to people, where they can hear it: a server's log may be on a full disk."""
    with suppress(OSError):
        sys.stderr.write(f"plateflow: {text}\n")


def print_json(value: object) -> None:
    """Print one JSON object on a line of stdout."""
    print(msgspec.json.encode(value).decode(), flush=True)
