"""A line of the terminal, and how to cut, fill and join lines; widths are in terminal cells, not characters."""

from __future__ import annotations

from typing import TypeAlias

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

Line: TypeAlias = list[Segment]

PLAIN = Style.null()
DIM = Style(dim=True)
BOLD = Style(bold=True)


def cut(text: str, width: int) -> str:
    """Return text that is at most width wide; the end of a longer one becomes ``…``."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""


def fill(text: str, width: int) -> str:
    """Return text that is exactly width wide."""
    return set_cell_size(cut(text, width), width)


def both_ends(left: Line, right: Line, width: int) -> Line:
    """Return a line with one part at either end; the right one goes where there is no room for both."""
    free = width - Segment.get_line_length(left) - Segment.get_line_length(right)
    if free < 2:
        return Segment.adjust_line_length(left, width, pad=False)
    return [*left, Segment(" " * free, PLAIN), *right]


def side_by_side(left: list[Line], right: list[Line], left_width: int) -> list[Line]:
    """Return two blocks beside each other, as high as the higher."""
    height = max(len(left), len(right))
    padded = [Segment.adjust_line_length(line, left_width) for line in _grow(left, height)]
    return [[*a, *b] for a, b in zip(padded, _grow(right, height), strict=True)]


def _grow(block: list[Line], height: int) -> list[Line]:
    empty: list[Line] = [[] for _ in range(height - len(block))]
    return block + empty
