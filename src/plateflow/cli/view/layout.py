"""How the lines of a terminal are shared out: by the size of terminal and plate, never by what happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plateflow.cli.view.plate_map import MapShape, fit_map

if TYPE_CHECKING:
    from rich.console import ConsoleDimensions

WIDEST = 132
"""Columns used at most: longer bars say no more."""
COMFORTABLE_SIDE = 44
"""Columns for the steps beside the map, from which their bars say something."""
NARROWEST_SIDE = 22
GAP = 3
"""Columns between the map and the steps beside it."""
MOST_FAILURES = 6
"""Lines of the failures, their title included."""
HEAD = 2
"""Lines of the title and its bar; with the status line they are always there."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What stands in a frame, in lines; ``width`` in columns."""

    width: int
    head: bool = True
    """Whether there is room for more than the status line."""
    shape: MapShape | None = None
    beside: bool = False
    """The steps stand to the right of the map, not under it."""
    steps: int = 0
    """Title included."""
    failures: int = 0
    """Title included."""
    gaps: tuple[str, ...] = ()
    """What has an empty line before it: status, failures, body, steps."""

    @property
    def height(self) -> int:
        """Lines in all."""
        drawn = self.shape.height if self.shape else 0
        legend = 1 if self.shape else 0
        body = legend + (max(drawn, self.steps) if self.beside else drawn + self.steps)
        return HEAD * self.head + body + 1 + self.failures + len(self.gaps)


def lay_out(size: ConsoleDimensions, plate: tuple[int, int] | None, steps: int) -> Layout:
    """Share out a terminal to a plate of (rows, columns); one line of it stays free, for the cursor."""
    width = max(1, min(size.width - 1, WIDEST))
    room = size.height - 1 - HEAD - 1
    if room < 0:
        return Layout(width, head=False)
    if not steps or room < 2:
        return Layout(width)
    shape, beside = _place_map(plate, width, room, steps + 1)
    listed = min(steps + 1, room - 1 if beside else room - (shape.height + 1 if shape else 0))
    room -= Layout(width, shape=shape, beside=beside, steps=listed).height - HEAD - 1
    failures = 2 if room >= 2 else 0
    wanted = ("status", "failures", "body") if beside or shape is None else ("status", "steps", "failures", "body")
    gaps = wanted[: room - failures]
    failures += min(room - failures - len(gaps), MOST_FAILURES - failures) if failures else 0
    return Layout(width, True, shape, beside, listed, failures, gaps)


def _place_map(plate: tuple[int, int] | None, width: int, room: int, step_lines: int) -> tuple[MapShape | None, bool]:
    # The place with the largest cells, at best beside steps that have room for their bars, else above all of the steps.
    if plate is None:
        return None, False
    height = room - 1  # for the legend
    places = [
        (fit_map(plate, width - GAP - COMFORTABLE_SIDE, height), True),
        (fit_map(plate, width, height - step_lines - 2), False),
        (fit_map(plate, width - GAP - NARROWEST_SIDE, height), True),
        (fit_map(plate, width, height), False),
    ]
    shape, beside = max(places, key=lambda place: place[0].cell.value if place[0] else 0)
    return shape, beside and shape is not None
