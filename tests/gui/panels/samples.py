"""A plausible run, a history and a results folder, for tests and screenshots."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
from msgspec import UNSET

from plateflow.plate.wells import well_name
from plateflow.progress.messages import (
    AxisKind,
    ExecutionKind,
    ExecutionMessage,
    ExecutionState,
    Message,
    Topology,
    TopologyAxis,
    TopologyStep,
    WorkerMessage,
    WorkerState,
)
from plateflow.progress.percent import percent_of
from plateflow.progress.state import AxisState, ExecutionProgress
from plateflow.progress.update import ProgressPhase, ProgressStatus, ProgressUpdate
from plateflow.runtime.control import Summary
from plateflow.storage.png import write_png

if TYPE_CHECKING:
    from pathlib import Path

ID = "a1" * 16
PLATE = "/data/screens/Plate_2026-11-23_A"
NOW = 1_795_500_000.0
STEPS = ("Normalize", "Illumination", "SegmentNuclei", "SegmentCells", "Measure", "QC", "Export")
WELLS = tuple(well_name(row, column) for row in range(1, 17) for column in range(1, 25))
GROUPS = 4
TRACEBACK = """Traceback (most recent call last):
  File "/opt/plateflow/src/plateflow/execution/call.py", line 88, in call_group
    made = branch.func(*operands, **branch.params)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/home/ana/pipelines/nuclei.py", line 41, in segment_nuclei
    raise ValueError(f"no objects found in channel {channel}")
ValueError: no objects found in channel 1
"""
ERRORS = {
    "B14": "ValueError: no objects found in channel 1",
    "D17": "ValueError: no objects found in channel 1\nthe threshold was 4021",
    "F02": f"MemoryError: 3.1 GiB for {PLATE}/images/F02_s3_w1.tif, which ends after 1,048,576 bytes",
}


def update(
    phase: ProgressPhase,
    status: ProgressStatus,
    well: str = "",
    step: int | None = None,
    *,
    done: int = 0,
    total: int = 0,
    at: float = NOW,
    error: str = "",
    pattern: str = "",
) -> ProgressUpdate:
    """Make an update."""
    return ProgressUpdate(
        ID,
        PLATE,
        well,
        "" if step is None else STEPS[step],
        step or 0,
        0 if phase is ProgressPhase.INIT else len(STEPS),
        phase,
        status,
        done,
        total,
        percent_of(done, total),
        at,
        pattern=pattern or UNSET,
        error=error or UNSET,
        traceback=TRACEBACK if error else UNSET,
    )


def execution(state: ExecutionState, reason: str = "", topology: Topology | None = None) -> ExecutionMessage:
    """Make a message of the run's state."""
    return ExecutionMessage(
        execution_id=ID,
        plate_id=PLATE,
        kind=ExecutionKind.RUN,
        state=state,
        timestamp=NOW - 700,
        reason=reason or UNSET,
        topology=topology or UNSET,
    )


def worker(place: int, state: WorkerState, *, well: str = "", ago: float = 0.4, signal: str = "") -> WorkerMessage:
    """Make a message about a worker."""
    return WorkerMessage(
        execution_id=ID,
        plate_id=PLATE,
        worker=place,
        pid=40_211 + place,
        host="imaging-07",
        state=state,
        memory_bytes=0 if state is WorkerState.DIED else 480_000_000 + 31_000_000 * place,
        timestamp=NOW - ago,
        axis_id=well or UNSET,
        step_name="SegmentCells" if well else UNSET,
        signal=signal or UNSET,
    )


def well_messages(well: str, *, steps: int = len(STEPS), error: str = "", at: float = NOW) -> list[Message]:
    """Return the messages of a well: of so many whole steps, and one more that fails or goes on."""
    phase, status = ProgressPhase, ProgressStatus
    messages: list[Message] = [update(phase.AXIS_STARTED, status.STARTED, well, total=len(STEPS), at=at)]
    for step in range(steps):
        messages.append(update(phase.STEP_STARTED, status.STARTED, well, step, total=GROUPS, at=at))
        messages += [_group(well, step, done, at) for done in range(1, GROUPS + 1)]
        messages.append(update(phase.STEP_COMPLETED, status.COMPLETED, well, step, done=GROUPS, total=GROUPS, at=at))
    if steps == len(STEPS):
        ended = update(phase.AXIS_COMPLETED, status.COMPLETED, well, done=steps, total=steps, at=at)
        return [*messages, ended]
    messages.append(update(phase.STEP_STARTED, status.STARTED, well, steps, total=GROUPS, at=at))
    messages.append(_group(well, steps, 1, at))
    if error:
        failed = status.ERROR
        messages += [
            update(phase.PATTERN_GROUP, failed, well, steps, done=1, total=GROUPS, error=error, at=at),
            update(phase.STEP_COMPLETED, failed, well, steps, done=1, total=GROUPS, error=error, at=at),
            update(phase.AXIS_COMPLETED, failed, well, done=steps, total=len(STEPS), error=error, at=at),
        ]
    return messages


def _group(well: str, step: int, done: int, at: float) -> ProgressUpdate:
    phase, status = ProgressPhase.PATTERN_GROUP, ProgressStatus.RUNNING
    pattern = f"{well} s{done} c=DAPI z1 t1"
    return update(phase, status, well, step, done=done, total=GROUPS, at=at, pattern=pattern)


