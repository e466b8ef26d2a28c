"""What a reader of plates is: how it recognises a folder as its own, and how it reads it.

Other packages add readers by the entry point group :data:`ENTRY_POINTS`; each entry is a :class:`PlateFormat`::

    [project.entry-points."plateflow.formats"]
    my-microscope = "my_package.plates:FORMAT"
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from plateflow.plate.listing import FileReport, TopFolder
    from plateflow.plate.model import Plate

ENTRY_POINTS: Final = "plateflow.formats"


@dataclass(frozen=True, slots=True)
class PlateFormat:
    """One way in which plates are written."""

    name: str
    """The ``layout`` of its plates, and what ``--format`` takes: "opera-phenix"."""
    looks_for: str
    """What marks such a plate, in words: "Index.xml in the folder or in its Images"."""
    find: Callable[[TopFolder], str | None]
    """Return the path of what marks the folder as such a plate; None where nothing does. Reads as little as it can."""
    read: Callable[[TopFolder, str, FileReport | None], Plate]
    """Read the plate of a folder, given what :attr:`find` returned and who to tell how far it is.

    Raises :class:`~plateflow.errors.PlateError`, and nothing else, for what is wrong with the plate.
    """
    derived: bool = False
    """Whether it reads what people make of plates (tables, names): it gives way where a microscope's own files are."""
