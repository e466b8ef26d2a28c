"""The legend below the plate map: what its colours mean, in as many lines as that takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from qtpy.QtCore import QRect, QRectF, Qt
from qtpy.QtGui import QBrush, QColor, QFontMetrics, QLinearGradient, QPainter

from plateflow.gui.colouring import LEVELS, Scale
from plateflow.gui.icons import paint_sign
from plateflow.gui.palette import WELL_ROLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plateflow.gui.palette import Theme

MOST_LINES: Final = 3
"""What needs more is cut, and says so."""
LONGEST: Final = 150
"""Pixels of a name."""
SPACE: Final = 14
BAR_WIDTH: Final = 140
WORDS: Final = {role: role for role in WELL_ROLES} | {
    "idle": "not started",
    "pending": "being compiled",
    "cancelled": "not finished",
}
"""How the legend calls a role."""
SIGNS: Final = {"failed": "✕", "cancelled": "–", "queued": "■", "pending": "■"}
"""What wells of a role are marked with, beside their colour."""


class Entry(NamedTuple):
    """One colour and its name; without a colour, words alone; ``"ramp"`` is the whole ramp."""

    colour: str
    text: str
    role: str = ""
    """Whose mark is painted over the colour."""


@dataclass(frozen=True, slots=True)
class _Placed:
    entry: Entry
    text: str
    x: int
    line: int


def state_entries(counts: Mapping[str, int], theme: Theme) -> list[Entry]:
    """Return the states that occur, with how many wells have each."""
    return [Entry(theme.colour(role), f"{count} {WORDS[role]}", role) for role, count in counts.items()]


def scale_entries(scale: Scale, counts: Mapping[str, int], theme: Theme) -> list[Entry]:
    """Return what the ramp means, and what is not on it."""
    entries = [Entry(theme.ramp_colour(level / (LEVELS - 1)), text) for level, text in scale.marks]
    if scale.is_continuous:
        (_, least), (_, most) = scale.marks
        entries = [Entry("", least), Entry("ramp", most)]
    if len(scale.levels) < sum(counts.values()):
        entries.append(Entry(theme.idle, "no data"))
    if counts.get("failed"):
        entries.append(Entry(theme.window, WORDS["failed"], "failed"))
    return entries


class Legend:
    """Entries in lines of a width."""

    def __init__(self, entries: list[Entry], width: int, metrics: QFontMetrics) -> None:
        self.entries = entries
        self._metrics = metrics
        self._side = metrics.ascent() - 1
        self._placed = self._lay_out(width)

    @property
    def lines(self) -> int:
        """How many there are, one at least."""
        return 1 + max((placed.line for placed in self._placed), default=0)

    def paint(self, painter: QPainter, left: int, top: int, theme: Theme) -> None:
        """Paint it."""
        for placed in self._placed:
            x, y = left + placed.x, top + placed.line * self._metrics.height()
            if swatch_width := self._swatch_width(placed.entry):
                swatch = QRect(x, y + (self._metrics.height() - self._side) // 2, swatch_width, self._side)
                _paint_swatch(painter, swatch, placed.entry, theme)
                x += swatch_width + 5
            painter.setPen(QColor(theme.text))
            painter.drawText(x, y + self._metrics.ascent(), placed.text)

    def _lay_out(self, width: int) -> list[_Placed]:
        placed: list[_Placed] = []
        x = line = 0
        for number, entry in enumerate(self.entries):
            text = self._metrics.elidedText(entry.text, Qt.TextElideMode.ElideRight, LONGEST)
            needed = self._swatch_width(entry) + 5 + self._metrics.horizontalAdvance(text)
            if x and x + needed > width:
                x, line = 0, line + 1
            if line == MOST_LINES:
                last, hidden = placed.pop(), len(self.entries) - number + 1
                return [*placed, _Placed(Entry("", ""), f"and {hidden} more", last.x, last.line)]
            placed.append(_Placed(entry, text, x, line))
            x += needed + SPACE
        return placed

    def _swatch_width(self, entry: Entry) -> int:
        return 0 if not entry.colour else BAR_WIDTH if entry.colour == "ramp" else self._side


def _paint_swatch(painter: QPainter, swatch: QRect, entry: Entry, theme: Theme) -> None:
    if entry.colour == "ramp":
        gradient = QLinearGradient(swatch.left(), 0, swatch.right(), 0)
        for number, colour in enumerate(theme.ramp):
            gradient.setColorAt(number / (len(theme.ramp) - 1), QColor(colour))
        painter.fillRect(swatch, QBrush(gradient))
        return
    painter.fillRect(swatch, QColor(entry.colour))
    _paint_mark(painter, QRectF(swatch), entry, theme)


def _paint_mark(painter: QPainter, swatch: QRectF, entry: Entry, theme: Theme) -> None:
    sign, is_bare = SIGNS.get(entry.role), entry.colour == theme.window
    inset = swatch.width() * (0.36 if sign == "■" else 0.0 if is_bare else 0.2)
    if sign is not None:
        ink = theme.text if is_bare else theme.ink(entry.role)
        paint_sign(painter, sign, swatch.adjusted(inset, inset, -inset, -inset), QColor(ink))
    elif entry.role == "lost":
        painter.fillRect(swatch, QBrush(QColor(theme.base), Qt.BrushStyle.HorPattern))
