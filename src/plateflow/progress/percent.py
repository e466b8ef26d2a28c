"""The one place where a percent is computed."""

from __future__ import annotations


def percent_of(completed: int, total: int) -> float:
    """Return ``100 * completed / total`` in that order of operations; 0.0 where total is 0."""
    return 100 * completed / total if total else 0.0


def shown_percent(completed: int, total: int) -> int:
    """Return the percent that people are shown: floored, so that 100 means all of it."""
    return 100 * completed // total if total else 0
