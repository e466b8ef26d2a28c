"""``plateflow compile``: whether a pipeline fits a plate."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from plateflow.cli.exits import Exit, exit_of
from plateflow.cli.follow import cancelling, follow
from plateflow.progress.state import AxisState, ExecutionProgress
from plateflow.service.connect import connect
from plateflow.settings import runtime_directory

if TYPE_CHECKING:
    from plateflow.progress.messages import ExecutionKind
    from plateflow.service.job import JobSpec


def prepare(kind: ExecutionKind, spec: JobSpec, *, json: bool) -> Exit:
    """Open a plate, or open and compile it, and print what was found."""
    execution_id = uuid.uuid4().hex
    with connect(runtime_directory()) as client, cancelling(client, [execution_id], "cancelling"):
        follower = client.follow(execution_id)
        client.submit(spec.plate, kind, spec, execution_id=execution_id)
        followed = follow(client, follower, json=json)
    if not json:
        for line in [*followed.summaries, *_steps(followed.state), *_failures(followed.state)]:
            print(line)
    return exit_of(followed.state)


def _steps(state: ExecutionProgress) -> list[str]:
    width = max((len(step.name) for step in state.steps), default=0)
    return [
        f"  step {index}/{len(state.steps)}  {step.name:<{width}}  {step.groups_planned} pattern groups"
        for index, step in enumerate(state.steps, start=1)
    ]


def _failures(state: ExecutionProgress) -> list[str]:
    return [f"  {name} cannot run: {axis.error}" for name, axis in state.axes.items() if axis.state is AxisState.FAILED]
