"""Which axes are wells, and how many stand where; a plate-wide step is an axis too, but nobody counts it as a well."""

from __future__ import annotations

from plateflow.progress.messages import PLATE_AXIS
from plateflow.progress.state import AxisProgress, AxisState, ExecutionProgress


def is_well(axis_id: str) -> bool:
    """Tell whether an axis is not a plate-wide step."""
    return not axis_id.startswith(PLATE_AXIS)


def is_plate_step(state: ExecutionProgress, step_name: str) -> bool:
    """Tell whether a step is done once, over the whole plate."""
    return PLATE_AXIS + step_name in state.axes


def count_wells(state: ExecutionProgress) -> dict[AxisState, int]:
    """Return the number of wells in each state; costs O(steps), for it is asked with every message."""
    counts = dict(state.counts)
    for axis_id in {PLATE_AXIS + step.name for step in state.steps}:
        if axis_id in state.axes:
            counts[state.axes[axis_id].state] -= 1
    return counts


def finished_wells(state: ExecutionProgress) -> int:
    """Return the number of wells that are done or failed."""
    counts = count_wells(state)
    return counts[AxisState.COMPLETED] + counts[AxisState.FAILED]


def failed_axes(state: ExecutionProgress) -> list[tuple[str, AxisProgress]]:
    """Return what failed, the latest first."""
    if not state.counts[AxisState.FAILED]:
        return []
    failed = [(axis_id, axis) for axis_id, axis in state.axes.items() if axis.state is AxisState.FAILED]
    return sorted(failed, key=lambda pair: pair[1].error_seq, reverse=True)
