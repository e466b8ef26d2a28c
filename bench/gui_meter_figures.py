"""What the meter in the window's process tells; without Qt, for who reads it."""

from __future__ import annotations

import msgspec


class Figures(msgspec.Struct):
    """What was measured since the last reset; milliseconds, but for counts."""

    seconds: float
    stalls: list[float]
    """How late the event loop came to a timer of 5 ms."""
    frames: list[float]
    """CPU of taking what came and changing the models, each frame."""
    paints: list[float]
    """CPU of painting the map and the list, each frame."""
    delays: list[float]
    """From an update's timestamp to the end of the paint event that showed it."""
    updates: int
    """That the window took, of all plates."""
