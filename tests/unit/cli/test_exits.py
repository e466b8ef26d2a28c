"""What a script learns of an execution that has ended."""

import pytest

from plateflow.cli.exits import Exit, exit_of
from plateflow.progress.messages import ExecutionState, Skipped
from plateflow.progress.state import AxisProgress, AxisState, ExecutionProgress

DONE, FAILED, RUNNING, PENDING = (
    AxisProgress(state=state) for state in (AxisState.COMPLETED, AxisState.FAILED, AxisState.RUNNING, AxisState.PENDING)
)
LEFT_OUT = AxisProgress(state=AxisState.PENDING, skipped=Skipped.CANCELLED)
S = ExecutionState

CASES = {
    "all done": (S.COMPLETED, "", [DONE], Exit.DONE),
    "one failed": (S.COMPLETED, "", [DONE, FAILED], Exit.WELLS_FAILED),
    "cancelled": (S.CANCELLED, "", [DONE, PENDING], Exit.CANCELLED),
    "did not compile": (S.FAILED, "no such channel", [], Exit.USER_ERROR),
    "the runner died before": (S.FAILED, "", [], Exit.BROKEN),
    "the runner died meanwhile": (S.FAILED, "", [DONE, RUNNING], Exit.BROKEN),
    "the plate's own files found no room": (S.FAILED, "", [DONE, FAILED], Exit.USER_ERROR),
    "so did they where wells were left out": (S.FAILED, "", [DONE, LEFT_OUT], Exit.USER_ERROR),
    "the server died": (S.INTERRUPTED, "", [DONE, RUNNING], Exit.BROKEN),
}


@pytest.mark.parametrize("case", CASES)
def test_how_it_ended(case: str) -> None:
    state, plate_error, axes, code = CASES[case]
    progress = ExecutionProgress(execution_id="e", plate_id="p", state=state, plate_error=plate_error)
    for n, axis in enumerate(axes):
        progress.axes[f"A{n:02}"] = axis
        progress.counts[axis.state] += 1
    assert exit_of(progress) is code
