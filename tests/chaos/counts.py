"""How often the tests of promises repeat what they do."""

import os

CHAOS = "PLATEFLOW_CHAOS"
"""Environment variable: ``full`` for the count that a promise names; otherwise a fifth of it, for every day."""


def runs(full: int) -> int:
    """Return how many runs to make of the so many that a promise names."""
    return full if os.environ.get(CHAOS) == "full" else max(1, full // 5)
