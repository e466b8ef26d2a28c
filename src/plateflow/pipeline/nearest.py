"""What somebody may have meant by a name that there is not."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ALIKE = 0.6
"""How alike two names are before one is offered for the other, from 0 to 1."""


def nearest(name: str, known: Iterable[str], most: int = 1) -> list[str]:
    """Return the names that are most like another one, whatever its case; the likest first."""
    folded: dict[str, str] = {}
    for each in known:
        folded.setdefault(each.casefold(), each)
    return [folded[match] for match in get_close_matches(name.casefold(), folded, n=most, cutoff=ALIKE)]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the words that offer the nearest name; "" where none is near."""
    return "".join(f" (did you mean {found!r}?)" for found in nearest(name, known))
