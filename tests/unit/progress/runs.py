"""Plausible runs, as lists of messages: good wells, failing ones, dead workers, retries, cancelled ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from tests.unit.progress.updates import P, S

from plateflow.progress.messages import (
    AxisKind,
    ExecutionKind,
    ExecutionMessage,
    ExecutionState,
    Message,
    Topology,
    TopologyAxis,
    TopologyStep,
)
from plateflow.progress.state import ExecutionProgress
from plateflow.progress.update import ProgressUpdate

WHO: dict[str, Any] = {"execution_id": "0123456789abcdef0123456789abcdef", "plate_id": "/data/plate_01"}


@dataclass(frozen=True)
class Run:
    """What was planned, and each axis' own updates in order; how they interleave is open."""

    groups: dict[str, list[int]]
    """Pattern groups of each step, by axis."""
    scripts: dict[str, list[ProgressUpdate]]
    all_good: bool

    def topology(self) -> ExecutionMessage:
        """Return the message at the end of compile."""
        return topology_message(self.groups)


def fold(messages: Sequence[Message]) -> ExecutionProgress:
    """Fold a whole stream."""
    progress = ExecutionProgress(**WHO)
    fold_on(progress, messages)
    return progress


def fold_on(progress: ExecutionProgress, messages: Sequence[Message]) -> None:
    """Fold more messages in."""
    for message in messages:
        progress.apply(message, progress.seq + 1)


def update(axis_id: str, phase: P, status: S, completed: int, total: int, **fields: Any) -> ProgressUpdate:
    """Return an update of one axis."""
    if status is S.ERROR:
        fields = {"error": f"{phase.value} of {axis_id} failed"} | fields
    return ProgressUpdate.now(
        **WHO, axis_id=axis_id, phase=phase, status=status, completed=completed, total=total, **fields
    )


def step_name(index: int) -> str:
    """Return the name of a step."""
    return f"step {index}"


def good_axis(axis_id: str, groups: list[int]) -> list[ProgressUpdate]:
    """Return the updates of an axis where all goes well."""
    steps = len(groups)
    updates = [update(axis_id, P.AXIS_STARTED, S.STARTED, 0, steps, total_steps=steps)]
    for index in range(steps):
        updates += good_step(axis_id, index, groups)
    return [*updates, update(axis_id, P.AXIS_COMPLETED, S.COMPLETED, steps, steps, total_steps=steps)]


def good_step(axis_id: str, index: int, groups: list[int]) -> list[ProgressUpdate]:
    """Return the updates of one step of an axis."""
    at, total = step_fields(index, groups), groups[index]
    return [
        update(axis_id, P.STEP_STARTED, S.STARTED, 0, total, **at),
        *(
            update(axis_id, P.PATTERN_GROUP, S.RUNNING, done, total, pattern=f"s{done}", **at)
            for done in range(1, total + 1)
        ),
        update(axis_id, P.STEP_COMPLETED, S.COMPLETED, total, total, **at),
    ]


def failing_axis(axis_id: str, groups: list[int], index: int, done: int) -> list[ProgressUpdate]:
    """Return the updates of an axis that fails in a step after so many of its pattern groups."""
    before = [u for i in range(index) for u in good_step(axis_id, i, groups)]
    failing = good_step(axis_id, index, groups)[: 1 + done]
    at, steps = step_fields(index, groups), len(groups)
    return [
        update(axis_id, P.AXIS_STARTED, S.STARTED, 0, steps, total_steps=steps),
        *before,
        *failing,
        update(axis_id, P.PATTERN_GROUP, S.ERROR, done, groups[index], traceback="Traceback ...", **at),
        update(axis_id, P.STEP_COMPLETED, S.ERROR, done, groups[index], **at),
        update(axis_id, P.AXIS_COMPLETED, S.ERROR, index, steps, **at),
    ]


def step_fields(index: int, groups: list[int]) -> dict[str, Any]:
    """Return what an update says of its step."""
    return {"step_name": step_name(index), "step_index": index, "total_steps": len(groups)}


def execution(state: ExecutionState, **fields: Any) -> ExecutionMessage:
    """Return an execution message of a run."""
    return ExecutionMessage.now(**WHO, kind=ExecutionKind.RUN, state=state, **fields)


def topology_message(
    groups: dict[str, list[int]], part: int = 0, parts: int = 1, shared: list[int] | None = None
) -> ExecutionMessage:
    """Return a topology that gives the groups axis by axis, or once where they are shared."""
    steps = len(next(iter(groups.values()))) if groups else 0
    return execution(
        ExecutionState.RUNNING,
        topology=Topology(
            part=part,
            parts=parts,
            rows=8,
            columns=12,
            steps=tuple(
                TopologyStep(name=step_name(i)) if shared is None else TopologyStep(name=step_name(i), groups=shared[i])
                for i in range(steps)
            ),
            axes=tuple(
                TopologyAxis(axis=axis, kind=AxisKind.WELL, after=())
                if shared is not None
                else TopologyAxis(axis=axis, kind=AxisKind.WELL, after=(), groups=tuple(planned))
                for axis, planned in groups.items()
            ),
        ),
    )


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """Draw a run of up to four axes."""
    steps = draw(st.integers(1, 3))
    axes = [f"B0{i}" for i in range(1, 1 + draw(st.integers(1, 4)))]
    groups = {axis: draw(st.lists(st.integers(0, 4), min_size=steps, max_size=steps)) for axis in axes}
    endings = {axis: draw(st.sampled_from(["good", "good", "failing", "cancelled"])) for axis in axes}
    scripts = {
        axis: [*draw(lost_attempts(axis, groups[axis])), *draw(last_attempt(axis, groups[axis], endings[axis]))]
        for axis in axes
    }
    return Run(groups, scripts, all_good=set(endings.values()) == {"good"})


@st.composite
def lost_attempts(draw: st.DrawFn, axis_id: str, groups: list[int]) -> list[ProgressUpdate]:
    """Draw what up to two attempts left before their worker died."""
    whole = good_axis(axis_id, groups)[:-1]
    cuts = draw(st.lists(st.integers(0, len(whole)), max_size=2))
    return [update for cut in cuts for update in whole[:cut]]


@st.composite
def last_attempt(draw: st.DrawFn, axis_id: str, groups: list[int], ending: str) -> list[ProgressUpdate]:
    """Draw the attempt that counts."""
    if ending == "good":
        return good_axis(axis_id, groups)
    if ending == "failing":
        index = draw(st.integers(0, len(groups) - 1))
        return failing_axis(axis_id, groups, index, draw(st.integers(0, max(0, groups[index] - 1))))
    whole = good_axis(axis_id, groups)[:-1]
    return whole[: draw(st.integers(0, len(whole)))]


@st.composite
def interleaved(draw: st.DrawFn, run: Run) -> list[Message]:
    """Draw one order in which the updates of a run may arrive: its own within each axis."""
    turns = draw(st.permutations([axis for axis, script in run.scripts.items() for _ in script]))
    waiting = {axis: iter(script) for axis, script in run.scripts.items()}
    return [run.topology(), *(next(waiting[axis]) for axis in turns)]


@st.composite
def streams(draw: st.DrawFn) -> list[Message]:
    """Draw the messages of any plausible run."""
    return draw(interleaved(draw(runs())))
