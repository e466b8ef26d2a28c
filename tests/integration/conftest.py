"""Plates with a mark in each well, so that a function can tell which well it is in, and runs that keep all they say."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from plateflow.execution.orchestrator import Outcome
from plateflow.execution.steering import Steering
from plateflow.pipeline.compile import compile_plate
from plateflow.pipeline.pipeline import load_pipeline
from plateflow.pipeline.plan import PlatePlan
from plateflow.plate.model import Plate
from plateflow.plate.open import open_plate
from plateflow.plate.synthetic import write_synthetic_plate
from plateflow.progress.messages import WorkerMessage, decode_lines
from plateflow.progress.update import ProgressPhase, ProgressUpdate
from plateflow.service.execute import ExecutorName, RunOptions, execute_plan, ready_plan
from plateflow.settings import STEP_LIMIT
from plateflow.storage.output import claim_output
from plateflow.storage.tiff import read_plane, write_plane

HEAD = """
import os, signal, sys, time, ctypes, subprocess
import numpy as np
from plateflow import FunctionStep, Pipeline
from plateflow.functions import *
from plateflow.functions.kinds import *

def mark(image):
    return int(image[0, 0])
"""


@dataclass
class Run:
    """A run and what it said."""

    plan: PlatePlan
    output: Path
    compiled: list[ProgressUpdate]
    updates: list[ProgressUpdate] = field(default_factory=list)
    workers: list[WorkerMessage] = field(default_factory=list)
    longest: int = 0
    """Bytes of the longest line."""
    outcome: Outcome = field(init=False)

    def forward(self, body: bytes) -> None:
        assert body
        self.longest = max(self.longest, *map(len, body.splitlines()))
        for message in decode_lines(body):
            if isinstance(message, ProgressUpdate):
                self.updates.append(message)
            elif isinstance(message, WorkerMessage):
                self.workers.append(message)

    def of(self, well: str) -> list[ProgressUpdate]:
        return [update for update in self.updates if update.axis_id == well]

    def multiset(self) -> Counter[tuple[object, ...]]:
        """All compile and well updates without what differs between any two runs."""
        return Counter(without_time(update) for update in self.compiled + self.updates)

    def assert_good(self, *wells: str) -> None:
        """Assert that these wells completed with exactly the predicted updates, in order, once."""
        for axis in self.plan.axes:
            if axis.axis_id in wells:
                own = self.of(axis.axis_id)
                assert [u.phase for u in own].count(ProgressPhase.AXIS_STARTED) == 1
                assert len(own) == self.plan.updates(axis)
                assert own[-1].phase is ProgressPhase.AXIS_COMPLETED
                assert own[-1].status.value == "completed"
        assert set(wells) <= set(self.outcome.completed)


def without_time(update: ProgressUpdate) -> tuple[object, ...]:
    fields = (f for f in update.__struct_fields__ if f not in ("timestamp", "execution_id"))
    return tuple(getattr(update, name) for name in fields)


def mark_wells(plate: Plate) -> dict[str, int]:
    """Write the number of its well, from 0, into the first pixel of each image."""
    marks = {well: number for number, well in enumerate(plate.wells)}
    for well, records in plate.wells.items():
        for record in records:
            pixels = read_plane(record.path)
            pixels[0, 0] = marks[well]
            write_plane(record.path, pixels)
    return marks


@dataclass
class Bench:
    """A folder with a plate, where pipelines are run on it."""

    folder: Path
    plate: Plate
    marks: dict[str, int]

    def run(
        self,
        steps: str,
        executor: ExecutorName = "processes",
        *,
        workers: int = 2,
        step_limit: float = STEP_LIMIT,
        preview: bool = False,
        plate: Plate | None = None,
        cancelled: Callable[[Run], bool] = lambda run: False,
        forward: Callable[[Run, bytes], None] = lambda run, body: None,
    ) -> Run:
        """Write a pipeline file (functions, then ``steps = [...]``), compile it and run it."""
        name = uuid4().hex[:8]
        path = self.folder / f"pipeline_{name}.py"
        path.write_text(HEAD + steps + "\npipeline = Pipeline('p', steps, channels={'DNA': '1', 'GFP': '2'})\n")
        execution = uuid4().hex
        compiled: list[ProgressUpdate] = []
        plan = compile_plate(plate or self.plate, load_pipeline(path), execution_id=execution, report=compiled.append)
        run = Run(plan, self.folder / f"out_{name}", compiled)

        def take(body: bytes) -> None:
            run.forward(body)
            forward(run, body)

        class Asked(Steering):
            @property
            def cancelled(self) -> bool:
                if cancelled(run):
                    self.cancel()
                return super().cancelled

        options = RunOptions(executor, workers, step_limit, preview)
        with claim_output(run.output, execution, resume=options.resume) as claimed:
            run.plan = ready_plan(plan, claimed.path, options)
            run.outcome = execute_plan(run.plan, execution, options, take, Asked(), output=claimed)
        return run


def make_bench(folder: Path, rows: int, columns: int, sites: int = 1, size: int = 32) -> Bench:
    write_synthetic_plate(folder / "plate", rows=rows, columns=columns, sites=sites, shape=(size, size))
    plate = open_plate(folder / "plate", metadata="plate_map.csv")
    return Bench(folder, plate, mark_wells(plate))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Eight wells of one small site."""
    return make_bench(tmp_path, 2, 4)


@pytest.fixture
def cells(tmp_path: Path) -> Bench:
    """Six wells of two sites with cells to find; the last well is blank."""
    bench = make_bench(tmp_path, 2, 3, sites=2, size=96)
    for record in bench.plate.wells["B03"]:
        write_plane(record.path, np.full((96, 96), 200, np.uint16))
    return bench
