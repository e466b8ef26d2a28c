"""What puppets are told to do, and the lines that they send."""

import json
import sys
import uuid
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import UNSET

from plateflow.progress.messages import (
    AxisKind,
    ExecutionKind,
    ExecutionMessage,
    ExecutionState,
    Message,
    Topology,
    TopologyAxis,
    TopologyStep,
    encode_message,
)
from plateflow.progress.update import ProgressPhase, ProgressStatus, ProgressUpdate

PLATE = "/data/plate_01"
PUPPET = (sys.executable, "-I", "-S", str(Path(__file__).with_name("puppet.py")))

Action: TypeAlias = tuple[str, Any]


def new_id() -> str:
    return uuid.uuid4().hex


def job(*actions: Action) -> bytes:
    return json.dumps({"do": actions}).encode()


def send(*messages: Message) -> Action:
    return ("send", b"".join(encode_message(message) for message in messages).decode())


def state_message(
    execution_id: str,
    state: ExecutionState,
    kind: ExecutionKind = ExecutionKind.RUN,
    *,
    reason: str = "",
    topology: Topology | None = None,
) -> ExecutionMessage:
    return ExecutionMessage.now(
        execution_id, PLATE, kind, state, reason=reason or UNSET, topology=UNSET if topology is None else topology
    )


def completed(execution_id: str, kind: ExecutionKind = ExecutionKind.RUN) -> Action:
    return send(state_message(execution_id, ExecutionState.COMPLETED, kind))


def plan(execution_id: str, wells: tuple[str, ...] = ("B06",), groups: int = 4) -> ExecutionMessage:
    topology = Topology(
        part=0,
        parts=1,
        rows=8,
        columns=12,
        steps=(TopologyStep(name="SegmentNuclei", groups=groups),),
        axes=tuple(TopologyAxis(axis=well, kind=AxisKind.WELL, after=()) for well in wells),
    )
    return state_message(execution_id, ExecutionState.RUNNING, topology=topology)


def update(
    execution_id: str,
    phase: ProgressPhase = ProgressPhase.PATTERN_GROUP,
    status: ProgressStatus = ProgressStatus.RUNNING,
    *,
    completed: int = 0,
    total: int = 4,
    well: str = "B06",
) -> ProgressUpdate:
    of_step = phase not in (ProgressPhase.AXIS_STARTED, ProgressPhase.AXIS_COMPLETED)
    return ProgressUpdate.now(
        execution_id=execution_id,
        plate_id=PLATE,
        axis_id=well,
        step_name="SegmentNuclei" if of_step else "",
        total_steps=1,
        phase=phase,
        status=status,
        completed=completed,
        total=total,
    )


def groups(execution_id: str, count: int, *, well: str = "B06") -> list[Message]:
    """Return updates of a step's pattern groups."""
    return [update(execution_id, completed=n, total=count, well=well) for n in range(1, count + 1)]


def good_well(execution_id: str, well: str = "B06", count: int = 4) -> list[Message]:
    p, s = ProgressPhase, ProgressStatus
    return [
        update(execution_id, p.AXIS_STARTED, s.STARTED, total=1, well=well),
        update(execution_id, p.STEP_STARTED, s.STARTED, total=count, well=well),
        *groups(execution_id, count, well=well),
        update(execution_id, p.STEP_COMPLETED, s.COMPLETED, completed=count, total=count, well=well),
        update(execution_id, p.AXIS_COMPLETED, s.COMPLETED, completed=1, total=1, well=well),
    ]


def good_run(execution_id: str, wells: tuple[str, ...] = ("B06",)) -> bytes:
    return job(
        send(plan(execution_id, wells)),
        *(send(*good_well(execution_id, well)) for well in wells),
        completed(execution_id),
    )
