"""How somebody wants a plate's folder to be read; no Qt."""

from __future__ import annotations

import msgspec


class ChosenFormat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reader or a pattern of file names; with neither, as its pipeline says, else by the reader that knows it."""

    layout: str | None = None
    """The reader's name."""
    filenames: str | None = None
    """A regular expression; not beside a reader."""

    @property
    def words(self) -> str:
        """Return it in a few words; "" where nothing is chosen."""
        if self.filenames is not None:
            return "read by file names"
        return "" if self.layout is None else f"read as {self.layout}"


DETECTED = ChosenFormat()
"""Nothing is chosen."""
