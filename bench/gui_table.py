"""The window's figures against their goals: what | measured | goal | met?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Line:
    """One figure."""

    what: str
    measured: float
    unit: str
    goal: float | None
    """At most, or at least; None where there is none."""
    at_least: bool = False
    remark: str = ""

    @property
    def met(self) -> str:
        if self.goal is None or math.isnan(self.measured):
            return "" if self.goal is None else "NO"
        return "yes" if (self.measured >= self.goal if self.at_least else self.measured <= self.goal) else "NO"

    @property
    def cells(self) -> tuple[str, str, str, str]:
        sign = ">=" if self.at_least else "<="
        goal = f"{sign} {self.goal:g} {self.unit}".strip() if self.goal is not None else ""
        shown = "never" if math.isnan(self.measured) else f"{self.measured:.3g} {self.unit}".strip()
        return self.what, f"{shown} {self.remark}".strip(), goal, self.met


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that so many percent do not exceed; NaN where there is none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(percent / 100 * len(ordered)) - 1 if percent else 0)]


def table(lines: Sequence[Line]) -> str:
    """Return the figures as a table."""
    rows = [("what", "measured", "goal", "met?"), *(line.cells for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
