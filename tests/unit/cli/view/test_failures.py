from __future__ import annotations

from rich.segment import Segment
from tests.unit.cli.view.script import Script, halfway

from plateflow.cli.view.failures import failure_lines
from plateflow.progress.update import ProgressPhase as Phase
from plateflow.progress.update import ProgressStatus as Status


def texts(script: Script, width: int, lines: int) -> list[str]:
    return ["".join(s.text for s in line) for line in failure_lines(script.state, width, lines, colour=False)]


def test_the_latest_first_in_one_line_each() -> None:
    assert texts(halfway(), 100, 4) == [
        "Failures 2",
        "x C07  measure_nuclei  ValueError: no objects found in channel 1, the image is empty",
        "x B04  measure_nuclei  ValueError: no objects found in channel 1, the image is empty",
        "",
    ]


def test_more_than_fit_are_counted() -> None:
    lines = texts(halfway(failing=("A01", "A02", "A03", "B01", "B02")), 50, 3)
    assert lines[0] == "Failures 5  3 more"
    assert lines[1] == "x B02  measure_nuclei  ValueError: no objects fou…"
    assert len(lines) == 3


def test_no_failures_take_as_many_lines() -> None:
    assert texts(halfway(failing=()), 80, 3) == ["No failures", "", ""]
    assert texts(halfway(), 80, 0) == []


def test_what_an_error_text_holds_cannot_harm_the_terminal() -> None:
    script = Script(1, 2)
    script.prepare()
    error = "ValueError: \x1b[2J\x07[bold]\u200b細胞" * 20
    script.emitter.axis("A01", 5).emit(Phase.AXIS_COMPLETED, Status.ERROR, 0, 5, error=error)
    line = failure_lines(script.state, 40, 2, colour=True)[1]
    assert "".join(s.text for s in line).isprintable()
    assert Segment.get_line_length(line) <= 40


def test_a_well_that_failed_in_compile_has_no_step() -> None:
    script = Script(1, 2)
    script.init()
    script.emitter.axis("A02", 0).emit(Phase.COMPILE, Status.ERROR, 1, 2, error="site 3: image is missing")
    script.topology()
    assert texts(script, 60, 2) == ["Failures 1", "x A02  site 3: image is missing"]
