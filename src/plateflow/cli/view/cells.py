"""One well, or two that share a half-block, as text and style; None is a place without a well."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from rich.style import Style

from plateflow.cli.view.text import PLAIN
from plateflow.progress.state import AxisState

if TYPE_CHECKING:
    from plateflow.cli.view.palette import Look
    from plateflow.progress.state import AxisProgress

Drawn: TypeAlias = tuple[str, Style]
Looks: TypeAlias = "dict[AxisState, Look]"

_FILLS = "▁▂▃▄▅▆▇█"
_WORST_FIRST = (AxisState.FAILED, AxisState.RUNNING, AxisState.PENDING, AxisState.COMPLETED)


def percent_cell(axis: AxisProgress | None, looks: Looks, colour: bool) -> Drawn:
    """Return three columns: the percent of a running well, else the mark of its state."""
    if axis is None:
        return "   ", PLAIN
    look = looks[axis.state]
    if axis.state is AxisState.RUNNING:
        return f"{int(axis.percent):>2}%" if axis.percent < 100 else "100", look.cell
    mark = f" {look.mark if colour else look.letter} "
    return mark, look.ink if axis.state is AxisState.PENDING else look.cell


def filled_cell(axis: AxisProgress | None, looks: Looks) -> Drawn:
    """Return two columns: a running well is filled from below as far as it is."""
    if axis is None:
        return "  ", PLAIN
    look = looks[axis.state]
    if axis.state is AxisState.COMPLETED:
        return "█▊", look.ink
    if axis.state is AxisState.RUNNING:
        return _FILLS[int(axis.percent) * 7 // 100] * 2, look.ink
    return f"{look.mark} ", look.cell if axis.state is AxisState.FAILED else look.ink


def letter_cell(axis: AxisProgress | None, looks: Looks) -> Drawn:
    """Return two columns without colour."""
    return f"{looks[axis.state].letter if axis else ' '} ", PLAIN


def half_cell(above: AxisProgress | None, below: AxisProgress | None, looks: Looks) -> Drawn:
    """Return one column for two wells: the upper one in the colour, the lower one behind it."""
    if above is None:
        return (" ", PLAIN) if below is None else ("▄", looks[below.state].ink)
    ink = looks[above.state].ink
    return "▀", ink if below is None else _two_colours(ink, looks[below.state].ink)


def half_letter(above: AxisProgress | None, below: AxisProgress | None, looks: Looks) -> Drawn:
    """Return one column without colour: the letter of the worse of two wells."""
    states = {axis.state for axis in (above, below) if axis}
    return next((looks[state].letter for state in _WORST_FIRST if state in states), " "), PLAIN


@lru_cache(maxsize=32)
def _two_colours(above: Style, below: Style) -> Style:
    return Style(color=above.color, bgcolor=below.color)
