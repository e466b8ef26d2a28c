"""What the bench of the window has its runners do, and the files by which it steers them while they run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from bench.harness import BenchError

if TYPE_CHECKING:
    from pathlib import Path

END: Final = -1.0
"""As a rate: the run is to end."""


class GuiJob(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The payload of a job: report at the rate that a file tells, until that says to end; or compute, and end."""

    folder: str
    """Of the session."""
    wells: int = 1536
    at_once: int = 16
    """Wells that are worked on."""
    tick: float = 0.05
    """Seconds between two writes of a runner."""
    fail_every: int = 40
    """Every so manieth well fails."""
    blocks: int = 0
    """Where it is not 0, workers compute so many blocks in all instead, and report one update after each."""


class Sent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a runner has said, counted by itself."""

    updates: int
    groups: int
    """Pattern groups that are done in the attempts that count."""
    wells: dict[str, int]
    """Axes by state."""


def set_rate(folder: Path, rate: float) -> None:
    """Have each runner of a session report so many updates a second from now on."""
    (folder / ".rate").write_text(str(rate), encoding="utf-8")
    (folder / ".rate").rename(folder / "rate")


def rate(folder: Path) -> float:
    return float((folder / "rate").read_text(encoding="utf-8"))


def tell_sent(folder: Path, execution_id: str, sent: Sent) -> None:
    (folder / f"sent-{execution_id}").write_bytes(msgspec.json.encode(sent))


def sent(folder: Path, execution_id: str) -> Sent:
    """Return what a runner that has ended has said.

    Raises
    ------
    BenchError
        If it did not get that far.
    """
    path = folder / f"sent-{execution_id}"
    if not path.exists():
        raise BenchError(f"the runner of {execution_id} has not ended")
    return msgspec.json.decode(path.read_bytes(), type=Sent)
