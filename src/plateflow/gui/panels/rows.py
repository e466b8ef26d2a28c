"""Rows of a table as plain values, and how to get from the rows shown to the new ones with the fewest changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Run: TypeAlias = tuple[int, int]
"""First and last of neighbouring rows, both included."""


class Column(NamedTuple):
    """One column."""

    title: str
    tip: str
    """What it tells, in a sentence."""
    numeric: bool = False
    """Numbers stand at the right."""


class Row(NamedTuple):
    """One row."""

    id: str
    """Of what the row is about; unique in its table."""
    cells: tuple[str, ...]
    """One text for each column."""
    keys: tuple[str | float, ...]
    """What each column sorts by."""
    tip: str = ""
    """More than the cells have room for."""
    alarming: bool = False
    """Something is wrong with it; the cells say what."""

    @property
    def text(self) -> str:
        """What a filter looks in, in lower case."""
        return "\n".join((*self.cells, self.tip)).lower()


class Changes(NamedTuple):
    """How one sequence of ids becomes another; applied in this order."""

    removed: list[Run]
    """The last ones first, so that each can be applied as it stands."""
    inserted: list[Run]
    """Places in the new sequence, the first ones first."""


def changes(old: Sequence[str], new: Sequence[str]) -> Changes | None:
    """Return what to remove and insert; None where ids that stay have changed their order."""
    staying = set(old) & set(new)
    if [i for i in old if i in staying] != [i for i in new if i in staying]:
        return None
    gone = runs(place for place, i in enumerate(old) if i not in staying)
    come = runs(place for place, i in enumerate(new) if i not in staying)
    return Changes(gone[::-1], come)


def runs(places: Iterable[int]) -> list[Run]:
    """Return ascending numbers as runs of neighbours."""
    found: list[Run] = []
    for place in places:
        if found and found[-1][1] == place - 1:
            found[-1] = (found[-1][0], place)
        else:
            found.append((place, place))
    return found


def matches(row: Row, words: Iterable[str]) -> bool:
    """Tell whether each of some lower-case words is in a row."""
    text = row.text
    return all(word in text for word in words)


def as_text(columns: Sequence[Column], rows: Iterable[Row]) -> str:
    """Return rows as lines with tabs between the cells, a header first: what a spreadsheet takes from the clipboard."""
    lines = ["\t".join(column.title for column in columns)]
    return "\n".join([*lines, *("\t".join(row.cells) for row in rows)])
