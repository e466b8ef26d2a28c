"""What the panels say; no Qt."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gui.panels.samples import (
    ID,
    NOW,
    PLATE,
    TRACEBACK,
    a_run,
    execution,
    fold,
    summary,
    topology,
    update,
    well_messages,
    worker,
)

from plateflow.gui.panels import contents, event_lines, well_words, words
from plateflow.gui.panels.rows import Column, Row, as_text, changes, matches, runs
from plateflow.progress.messages import ExecutionKind, ExecutionState, Message, WorkerState
from plateflow.progress.state import ExecutionProgress
from plateflow.progress.update import ProgressPhase, ProgressStatus
from plateflow.progress.words import duration

FAILED_WELL = "D17"


def test_texts_need_no_qt() -> None:
    names = ("contents", "event_lines", "well_words", "words", "rows", "result_files")
    imports = ";".join(f"import plateflow.gui.panels.{name}" for name in names)
    check = "import sys; bad = [m for m in sys.modules if m.split('.')[0] in ('qtpy', 'PyQt6', 'PySide6', 'zmq')]"
    subprocess.run([sys.executable, "-c", f"{imports};{check};assert not bad, bad"], check=True)


def test_wells_sort_as_people_count_them() -> None:
    wells = ["AA01", "B01", "A10", "A02", "plate:Illumination", "A1"]
    assert sorted(wells, key=words.well_key) == ["plate:Illumination", "A1", "A02", "A10", "B01", "AA01"]


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 bytes"), (999, "999 bytes"), (20_100, "20.1 kB"), (999_999, "1.0 MB"), (3 * 10**12, "3.0 TB")],
)
def test_sizes(count: int, said: str) -> None:
    assert words.size(count) == said


@pytest.mark.parametrize(("seconds", "said"), [(16, "16 s"), (245, "4 min 05 s"), (7620, "2 h 07 min")])
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_failures_are_listed_the_latest_first_with_attempts() -> None:
    rows = contents.failure_rows(a_run())
    assert [row.cells[0] for row in rows] == ["F02", "D17", "B14"]
    assert rows[1].cells == (
        "D17",
        "SegmentNuclei",
        "ValueError: no objects found in channel 1 the threshold was 4021",
        "2",
    )
    assert "images/F02_s3_w1.tif" in rows[0].cells[2]
    assert PLATE not in rows[0].cells[2]


def test_no_failures_are_explained() -> None:
    assert "No run yet" in contents.failures_absent(None)
    assert contents.failures_absent(fold(list(well_messages("A01")))) == "No well has failed."
    failed = fold([update(ProgressPhase.COMPILE, ProgressStatus.ERROR, error="no channel DAPI")])
    assert contents.failures_absent(failed).endswith("no channel DAPI")


@pytest.mark.parametrize(
    ("state", "ago", "ended", "said"),
    [
        (WorkerState.BUSY, 5.0, False, "working"),
        (WorkerState.BUSY, 5.1, False, "stalled"),
        (WorkerState.IDLE, 0.0, False, "idle"),
        (WorkerState.IDLE, -3.0, False, "idle"),
        (WorkerState.DIED, 60.0, False, "died (SIGKILL)"),
        (WorkerState.DIED, 60.0, True, "died (SIGKILL)"),
        (WorkerState.BUSY, 60.0, True, "ended"),
    ],
)
def test_worker_states(state: WorkerState, ago: float, *, ended: bool, said: str) -> None:
    message = worker(0, state, ago=ago, signal="SIGKILL" if state is WorkerState.DIED else "")
    assert contents.worker_state(message, NOW, ended=ended) == said


def test_workers_that_are_stalled_or_died_stand_out() -> None:
    rows = contents.worker_rows(a_run(), NOW)
    assert [row.cells[2] for row in rows if row.alarming] == ["stalled", "died (SIGKILL)"]
    assert rows[0].cells == ("40211", "imaging-07", "working", "G09", "SegmentCells", "480", "0")
    assert rows[7].cells[5] == "not known"


@pytest.mark.parametrize(
    ("kind", "state", "failed", "reason", "said"),
    [
        (ExecutionKind.INIT, ExecutionState.COMPLETED, 0, "", "Ready"),
        (ExecutionKind.COMPILE, ExecutionState.COMPLETED, 2, "", "Compiled"),
        (ExecutionKind.RUN, ExecutionState.COMPLETED, 0, "", "Complete"),
        (ExecutionKind.RUN, ExecutionState.COMPLETED, 5, "", "Complete with failures"),
        (ExecutionKind.RUN, ExecutionState.RUNNING, 0, "", "Running 43%"),
        (ExecutionKind.RUN, ExecutionState.QUEUED, 0, "", "Queued"),
        (ExecutionKind.RUN, ExecutionState.CANCELLED, 0, "ana asked", "Cancelled: ana asked"),
    ],
)
def test_history_states(kind: ExecutionKind, state: ExecutionState, failed: int, reason: str, said: str) -> None:
    (row,) = contents.history_rows([summary(1, kind, state, failed=failed, reason=reason)], NOW)
    assert row.cells[3] == said


def test_history_is_listed_the_newest_first() -> None:
    run = summary(4, ExecutionKind.RUN, ExecutionState.COMPLETED, failed=5)
    rows = contents.history_rows([summary(1, ExecutionKind.INIT, ExecutionState.COMPLETED), run], NOW)
    assert rows[0].id == run.execution_id
    assert rows[0].cells[1:] == (
        "run",
        "siRNA_batch7_P4",
        "Complete with failures",
        "379/384, 5 failed",
        "4 min 04 s",
        "04040404",
    )


@pytest.mark.parametrize(
    ("message", "what"),
    [
        (update(ProgressPhase.INIT, ProgressStatus.RUNNING, done=1200, total=9216), "init running, 1,200/9,216 files"),
        (update(ProgressPhase.INIT, ProgressStatus.STARTED), "init started"),
        (update(ProgressPhase.STEP_STARTED, ProgressStatus.STARTED, "B06", 2, total=4), "step 3/7 began, 4 groups"),
        (update(ProgressPhase.AXIS_COMPLETED, ProgressStatus.ERROR, "B06", error="a\nb"), "failed: a b"),
        (execution(ExecutionState.FAILED, "disk full"), "run failed: disk full"),
        (execution(ExecutionState.RUNNING, topology=topology()), "run running · plan of 384 wells, 7 steps"),
        (worker(3, WorkerState.IDLE), "worker 3 (PID 40214 on imaging-07) idle, 573 MB"),
    ],
)
def test_events(message: Message, what: str) -> None:
    assert event_lines.event_line(message).what == what


def test_events_keep_no_traceback_and_no_plan() -> None:
    failed = update(ProgressPhase.AXIS_COMPLETED, ProgressStatus.ERROR, "B06", error="x" * 5000)
    for message in (failed, execution(ExecutionState.RUNNING, topology=topology())):
        kept = event_lines.entry(message)
        assert isinstance(kept, event_lines.EventLine)
        assert len(kept.what) <= event_lines.LONGEST
    assert TRACEBACK not in event_lines.event_line(failed).what


def test_a_failed_well_tells_step_attempts_and_error() -> None:
    told = well_words.well_text(a_run(), [FAILED_WELL])
    assert told.title == "Well D17 – failed"
    assert told.lines == ("failed in step 3/7 SegmentNuclei", "32% of its work done · 2 attempts")
    assert told.error == "ValueError: no objects found in channel 1\nthe threshold was 4021"
    assert told.failure == FAILED_WELL


def test_a_running_well_tells_its_step() -> None:
    told = well_words.well_text(a_run(), ["H02"])
    assert (told.title, told.failure) == ("Well H02 – running", "")
    assert told.lines[0] == "step 4/7 SegmentCells · 25% (1/4 groups)"


def test_in_an_ended_run_nothing_runs() -> None:
    progress = fold([*well_messages("A01", steps=2), execution(ExecutionState.CANCELLED)])
    assert well_words.well_text(progress, ["A01"]).title == "Well A01 – cut off"


def test_several_wells_are_counted() -> None:
    told = well_words.well_text(a_run(), ["A01", "B14", "D17", "H02", "P24", "Z99"])
    assert told.title == "6 wells selected"
    assert told.lines == ("1 waiting · 1 running · 1 done · 2 failed · 1 not part of this execution",)
    assert told.error.splitlines()[0] == "B14: ValueError: no objects found in channel 1"
    assert told.failure == ""


@pytest.mark.parametrize(
    ("progress", "wells", "said"),
    [
        (None, [], "Select a well in the plate map"),
        (None, ["A01"], "Nothing has been run"),
        (ExecutionProgress(execution_id=ID, plate_id=PLATE), ["A01"], "Not part of this execution"),
    ],
)
def test_nothing_to_tell_is_explained(progress: ExecutionProgress | None, wells: list[str], said: str) -> None:
    assert well_words.well_text(progress, wells).lines[0].startswith(said)


def test_runs_of_neighbours() -> None:
    assert runs([0, 1, 2, 5, 7, 8]) == [(0, 2), (5, 5), (7, 8)]


@given(st.lists(st.integers(0, 12), unique=True), st.lists(st.integers(0, 12), unique=True))
def test_changes_lead_from_old_to_new(old_ids: list[int], new_ids: list[int]) -> None:
    old, new = [str(i) for i in old_ids], [str(i) for i in new_ids]
    planned = changes(old, new)
    if planned is None:
        assert [i for i in old if i in new] != [i for i in new if i in old]
        return
    for first, last in planned.removed:
        del old[first : last + 1]
    for first, last in planned.inserted:
        old[first:first] = new[first : last + 1]
    assert old == new


def test_a_filter_finds_all_of_its_words_in_any_cell_or_tip() -> None:
    row = Row("D17", ("D17", "Segment"), ("", ""), "ValueError: the whole text")
    assert matches(row, ["whole", "d17"])
    assert not matches(row, ["d17", "d18"])


def test_copied_rows_are_tab_separated_with_a_header() -> None:
    columns = (Column("Well", ""), Column("Step", ""))
    assert as_text(columns, [Row("D17", ("D17", "Segment"), ("", ""))]) == "Well\tStep\nD17\tSegment"
