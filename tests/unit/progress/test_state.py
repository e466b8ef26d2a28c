"""The fold, one rule each."""

import sys
from types import FrameType
from typing import Any

import pytest
from tests.unit.progress.runs import (
    WHO,
    execution,
    failing_axis,
    fold,
    fold_on,
    good_axis,
    step_fields,
    step_name,
    topology_message,
    update,
)
from tests.unit.progress.updates import P, S

from plateflow.progress.messages import (
    ExecutionKind,
    ExecutionState,
    Message,
    WorkerMessage,
    WorkerState,
)
from plateflow.progress.state import AxisState, ExecutionProgress, Phase, restore
from plateflow.progress.update import ProgressUpdate

GROUPS = [2, 3]


def test_it_starts_with_nothing() -> None:
    progress = ExecutionProgress(**WHO)
    assert (progress.percent, progress.ended, progress.state, progress.counts) == (
        0,
        False,
        None,
        dict.fromkeys(AxisState, 0),
    )
    assert restore(progress.snapshot()) == progress


def test_states_share_nothing() -> None:
    fold(good_axis("B06", GROUPS))
    assert ExecutionProgress(**WHO) == fold([])
    one, other = fold([]), fold([])
    fold_on(one, good_axis("B06", GROUPS))
    assert (other.axes, other.steps, other.workers) == ({}, (), {})


def test_a_good_axis() -> None:
    progress = fold([topology_message({"B06": GROUPS, "B07": GROUPS}), *good_axis("B06", GROUPS)])
    axis = progress.axes["B06"]
    assert (axis.state, axis.attempts, axis.completed_steps, axis.percent, axis.error) == (
        AxisState.COMPLETED,
        1,
        [0, 1],
        100.0,
        "",
    )
    assert [(s.name, s.running, s.completed, s.groups_done, s.groups_planned) for s in progress.steps] == [
        (step_name(0), 0, 1, 2, 4),
        (step_name(1), 0, 1, 3, 6),
    ]
    assert (progress.groups_done, progress.groups_planned, progress.percent) == (5, 10, 50)
    assert progress.counts == {AxisState.PENDING: 1, AxisState.RUNNING: 0, AxisState.COMPLETED: 1, AxisState.FAILED: 0}
    assert progress.seq == 1 + 2 + (2 + 2) + (2 + 3)


@pytest.mark.parametrize(
    ("applied", "state", "step", "in_step", "done"),
    [
        (0, AxisState.PENDING, "", False, 0),
        (1, AxisState.RUNNING, "", False, 0),
        (2, AxisState.RUNNING, "step 0", True, 0),
        (3, AxisState.RUNNING, "step 0", True, 1),
        (5, AxisState.RUNNING, "step 0", False, 2),
        (6, AxisState.RUNNING, "step 1", True, 2),
        (11, AxisState.COMPLETED, "step 1", False, 5),
    ],
)
def test_where_an_axis_stands(applied: int, state: AxisState, step: str, in_step: bool, done: int) -> None:
    progress = fold([topology_message({"B06": GROUPS}), *good_axis("B06", GROUPS)[:applied]])
    axis = progress.axes["B06"]
    assert (axis.state, axis.step_name, axis.in_step, axis.groups_done) == (state, step, in_step, done)
    assert sum(step.running for step in progress.steps) == in_step


def test_a_failing_axis_keeps_its_innermost_error() -> None:
    messages: list[Message] = [topology_message({"B06": GROUPS}), *failing_axis("B06", GROUPS, 1, done=1)]
    progress = fold(messages)
    axis = progress.axes["B06"]
    assert (axis.state, axis.error, axis.error_step) == (AxisState.FAILED, "pattern_group of B06 failed", "step 1")
    innermost = messages[axis.error_seq - 1]
    assert isinstance(innermost, ProgressUpdate)
    assert innermost.traceback == "Traceback ..."
    assert (axis.completed_steps, axis.failed_steps, axis.groups_done) == ([0], [1], 3)
    assert (progress.steps[1].failed, progress.steps[1].running, progress.percent) == (1, 0, 60)


