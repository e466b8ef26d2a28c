"""The wells of a plate as numbers to paint and words to read; no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from plateflow.errors import PlateError
from plateflow.gui.colouring import LEVELS
from plateflow.gui.palette import WELL_ROLES
from plateflow.plate.wells import enclosing_plate, parse_well, well_name
from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.progress.percent import shown_percent
from plateflow.progress.state import AxisState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt

    from plateflow.progress.state import AxisProgress, ExecutionProgress

SIDE: Final = 8
"""Pixels of a side of a well in the picture: as finely is it told how far it is."""
NO_WELL: Final = 0
"""Code of a well that was not imaged."""
CODES: Final = {role: code for code, role in enumerate(WELL_ROLES, NO_WELL + 1)}
INK: Final = len(CODES) + 1
"""Added to a code where a pixel belongs to the mark on it."""
RAMP: Final = 2 * INK
"""Code of the first of :data:`~plateflow.gui.colouring.LEVELS` colours that tell a number instead of a state."""

_FULL: Final = SIDE
_LEAST: Final = 2
_THRESHOLDS: Final = np.arange(SIDE, 0, -1, dtype=np.uint8).reshape(1, SIDE, 1)


def _marks() -> npt.NDArray[np.uint8]:
    """Return a tile ``(SIDE, SIDE)`` for each code, of what is added to it.

    A state is never told by colour alone: what waits has a hole, what was stopped a dash, what is lost stripes. What
    failed has a cross, which is too fine for these pixels.
    """
    marks = np.zeros((RAMP + LEVELS, SIDE, SIDE), np.uint8)
    for code in (NO_WELL, CODES["queued"], CODES["pending"]):
        marks[code, 3:5, 3:5] = INK
    marks[CODES["cancelled"], 3:5, 1:7] = INK
    marks[CODES["lost"], 2:6:3] = INK
    return marks


_MARKS: Final = _marks()


def well_roles(progress: ExecutionProgress, *, lost: bool = False) -> dict[AxisState, str]:
    """Return which of the palette's roles a well has in each state; it depends on where its execution stands."""
    roles = {
        AxisState.PENDING: "queued",
        AxisState.RUNNING: "running",
        AxisState.COMPLETED: "done",
        AxisState.FAILED: "failed",
    }
    if progress.ended:  # what was at work then was not finished, and is not running
        return {**roles, AxisState.PENDING: "idle", AxisState.RUNNING: "cancelled"}
    if lost:
        return {**roles, AxisState.PENDING: "lost", AxisState.RUNNING: "lost"}
    return {**roles, AxisState.PENDING: "pending"} if progress.kind is ExecutionKind.COMPILE else roles


def plate_shape(progress: ExecutionProgress | None) -> tuple[int, int]:
    """Return (rows, columns) to draw; (0, 0) while no well is known, and where the axes are no wells."""
    if progress is None:
        return 0, 0
    wells = [name for name in progress.axes if _position(name) is not None]
    if not wells:
        return 0, 0
    return (progress.rows, progress.columns) if progress.rows and progress.columns else enclosing_plate(wells)


