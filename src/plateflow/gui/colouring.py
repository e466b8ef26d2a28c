"""What the colours of the plate map tell: the state of each well, its step, or its seconds; no Qt."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from plateflow.progress.state import AxisState
from plateflow.progress.wells import is_well

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plateflow.gui.well_times import WellTimes
    from plateflow.progress.state import AxisProgress, ExecutionProgress

LEVELS: Final = 64
"""Colours of the ramp that are told apart in the picture."""


class ColourBy(StrEnum):
    """By what wells are coloured."""

    STATE = "state"
    STEP = "step"
    """The one that a well is in, or was in last, from the first to the last step of the pipeline."""
    TIME = "time"
    """Seconds that a well took, or has taken so far, from the least to the most on the plate."""

    @property
    def following(self) -> ColourBy:
        """The next one, the first after the last."""
        members = list(ColourBy)
        return members[(members.index(self) + 1) % len(members)]


class Scale(NamedTuple):
    """Where wells stand on the ramp, and what it means."""

    levels: Mapping[str, int]
    """0..LEVELS - 1 by well; a well without data is missing."""
    marks: tuple[tuple[int, str], ...]
    """Levels that the legend names."""
    is_continuous: bool = False
    """Whether there is something between two marks."""


def step_scale(progress: ExecutionProgress) -> Scale:
    """Return the steps of the wells."""
    numbers = {index: number for number, index in enumerate(sorted(progress.steps_by_index))}
    most = max(1, len(numbers) - 1)
    level = {index: number * (LEVELS - 1) // most for index, number in numbers.items()}
    marks = tuple(
        (level[index], f"{number + 1} {progress.steps_by_index[index].name}") for index, number in numbers.items()
    )
    levels = {well: level[axis.step_index] for well, axis in progress.axes.items() if axis.step_name and is_well(well)}
    return Scale(levels, marks)


def time_scale(progress: ExecutionProgress, times: WellTimes, now: float) -> Scale:
    """Return the seconds of the wells; ``now`` in seconds since the epoch."""
    seconds = {
        well: value
        for well, axis in progress.axes.items()
        if (value := well_seconds(well, axis, times, now)) is not None
    }
    if not seconds:
        return Scale({}, ())
    least, most = min(seconds.values()), max(seconds.values())
    factor = (LEVELS - 1) / (most - least) if most > least else 0.0
    levels = {well: round((value - least) * factor) for well, value in seconds.items()}
    return Scale(levels, ((0, seconds_text(least)), (LEVELS - 1, seconds_text(most))), is_continuous=True)


def well_seconds(well: str, axis: AxisProgress, times: WellTimes, now: float) -> float | None:
    """Return how many seconds a well took, or has taken until ``now``; None where that is not known."""
    if axis.state is AxisState.RUNNING:
        return times.so_far(well, now)
    return None if axis.state is AxisState.PENDING else times.took(well)


def value_text(by: ColourBy, well: str, progress: ExecutionProgress | None, times: WellTimes, now: float) -> str:
    """Return in words what the colour of a well tells and the words for its state do not; "" where that is nothing."""
    axis = progress.axes.get(well) if progress is not None else None
    if axis is None or progress is None or by is ColourBy.STATE:
        return ""
    if by is ColourBy.STEP:
        is_done = axis.state is AxisState.COMPLETED and axis.step_name
        return f"last step {axis.step_index + 1} {axis.step_name}" if is_done else ""
    seconds = well_seconds(well, axis, times, now)
    if seconds is None:
        return "" if axis.state is AxisState.PENDING else "time not known: begun before this window looked"
    return f"{seconds_text(seconds)} so far" if axis.state is AxisState.RUNNING else seconds_text(seconds)


def seconds_text(seconds: float) -> str:
    """Return seconds with as many digits as are told apart: ``0.42 s``, ``4.1 s``, ``128 s``."""
    return f"{seconds:.2f} s" if seconds < 0.995 else f"{seconds:.1f} s" if seconds < 99.95 else f"{seconds:.0f} s"