def test_a_state_carries_500_characters_of_an_error() -> None:
    at = step_fields(0, GROUPS)
    progress = fold([update("B06", P.PATTERN_GROUP, S.ERROR, 0, 2, error="x" * 2000, **at)])
    assert (progress.axes["B06"].error, progress.axes["B06"].error_seq) == ("x" * 500, 1)
    progress = fold([update("", P.COMPILE, S.ERROR, 0, 0, error="x" * 2000)])
    assert progress.plate_error == "x" * 500


def test_a_dead_worker_is_reported_by_the_runner() -> None:
    at = step_fields(0, GROUPS)
    runner = [
        update("B06", P.STEP_COMPLETED, S.ERROR, 1, 2, error="killed by SIGKILL", **at),
        update("B06", P.AXIS_COMPLETED, S.ERROR, 0, 2, error="killed by SIGKILL", total_steps=2),
    ]
    progress = fold([*good_axis("B06", GROUPS)[:3], *runner])
    axis = progress.axes["B06"]
    assert (axis.state, axis.error, axis.error_step, axis.error_seq) == (
        AxisState.FAILED,
        "killed by SIGKILL",
        "step 0",
        4,
    )
    assert progress.steps[0].running == 0


def test_a_retry_takes_back_what_the_lost_attempt_did() -> None:
    lost = good_axis("B06", GROUPS)[:7]
    progress = fold([topology_message({"B06": GROUPS}), *lost])
    assert (progress.groups_done, progress.steps[0].completed, progress.steps[1].running) == (3, 1, 1)
    fold_on(progress, good_axis("B06", GROUPS)[:1])
    assert (progress.groups_done, progress.steps[0].completed, progress.steps[1].running) == (0, 0, 0)
    axis = progress.axes["B06"]
    assert (axis.attempts, axis.state, axis.groups, axis.step_name) == (2, AxisState.RUNNING, {}, "")


def test_a_retry_after_a_failure_forgets_its_error() -> None:
    progress = fold([*failing_axis("B06", GROUPS, 0, done=0), *good_axis("B06", GROUPS)])
    axis = progress.axes["B06"]
    assert (axis.state, axis.error, axis.error_step, axis.error_seq, axis.failed_steps) == (
        AxisState.COMPLETED,
        "",
        "",
        0,
        [],
    )
    assert progress.counts[AxisState.FAILED] == 0


def test_init_and_compile_of_the_plate() -> None:
    progress = fold([update("", P.INIT, S.RUNNING, 50, 200), update("", P.COMPILE, S.STARTED, 0, 96)])
    assert (progress.init, progress.compile) == (Phase(S.RUNNING, 50, 200), Phase(S.STARTED, 0, 96))
    fold_on(progress, [update("", P.INIT, S.COMPLETED, 200, 200), update("", P.COMPILE, S.ERROR, 3, 96, error="no")])
    assert (progress.init, progress.compile) == (Phase(S.COMPLETED, 200, 200), Phase(S.ERROR, 3, 96))
    assert (progress.plate_error, progress.axes) == ("no", {})


def test_what_is_told_before_a_total_is_known_is_kept_until_the_next_update() -> None:
    progress = fold([update("", P.INIT, S.STARTED, 0, 0, message="23,000 files found" + 600 * "!")])
    assert progress.init == Phase(S.STARTED, 0, 0, "23,000 files found" + 482 * "!")
    assert restore(progress.snapshot()).init == progress.init
    fold_on(progress, [update("", P.INIT, S.RUNNING, 0, 30_000)])
    assert progress.init == Phase(S.RUNNING, 0, 30_000)


def test_a_well_that_compile_refuses() -> None:
    refused = update("B07", P.COMPILE, S.ERROR, 0, 2, error="no DAPI", step_name="Crop", step_index=1, total_steps=2)
    topology = topology_message({"B07": GROUPS})
    orders: list[list[Message]] = [[refused, topology], [topology, refused]]
    for messages in orders:
        progress = fold(messages)
        axis = progress.axes["B07"]
        assert (axis.state, axis.error, axis.error_step) == (AxisState.FAILED, "no DAPI", "Crop")
        assert (progress.counts[AxisState.FAILED], sum(progress.counts.values())) == (1, 1)
        assert progress.plate_error == ""


