"""The plate as rows and columns, a cell for each well, as wide as its terminal allows.

===========  ======================================  =====================
cell         shows                                   made for
===========  ======================================  =====================
PERCENT      three columns and a gap: percent, mark  96 wells
FILLED       two columns: filled as it is done       384 wells
HALF         half a column: two rows share a line    1536 wells
===========  ======================================  =====================
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from rich.segment import Segment

from plateflow.cli.view.cells import Drawn, Looks, filled_cell, half_cell, half_letter, letter_cell, percent_cell
from plateflow.cli.view.palette import looks_of
from plateflow.cli.view.text import DIM, PLAIN, Line
from plateflow.errors import PlateError
from plateflow.plate.wells import enclosing_plate, parse_well, well_name
from plateflow.progress.wells import count_wells, is_well

if TYPE_CHECKING:
    from plateflow.progress.state import AxisProgress, ExecutionProgress

LABEL_WIDTH = 3
"""Columns before the first cell, for the row's letters."""


Row: TypeAlias = "list[AxisProgress | None]"


class Cell(Enum):
    """How a well is drawn; the value is its width in columns."""

    PERCENT = 4
    FILLED = 2
    HALF = 1


_MOST_COLUMNS = {Cell.PERCENT: 12, Cell.FILLED: 24, Cell.HALF: 48}


@dataclass(frozen=True, slots=True)
class MapShape:
    """A plate of some rows and columns, drawn in one kind of cell."""

    rows: int
    columns: int
    cell: Cell

    @property
    def width(self) -> int:
        """In terminal columns."""
        return LABEL_WIDTH + self.cell.value * self.columns

    @property
    def height(self) -> int:
        """In lines, the column numbers included."""
        return 1 + (-(-self.rows // 2) if self.cell is Cell.HALF else self.rows)


def plate_size(state: ExecutionProgress) -> tuple[int, int] | None:
    """Return (rows, columns) to draw; None while no well is known, and where the axes are no wells."""
    wells = [axis_id for axis_id in state.axes if is_well(axis_id)]
    try:
        if not wells or not parse_well(wells[0]):
            return None
        return (state.rows, state.columns) if state.rows and state.columns else enclosing_plate(wells)
    except PlateError:  # split over something else: sites, timepoints
        return None


def fit_map(size: tuple[int, int], width: int, height: int) -> MapShape | None:
    """Return the largest drawing of a plate that fits; None where none does."""
    shapes = (MapShape(*size, cell) for cell in Cell if size[1] <= _MOST_COLUMNS[cell])
    return next((shape for shape in shapes if shape.width <= width and shape.height <= height), None)


def plate_map(state: ExecutionProgress, shape: MapShape, *, colour: bool) -> list[Line]:
    """Return the lines of the map."""
    rows = [[state.axes.get(name) for name in names] for names in _well_names(shape.rows, shape.columns)]
    draw = {Cell.PERCENT: _percent_line, Cell.FILLED: _filled_line, Cell.HALF: _half_line}[shape.cell]
    every = 2 if shape.cell is Cell.HALF else 1
    looks = looks_of(state)
    lines = [
        [_row_label(top + 1), *_joined(draw(rows[top : top + every], looks, colour))]
        for top in range(0, shape.rows, every)
    ]
    return [_header(shape), *lines]


def legend(state: ExecutionProgress, *, colour: bool) -> Line:
    """Return what the colours mean, with the number of wells; of an ended execution only the states that occur."""
    counts = count_wells(state)
    parts: Line = []
    for key, look in looks_of(state).items():
        if state.ended and not counts[key]:
            continue
        parts.append(Segment("■ " if colour else f"{look.letter} ", look.ink))
        parts.append(Segment(f"{counts[key]} {look.word}   ", PLAIN))
    return parts


@lru_cache(maxsize=8)
def _well_names(rows: int, columns: int) -> list[list[str]]:
    return [[well_name(row, column) for column in range(1, columns + 1)] for row in range(1, rows + 1)]


@lru_cache(maxsize=64)
def _row_label(row: int) -> Segment:
    return Segment(f"{well_name(row, 1)[:-2]:>{LABEL_WIDTH - 1}} ", DIM)


def _header(shape: MapShape) -> Line:
    width, every = shape.cell.value, {Cell.PERCENT: 1, Cell.FILLED: 2, Cell.HALF: 6}[shape.cell]
    numbers = "".join(f"{column:<{width * every}}" for column in range(1, shape.columns + 1, every))
    return [Segment((" " * LABEL_WIDTH + numbers)[: shape.width], DIM)]


def _percent_line(rows: list[Row], looks: Looks, colour: bool) -> list[Drawn]:
    drawn: list[Drawn] = []
    for axis in rows[0]:
        drawn += (percent_cell(axis, looks, colour), (" ", PLAIN))
    return drawn


def _filled_line(rows: list[Row], looks: Looks, colour: bool) -> list[Drawn]:
    draw = filled_cell if colour else letter_cell
    return [draw(axis, looks) for axis in rows[0]]


def _half_line(rows: list[Row], looks: Looks, colour: bool) -> list[Drawn]:
    draw = half_cell if colour else half_letter
    lower: Row = rows[1] if len(rows) > 1 else [None] * len(rows[0])
    return [draw(above, below, looks) for above, below in zip(rows[0], lower, strict=True)]


def _joined(cells: list[Drawn]) -> Line:
    # Neighbours that look alike become one segment: most of a map is a few runs.
    line: Line = []
    texts: list[str] = []
    current = PLAIN
    for text, style in cells:
        if style is not current and texts:
            line.append(Segment("".join(texts), current))
            texts = []
        current = style
        texts.append(text)
    line.append(Segment("".join(texts), current))
    return line
