"""Time a command from its start to its exit, and count the CPU of every process that it left behind.

A command may start a server that outlives it. This process makes itself the one that orphans fall to (Linux's child
subreaper), so the kernel hands it the usage of each descendant that nobody else waited for, and says when the last has
ended. Nothing is looked for by its name.
"""

from __future__ import annotations

import ctypes
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.harness import BenchError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_PR_SET_CHILD_SUBREAPER: Final = 36
LEAVE_SECONDS: Final = 60.0
"""For what a command left behind; a server that was started for one command ends after 5 s of idleness."""


@dataclass(frozen=True, slots=True)
class Run:
    """One command from start to exit."""

    started: float
    """Seconds since the epoch, to be put beside the timestamps of messages."""
    wall: float
    """Seconds from start to exit of the command itself."""
    cpu: float
    """CPU seconds, user and system, of the command and all of its descendants until the last has ended."""
    stdout: Path


def run_to_end(argv: Sequence[str], env: Mapping[str, str], stdout: Path) -> Run:
    """Run a command; returns when it and all that it started have ended. The clock stops at its own exit.

    This process must have no other children. What was written before is flushed to disk first, so that a command
    which syncs its files does not pay for those of its predecessor.

    Parameters
    ----------
    argv
        The command; its first word is a path.
    env
        Added to this process's environment.
    stdout
        New file for what it prints; what it says on stderr goes to ``*.err`` beside it.

    Raises
    ------
    BenchError
        If it fails, or leaves a process that does not end.
    """
    _adopt_orphans()
    os.sync()
    error = stdout.with_suffix(".err")
    create = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(stdout), create, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, str(error), create, 0o600),
    ]
    started, before = time.time(), time.perf_counter()
    pid = os.posix_spawn(argv[0], list(argv), {**os.environ, **env}, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - before
    cpu = usage.ru_utime + usage.ru_stime + _await_orphans(argv)
    code = os.waitstatus_to_exitcode(status)
    if code:
        raise BenchError(f"{' '.join(argv)} ended with {code}: {error.read_text(encoding='utf-8')[-2000:]}")
    return Run(started, wall, cpu, stdout)


def _adopt_orphans() -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise BenchError(f"orphans cannot be waited for here: {os.strerror(ctypes.get_errno())}")


def _await_orphans(argv: Sequence[str]) -> float:
    """Wait for what the command left behind; return its CPU seconds."""
    deadline = time.monotonic() + LEAVE_SECONDS
    cpu = 0.0
    while time.monotonic() < deadline:
        try:
            pid, _, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return cpu
        if pid:
            cpu += usage.ru_utime + usage.ru_stime
        else:
            time.sleep(0.02)
    raise BenchError(f"{' '.join(argv)} left a process that still runs {LEAVE_SECONDS:g} s after its exit")
