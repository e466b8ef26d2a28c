"""Everything about one execution on one page: what it was to do, how it ended, its steps and what failed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.segment import Segment

from plateflow.cli.view.history import STATE_INKS
from plateflow.cli.view.pace import Pace
from plateflow.cli.view.palette import LOOKS
from plateflow.cli.view.steps import StepRow, step_rows
from plateflow.cli.view.summary import counts_text, headline
from plateflow.cli.view.text import BOLD, DIM, PLAIN, Line, fill
from plateflow.progress.messages import ExecutionKind
from plateflow.progress.state import AxisState
from plateflow.progress.wells import is_plate_step, is_well
from plateflow.progress.words import duration, one_line, plate_name, short_error

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plateflow.progress.state import ExecutionProgress, StepProgress
    from plateflow.runtime.control import Summary
    from plateflow.service.job import JobSpec

LABEL_WIDTH = 11


def sheet_lines(summary: Summary, job: JobSpec, state: ExecutionProgress, *, colour: bool) -> list[Line]:
    """Return the page; nothing on it is cut, so that paths and errors can be copied."""
    facts = {
        "plate": summary.plate_id,
        "pipeline": job.pipeline.path if job.pipeline else "",
        "results": job.output or "",
        "options": ", ".join(_options(job, summary.kind)),
        "submitted": _time(summary.submitted),
        "started": _time(summary.started) if summary.started else "",
        "took" if state.ended else "for": duration(summary.seconds) if summary.started else "",
    }
    return [
        [Segment(f"{plate_name(summary.plate_id)}  ", BOLD), Segment(f"{summary.kind} {summary.execution_id}", PLAIN)],
        [Segment(fill("state", LABEL_WIDTH), DIM), Segment(_state(state), STATE_INKS[summary.state])],
        *(
            [Segment(fill(label, LABEL_WIDTH), DIM), Segment(one_line(fact), PLAIN)]
            for label, fact in facts.items()
            if fact
        ),
        *_steps(state, summary.kind),
        *_failures(state, colour),
    ]


def _state(state: ExecutionProgress) -> str:
    counts = f" ({counts_text(state)})" if state.steps and state.kind is ExecutionKind.RUN else ""
    return headline(state, Pace()) + counts


def _options(job: JobSpec, kind: ExecutionKind) -> Iterable[str]:
    if kind is ExecutionKind.RUN:
        yield job.executor if job.workers is None else f"{job.workers} {job.executor}"
    if job.wells is not None:
        yield f"--wells {','.join(job.wells)}"
    if job.preview:
        yield "--preview"
    if job.filenames is not None:
        yield f"--filenames {job.filenames}"
    if job.layout is not None:
        yield f"--format {job.layout}"
    if job.metadata is not None:
        yield f"--metadata {job.metadata}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")


def _steps(state: ExecutionProgress, kind: ExecutionKind) -> Iterable[Line]:
    rows = list(zip(step_rows(state), state.steps, strict=True))
    if not rows:
        return
    name_width = max(cell_len(row.name) for row, _ in rows)
    counts = [_step_counts(row, step, kind, of_plate=is_plate_step(state, step.name)) for row, step in rows]
    widths = [max(map(len, column)) for column in zip(*counts, strict=True)]
    yield []
    yield [Segment("Steps", BOLD)]
    for (row, _), (groups, wells, failed) in zip(rows, counts, strict=True):
        yield [
            Segment(f"{row.number:>{len(str(len(rows)))}} ", DIM),
            Segment(fill(row.name, name_width), PLAIN),
            Segment(f"  {groups:>{widths[0]}} pattern groups", PLAIN),
            Segment(f"  {wells:>{widths[1]}}" if wells else "", PLAIN),
            Segment(f"  {failed:>{widths[2]}}" if failed else "", LOOKS[AxisState.FAILED].ink),
        ]


def _step_counts(row: StepRow, step: StepProgress, kind: ExecutionKind, *, of_plate: bool) -> tuple[str, str, str]:
    if kind is not ExecutionKind.RUN:
        return f"{step.groups_planned:,}", "", ""
    failed = row.wells[AxisState.FAILED]
    return (
        f"{step.groups_done:,}/{step.groups_planned:,}",
        "" if of_plate else f"{row.wells[AxisState.COMPLETED]}/{row.total} wells",
        f"{failed} failed" if failed else "",
    )


def _failures(state: ExecutionProgress, colour: bool) -> Iterable[Line]:
    failed = [
        (axis_id if is_well(axis_id) else "plate", axis)
        for axis_id, axis in state.axes.items()  # in the order of the plate
        if axis.state is AxisState.FAILED
    ]
    if not failed:
        return
    name_width = max(cell_len(name) for name, _ in failed)
    step_width = max(cell_len(axis.error_step) for _, axis in failed)
    look = LOOKS[AxisState.FAILED]
    yield []
    title = "Failed wells" if all(name != "plate" for name, _ in failed) else "Failures"
    yield [Segment(f"{title} {len(failed)}", BOLD)]
    for name, axis in failed:
        step = f"{fill(axis.error_step, step_width)}  " if step_width else ""
        yield [
            Segment(f"{look.mark if colour else look.letter} ", look.ink),
            Segment(f"{fill(name, name_width)}  ", BOLD),
            Segment(step, DIM),
            Segment(short_error(axis.error, state.plate_id), PLAIN),
        ]