class WellGrid:
    """What each well shows: a code for its colour, and how far it is filled.

    Both are kept in a bytearray, which is written faster than an array; :meth:`picture` reads them without a copy.
    """

    def __init__(self, rows: int = 0, columns: int = 0, wells: Iterable[str] = ()) -> None:
        self.rows, self.columns = rows, columns
        self._codes = bytearray(rows * columns)
        self._levels = bytearray([_FULL]) * (rows * columns)
        self._shades: bytearray | None = None
        self.codes: npt.NDArray[np.uint8] = np.frombuffer(self._codes, np.uint8)
        """One for each well, row by row: :data:`NO_WELL` or one of :data:`CODES`."""
        self._index = {name: index for name in wells if (index := self._find(name)) is not None}

    @property
    def wells(self) -> dict[str, int]:
        """Where each imaged well is, counted row by row; in the order in which they became known."""
        return self._index

    @property
    def tells_numbers(self) -> bool:
        """Whether colours are of the ramp, not of states."""
        return self._shades is not None

    def colour(self, levels: Mapping[str, int] | None) -> None:
        """Show each well's level on the ramp, those without as idle; None: the states again."""
        if levels is None:
            self._shades = None
            return
        shades, index_of = bytearray(len(self._codes)), self._index
        for index in index_of.values():
            shades[index] = CODES["idle"]
        for name, level in levels.items():
            if name in index_of:
                shades[index_of[name]] = RAMP + level
        self._shades = shades

    def refresh(self, progress: ExecutionProgress, wells: Iterable[str] | None = None, *, lost: bool = False) -> None:
        """Take the states of these wells, or of all."""
        codes = {state: CODES[role] for state, role in well_roles(progress, lost=lost).items()}
        axes, index_of, running = progress.axes, self._index, CODES["running"]
        for name in index_of if wells is None else wells:
            index = index_of.get(name)
            if index is None:
                continue
            axis = axes[name]
            self._codes[index] = code = codes[axis.state]
            self._levels[index] = _level(axis) if code == running else _FULL

    def picture(self, colours: npt.NDArray[np.uint32], *, marked: bool = True) -> npt.NDArray[np.uint32]:
        """Return the plate as pixels: each well filled from below, as far as it is, and marked.

        Parameters
        ----------
        colours
            One pixel for each code, :data:`NO_WELL` first, then for the mark on each, then for each level of the ramp.
        marked
            Whether marks are painted, which needs ``(rows * SIDE, columns * SIDE)`` pixels;
            ``(rows * SIDE, columns)`` are returned without.
        """
        shape = (self.rows, 1, self.columns)
        levels = np.frombuffer(self._levels, np.uint8).reshape(shape)
        shown = self.codes if self._shades is None else np.frombuffer(self._shades, np.uint8)
        codes = np.where(levels >= _THRESHOLDS, shown.reshape(shape), np.uint8(CODES["idle"]))
        if not marked:
            return colours[codes].reshape(self.rows * SIDE, self.columns)
        marks = _MARKS[shown.reshape(self.rows, self.columns)].swapaxes(1, 2)
        pixels = codes[..., np.newaxis] + marks
        return colours[pixels].reshape(self.rows * SIDE, self.columns * SIDE)

    def name(self, index: int) -> str:
        """Return the name of a well by its place, counted row by row."""
        row, column = divmod(index, self.columns)
        return well_name(row + 1, column + 1)

    def having(self, role: str) -> list[int]:
        """Return the places of the wells that have a role."""
        return [int(index) for index in np.flatnonzero(self.codes == CODES[role])]

    def count(self) -> dict[str, int]:
        """Return how many wells have each role, of those that occur."""
        counts = np.bincount(self.codes, minlength=len(CODES) + 1)
        return {role: int(counts[code]) for role, code in CODES.items() if counts[code]}

    def _find(self, name: str) -> int | None:
        position = _position(name)
        if position is None or position[0] > self.rows or position[1] > self.columns:
            return None
        return (position[0] - 1) * self.columns + position[1] - 1


def well_text(name: str, progress: ExecutionProgress | None, *, lost: bool = False) -> str:
    """Return a well's state in words: ``B06: failed in step 3 SegmentNuclei: ValueError: no objects``."""
    axis = progress.axes.get(name) if progress is not None else None
    if progress is None or axis is None:
        return f"{name}: not imaged"
    again = f", attempt {axis.attempts}" if axis.attempts > 1 else ""
    return f"{name}: {_state_words(axis, progress, lost)}{again}"


def _state_words(axis: AxisProgress, progress: ExecutionProgress, lost: bool) -> str:
    if axis.state is AxisState.COMPLETED:
        return "done"
    if axis.state is AxisState.FAILED:
        reason = axis.error.strip().partition("\n")[0]
        return f"failed{_failed_step(axis, progress)}" + (f": {reason}" if reason else "")
    if axis.state is AxisState.PENDING:
        return _waiting_words(progress, lost)
    place = f"{_step(axis, progress)}, {shown_percent(axis.groups_done, axis.groups_planned)} %"
    if progress.ended:
        return f"not finished: stopped in {place}"
    return f"lost: last heard in {place}" if lost else f"running {place}"


def _waiting_words(progress: ExecutionProgress, lost: bool) -> str:
    if progress.kind is ExecutionKind.COMPILE:
        return "compiled" if progress.state is ExecutionState.COMPLETED else "being compiled"
    if progress.ended:
        return "not started"
    return "lost: was queued" if lost else "queued"


def _step(axis: AxisProgress, progress: ExecutionProgress) -> str:
    return f"step {axis.step_index + 1}/{len(progress.steps_by_index)} {axis.step_name}" if axis.step_name else "start"


def _failed_step(axis: AxisProgress, progress: ExecutionProgress) -> str:
    if not axis.error_step:
        return ""
    numbers = [index + 1 for index, step in progress.steps_by_index.items() if step.name == axis.error_step]
    number = axis.failed_steps[-1] + 1 if axis.failed_steps else numbers[0] if numbers else axis.step_index + 1
    return f" in step {number} {axis.error_step}"


def _level(axis: AxisProgress) -> int:
    """Return how far a well at work is filled: always as much as is seen of a small one, and never all."""
    if not axis.groups_planned:
        return _LEAST
    return min(SIDE - 1, max(_LEAST, SIDE * axis.groups_done // axis.groups_planned))


def _position(name: str) -> tuple[int, int] | None:
    try:
        return parse_well(name)
    except PlateError:  # a step over the whole plate, or a plate split over something else than wells
        return None
