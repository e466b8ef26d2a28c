"""What the fold holds for any plausible run, however its wells interleave."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.progress.runs import (
    WHO,
    Run,
    fold,
    fold_on,
    good_axis,
    interleaved,
    lost_attempts,
    runs,
    streams,
    topology_message,
)
from tests.unit.progress.updates import P, S

from plateflow.progress.messages import ExecutionKind, ExecutionMessage, ExecutionState, Message
from plateflow.progress.state import AxisState, ExecutionProgress, restore
from plateflow.progress.update import ProgressUpdate


def without_order(progress: ExecutionProgress) -> Any:
    """Return a state but for what tells the order of messages of different axes."""
    state = msgspec.to_builtins(progress)
    del state["seq"]
    for axis in state["axes"].values():
        del axis["error_seq"]
    return state


@given(streams())
def test_the_state_adds_up_after_every_message(messages: list[Message]) -> None:
    progress = ExecutionProgress(**WHO)
    for seq, message in enumerate(messages, start=1):
        progress.apply(message, seq)
        axes = list(progress.axes.values())
        assert progress.counts == {state: sum(axis.state is state for axis in axes) for state in AxisState}
        assert progress.groups_done == sum(axis.groups_done for axis in axes)
        assert progress.groups_planned == sum(axis.groups_planned for axis in axes)
        assert progress.groups_done <= progress.groups_planned
        assert all(axis.groups_done == sum(axis.groups.values()) for axis in axes)
        for index, step in enumerate(progress.steps):
            assert step.groups_done == sum(axis.groups.get(index, 0) for axis in axes)
            assert step.groups_done <= step.groups_planned
            assert step.running == sum(axis.in_step and axis.step_index == index for axis in axes)
            assert step.completed == sum(index in axis.completed_steps for axis in axes)
            assert step.failed == sum(index in axis.failed_steps for axis in axes)


@given(streams())
def test_percent_never_falls_within_an_attempt(messages: list[Message]) -> None:
    progress = ExecutionProgress(**WHO)
    last: dict[str, float] = {}
    for seq, message in enumerate(messages, start=1):
        progress.apply(message, seq)
        if isinstance(message, ProgressUpdate):
            axis = message.axis_id
            before = 0.0 if message.phase is P.AXIS_STARTED else last[axis]
            last[axis] = progress.axes[axis].percent
            assert before <= last[axis] <= 100.0


@given(streams(), st.data())
def test_a_snapshot_at_any_cut_and_the_rest_is_the_whole(messages: list[Message], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(messages)))
    early = fold(messages[:cut])
    late = restore(early.snapshot())
    assert late == early
    fold_on(late, messages[cut:])
    assert late == fold(messages)
    assert late.snapshot() == fold(messages).snapshot()


@given(streams(), st.data())
def test_folded_at_once_or_one_by_one(messages: list[Message], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(messages)))
    progress = ExecutionProgress(**WHO)
    progress.apply_all(messages[:cut], 1)
    assert progress.seq == cut
    progress.apply_all(messages[cut:], 1 + cut)
    assert progress.snapshot() == fold(messages).snapshot()


@given(runs(), st.data())
def test_the_order_across_axes_does_not_matter(run: Run, data: st.DataObject) -> None:
    one, other = (fold(data.draw(interleaved(run))) for _ in range(2))
    assert without_order(one) == without_order(other)


@given(runs(), st.data())
def test_all_is_done_exactly_when_every_well_is_good(run: Run, data: st.DataObject) -> None:
    progress = fold(data.draw(interleaved(run)))
    if run.all_good:
        assert progress.counts[AxisState.COMPLETED] == len(run.scripts)
        assert progress.groups_done == progress.groups_planned == sum(map(sum, run.groups.values()))
        assert progress.percent == (99 if progress.groups_planned else 0)  # until it is said to be completed
        completed = ExecutionMessage.now(**WHO, kind=ExecutionKind.RUN, state=ExecutionState.COMPLETED)
        progress.apply(completed, progress.seq + 1)
        assert progress.percent == (100 if progress.groups_planned else 0)
    else:
        assert progress.counts[AxisState.COMPLETED] < len(run.scripts)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=3), st.data())
def test_a_second_axis_started_begins_anew(groups: list[int], data: st.DataObject) -> None:
    lost = data.draw(lost_attempts("B06", groups))
    topology = topology_message({"B06": groups})
    retried, at_once = (fold([topology, *before, *good_axis("B06", groups)]) for before in (lost, []))
    attempts = 1 + sum(update.phase is P.AXIS_STARTED for update in lost)
    assert retried.axes["B06"].attempts == attempts
    retried.axes["B06"].attempts = 1
    assert without_order(retried) == without_order(at_once)


@given(streams(), st.data())
def test_pattern_groups_may_be_conflated(messages: list[Message], data: st.DataObject) -> None:
    """Under backpressure a worker sends only the newest pending pattern group; a later line of the step has it all."""
    kept = [message for message in messages if not is_group(message) or data.draw(st.booleans())]
    whole, conflated = fold(messages), fold(kept)
    for progress in (whole, conflated):  # a cancelled well ends within a step: there nothing later has it all
        for axis in [name for name, axis in progress.axes.items() if axis.state is AxisState.RUNNING]:
            del progress.axes[axis]
    assert without_order(whole)["axes"] == without_order(conflated)["axes"]
    assert whole.counts == conflated.counts


def is_group(message: Message) -> bool:
    return isinstance(message, ProgressUpdate) and (message.phase, message.status) == (P.PATTERN_GROUP, S.RUNNING)
