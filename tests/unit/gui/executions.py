"""Plausible executions from their first message to their last: opened, compiled, run, and ended in any way."""

from typing import Any

from hypothesis import strategies as st
from msgspec import UNSET
from tests.unit.progress.runs import WHO, last_attempt, lost_attempts, step_name, topology_message
from tests.unit.progress.updates import P, S

from plateflow.progress.messages import (
    PLATE_AXIS,
    ExecutionKind,
    ExecutionMessage,
    ExecutionState,
    Message,
    WorkerMessage,
    WorkerState,
)
from plateflow.progress.update import ProgressUpdate

WELLS = ("A01", "B06", "H12", "C03", "D11", "G02")
ENDS = (ExecutionState.COMPLETED, ExecutionState.FAILED, ExecutionState.CANCELLED, ExecutionState.INTERRUPTED, None)
REASONS = {
    ExecutionState.FAILED: "the runner died: SIGKILL",
    ExecutionState.CANCELLED: "ana asked for it",
    ExecutionState.INTERRUPTED: "the server died",
}


@st.composite
def executions(draw: st.DrawFn) -> list[Message]:
    """Draw an init, a compile or a run; some have not ended yet."""
    kind = draw(st.sampled_from([ExecutionKind.RUN, ExecutionKind.RUN, ExecutionKind.INIT, ExecutionKind.COMPILE]))
    messages = [told(kind, ExecutionState.QUEUED), told(kind, ExecutionState.RUNNING), *prepared(draw, P.INIT, 12)]
    if kind is not ExecutionKind.INIT:
        messages += compiled(draw, kind)
    if kind is ExecutionKind.RUN:
        messages = with_workers(draw, messages)
    end = draw(st.sampled_from(ENDS))
    if end is None:
        return messages[: draw(st.integers(1, len(messages)))]
    if end is ExecutionState.FAILED and draw(st.booleans()):
        messages.append(prepare(P.COMPILE, S.ERROR, 0, 0, error="PipelineError: step 2 needs channel GFP"))
    return [*messages, told(kind, end, reason=REASONS.get(end, UNSET))]


def compiled(draw: st.DrawFn, kind: ExecutionKind) -> list[Message]:
    """Draw compile, with wells that it refuses, and the work on the others."""
    steps = draw(st.integers(1, 3))
    wells = draw(st.lists(st.sampled_from(WELLS), min_size=1, max_size=5, unique=True))
    groups = {well: draw(st.lists(st.integers(0, 4), min_size=steps, max_size=steps)) for well in wells}
    if draw(st.booleans()):
        first = draw(st.integers(0, steps - 1))
        groups[PLATE_AXIS + step_name(first)] = [3 if index == first else 0 for index in range(steps)]
    refused = draw(st.lists(st.sampled_from(wells), max_size=1))
    told_by = [prepare(P.COMPILE, S.ERROR, 0, 0, well, error=f"PlateError: {well} has no image") for well in refused]
    plans: list[Message] = [
        retold(kind, topology_message({axis: groups[axis]}, part, len(groups))) for part, axis in enumerate(groups)
    ]
    work = interleaved(draw, {axis: planned for axis, planned in groups.items() if axis not in refused})
    return [*prepared(draw, P.COMPILE, len(wells)), *told_by, *plans, *(work if kind is ExecutionKind.RUN else [])]


def interleaved(draw: st.DrawFn, groups: dict[str, list[int]]) -> list[Message]:
    """Draw every attempt of every axis, and one order in which their updates come."""
    endings = st.sampled_from(["good", "good", "failing", "cancelled"])
    scripts = {
        axis: [*draw(lost_attempts(axis, planned)), *draw(last_attempt(axis, planned, draw(endings)))]
        for axis, planned in groups.items()
    }
    turns = draw(st.permutations([axis for axis, script in scripts.items() for _ in script]))
    waiting = {axis: iter(script) for axis, script in scripts.items()}
    return [next(waiting[axis]) for axis in turns]


def with_workers(draw: st.DrawFn, messages: list[Message]) -> list[Message]:
    """Draw what workers did, somewhere between these messages."""
    mixed = list(messages)
    for state in draw(st.lists(st.sampled_from(WorkerState), max_size=4)):
        mixed.insert(draw(st.integers(2, len(mixed))), worker(draw(st.integers(0, 2)), state))
    return mixed


def worker(place: int, state: WorkerState) -> WorkerMessage:
    """Make a message about a worker."""
    return WorkerMessage(
        **WHO,
        worker=place,
        pid=4000 + place,
        host="imaging-07",
        state=state,
        memory_bytes=480_000_000,
        timestamp=1_795_500_000.0,
        axis_id=UNSET if state is WorkerState.IDLE else "B06",
        step_name=UNSET if state is WorkerState.IDLE else step_name(0),
        signal="SIGKILL" if state is WorkerState.DIED else UNSET,
    )


def prepared(draw: st.DrawFn, phase: P, total: int) -> list[Message]:
    """Draw how init or compile went."""
    counts = sorted(draw(st.lists(st.integers(0, total), max_size=3)))
    return [
        prepare(phase, S.STARTED, 0, total),
        *(prepare(phase, S.RUNNING, done, total) for done in counts),
        prepare(phase, S.COMPLETED, total, total),
    ]


def prepare(phase: P, status: S, completed: int, total: int, axis_id: str = "", **fields: Any) -> ProgressUpdate:
    """Make an update of init or compile."""
    return ProgressUpdate.now(
        **WHO, axis_id=axis_id, phase=phase, status=status, completed=completed, total=total, **fields
    )


def told(kind: ExecutionKind, state: ExecutionState, **fields: Any) -> ExecutionMessage:
    """Make a message of the execution's state."""
    return ExecutionMessage.now(**WHO, kind=kind, state=state, **fields)


def retold(kind: ExecutionKind, message: ExecutionMessage) -> ExecutionMessage:
    """Make the same message of another kind of execution."""
    return told(kind, message.state, topology=message.topology)
