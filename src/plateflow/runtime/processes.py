"""Signals to a runner, all of its session included, and the name of how it ended."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path


def signal_group(leader: int, number: signal.Signals) -> None:
    """Signal the process group of a session's leader, if it still exists."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, number)


def kill_session(leader: int) -> None:
    """SIGKILL every process of a session; its leader must not have been reaped yet.

    Workers are process groups of their own within the runner's session, so its group alone would miss them. Where
    there is no ``/proc`` only the group is killed: workers watch their parent by themselves.
    """
    for pid in _members(leader):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    signal_group(leader, signal.SIGKILL)


def describe_exit(code: int) -> str:
    """Return how a runner ended: ``died (SIGKILL)`` or ``exited with code 3``."""
    if code >= 0:
        return f"exited with code {code}"
    known = {number.value: number.name for number in signal.Signals}
    return f"died ({known.get(-code, f'signal {-code}')})"


def _members(session: int) -> list[int]:
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _session(entry) == session]


def _session(entry: Path) -> int:
    try:
        text = (entry / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return -1
    return int(text.rpartition(")")[2].split()[3])  # after the name: state, parent, group, session
