from __future__ import annotations

import pytest
from tests.unit.cli.view.script import EXECUTION, PLATE, Script, finished, halfway

from plateflow.cli.view.pace import Pace
from plateflow.cli.view.summary import counts_text, headline, rate_text, status_line
from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.progress.state import ExecutionProgress
from plateflow.progress.words import duration, plate_name

PACE = Pace(elapsed_s=16.9, wells_per_minute=21.4321)


def queued() -> Script:
    script = Script()
    script.execution(ExecutionState.QUEUED)
    return script


def listing() -> Script:
    script = Script()
    script.found(9_000, 23_000)
    return script


def in_init(upto: int) -> Script:
    script = Script()
    script.init(files=192, upto=upto)
    return script


def in_compile(*, paused: bool = False) -> Script:
    script = Script()
    script.init()
    script.compile(upto=40)
    if paused:
        script.execution(ExecutionState.PAUSED)
    return script


def ended(state: ExecutionState, reason: str = "") -> Script:
    script = halfway()
    script.execution(state, reason)
    return script


def all_done(kind: ExecutionKind = ExecutionKind.RUN) -> Script:
    script = Script(2, 3, kind=kind)
    script.init()
    if kind is not ExecutionKind.INIT:
        script.compile()
    if kind is ExecutionKind.RUN:
        for _ in script.run():
            pass
    script.execution(ExecutionState.COMPLETED)
    return script


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (Script(), "Starting"),
        (queued(), "Queued"),
        (listing(), "⏳ Init · 23,000 files found"),
        (in_init(96), "⏳ Init 96/192 files"),
        (in_compile(), "⏳ Compile 40/96 wells"),
        (in_compile(paused=True), "Paused in ⏳ Compile 40/96 wells"),
        (halfway(), "Running 43%"),
        (ended(ExecutionState.PAUSED), "Paused 43%"),
        (all_done(), "Complete 16 s"),
        (finished(), "Complete with failures, 95/96, 16 s"),
        (ended(ExecutionState.FAILED, "the runner died:\nSIGKILL"), "Failed at 43%: the runner died: SIGKILL"),
        (ended(ExecutionState.CANCELLED), "Cancelled at 43%"),
        (ended(ExecutionState.CANCELLED, "asked for by ana"), "Cancelled at 43%: asked for by ana"),
        (ended(ExecutionState.INTERRUPTED), "Interrupted at 43%"),
        (all_done(ExecutionKind.INIT), "Ready, 192 files, 16 s"),
        (all_done(ExecutionKind.COMPILE), "Compiled, 6 wells, 5 steps, 16 s"),
    ],
)
def test_headline(script: Script, words: str) -> None:
    assert headline(script.state, PACE) == words


def test_no_duration_is_made_up() -> None:
    assert headline(all_done().state, Pace()) == "Complete"


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (
            200,
            "D06 · step 1/5 smooth 100% · plate 43% · 39 done 4 running 2 failed 51 queued · 21.4 wells/min",
        ),
        (90, "D06 · step 1/5 smooth 100% · plate 43% · 39 done 4 running 2 failed 51 queued"),
        (75, "D06 · step 1/5 smooth 100% · 39 done 4 running 2 failed 51 queued"),
        (50, "39 done 4 running 2 failed 51 queued"),
        (12, "39 done 4 r…"),
    ],
)
def test_status_line_drops_the_least_needed(width: int, line: str) -> None:
    assert status_line(halfway().state, PACE, width) == line


def test_status_line_without_counts() -> None:
    line = status_line(halfway().state, PACE, 200, counts=False)
    assert line == "D06 · step 1/5 smooth 100% · plate 43% · 21.4 wells/min"


def test_what_stopped_is_not_said_to_run() -> None:
    assert "running" in counts_text(halfway().state)
    assert counts_text(ended(ExecutionState.CANCELLED).state) == "39 done 4 stopped 2 failed 51 queued"


def test_a_plate_wide_step_is_no_well() -> None:
    script = Script(2, 3, steps=("illumination", "smooth"))
    script.wells.append("plate:illumination")
    script.prepare()
    for _ in script.well("plate:illumination"):
        pass
    assert counts_text(script.state) == "0 done 0 running 0 failed 6 queued"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (59.99, "59 s"),
        (60, "1 min 00 s"),
        (245, "4 min 05 s"),
        (3600, "1 h 00 min"),
        (7630, "2 h 07 min"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("rate", "text"), [(0.31, "0.3 wells/min"), (21.43, "21.4 wells/min"), (312.7, "313 wells/min")]
)
def test_rate(rate: float, text: str) -> None:
    assert rate_text(rate) == text


@pytest.mark.parametrize(
    ("plate_id", "name"),
    [("/data/Plate_A", "Plate_A"), ("/data/Plate_A/", "Plate_A"), ("C:\\data\\Plate B", "Plate B"), ("/", "/")],
)
def test_plate_name(plate_id: str, name: str) -> None:
    assert plate_name(plate_id) == name


def test_a_fresh_state_says_something() -> None:
    assert status_line(ExecutionProgress(execution_id=EXECUTION, plate_id=PLATE), Pace(), 80) == "Starting"
