"""Where the time of one ``plateflow run --json`` went, read from the messages that it printed while it was timed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.harness import BenchError
from plateflow.progress.messages import ExecutionMessage, ExecutionState, decode_lines
from plateflow.progress.update import ProgressPhase, ProgressUpdate

if TYPE_CHECKING:
    from bench.stopwatch import Run


@dataclass(frozen=True, slots=True)
class Timeline:
    """Seconds of one run; the first six follow each other and make up its wall time."""

    start: float
    """From the command's start until a server has taken the job: imports, and the server's start."""
    runner: float
    """From there to its first word of the plate: until the runner, with its workers, is ready."""
    open_and_compile: float
    """From there to the topology."""
    first_well: float
    """From there to the first well's start: the plan's way to the workers."""
    wells: float
    """From the first well's start to the last one's end."""
    finish: float
    """From there to the command's exit: the whole plate's files, the runner's end, the view's end."""
    at_work: float
    """Summed over wells, from start to end of each: more than `wells` where several run at once."""
    storage: float
    """Summed over wells: from the last pattern group to the commit, syncs included."""


def read_timeline(run: Run) -> Timeline:
    """Read the timeline of a run whose stdout holds its messages.

    Raises
    ------
    BenchError
        If it did not complete all wells.
    """
    messages = decode_lines(run.stdout.read_bytes())
    states = [message for message in messages if isinstance(message, ExecutionMessage)]
    updates = [message for message in messages if isinstance(message, ProgressUpdate)]
    if not states or states[-1].state is not ExecutionState.COMPLETED or any(update.error for update in updates):
        raise BenchError(f"a run of plateflow did not complete: {states[-1:]}")
    queued = next(message.timestamp for message in states if message.state is ExecutionState.QUEUED)
    compiled = next(message.timestamp for message in states if message.topology)
    opened = updates[0].timestamp
    begun = _by_axis(updates, ProgressPhase.AXIS_STARTED)
    ended = _by_axis(updates, ProgressPhase.AXIS_COMPLETED)
    computed = _by_axis(updates, ProgressPhase.PATTERN_GROUP)  # of each axis the last one counts
    written = _by_axis(updates, ProgressPhase.STEP_COMPLETED)
    first, last = min(begun.values()), max(ended.values())
    return Timeline(
        start=queued - run.started,
        runner=opened - queued,
        open_and_compile=compiled - opened,
        first_well=first - compiled,
        wells=last - first,
        finish=run.started + run.wall - last,
        at_work=sum(ended[axis] - begun[axis] for axis in ended),
        storage=sum(written[axis] - computed[axis] for axis in ended),
    )


def _by_axis(updates: list[ProgressUpdate], phase: ProgressPhase) -> dict[str, float]:
    return {update.axis_id: update.timestamp for update in updates if update.phase is phase}
