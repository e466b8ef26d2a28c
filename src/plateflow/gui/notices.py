"""What is told when a run ends, or nothing is heard of the server any more; no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from plateflow.gui.states import LOOKS
from plateflow.gui.texts import SEPARATOR, state_words, wells_text

if TYPE_CHECKING:
    from plateflow.gui.plates import Plate

SIGNS: Final = {"done": "✓", "failed": "✕", "cancelled": "–", "lost": "?"}
"""Roles that a notice may have, and the sign that tells each beside its colour."""


class Notice(NamedTuple):
    """What a banner says."""

    text: str
    """A sentence or two, without line breaks."""
    role: str
    """One of :data:`SIGNS`."""
    results: str = ""
    """Folder that its button opens; "" for no button."""


def end_notice(plate: Plate) -> Notice:
    """Return how the run of a plate has ended."""
    look = LOOKS[plate.state]
    parts = [f"{plate.name}: {state_words(plate)}"]
    if plate.details is not None and plate.details.axes:
        parts.append(wells_text(plate.details))
    if plate.problem:
        parts.append(" ".join(plate.problem.split()))
    return Notice(SEPARATOR.join(parts), look.role, plate.output)


def lost_notice(reason: str, *, broken: bool) -> Notice:
    """Return why nothing is heard of the server.

    Parameters
    ----------
    reason
        As the link has it.
    broken
        Whether the server is there, but said something that breaks the schema: nothing of it is shown.
    """
    words = " ".join(reason.split())
    if broken:
        return Notice(f"The server sent a message that breaks the schema, so its plates are Lost: {words}", "failed")
    return Notice(f"The server is not heard, so what runs there is Lost: {words}", "lost")
