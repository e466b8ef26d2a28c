"""The states of a plate as people see them: one enum, one table."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class PlateState(StrEnum):
    """Where a plate stands."""

    CREATED = "created"
    """Added to the list; nothing was asked yet."""
    INIT = "init"
    """Being opened: asked for, and not answered."""
    READY = "ready"
    """Opened: its wells and channels are known."""
    COMPILE = "compile"
    """Being checked against its pipeline."""
    COMPILED = "compiled"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    STOPPING = "stopping"
    COMPLETE = "complete"
    COMPLETE_WITH_FAILURES = "complete_with_failures"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    """The server has not been heard for some seconds: what is shown may be out of date."""


class Look(NamedTuple):
    """How a state is told: in words first, so that it is read without colour and without the glyph."""

    word: str
    glyph: str
    """ "" for none; painted, not written, where a font may lack it."""
    role: str
    """Its colour, by name in the palette."""


LOOKS: dict[PlateState, Look] = {
    PlateState.CREATED: Look("Created", "", "idle"),
    PlateState.INIT: Look("Init", "⏳", "pending"),
    PlateState.READY: Look("Ready", "", "idle"),
    PlateState.COMPILE: Look("Compile", "⏳", "pending"),
    PlateState.COMPILED: Look("Compiled", "✓", "idle"),
    PlateState.QUEUED: Look("Queued", "", "queued"),
    PlateState.RUNNING: Look("Running", "▶", "running"),
    PlateState.PAUSING: Look("Pausing", "", "queued"),
    PlateState.PAUSED: Look("Paused", "", "queued"),
    PlateState.STOPPING: Look("Stopping", "", "cancelled"),
    PlateState.COMPLETE: Look("Complete", "✓", "done"),
    PlateState.COMPLETE_WITH_FAILURES: Look("Complete with failures", "✕", "failed"),
    PlateState.FAILED: Look("Failed", "✕", "failed"),
    PlateState.CANCELLED: Look("Cancelled", "–", "cancelled"),
    PlateState.LOST: Look("Lost", "?", "lost"),
}

BUSY = frozenset(
    {
        PlateState.INIT,
        PlateState.COMPILE,
        PlateState.QUEUED,
        PlateState.RUNNING,
        PlateState.PAUSING,
        PlateState.PAUSED,
        PlateState.STOPPING,
    }
)
"""In these the server has something to do for the plate."""