def topology() -> Topology:
    """Return the plan of the plate."""
    axes = tuple(TopologyAxis(axis=well, kind=AxisKind.WELL, after=()) for well in WELLS)
    steps = tuple(TopologyStep(name=name, groups=GROUPS) for name in STEPS)
    return Topology(part=0, parts=1, rows=16, columns=24, steps=steps, axes=axes)


def run_messages() -> list[Message]:
    """Return the messages of a run with 149 wells done, 3 failed and some under way."""
    messages: list[Message] = [
        execution(ExecutionState.RUNNING),
        update(ProgressPhase.INIT, ProgressStatus.RUNNING, done=1200, total=9216, at=NOW - 690),
        update(ProgressPhase.COMPILE, ProgressStatus.COMPLETED, done=384, total=384, at=NOW - 650),
        execution(ExecutionState.RUNNING, topology=topology()),
    ]
    for number, well in enumerate(WELLS[:152]):
        at = NOW - 640 + 4 * number
        error = ERRORS.get(well, "")
        messages += well_messages(well, steps=2 if error else len(STEPS), error=error, at=at)
        if well == "D17":  # its second attempt fails too
            messages += well_messages(well, steps=2, error=error, at=at + 1)
    for well in WELLS[152:172]:
        messages += well_messages(well, steps=3, at=NOW - 5)
    return [*messages, *workers()]


def workers() -> list[Message]:
    """Return what the workers are doing."""
    busy = [worker(place, WorkerState.BUSY, well=WELLS[152 + place]) for place in range(5)]
    return [
        *busy,
        worker(5, WorkerState.IDLE),
        worker(6, WorkerState.BUSY, well="G16", ago=74.0),
        worker(7, WorkerState.DIED, well="G17", ago=12.0, signal="SIGKILL"),
    ]


def fold(messages: list[Message]) -> ExecutionProgress:
    """Return the state that messages make."""
    progress = ExecutionProgress(execution_id=ID, plate_id=PLATE)
    progress.apply_all(messages, 1)
    return progress


def a_run() -> ExecutionProgress:
    """Return the state of that run."""
    return fold(run_messages())


def summary(number: int, kind: ExecutionKind, state: ExecutionState, *, failed: int = 0, reason: str = "") -> Summary:
    """Make one row of a history."""
    done = 384 - failed if state is ExecutionState.COMPLETED else 149
    counts = {AxisState.COMPLETED: done, AxisState.FAILED: failed, AxisState.PENDING: 384 - done - failed}
    began = NOW - 86400.0 + 3600 * number
    queued = state is ExecutionState.QUEUED
    return Summary(
        execution_id=f"{number:02x}" * 16,
        plate_id=f"/data/screens/siRNA_batch7_P{number}",
        kind=kind,
        state=state,
        reason=reason,
        seq=1000 * number,
        percent=43,
        counts={} if queued or kind is ExecutionKind.INIT else counts,
        submitted=began,
        started=0.0 if queued else began,
        seconds=0.0 if queued else 61.0 * number,
    )


def some_history() -> list[Summary]:
    """Return executions of all kinds and states."""
    kinds, states = ExecutionKind, ExecutionState
    return [
        summary(1, kinds.INIT, states.COMPLETED),
        summary(2, kinds.COMPILE, states.COMPLETED),
        summary(3, kinds.RUN, states.COMPLETED),
        summary(4, kinds.RUN, states.COMPLETED, failed=5),
        summary(5, kinds.RUN, states.CANCELLED, reason="ana asked for it"),
        summary(6, kinds.RUN, states.FAILED, reason="plate-wide step Illumination: no images of channel DAPI"),
        summary(7, kinds.RUN, states.INTERRUPTED, reason="the server died"),
        summary(8, kinds.RUN, states.RUNNING, failed=3),
        summary(9, kinds.RUN, states.QUEUED),
    ]


def write_results(folder: Path, *, wells: int = 384, pictures: int = 24) -> None:
    """Write a folder as a run leaves it."""
    (folder / "plate.zarr").mkdir(parents=True)
    (folder / "preview").mkdir()
    (folder / "run.json").write_text('{"execution_id": "a1"}' * 200)
    write_wells(folder / "wells.csv", wells)
    random = np.random.default_rng(0)
    y, x = np.mgrid[:256, :256]
    for well in WELLS[:pictures]:
        pixels = np.zeros((256, 256, 3), np.uint8)
        for cy, cx in random.integers(16, 240, (24, 2)):
            distance = np.hypot(y - cy, x - cx)
            pixels[distance < 11] = 140
            pixels[(distance >= 11) & (distance < 13)] = (255, 176, 0)
        write_png(folder / "preview" / f"{well}_s1_z1_t1.png", pixels)


def write_wells(path: Path, wells: int) -> None:
    """Write a wells.csv."""
    columns = ["Metadata_Plate", "Metadata_Well", "Metadata_Row", "Metadata_Column", "Status", "Error"]
    columns += ["Sites_Done", "Sites_Declared", "Count_Nuclei", "Count_Cells", "Seconds", "Mean_Nuclei_Area"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for number in range(wells):
            well = WELLS[number % len(WELLS)]
            error = ERRORS.get(well, "").partition("\n")[0]
            failed = bool(error)
            counts = ["", "", "", ""] if failed else [190 + number % 77, 160 + number % 61, 14.25, 312.5 + number]
            sites = [0 if failed else 4, 4]
            row = ["Plate_A", well, well[0], int(well[1:]), "failed" if failed else "completed", error, *sites, *counts]
            writer.writerow(row)
