from __future__ import annotations

import re

import pytest
from msgspec import UNSET
from tests.unit.cli.view.script import ERROR, EXECUTION, PLATE, STEPS, Script

from plateflow.cli.view.line_log import LONGEST_LINE, LineLog
from plateflow.cli.view.pace import Past
from plateflow.progress.messages import ExecutionState, WorkerMessage, WorkerState
from plateflow.progress.state import ExecutionProgress
from plateflow.progress.update import ProgressPhase as Phase
from plateflow.progress.update import ProgressStatus as Status


class Reader:
    """Feeds a script's messages to a log, some time apart."""

    def __init__(self, script: Script, between_s: float) -> None:
        self.script = script
        self.between_s = between_s
        self.log = LineLog()
        self.state = ExecutionProgress(execution_id=EXECUTION, plate_id=PLATE)
        self.seconds = 1000.0

    def read(self) -> list[str]:
        lines = []
        for message in self.script.drain():
            self.seconds += self.between_s
            self.state.apply(message, self.state.seq + 1)
            lines += self.log.lines([message], self.state, self.seconds)
        return lines


def whole_run(between_s: float) -> list[str]:
    script = Script(2, 3)
    script.execution(ExecutionState.QUEUED)
    script.prepare()
    for _ in script.run({"A03": "measure_nuclei"}, workers=2):
        pass
    script.execution(ExecutionState.COMPLETED)
    return Reader(script, between_s).read()


@pytest.mark.parametrize("between_s", [0.0001, 0.3, 5.0])
def test_every_step_of_every_well_is_told_with_its_percent(between_s: float) -> None:
    lines = whole_run(between_s)
    for well in ("A01", "A02", "B01", "B02", "B03"):
        for index, step in enumerate(STEPS):
            assert f"{well}  step {index + 1}/5 {step}  100%" in lines
    assert "A03  step 3/5 ring_around  100%" in lines
    assert "A03  step 4/5 measure_nuclei  50%  failed" in lines
    assert not any(line.startswith("A03  step 5/5") for line in lines)


def test_a_fast_run_is_readable() -> None:
    lines = whole_run(0.0001)
    assert lines[:6] == [
        "Queued",
        "Plate_A: run started",
        "Init started 0/192 files",
        "Init completed 192/192 files",
        "Compile started 0/6 wells",
        "Compile completed 6/6 wells",
    ]
    assert lines[6] == f"6 wells, 5 steps ({', '.join(STEPS)}), 120 pattern groups"
    steps = [line for line in lines if re.match(r"[AB]0\d  step", line)]
    assert len(steps) == 6 + 5 * 5 + 3 + 2  # each well's first start, its steps, the failed one's error and end
    assert [line.partition(":")[0] for line in lines if line.startswith("plate ")] == [
        f"plate {percent}%" for percent in range(10, 100, 10)
    ]
    assert lines[-1] == "Complete with failures, 5/6, 0 s (5 done 1 failed)"


def test_a_slow_run_tells_pattern_groups_too() -> None:
    lines = whole_run(5.0)
    for percent in (25, 50, 75):
        assert f"A01  step 2/5 find_nuclei  {percent}%" in lines
    assert lines.count("A01  step 2/5 find_nuclei  100%") == 1


def test_pattern_groups_wait_a_second_for_each_well() -> None:
    script = Script(1, 1, groups=100)
    script.prepare()
    for _ in script.run():
        pass
    groups = [line for line in Reader(script, 0.25).read() if re.search(r"find_nuclei  (?!100)\d+%", line)]
    assert 18 <= len(groups) <= 25  # 100 groups, four a second


def test_a_failure_is_told_once_with_the_end_of_its_traceback() -> None:
    lines = whole_run(0.1)
    at = lines.index(f"A03  step 4/5 measure_nuclei  50%  failed: {' '.join(ERROR.split())}")
    assert lines[at + 1].startswith("      File")
    assert lines[at + 6] == "    ValueError: no objects found in channel 1"
    assert lines[at + 7] == "A03  step 4/5 measure_nuclei  50%  failed"
    assert sum("the image is empty" in line for line in lines[:-3]) == 1


def test_the_failures_are_listed_at_the_end() -> None:
    assert whole_run(0.1)[-3:-1] == ["Failures 1", f"x A03  measure_nuclei  {' '.join(ERROR.split())}"]


def test_an_error_is_cut_and_cannot_harm_the_terminal() -> None:
    script = Script(1, 1)
    script.emitter.axis("A01", 5).step("smooth", 0).emit(
        Phase.PATTERN_GROUP, Status.ERROR, 0, 4, error="bad \x1b[2J " * 100, traceback="x\x1b]0;y\x07" * 500
    )
    lines = Reader(script, 0.1).read()
    assert len(lines) == 2
    assert all(line.isprintable() and len(line) <= LONGEST_LINE for line in lines)


