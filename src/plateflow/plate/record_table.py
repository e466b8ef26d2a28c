"""Image records while a plate is being read: from records in any order to those of each well."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from plateflow.errors import PlateError
from plateflow.plate.image_table import Position, describe
from plateflow.plate.model import ImageRecord
from plateflow.plate.notes import BY_NAMES
from plateflow.plate.wells import well_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_MOST_SAID: Final = 5
"""Images that are there twice, named in an error."""


class RecordTable:
    """The records found so far, at most one for each well and position.

    Parameters
    ----------
    folder
        The plate's.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._records: dict[str, dict[Position, ImageRecord]] = {}
        self._positions: dict[tuple[int, str, int, int], Position] = {}
        """Wells share these objects: a plate has a million images, but few of them."""
        self._twice: list[tuple[ImageRecord, ImageRecord, str]] = []

    def add(self, record: ImageRecord, position: Position | None = None, *, file: str = "", line: int = 0) -> None:
        """Add a record; the first of an address stays, further ones are told by :meth:`by_well`.

        Parameters
        ----------
        record
            Of a file that is there, or should be.
        position
            Where it lies, if this object is at hand and wells share it.
        file, line
            Where it is said to be of this address; "" where its name tells.
        """
        if position is None:
            texts = record.site, record.channel, record.timepoint, record.z
            position = self._positions.get(texts)
            if position is None:
                position = self._positions[texts] = Position(*texts)
        records = self._records.get(record.well)
        if records is None:
            records = self._records[record.well] = {}
        first = records.setdefault(position, record)
        if first is not record:
            self._twice.append((first, record, f"{file}, line {line}: " if file else ""))

    def declare(self, well: str) -> None:
        """Let a well be one of the plate's, whether it has an image or not."""
        self._records.setdefault(well, {})

    def add_missing(self, well: str, position: Position, reason: str = "", path: str = "") -> None:
        """Add an image that should be there, unless it is."""
        records = self._records.setdefault(well, {})
        if position not in records:
            # Names may hold parts that nobody can guess, so without a path it says what no file was found for.
            sought = path or os.path.join(self._folder, f"(no file for {well}, {describe(position)})")
            site, channel, timepoint, z = position
            records[position] = ImageRecord(well, site, channel, z, timepoint, sought, missing=True, reason=reason)

    def complete(self, reason: str = "", wells: Iterable[str] | None = None) -> None:
        """Add to these wells (None: all) as missing what they lack and any of the plate's wells has."""
        everywhere = self.positions()
        for well in self._records if wells is None else wells:
            for position in everywhere - self._records[well].keys():
                self.add_missing(well, position, reason)

    def wells(self) -> list[str]:
        """Return the wells, in the order people count them."""
        return sorted(self._records, key=well_order)

    def has(self, well: str) -> bool:
        """Return whether a well has a record."""
        return bool(self._records.get(well))

    def of(self, well: str) -> dict[Position, ImageRecord]:
        """Return a well's records by position."""
        return self._records.get(well, {})

    def positions(self) -> set[Position]:
        """Return every position at which any well has an image."""
        return set().union(*self._records.values())

    def without_copied_projections(self) -> None:
        """Leave out the projections (z = 0) of channels that have planes anywhere on the plate.

        A projection is no plane of a stack, and what is made of its planes is up to the pipeline.
        """
        with_planes = {position.channel for position in self.positions() if position.z > 0}
        for well, records in self._records.items():
            self._records[well] = {
                position: record
                for position, record in records.items()
                if position.z > 0 or not record.projection or position.channel not in with_planes
            }

    def by_well(self, channels: Sequence[str]) -> dict[str, tuple[ImageRecord, ...]]:
        """Return what :attr:`.Plate.wells` holds; `channels` are all there are, in acquisition order.

        Raises
        ------
        PlateError
            If two files have the same address; names both of each such address, of the first few.
        """
        self._require_one_each()
        rank = {channel: number for number, channel in enumerate(channels)}
        order = sorted(self.positions(), key=lambda at: (at.site, rank[at.channel], at.timepoint, at.z))
        return {well: tuple(filter(None, map(self._records[well].get, order))) for well in self.wells()}

    def _require_one_each(self) -> None:
        if not self._twice:
            return
        said = [_told_twice(*each) for each in self._twice[:_MOST_SAID]]
        more = len(self._twice) - len(said)
        raise PlateError(
            f"two files are the same image ({'; '.join(said)}{f'; and {more} more' if more else ''}); "
            f"move one of each away, or {BY_NAMES}"
        )


def _told_twice(first: ImageRecord, second: ImageRecord, where: str) -> str:
    position = Position(second.site, second.channel, second.timepoint, second.z)
    return f"{where}well {second.well}, {describe(position)}: {_named(first)} and {_named(second)}"


def _named(record: ImageRecord) -> str:
    return record.path if record.part is None else f"{record.path} {record.part.index}"
