"""Words that readers share when they tell what is odd about a plate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

IN_WINDOW: Final = "or by Format in the window"
"""Beside an option: where somebody chooses how a plate is read who types none."""
BY_NAMES: Final = "read the plate by the names of its files (--filenames, or Format in the window)"
_MOST_TOLD: Final = 3


def some(names: Collection[str]) -> str:
    """Return the first few of some names."""
    return ", ".join(list(names)[:_MOST_TOLD]) + (" .." if len(names) > _MOST_TOLD else "")


def left_out(names: Collection[str], file: str) -> tuple[str, ...]:
    """Return the note on images that lie in the folder, but not in the file that describes the plate; () for none."""
    return _left_out(names, f"not described by {file}")


def otherwise_named(names: Collection[str]) -> tuple[str, ...]:
    """Return the note on images that lie in the folder, but are not named as the others are; () for none."""
    return _left_out(names, "not named as the microscope names its images")


def lacking_planes(channel: str, planes: Collection[int], declared: int = 0) -> tuple[str, ...]:
    """Return the note on planes that no well has of a channel with several; () for none.

    Parameters
    ----------
    channel
        Its name.
    planes
        Those that it has somewhere, counted from 1.
    declared
        How many it should have; 0 where nothing tells, then as many as the last one's number.
    """
    lacking = sorted(set(range(1, max(declared, *planes) + 1)) - set(planes)) if len(planes) > 1 else []
    if not lacking:
        return ()
    return (f"channel {channel} has {len(planes)} planes, and nowhere plane {some([str(z) for z in lacking])}",)


def _left_out(names: Collection[str], why: str) -> tuple[str, ...]:
    return (f"{len(names)} images are {why} and were left out: {some(sorted(names))}",) if names else ()
