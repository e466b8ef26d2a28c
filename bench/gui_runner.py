"""A runner of the bench of the window: reports the wells of a plate at a rate, through the link that real ones have.

One process does what a runner and its workers do, for what is measured lies behind the server. It counts what it says
by itself, not by plateflow's fold, so that the window can be held to it.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
import time
import traceback
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from bench.gui_job import END, GuiJob, Sent, rate, tell_sent
from bench.gui_work import compute
from bench.workload import GROUPS, NICENESS, STEP_NAMES, well_names
from plateflow.progress.emitter import Emitter
from plateflow.progress.messages import (
    AxisKind,
    ExecutionMessage,
    ExecutionState,
    Topology,
    TopologyAxis,
    TopologyStep,
    encode_message,
)
from plateflow.progress.update import ProgressPhase, ProgressStatus
from plateflow.runtime.jobs import Job
from plateflow.service.runner import Link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plateflow.progress.update import ProgressUpdate

AXES_A_PART: Final = 768
LOOK: Final = 0.05
"""Seconds between looks at the rate."""
STEPS: Final = STEP_NAMES[:7]
FAILING_STEP: Final = 3
TRACE: Final = "Traceback (most recent call last):\n" + 20 * '  File "steps.py", line 7, in find_nuclei\n'


class Wells:
    """Wells of a plate that are worked on at once, update by update, again and again."""

    def __init__(self, job: Job, work: GuiJob) -> None:
        self._work = work
        self.lines = bytearray()
        self.updates = 0
        self._emitter = Emitter(self._report, job.execution_id, job.plate_id)
        self._groups: dict[str, int] = {}
        self._states = dict.fromkeys(well_names(work.wells), "pending")
        self._updates = self._take_turns()

    def report(self, count: int) -> None:
        """Make the next updates."""
        for _ in islice(self._updates, count):
            pass

    def sent(self) -> Sent:
        states = list(self._states.values())
        wells = {state: states.count(state) for state in ("pending", "running", "completed", "failed")}
        return Sent(self.updates, sum(self._groups.values()), wells)

    def _report(self, update: ProgressUpdate) -> None:
        self.lines += encode_message(update)
        self.updates += 1

    def _take_turns(self) -> Iterator[None]:
        numbered = cycle(enumerate(self._states))
        lanes = [self._lane(numbered) for _ in range(self._work.at_once)]
        for lane in cycle(lanes):
            next(lane)
            yield

    def _lane(self, numbered: Iterator[tuple[int, str]]) -> Iterator[None]:
        for number, well in numbered:
            yield from self._well(well, fails=number % self._work.fail_every == self._work.fail_every - 1)

    def _well(self, well: str, *, fails: bool) -> Iterator[None]:
        at_well = self._emitter.axis(well, len(STEPS))
        self._states[well], self._groups[well] = "running", 0
        at_well.emit(ProgressPhase.AXIS_STARTED, ProgressStatus.STARTED, 0, len(STEPS))
        yield
        for index, name in enumerate(STEPS):
            at_step = at_well.step(name, index)
            if fails and index == FAILING_STEP:
                yield from self._failure(at_well, at_step, well)
                return
            yield from self._step(at_step, well)
        self._states[well] = "completed"
        at_well.emit(ProgressPhase.AXIS_COMPLETED, ProgressStatus.COMPLETED, len(STEPS), len(STEPS))
        yield

    def _step(self, at_step: Emitter, well: str) -> Iterator[None]:
        total = len(GROUPS)
        at_step.emit(ProgressPhase.STEP_STARTED, ProgressStatus.STARTED, 0, total)
        yield
        for done, (pattern, component) in enumerate(GROUPS, 1):
            self._groups[well] += 1
            where = {"pattern": f"{well} {pattern}", "component": component}
            at_step.emit(ProgressPhase.PATTERN_GROUP, ProgressStatus.RUNNING, done, total, **where)
            yield
        at_step.emit(ProgressPhase.STEP_COMPLETED, ProgressStatus.COMPLETED, total, total)
        yield

    def _failure(self, at_well: Emitter, at_step: Emitter, well: str) -> Iterator[None]:
        error = {"error": f"ValueError: no nuclei found in {well}"}
        at_step.emit(ProgressPhase.STEP_STARTED, ProgressStatus.STARTED, 0, len(GROUPS))
        yield
        at_step.emit(ProgressPhase.PATTERN_GROUP, ProgressStatus.ERROR, 0, len(GROUPS), **error, traceback=TRACE)
        yield
        at_step.emit(ProgressPhase.STEP_COMPLETED, ProgressStatus.ERROR, 0, len(GROUPS), **error)
        yield
        self._states[well] = "failed"
        at_well.emit(ProgressPhase.AXIS_COMPLETED, ProgressStatus.ERROR, FAILING_STEP, len(STEPS), **error)
        yield


def main() -> None:
    """Wait for a job on ``--fd``, do it, exit."""
    parser = argparse.ArgumentParser(prog="bench.gui_runner")
    parser.add_argument("--fd", type=int, required=True)
    link = Link(parser.parse_args().fd)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)  # it is its own worker
    code = 1
    try:
        if isinstance(job := link.first_command(), Job):
            threading.Thread(target=link.watch, name="commands", daemon=True).start()
            do(job, link)
        code = 0
    finally:
        if code:
            traceback.print_exc()
        os._exit(code)


def do(job: Job, link: Link) -> None:
    """Tell the plan, report, and say the last word."""
    work = msgspec.json.decode(job.payload, type=GuiJob)
    tell_plan(job, work, link)
    wells = Wells(job, work)
    if work.blocks:
        for _ in compute(work.blocks):
            send(wells, 1, link)
    else:
        keep_pace(wells, work, link)
    tell_sent(Path(work.folder), job.execution_id, wells.sent())
    ended = ExecutionState.CANCELLED if link.steering.cancelled else ExecutionState.COMPLETED
    link.send(encode_message(ExecutionMessage.now(job.execution_id, job.plate_id, job.kind, ended)))
    link.finish()


def keep_pace(wells: Wells, work: GuiJob, link: Link) -> None:
    """Report at the rate that is told; what was late is made up for."""
    folder, now_rate, due, looked = Path(work.folder), 0.0, 0.0, 0.0
    last = time.monotonic()
    while now_rate != END and not link.steering.cancelled:
        now = time.monotonic()
        due += max(0.0, now_rate) * (now - last)
        last = now
        send(wells, int(due), link)
        due -= int(due)
        if now > looked + LOOK:
            looked, now_rate = now, rate(folder)
        time.sleep(work.tick if now_rate > 1 / LOOK else LOOK)


def send(wells: Wells, count: int, link: Link) -> None:
    """Report so many updates."""
    wells.report(count)
    if wells.lines:
        link.send(bytes(wells.lines))
        wells.lines.clear()


def tell_plan(job: Job, work: GuiJob, link: Link) -> None:
    """Send the topology, in parts."""
    names = well_names(work.wells)
    parts = [names[start : start + AXES_A_PART] for start in range(0, len(names), AXES_A_PART)]
    for number, part in enumerate(parts):
        topology = Topology(
            part=number,
            parts=len(parts),
            rows=32,
            columns=48,
            steps=tuple(TopologyStep(name=name, groups=len(GROUPS)) for name in STEPS),
            axes=tuple(TopologyAxis(axis=name, kind=AxisKind.WELL, after=()) for name in part),
        )
        state = ExecutionState.RUNNING
        message = ExecutionMessage.now(job.execution_id, job.plate_id, job.kind, state, topology=topology)
        link.send(encode_message(message))


if __name__ == "__main__":
    main()
