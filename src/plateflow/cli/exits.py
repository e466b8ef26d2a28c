"""Exit codes: what a script learns from how a command ended."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from plateflow.progress.messages import ExecutionState
from plateflow.progress.state import AxisState, ExecutionProgress
from plateflow.progress.wells import failed_axes, is_well

if TYPE_CHECKING:
    from collections.abc import Iterable


class Exit(IntEnum):
    """How a command ended."""

    DONE = 0
    """All wells done."""
    BROKEN = 1
    """The runner or the server died."""
    USER_ERROR = 2
    """One line said what to mend."""
    WELLS_FAILED = 3
    """Finished, with failed wells."""
    CANCELLED = 4
    INTERRUPTED = 130
    """Ctrl-C."""
    TERMINATED = 143
    """SIGTERM."""


_WORST_FIRST = (Exit.BROKEN, Exit.USER_ERROR, Exit.CANCELLED, Exit.WELLS_FAILED, Exit.DONE)


def exit_of(state: ExecutionProgress) -> Exit:
    """Return the exit code of an execution that has ended."""
    if state.state is ExecutionState.COMPLETED:
        return Exit.WELLS_FAILED if state.counts[AxisState.FAILED] else Exit.DONE
    if state.state is ExecutionState.CANCELLED:
        return Exit.CANCELLED
    plate_failed = any(not is_well(axis_id) for axis_id, _ in failed_axes(state))
    return Exit.USER_ERROR if state.plate_error or plate_failed or _all_ended(state) else Exit.BROKEN


def _all_ended(state: ExecutionProgress) -> bool:
    # Then what failed is to write what belongs to the whole plate, which a user can mend.
    at_an_end = (AxisState.COMPLETED, AxisState.FAILED)
    return bool(state.axes) and all(axis.state in at_an_end or axis.skipped for axis in state.axes.values())


def worst(exits: Iterable[Exit]) -> Exit:
    """Return the exit code of several executions: that of the worst."""
    return min(exits, key=_WORST_FIRST.index, default=Exit.DONE)