def test_a_well_that_fails_in_compile() -> None:
    script = Script(1, 2)
    script.emitter.axis("A02", 0).emit(Phase.COMPILE, Status.ERROR, 1, 2, error="site 3: image is missing")
    assert Reader(script, 0.1).read() == ["A02  compile  failed: site 3: image is missing"]


def test_the_next_attempt_tells_its_own_error() -> None:
    script = Script(1, 1)
    script.prepare()
    for _ in range(2):
        for _ in script.well("A01", fail_at="smooth"):
            pass
    lines = Reader(script, 0.01).read()
    assert "A01  attempt 2" in lines
    assert sum("the image is empty" in line for line in lines) == 2


@pytest.mark.parametrize(
    ("state", "signal", "expected"),
    [
        (WorkerState.DIED, "SIGKILL", ["worker 3 (pid 4711 on lab1) died: SIGKILL on A03 in ratio"]),
        (WorkerState.BUSY, "", []),
    ],
)
def test_workers_speak_only_when_they_die(state: WorkerState, signal: str, expected: list[str]) -> None:
    script = Script(1, 1)
    script.take(
        WorkerMessage(
            execution_id=EXECUTION,
            plate_id=PLATE,
            worker=3,
            pid=4711,
            host="lab1",
            state=state,
            memory_bytes=0,
            timestamp=1.0,
            axis_id="A03",
            step_name="ratio",
            signal=signal or UNSET,
        )
    )
    assert Reader(script, 0.1).read() == expected


def test_pausing_and_the_end() -> None:
    script = Script(1, 1)
    script.prepare()
    reader = Reader(script, 0.1)
    reader.read()
    for state in (ExecutionState.PAUSED, ExecutionState.RUNNING):
        script.execution(state)
    script.execution(ExecutionState.CANCELLED, "asked for by ana")
    assert reader.read() == ["Paused", "Continued", "Cancelled at 0%: asked for by ana (1 queued)"]


def test_silence_is_broken_once_a_minute() -> None:
    script = Script(1, 1)
    script.prepare()
    reader = Reader(script, 0.0)
    reader.read()
    told = [t for t in range(0, 200, 5) if reader.log.silence(reader.state, reader.seconds + t)]
    assert told == [60, 120, 180]
    assert reader.log.silence(reader.state, reader.seconds + 240) == [
        "still at it: plate 0%: 0 done 0 running 0 failed 1 queued"
    ]


def test_a_whole_run_at_once_reads_like_one_that_was_watched() -> None:
    script = Script(2, 3)
    script.execution(ExecutionState.QUEUED)
    script.prepare()
    for _ in script.run({"A03": "measure_nuclei"}, workers=2):
        pass
    script.execution(ExecutionState.COMPLETED)
    messages = script.drain()
    lines = LineLog(Past(len(messages), 965.0)).lines(messages, script.state, 1000.0)
    watched = [line for line in whole_run(0.0001) if not line.startswith("plate ")]
    assert lines[:-1] == watched[:-1]
    assert lines[-1] == "Complete with failures, 5/6, 16 min 05 s (5 done 1 failed)"


def test_attempts_are_counted_also_where_they_come_at_once() -> None:
    script = Script(1, 1)
    script.prepare()
    for _ in range(3):
        for _ in script.well("A01", fail_at="smooth"):
            pass
    lines = LineLog().lines(script.drain(), script.state, 1000.0)
    assert [line for line in lines if "attempt" in line] == ["A01  attempt 2", "A01  attempt 3"]


def test_a_journal_that_cannot_be_written_is_told_once_and_so_is_its_end() -> None:
    script = Script(1, 1)
    script.prepare()
    reader = Reader(script, 0.0)
    reader.read()
    told = [reader.log.journal(problem, reader.seconds) for problem in ("disk full", "disk full", "gone", "", "")]
    assert told == [["waiting: disk full"], [], [], ["the journal can be written again; it goes on"], []]


def test_nothing_is_said_to_go_on_while_the_journal_cannot_be_written() -> None:
    script = Script(1, 1)
    script.prepare()
    reader = Reader(script, 0.0)
    reader.read()
    reader.log.journal("disk full", reader.seconds)
    assert reader.log.silence(reader.state, reader.seconds + 1000) == []
    reader.log.journal("", reader.seconds + 1000)
    assert reader.log.silence(reader.state, reader.seconds + 1030) == []
    assert reader.log.silence(reader.state, reader.seconds + 1060) != []


def test_files_that_are_found_are_told_each_second_until_their_total_is_known() -> None:
    script = Script()
    script.found(*range(1_000, 24_000, 1_000))
    script.emitter.emit(Phase.INIT, Status.RUNNING, 0, 23_400)
    script.emitter.emit(Phase.INIT, Status.COMPLETED, 23_400, 23_400)
    assert Reader(script, 0.15).read() == [
        "Plate_A: run started",
        "Init started 1,000 files found",
        "Init 8,000 files found",
        "Init 15,000 files found",
        "Init 22,000 files found",
        "Init completed 23,400/23,400 files",
    ]
