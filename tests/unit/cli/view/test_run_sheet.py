from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.cli.view.script import PLATE, Script, finished, halfway
from tests.unit.cli.view.test_history import NOW, texts

from plateflow.cli.view.run_sheet import sheet_lines
from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.runtime.control import Summary
from plateflow.service.job import JobSpec, PipelineFile

if TYPE_CHECKING:
    from plateflow.progress.state import ExecutionProgress

JOB = JobSpec(
    plate=PLATE,
    pipeline=PipelineFile(path="/home/ana/translocation.py", sha256="0" * 64),
    output="/data/results/Plate_A",
    wells=("A01", "A02"),
    workers=4,
    preview=True,
    metadata="/data/map.csv",
)


def sheet(state: ExecutionProgress, job: JobSpec = JOB, seconds: float = 965.0) -> list[str]:
    assert state.kind is not None
    assert state.state is not None
    summary = Summary(
        execution_id=state.execution_id,
        plate_id=state.plate_id,
        kind=state.kind,
        state=state.state,
        reason=state.reason,
        seq=state.seq,
        percent=state.percent,
        counts=state.counts,
        submitted=NOW - 1000,
        started=NOW - 970 if seconds else 0.0,
        seconds=seconds,
    )
    return texts(sheet_lines(summary, job, state, colour=True))


def test_a_run_with_a_failed_well() -> None:
    assert sheet(finished(rows=2, columns=3).state) == [
        f"Plate_A  run {'0' * 32}",
        "state      Complete with failures, 5/6 (5 done 1 failed)",
        f"plate      {PLATE}",
        "pipeline   /home/ana/translocation.py",
        "results    /data/results/Plate_A",
        "options    4 processes, --wells A01,A02, --preview, --metadata /data/map.csv",
        "submitted  2026-11-24 15:13:20",
        "started    2026-11-24 15:13:50",
        "took       16 min 05 s",
        "",
        "Steps",
        "1 smooth          24/24 pattern groups  6/6 wells",
        "2 find_nuclei     24/24 pattern groups  6/6 wells",
        "3 ring_around     24/24 pattern groups  6/6 wells",
        "4 measure_nuclei  22/24 pattern groups  5/6 wells  1 failed",
        "5 ratio           20/24 pattern groups  5/6 wells",
        "",
        "Failed wells 1",
        "✕ A02  measure_nuclei  ValueError: no objects found in channel 1, the image is empty",
    ]


def test_every_failed_well_is_listed_in_the_order_of_the_plate() -> None:
    failing = tuple(f"{row}{column:02}" for row in "ABC" for column in range(1, 13))
    lines = sheet(halfway(8, 12, failing, share=0.9).state)
    assert f"Failed wells {len(failing)}" in lines
    assert [line[2:5] for line in lines if line.startswith("✕")] == list(failing)


def test_a_run_that_goes_on() -> None:
    lines = sheet(halfway(2, 3, failing=()).state)
    assert lines[1].startswith("state      Running ")
    assert "for        16 min 05 s" in lines


def test_a_run_that_failed_says_why() -> None:
    script = Script(2, 3)
    script.init()
    script.execution(ExecutionState.FAILED, "step 'smooth': no parameter\n'colour'")
    lines = sheet(script.state)
    assert lines[1] == "state      Failed: step 'smooth': no parameter 'colour'"
    assert "Steps" not in lines


def test_one_that_waits_has_no_times_yet() -> None:
    script = Script(2, 3)
    script.execution(ExecutionState.QUEUED)
    lines = sheet(script.state, JobSpec(plate=PLATE), seconds=0.0)
    assert lines[1:] == [
        "state      Queued",
        f"plate      {PLATE}",
        "options    processes",
        "submitted  2026-11-24 15:13:20",
    ]


def test_a_compile_tells_what_it_planned() -> None:
    script = Script(2, 3, kind=ExecutionKind.COMPILE)
    script.prepare()
    script.execution(ExecutionState.COMPLETED)
    lines = sheet(script.state, JobSpec(plate=PLATE, pipeline=JOB.pipeline))
    assert lines[1] == "state      Compiled, 6 wells, 5 steps"
    assert "1 smooth          24 pattern groups" in lines
    assert not any(line.startswith("options") for line in lines)