def test_compile_of_one_well_is_not_that_of_the_plate() -> None:
    progress = fold([update("B07", P.COMPILE, S.ERROR, 0, 2)])
    assert progress.compile is None


def test_a_topology_in_parts() -> None:
    parts: list[Message] = [
        topology_message({axis: GROUPS}, part, 2, shared=GROUPS) for part, axis in enumerate(["B06", "B07"])
    ]
    progress = fold(parts)
    assert (progress.rows, progress.columns, list(progress.axes)) == (8, 12, ["B06", "B07"])
    assert [(s.name, s.groups_planned) for s in progress.steps] == [(step_name(0), 4), (step_name(1), 6)]
    assert (progress.groups_planned, progress.axes["B07"].groups_planned) == (10, 5)


def test_axes_that_differ() -> None:
    progress = fold([topology_message({"B06": [2, 3], "B07": [0, 4], "plate:Illumination": [0, 0]})])
    assert [axis.groups_planned for axis in progress.axes.values()] == [5, 4, 0]
    assert [step.groups_planned for step in progress.steps] == [2, 7]


def test_a_stream_without_its_topology() -> None:
    progress = fold(good_axis("B06", GROUPS))
    assert (progress.groups_done, progress.groups_planned, progress.percent) == (5, 0, 0)
    assert progress.axes["B06"].percent == 0.0


@pytest.mark.parametrize("state", list(ExecutionState), ids=str)
def test_the_state_of_the_execution(state: ExecutionState) -> None:
    reason = {"reason": "the runner died"} if state is ExecutionState.FAILED else {}
    progress = fold([execution(state, **reason)])
    assert (progress.state, progress.kind, progress.reason) == (state, ExecutionKind.RUN, reason.get("reason", ""))
    assert progress.ended == (state.value in {"completed", "failed", "cancelled", "interrupted"})


def test_workers_by_their_place() -> None:
    def worker(place: int, state: WorkerState, **fields: Any) -> WorkerMessage:
        return WorkerMessage(**WHO, worker=place, pid=1, host="h", state=state, memory_bytes=0, timestamp=1.0, **fields)

    died = worker(0, WorkerState.DIED, axis_id="B06", signal="SIGKILL")
    busy = worker(1, WorkerState.BUSY, axis_id="B07")
    progress = fold([worker(0, WorkerState.IDLE), busy, died])
    assert progress.workers == {"0": died, "1": busy}
    assert restore(progress.snapshot()) == progress
    assert progress.counts[AxisState.FAILED] == 0


def test_one_update_costs_the_same_on_any_plate() -> None:
    assert lines_run(axes=3, steps=2, groups=3) == lines_run(axes=300, steps=20, groups=30)


def lines_run(axes: int, steps: int, groups: int) -> list[int]:
    """Count the lines that Python runs for each update of one more well, on a plate where the others are done."""
    planned = [groups] * steps
    names = [f"A{i:03d}" for i in range(axes)]
    progress = fold([topology_message(dict.fromkeys([*names, "B06"], planned))])
    for name in names:
        fold_on(progress, good_axis(name, planned))
    whole = good_axis("B06", planned)
    costs = []
    for message in [*whole[:4], whole[-2], whole[-1]]:
        lines = 0

        def count(frame: FrameType, event: str, argument: object) -> Any:
            nonlocal lines
            lines += event == "line"
            return count

        before = sys.gettrace()
        sys.settrace(count)
        try:
            progress.apply(message, progress.seq + 1)
        finally:
            sys.settrace(before)
        costs.append(lines)
    return costs


def test_a_topology_told_twice_counts_once() -> None:
    told = topology_message({"B06": GROUPS, "B07": GROUPS})
    once, twice = fold([told]), fold([told, told])
    assert (twice.groups_planned, twice.steps) == (once.groups_planned, once.steps)


def test_a_huge_step_index_costs_no_more_than_a_small_one() -> None:
    far = update("B06", P.STEP_STARTED, S.STARTED, 0, 1, step_name="far", step_index=2**45, total_steps=2**46)
    progress = fold([far])
    assert [step.name for step in progress.steps] == ["far"]
    assert len(progress.snapshot()) < 2000
