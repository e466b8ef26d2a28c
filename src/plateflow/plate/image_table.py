"""Images by address while a plate is being read: from files in any order to the records of each well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from plateflow.errors import PlateError
from plateflow.plate.notes import BY_NAMES
from plateflow.plate.wells import well_order

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_SAID: Final = 5


class Position(NamedTuple):
    """The address of an image within its well."""

    site: int
    channel: str
    timepoint: int
    z: int


class ImageTable:
    """The paths found so far, at most one for each well and position."""

    def __init__(self) -> None:
        self._paths: dict[str, dict[Position, str]] = {}
        self._twice: list[tuple[str, Position, str]] = []

    def paths_of(self, well: str) -> dict[Position, str]:
        """Return the paths of a well that has a file, to add more: a call for each would double the time."""
        return self._paths.setdefault(well, {})

    def add_second(self, well: str, position: Position, path: str) -> None:
        """Note a further file of an address; the first one stays, and :meth:`require_one_each` tells of both."""
        self._twice.append((well, position, path))

    def require_one_each(self) -> None:
        """Refuse a plate on which two files have the same address.

        Raises
        ------
        PlateError
            Names both files of each such address, of the first few.
        """
        if not self._twice:
            return
        said = [
            f"well {well}, {describe(position)}: {self._paths[well][position]} and {path}"
            for well, position, path in self._twice[:_MOST_SAID]
        ]
        more = len(self._twice) - len(said)
        raise PlateError(
            f"two files are the same image ({'; '.join(said)}{f'; and {more} more' if more else ''}); "
            f"move one of each away, or {BY_NAMES}"
        )

    def find(self, well: str, position: Position) -> str | None:
        """Return the path of an image; None where there is none."""
        return self._paths.get(well, {}).get(position)

    def of(self, well: str) -> dict[Position, str]:
        """Return the paths of a well's images; empty where it has none."""
        return self._paths.get(well, {})

    def any_path(self, well: str) -> str:
        """Return the path of one of a well's images."""
        return next(iter(self._paths[well].values()))

    def paths_at(self, position: Position) -> list[str]:
        """Return the path at this position of each well that has one there, in no order that matters."""
        return [paths[position] for paths in self._paths.values() if position in paths]

    def wells(self) -> list[str]:
        """Return the wells that have a file, in the order people count them."""
        return sorted(self._paths, key=well_order)

    def positions(self) -> set[Position]:
        """Return every position at which any well has a file."""
        return set().union(*self._paths.values())


def describe(position: Position) -> str:
    """Return a position in words."""
    return f"site {position.site}, channel {position.channel}, z {position.z}, timepoint {position.timepoint}"


def natural_order(channels: Iterable[str]) -> list[str]:
    """Sort channel names: numbers by value (2 before 10), then words."""
    return sorted(channels, key=lambda name: (0, int(name), name) if name.isdecimal() else (1, 0, name))
