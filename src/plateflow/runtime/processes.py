"""Whether a process lives; signals to a runner, all of its session included; and the name of how it ended."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path


def lives(pid: int) -> bool:
    """Tell whether a process of this user runs; one that has died but was not waited for does not."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    fields = _fields(Path(f"/proc/{pid}"))
    return not fields or fields[0] != "Z"


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
    fields = _fields(entry)
    return int(fields[3]) if fields else -1


def _fields(entry: Path) -> list[str]:
    # What /proc tells of a process, after its name: state, parent, group, session, and more; nothing where it is gone.
    try:
        text = (entry / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()
