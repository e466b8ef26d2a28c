"""A user's regular expression for file names, whose named groups are the components of an image's address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from plateflow.errors import PlateError
from plateflow.plate.image_table import Position
from plateflow.plate.wells import canonical_well, join_well

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

COMPONENT_NAMES: Final = {
    "well": "well", "wellname": "well",
    "row": "row", "wellrow": "row",
    "column": "column", "col": "column", "wellcolumn": "column",
    "site": "site", "field": "site",
    "channel": "channel", "channelnumber": "channel", "channelname": "channel", "wavelength": "channel",
    "z": "z", "zplane": "z", "plane": "z",
    "timepoint": "timepoint", "time": "timepoint", "t": "timepoint",
}  # fmt: skip
"""The component that a group (or a heading of a table) stands for, by its name in lower case without ``_``.

CellProfiler's names are among them: Well, WellRow, WellColumn, Site, ChannelNumber.
"""


def component_of(name: str) -> str | None:
    """Return the component that a group or heading stands for; None where it is none (Plate, ImageNumber)."""
    bare = name.strip().lower().removeprefix("metadata_").replace("_", "").replace(" ", "")
    return COMPONENT_NAMES.get(bare)


class NamePattern:
    """A compiled pattern and the group of each component that it has.

    Parameters
    ----------
    regex
        The pattern.
    groups
        Group name by component: ``{"well": "Well"}``.
    """

    def __init__(self, regex: re.Pattern[str], groups: dict[str, str]) -> None:
        self.regex = regex
        self.groups = groups
        self._placing = self._numbers("site", "channel", "timepoint", "z")
        self._telling_well = self._numbers("well", "row", "column")
        self._positions: dict[str | Any, Position] = {}
        """By the texts of the groups that tell them: wells share these objects, for a plate has a million images."""
        self._wells: dict[str | Any, str] = {}

    @property
    def by_path(self) -> bool:
        """Whether it matches a file's path relative to the plate folder, and not its name alone."""
        return "/" in self.regex.pattern

    def untold(self) -> str:
        """Return which groups tell nothing of where an image belongs, for the end of an error; "" where all do."""
        others = [name for name in self.regex.groupindex if name not in self.groups.values()]
        known = ", ".join(dict.fromkeys(COMPONENT_NAMES.values()))
        verb = "tells" if len(others) == 1 else "tell"
        return f"; {' and '.join(others)} in the pattern {verb} nothing: {known} would" if others else ""

    def address(self, match: re.Match[str]) -> tuple[str, Position]:
        """Return the well and the position that a match stands for; an absent component is 1.

        Raises
        ------
        PlateError
            If a component's text is not of its kind; names the component and the text.
        """
        placed = match.group(*self._placing) if self._placing else ""
        position = self._positions.get(placed)
        if position is None:
            position = self._positions[placed] = Position(
                self._number(match, "site"),
                self._text(match, "channel") or "1",
                self._number(match, "timepoint"),
                self._number(match, "z"),
            )
        told = match.group(*self._telling_well)
        well = self._wells.get(told)
        if well is None:
            well = self._wells[told] = self._well(match)
        return well, position

    def _numbers(self, *components: str) -> list[int]:
        return [self.regex.groupindex[self.groups[component]] for component in components if component in self.groups]

    def _well(self, match: re.Match[str]) -> str:
        if "well" in self.groups:
            return canonical_well(self._text(match, "well"))
        return join_well(self._text(match, "row"), self._text(match, "column"))

    def _number(self, match: re.Match[str], component: str) -> int:
        text = self._text(match, component)
        if not text:
            return 1
        if not (text.isascii() and text.isdigit()):
            raise PlateError(f"its {component} is {text!r}, a whole number is needed")
        return int(text)

    def _text(self, match: re.Match[str], component: str) -> str:
        group = self.groups.get(component)
        return "" if group is None else match[group] or ""


def compile_pattern(pattern: str) -> NamePattern:
    """Compile a user's pattern.

    Raises
    ------
    PlateError
        If it is no regular expression, tells no well, or tells a component twice.
    """
    try:
        regex = re.compile(pattern)
    except re.error as e:
        raise PlateError(f"the file name pattern {pattern!r} is no regular expression: {e}") from e
    groups = _name_groups(pattern, regex.groupindex)
    if "well" not in groups and not {"row", "column"} <= groups.keys():
        raise PlateError(
            f"the file name pattern {pattern!r} tells no well: it needs a group (?P<well>...), or both (?P<row>...) "
            "and (?P<column>...)"
        )
    return NamePattern(regex, groups)


def _name_groups(pattern: str, names: Iterable[str]) -> dict[str, str]:
    groups: dict[str, str] = {}
    for name in names:
        component = component_of(name)
        if component in groups:
            raise PlateError(
                f"the file name pattern {pattern!r} tells the {component} twice: {groups[component]} and {name}"
            )
        if component is not None:
            groups[component] = name
    return groups
