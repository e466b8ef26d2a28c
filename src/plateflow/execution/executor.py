"""What the orchestrator asks of a pool of threads or processes, and what it hears back."""

from __future__ import annotations

import multiprocessing as mp
import os
import pickle
import sys
from dataclasses import dataclass, replace
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Protocol

import msgspec

from plateflow.errors import PipelineError
from plateflow.progress.messages import AxisKind, encode_message
from plateflow.progress.update import ProgressPhase, ProgressStatus, ProgressUpdate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plateflow.lines.writer import LineWriter
    from plateflow.pipeline.plan import AxisPlan, PlatePlan
    from plateflow.progress.emitter import Report
    from plateflow.progress.failure import Failure

_PATTERN_GROUP = ProgressPhase.PATTERN_GROUP
_RUNNING = ProgressStatus.RUNNING
RESULT_START = b'{"type":"result"'


class TaskResult(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="result", tag_field="type"):
    """How one task ended: a line after all of its updates, between a worker and its parent only."""

    axis_id: str
    error: str = ""
    """What ended the well early; "" if nothing did."""
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """All that a worker must know but the wells themselves."""

    plan: PlatePlan
    execution_id: str
    output: str
    """Absolute path of the results folder; "" for none."""
    preview: bool = False
    """Whether to draw the outlines of labels too."""
    plate_images: str = ""
    """Absolute path of the folder for what steps over the whole plate make; "" where there are none."""

    def pack(self, *, holds: bool = False) -> PackedWork:
        """Return what crosses to a worker: wells follow one by one.

        Parameters
        ----------
        holds
            Whether a descriptor of the results folder follows too.

        Raises
        ------
        PipelineError
            If a function of the pipeline cannot cross.
        """
        try:
            data = bytes(ForkingPickler.dumps(replace(self, plan=replace(self.plan, axes=()))))
        except (pickle.PicklingError, AttributeError, TypeError) as e:
            raise PipelineError(
                f"pipeline {self.plan.pipeline.name!r} cannot be sent to worker processes: {e}; put its functions in a "
                "module or load it from a file, or run it with executor='threads'"
            ) from e
        plan = self.plan
        of_wells = len(plan.shapes[plan.wells[0].shape].steps) if plan.wells else 0
        return PackedWork(self.execution_id, plan.plate.path, len(plan.step_names), of_wells, self.output, holds, data)


@dataclass(frozen=True, slots=True)
class PackedWork:
    """Work on its way: a worker that cannot unpack it, as it runs a user's code, can still say so of each well."""

    execution_id: str
    plate_id: str
    total_steps: int
    """Of the pipeline."""
    well_steps: int
    """Those of them that a well does; the others are done once, over the whole plate."""
    output: str
    """Absolute path of the results folder; "" for none."""
    holds: bool
    """Whether a descriptor of that folder follows."""
    data: bytes
    """A pickled :class:`Work`."""

    def steps_of(self, axis: AxisPlan) -> int:
        """Return how many steps an axis has."""
        return 1 if axis.kind is AxisKind.PLATE else self.well_steps


@dataclass(frozen=True, slots=True)
class Lines:
    """Updates as they came, each ended by a newline."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Finished:
    """A task ended in its own words."""

    result: TaskResult


@dataclass(frozen=True, slots=True)
class Died:
    """A worker died; everything that it had written came before."""

    slot: int
    pid: int
    axis: AxisPlan | None
    """What it worked on; None if it was idle."""
    cause: str
    """ "SIGKILL", or "exit code 3"."""
    last_line: bytes
    """Its last update of that axis; ``b""`` for none."""
    overdue: float = 0.0
    """Seconds of the limit that its step passed, for which it was ended; 0 where it was not."""


Event = Lines | Finished | Died


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """One worker as its parent knows it."""

    slot: int
    pid: int
    axis_id: str
    """"" if idle."""
    last_line: bytes


class Executor(Protocol):
    """Runs one task at a time in each of its workers."""

    @property
    def free(self) -> int:
        """Workers that wait for a task."""
        ...

    def start(self, axis: AxisPlan) -> None:
        """Hand a well to a free worker."""
        ...

    def poll(self, timeout: float) -> list[Event]:
        """Wait for something to happen, at most so many seconds."""
        ...

    def workers(self) -> Sequence[WorkerInfo]:
        """Return what each worker is doing."""
        ...

    def cancel(self) -> None:
        """End the tasks under way as soon as can be; each still says how it ended, or dies."""
        ...

    def close(self) -> None:
        """End all workers."""
        ...


def reporter(writer: LineWriter) -> Report:
    """Return what a worker reports to: it encodes each update, once, onto the worker's line pipe."""

    def report(update: ProgressUpdate) -> None:
        good_group = update.phase is _PATTERN_GROUP and update.status is _RUNNING
        writer.write(encode_message(update), (update.axis_id, update.step_index) if good_group else None)

    return report


def result_line(axis: AxisPlan, failure: Failure | None, *, cancelled: bool) -> bytes:
    """Return the line that ends a task."""
    error = "" if failure is None else failure.error
    result = TaskResult(axis_id=axis.axis_id, error=error, cancelled=cancelled)
    return msgspec.json.encode(result) + b"\n"


def split_results(body: bytes) -> tuple[bytes, list[TaskResult]]:
    """Part the lines of a worker into updates, passed on as they are, and results."""
    if RESULT_START not in body:
        return body, []
    updates, results = [], []
    for line in body.splitlines(keepends=True):
        if not line.startswith(RESULT_START):
            updates.append(line)
            continue
        try:
            results.append(msgspec.json.decode(line, type=TaskResult))
        except msgspec.MsgspecError:  # what user code wrote, which the server will refuse
            updates.append(line)
    return b"".join(updates), results


def default_workers() -> int:
    """Return the number of workers where none is asked for: the processors that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))  # a cluster's job may have a few of many
    return max(1, mp.cpu_count())
