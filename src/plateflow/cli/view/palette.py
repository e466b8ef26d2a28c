"""How a state looks: its word, and the letter, mark and colour by which its wells are told apart.

The colours keep a distance of 12 or more (CAM02-UCS) under normal vision and the three kinds of colour blindness, done
and failed 20; they come from Okabe and Ito's palette. All of them are readable on a dark and on a light terminal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rich.style import Style

from plateflow.progress.state import AxisState, ExecutionProgress

HOURGLASS: Final = "⏳"


@dataclass(frozen=True, slots=True)
class Look:
    """How wells in one state are shown."""

    word: str
    letter: str
    """Carries the state where there is no colour."""
    mark: str
    """Stands before a count; carries the state beside the colour."""
    ink: Style
    """The colour, for bars and marks."""
    cell: Style
    """The colour behind a text that is readable on it."""


def _look(word: str, letter: str, mark: str, colour: str, text: str) -> Look:
    return Look(word, letter, mark, Style(color=colour), Style(color=text, bgcolor=colour, bold=True))


LOOKS: Final = {
    AxisState.COMPLETED: _look("done", "#", "✓", "#009e73", "#ffffff"),
    AxisState.RUNNING: _look("running", ">", "▸", "#56b4e9", "#000000"),
    AxisState.FAILED: _look("failed", "x", "✕", "#d55e00", "#ffffff"),
    AxisState.PENDING: _look("queued", ".", "·", "#767d88", "#ffffff"),
}
"""While work goes on; in the order in which counts are told."""
STOPPED: Final = {**LOOKS, AxisState.RUNNING: _look("stopped", "-", "■", "#f0e442", "#000000")}
"""Once it ended: what was at work then was not finished, and is not running."""


def looks_of(state: ExecutionProgress) -> dict[AxisState, Look]:
    """Return how the wells of an execution look."""
    return STOPPED if state.ended else LOOKS
