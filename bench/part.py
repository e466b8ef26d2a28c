"""What a process does that takes part in a run, whoever started it: wait for one start, do it, and stay.

The start is a file that whoever runs the benchmark holds locked: letting go of it wakes all at once. So is the end.
"""

from __future__ import annotations

import fcntl
import os
import time
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Part(msgspec.Struct):
    """What one process did of a run."""

    role: str
    """ "worker", "subscriber" or what stands between them."""
    pid: int
    began: float = 0.0
    """Of the monotonic clock, which all processes share; as are `ended` and what is written into updates."""
    ended: float = 0.0
    updates: int = 0
    """Sent, or received."""
    values: list[float] = []
    """What else it measured."""
    problem: str = ""


@contextmanager
def part(folder: Path, role: str) -> Iterator[Part]:
    """Take part in a run: wait for the start, do what is within, wait for the end.

    The clock of the part stops when the block is left, unless it sets `ended` itself. What is raised within is told to
    whoever runs the benchmark.
    """
    did = Part(role, os.getpid())
    _write(folder, "ready", did)
    _pass(folder / "start")
    did.began = time.monotonic()
    try:
        yield did
    except BaseException:  # told, and raised again
        did.problem = traceback.format_exc()
        raise
    finally:
        did.ended = did.ended or time.monotonic()
        _write(folder, "done", did)
        _pass(folder / "end")


def without_gates(folder: Path) -> Path:
    """Make a folder for parts that need not wait for each other, and leave when they are done; return it."""
    folder.mkdir(mode=0o700)
    for name in ("start", "end"):
        (folder / name).touch()
    return folder


def _write(folder: Path, what: str, did: Part) -> None:
    name = f"{what}-{did.role}-{did.pid}"
    (folder / f".{name}").write_bytes(msgspec.json.encode(did))
    (folder / f".{name}").rename(folder / name)


def _pass(path: Path) -> None:
    gate = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(gate, fcntl.LOCK_SH)
    finally:
        os.close(gate)
