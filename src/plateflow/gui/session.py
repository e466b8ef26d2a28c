"""What the window remembers from one time to the next: a JSON file; no Qt."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final

import msgspec

from plateflow.gui.chosen_format import DETECTED, ChosenFormat
from plateflow.storage.atomic import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

_LOG = logging.getLogger(__name__)
MOST_RECENT: Final = 15
"""Plates and pipelines that are remembered beyond the list."""
GONE: Final = "Its folder is not there now: mount or copy it again, or remove the plate"


class KeptPlate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of the list."""

    path: str
    pipeline: str = ""
    """Path of its pipeline file."""
    output: str = ""
    """Results folder of its last run."""
    format: ChosenFormat = DETECTED


class Session(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The list of plates and what goes with it; a path that is not there now stays in it."""

    plates: tuple[KeptPlate, ...] = ()
    """In the order of the list."""
    selected: tuple[str, ...] = ()
    """Paths of the plates that are selected."""
    geometry: str = ""
    """Place and size of the window, as Qt has it, in hex digits; "" for none."""
    recent_plates: tuple[str, ...] = ()
    """Paths, the latest first."""
    recent_pipelines: tuple[str, ...] = ()
    """Paths, the latest first."""


def with_latest(recent: tuple[str, ...], path: str) -> tuple[str, ...]:
    """Return recent paths with one more, or the same one, at the front; at most :data:`MOST_RECENT`."""
    return (path, *(other for other in recent if other != path))[:MOST_RECENT]


def load_session(path: Path) -> Session:
    """Read a session; an empty one where there is none, and where it is damaged, which is set aside beside it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Session)
    except FileNotFoundError:
        return Session()
    except (OSError, msgspec.DecodeError) as e:
        _LOG.warning("The window's session cannot be read and is set aside: %s: %s", path, e)
        _set_aside(path)
        return Session()


def save_session(path: Path, session: Session) -> None:
    """Write a session over the one before; where that fails the log says so, for no work depends on it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, msgspec.json.format(msgspec.json.encode(session), indent=1))
    except OSError as e:
        _LOG.warning("The window's session cannot be kept: %s", e)


def _set_aside(path: Path) -> None:
    try:
        os.replace(path, path.with_suffix(".damaged.json"))
    except OSError as e:
        _LOG.warning("Nor can it be set aside: %s", e)
