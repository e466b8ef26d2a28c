"""A plate as a picture: one well beside the other, coloured by a number; SVG, which every browser opens."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

SIZES = ((2, 3), (3, 4), (4, 6), (6, 8), (8, 12), (16, 24), (32, 48))
"""Rows and columns of the plates that there are, 6 to 1536 wells."""
COLOURS = (
    (68, 1, 84), (71, 44, 122), (59, 81, 139), (44, 113, 142), (33, 144, 141),
    (39, 173, 129), (92, 200, 99), (170, 220, 50), (253, 231, 37),
)  # fmt: skip
"""From the lowest to the highest value: viridis, which dichromats and black-and-white printers tell apart too."""
UNKNOWN = "#d9d9d9"
CELL, EDGE, LEGEND = 24, 34, 64
"""Pixels of a well, of the names beside the plate, and of the legend below it."""


@dataclass(frozen=True, slots=True)
class Well:
    """One well to draw."""

    row: int
    """From 1, as the column."""
    column: int
    value: float | None
    """None, NaN and infinite values have no colour."""
    failed: bool = False
    """Drawn with a cross."""


def heat_map(title: str, wells: Mapping[str, Well], rows: Sequence[str], size: tuple[int, int] | None = None) -> str:
    """Draw a plate.

    Parameters
    ----------
    title
        Said above it: what the numbers are.
    wells
        By name; those of the plate that are not among them are left empty.
    rows
        Names of the rows, at least as many as the plate may have.
    size
        Rows and columns of the plate; None: of the smallest that holds the wells.

    Returns
    -------
    str
        The SVG. Each well has its name and value as a tooltip.
    """
    row_count, column_count = size or plate_size(wells.values())
    known = [well.value for well in wells.values() if well.value is not None and math.isfinite(well.value)]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    width = max(EDGE + column_count * CELL + 10, 320)
    height = 2 * EDGE + row_count * CELL + LEGEND
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
        f'<title>{escape(title)}</title><rect width="100%" height="100%" fill="white"/>',
        f'<text x="8" y="18" font-size="13" font-weight="bold">{escape(title)}</text>',
        *(_text(_x(column) + CELL / 2, 2 * EDGE - 6, str(column), "middle") for column in range(1, column_count + 1)),
        *(_text(EDGE - 6, _y(row) + CELL / 2 + 4, rows[row - 1], "end") for row in range(1, row_count + 1)),
        *(_outline(row, column) for row in range(1, row_count + 1) for column in range(1, column_count + 1)),
        *(_well(name, well, low, high) for name, well in wells.items()),
        *_legend(low, high, 2 * EDGE + row_count * CELL + 16, known=bool(known)),
        "</svg>",
    ]
    return "\n".join([*parts, ""])


def plate_size(wells: Collection[Well]) -> tuple[int, int]:
    """Return rows and columns of the smallest plate that holds these wells."""
    rows = max((well.row for well in wells), default=1)
    columns = max((well.column for well in wells), default=1)
    return next((size for size in SIZES if size[0] >= rows and size[1] >= columns), (rows, columns))


def colour(value: float | None, low: float, high: float) -> str:
    """Return the colour of a value, ``#rrggbb``; the middle one where all values are the same."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    at = (0.5 if high == low else (value - low) / (high - low)) * (len(COLOURS) - 1)
    below = min(int(at), len(COLOURS) - 2)
    mixed = (a + (b - a) * (at - below) for a, b in zip(COLOURS[below], COLOURS[below + 1], strict=True))
    return "#" + "".join(f"{round(part):02x}" for part in mixed)


def spoken(value: float | None) -> str:
    """Return a value as people read it."""
    if value is None or math.isnan(value):
        return "no value"
    return f"{value:.6g}"


def _x(column: int) -> int:
    return EDGE + (column - 1) * CELL


def _y(row: int) -> int:
    return 2 * EDGE + (row - 1) * CELL


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'


def _outline(row: int, column: int) -> str:
    place = f'x="{_x(column) + 1}" y="{_y(row) + 1}" width="{CELL - 2}" height="{CELL - 2}"'
    return f'<rect {place} rx="3" fill="none" stroke="#e5e5e5"/>'


def _well(name: str, well: Well, low: float, high: float) -> str:
    x, y = _x(well.column) + 1, _y(well.row) + 1
    size = CELL - 2
    told = f"{name}: {'failed' if well.failed else spoken(well.value)}"
    cross = f'<path d="M{x + 6} {y + 6}l10 10m0 -10l-10 10" stroke="#b2182b" stroke-width="2"/>' if well.failed else ""
    fill = colour(None if well.failed else well.value, low, high)
    square = f'<rect x="{x}" y="{y}" width="{size}" height="{size}" rx="3" fill="{fill}"/>'
    return f"<g><title>{escape(told)}</title>{square}{cross}</g>"


def _legend(low: float, high: float, y: int, *, known: bool) -> list[str]:
    if not known:
        return [_text(EDGE, y + 12, "no well has a value", "start")]
    stops = "".join(
        f'<stop offset="{i / (len(COLOURS) - 1):g}" stop-color="rgb{rgb}"/>' for i, rgb in enumerate(COLOURS)
    )
    return [
        f'<defs><linearGradient id="scale">{stops}</linearGradient></defs>',
        f'<rect x="{EDGE}" y="{y}" width="200" height="10" fill="url(#scale)"/>',
        _text(EDGE, y + 24, spoken(low), "start"),
        _text(EDGE + 200, y + 24, spoken(high), "end"),
    ]
