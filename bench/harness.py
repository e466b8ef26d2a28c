"""The one module that prints figures: interleaved rounds, a table that explains them, then a line to find them by.

    bench whole-plate ratio=2.413 target=3 ok

A ratio is the median of what is measured over the median of what it is measured against; a :class:`Ratio` takes both
from the rounds of one run, so no target can be printed that was not measured against.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Sample = TypeVar("Sample")

LEAST_ROUNDS: Final = 5
"""A median of fewer rounds is no figure: two disturbed ones would move it."""


class BenchError(Exception):
    """A benchmark could not be run, or what it compares is not the same thing."""


@dataclass(frozen=True, slots=True)
class Series:
    """One quantity of one subject, a value for each round."""

    label: str
    unit: str
    values: tuple[float, ...]

    @classmethod
    def of(cls, label: str, unit: str, samples: Iterable[Sample], quantity: Callable[[Sample], float]) -> Series:
        """Take one quantity out of each sample."""
        return cls(label, unit, tuple(quantity(sample) for sample in samples))

    @property
    def median(self) -> float:
        return statistics.median(self.values)


@dataclass(frozen=True, slots=True)
class Ratio:
    """A series over another of the same rounds.

    Raises
    ------
    BenchError
        If they are not of the same number of rounds.
    """

    series: Series
    against: Series

    def __post_init__(self) -> None:
        if len(self.series.values) != len(self.against.values):
            raise BenchError(f"{self.series.label} and {self.against.label} were not measured in the same rounds")

    @property
    def value(self) -> float:
        """Median over median."""
        return self.series.median / self.against.median

    @property
    def by_round(self) -> list[float]:
        """The ratio within each round, where both met the same load."""
        return [one / other for one, other in zip(self.series.values, self.against.values, strict=True)]


@dataclass(frozen=True, slots=True)
class Figure:
    """A ratio and what it should be."""

    name: str
    ratio: Ratio
    target: float
    at_least: bool = False
    """By default the ratio should be at most the target."""
    least_rounds: int = LEAST_ROUNDS
    """1 where it is no matter of timing."""

    @property
    def ok(self) -> bool:
        return self.ratio.value >= self.target if self.at_least else self.ratio.value <= self.target


@dataclass(frozen=True, slots=True)
class Report:
    """What one benchmark found."""

    title: str
    rows: Sequence[Series | Ratio]
    """A plain series, or one with its ratio to another."""
    figures: Sequence[Figure]
    notes: Sequence[str] = field(default=())


def interleave(subjects: Mapping[str, Callable[[], Sample]], rounds: int) -> dict[str, list[Sample]]:
    """Run each subject once a round, in turn (A B A B), so that a change of the machine's load meets all of them.

    The caller has run each once before, so that no round pays for cold caches.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in subjects}
    for number in range(1, rounds + 1):
        for name, subject in subjects.items():
            note(f"round {number} of {rounds}: {name}")
            samples[name].append(subject())
    return samples


def note(text: str) -> None:
    """Tell people on stderr where a benchmark is."""
    sys.stderr.write(f"bench: {text}\n")


def show(report: Report) -> None:
    """Print a benchmark: what it measured, the machine, the table, notes, and a line for each figure."""
    rounds = len(report.figures[0].ratio.series.values)
    table = "\n".join(_table(report.rows))
    print(f"\n{report.title}\n{machine()}; interleaved rounds: {rounds}\n\n{table}\n")
    for text in report.notes:
        print(text)
    for figure in report.figures:
        print(_line(figure), flush=True)


def machine() -> str:
    """Describe what this runs on, in one line, and how busy it was in the last 1, 5 and 15 minutes."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"{now}; {os.cpu_count()} CPUs {platform.machine()}, {platform.system()}, Python {platform.python_version()};"
        f" load average {load}"
    )


def _table(rows: Sequence[Series | Ratio]) -> list[str]:
    cells = [("", "median", "min", "max", "ratio", "by round", ""), *map(_cells, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return ["  ".join(_aligned(row, widths)).rstrip() for row in cells]


def _aligned(row: tuple[str, ...], widths: list[int]) -> list[str]:
    first, *numbers, last = row
    return [
        first.ljust(widths[0]),
        *(text.rjust(width) for text, width in zip(numbers, widths[1:-1], strict=True)),
        last,
    ]


def _cells(row: Series | Ratio) -> tuple[str, ...]:
    series = row.series if isinstance(row, Ratio) else row
    values = [f"{value:.3g}" for value in (series.median, min(series.values), max(series.values))]
    label = f"{series.label}, {series.unit}"
    if isinstance(row, Series):
        return (label, *values, "", "", "")
    low, high = min(row.by_round), max(row.by_round)
    return (label, *values, f"{row.value:.4g}", f"{low:.4g}-{high:.4g}", f"of {row.against.label}")


def _line(figure: Figure) -> str:
    rounds = len(figure.ratio.series.values)
    if rounds < figure.least_rounds:
        return f"no figure for {figure.name}: it takes {figure.least_rounds} rounds, these were {rounds}"
    verdict = "ok" if figure.ok else "short"
    return f"bench {figure.name} ratio={figure.ratio.value:.4g} target={figure.target:g} {verdict}"
