"""Every colour of the window by what it means, for a dark and a light look; no Qt.

The colours of states begin with Okabe and Ito's palette. tests/unit/gui/test_palette.py computes that any two of them
keep a distance of 10 or more (CAM02-UCS) under normal vision and the three kinds of dichromacy, and that text is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WELL_ROLES: Final = ("idle", "queued", "pending", "running", "done", "failed", "cancelled", "lost")
"""What a well or a plate is doing, as :data:`plateflow.gui.states.LOOKS` names it."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours as "#rrggbb"."""

    name: str
    idle: str
    """Nothing is asked of it; also the empty part of a bar."""
    queued: str
    pending: str
    """Being opened or compiled."""
    running: str
    done: str
    failed: str
    cancelled: str
    lost: str
    mark: str
    """Of the cross on ``failed``."""
    window: str
    base: str
    """Behind lists, tables and the plate."""
    text: str
    dimmed: str
    border: str
    highlight: str
    """Behind what is selected; ``text`` and ``dimmed`` are read on it too."""
    link: str

    def colour(self, role: str) -> str:
        """Return the colour of one of :data:`WELL_ROLES`."""
        return self.by_role()[role]

    def by_role(self) -> dict[str, str]:
        """Return the colours of :data:`WELL_ROLES`, in that order."""
        colours = (
            self.idle,
            self.queued,
            self.pending,
            self.running,
            self.done,
            self.failed,
            self.cancelled,
            self.lost,
        )
        return dict(zip(WELL_ROLES, colours, strict=True))


DARK: Final = Theme(
    name="dark",
    idle="#31363e",
    queued="#767d88",
    pending="#0072b2",
    running="#56b4e9",
    done="#009e73",
    failed="#d55e00",
    cancelled="#f0e442",
    lost="#b9bec7",
    mark="#ffffff",
    window="#1e2126",
    base="#16191d",
    text="#e8eaed",
    dimmed="#a3abb6",
    border="#454b55",
    highlight="#213d5c",
    link="#6cb8ee",
)
LIGHT: Final = Theme(
    name="light",
    idle="#dadfe5",
    queued="#767d88",
    pending="#0072b2",
    running="#56b4e9",
    done="#009e73",
    failed="#d55e00",
    cancelled="#e6c700",
    lost="#a9afb9",
    mark="#ffffff",
    window="#eff0f2",
    base="#ffffff",
    text="#16191d",
    dimmed="#59606a",
    border="#b4bac3",
    highlight="#cce4f8",
    link="#0067a3",
)
THEMES: Final = {theme.name: theme for theme in (DARK, LIGHT)}
