"""Every colour of the window by what it means, for a dark and a light look; no Qt.

The colours of states begin with Okabe and Ito's palette. tests/unit/gui/test_palette.py computes that any two of them
keep a distance of 10 or more (CAM02-UCS) under normal vision and the three kinds of dichromacy, that text is read, and
that the ramp goes up evenly for all of them.
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
    ramp: tuple[str, ...]
    """From least to most, evenly apart; :meth:`ramp_colour` mixes what lies between."""

    def ramp_colour(self, share: float) -> str:
        """Return the colour of a share, 0..1, of the ramp."""
        place = share * (len(self.ramp) - 1)
        low = min(int(place), len(self.ramp) - 2)
        pair = zip(_parts(self.ramp[low]), _parts(self.ramp[low + 1]), strict=True)
        return "#" + "".join(f"{round(one + (other - one) * (place - low)):02x}" for one, other in pair)

    def ink(self, role: str) -> str:
        """Return the colour of a mark on one of :data:`WELL_ROLES`."""
        return {"queued": self.idle, "lost": self.base, "cancelled": "#000000"}.get(role, self.mark)

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


_CIVIDIS: Final = (
    "#00224e", "#002e6a", "#1a386f", "#32436d", "#434e6c", "#535a6d", "#61656f", "#6f7073", "#7d7c78", "#8c8878",
    "#9b9476", "#aba072", "#bcae6c", "#cdbb63", "#dec958", "#f0d846", "#fee838",
)  # fmt: skip
"""Every sixteenth of the ramp of Nuñez, Anderton and Renslow (2018, PLOS ONE 13:e0199239), which looks nearly the same
to people with and without red-green blindness. A theme leaves out the end that is too near to its ``idle``."""

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
    ramp=_CIVIDIS[3:],
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
    ramp=_CIVIDIS[:14],
)
THEMES: Final = {theme.name: theme for theme in (DARK, LIGHT)}


def _parts(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
