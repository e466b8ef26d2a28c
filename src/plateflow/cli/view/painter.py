"""Repaints a block of lines in place; what did not change is not written again.

rich's own ``Live`` erases every line of a frame before it writes them anew, so a terminal that draws between two reads
of a long frame shows empty lines; and it writes all of a frame each time, which a plate over ssh feels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.control import Control
from rich.segment import ControlType, Segment, Segments

if TYPE_CHECKING:
    from rich.console import Console

    from plateflow.cli.view.text import Line

_ERASE_REST = Control((ControlType.ERASE_IN_LINE, 0)).segment
_ERASE_LINE = Control((ControlType.ERASE_IN_LINE, 2)).segment
_LINE_START = Control(ControlType.CARRIAGE_RETURN).segment


class Painter:
    """Owns the last lines of a terminal; between frames the cursor stands below them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: list[Line] = []
        self._width = 0

    def paint(self, lines: list[Line]) -> None:
        """Show these lines where the last ones stand, in one write."""
        if self._width != self._console.width:
            self._forget_after_resize()
        shared = min(len(lines), len(self._shown))
        changed = [i >= shared or line != self._shown[i] for i, line in enumerate(lines)]
        surplus = len(self._shown) - len(lines)
        if not any(changed) and surplus <= 0:
            return
        # A ^C may have been echoed on the cursor's line.
        segments = [_ERASE_LINE, _LINE_START, *([_up(len(self._shown))] if self._shown else [])]
        for line, is_changed in zip(lines, changed, strict=True):
            segments += [*line, _ERASE_REST] if is_changed else []
            segments.append(Segment.line())
        segments += [_ERASE_REST, Segment.line()] * max(0, surplus)
        if surplus > 0:
            segments.append(_up(surplus))
        self._shown = lines
        self._console.print(Segments(segments), end="", soft_wrap=True)

    def _forget_after_resize(self) -> None:
        # A terminal that became narrower has wrapped the frame: go to where its first line is now, and write all anew.
        width, self._width = self._console.width, self._console.width
        taken = sum(max(1, -(-Segment.get_line_length(line) // width)) for line in self._shown)
        up = min(taken, self._console.height - 1)
        if up:
            blank = [_ERASE_REST, Segment.line()] * up
            self._console.print(Segments([_LINE_START, _up(up), *blank, _up(up)]), end="", soft_wrap=True)
        self._shown = []


def _up(lines: int) -> Segment:
    return Control.move(0, -lines).segment
