from __future__ import annotations

import io
from functools import cache

import pytest
from rich.console import Console, ConsoleDimensions
from rich.segment import Segment
from tests.unit.cli.view.script import STEPS, Script, finished, halfway

from plateflow.cli.view.layout import WIDEST, lay_out
from plateflow.cli.view.pace import Pace
from plateflow.cli.view.plate_map import plate_size
from plateflow.cli.view.screen import render
from plateflow.progress.messages import ExecutionState

PLATES = [(2, 3), (8, 12), (16, 24), (32, 48)]
SIZES = [(120, 34), (80, 24), (200, 60), (100, 30), (60, 15), (40, 10), (20, 5), (80, 3), (10, 2), (300, 20)]


@cache
def partly_run(rows: int, columns: int, share: float) -> Script:
    return halfway(rows, columns, failing=("A01", "A02", "B01"), share=share)


def draw(script: Script, width: int, height: int, *, colour: bool = True) -> list[str]:
    console = Console(
        file=io.StringIO(),
        width=width,
        height=height,
        force_terminal=True,
        color_system="truecolor",
        no_color=not colour,
        record=True,
    )
    console.print(render(script.state, Pace(65, 21.4), console.size, colour=colour), end="", soft_wrap=True)
    return console.export_text().splitlines()


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize(("rows", "columns"), PLATES)
def test_a_frame_never_exceeds_its_terminal_and_keeps_its_height(
    rows: int, columns: int, width: int, height: int, colour: bool
) -> None:
    size = ConsoleDimensions(width, height)
    heights = set()
    for share in (0.0, 0.1, 0.5):
        script = partly_run(rows, columns, share)
        lines = render(script.state, Pace(65, 21.4), size, colour=colour).lines
        assert len(lines) <= max(1, height - 1)
        assert max(Segment.get_line_length(line) for line in lines) <= max(1, width - 1)
        assert len(lines) == lay_out(size, plate_size(script.state), len(STEPS)).height
        heights.add(len(lines))
    assert len(heights) == 1


@pytest.mark.parametrize("steps", [0, 1, 5, 30, 200])
@pytest.mark.parametrize("plate", [None, *PLATES])
@pytest.mark.parametrize("height", [1, 2, 3, 4, 5, 6, 8, 12, 24, 34, 60])
def test_layouts_fit(plate: tuple[int, int] | None, height: int, steps: int) -> None:
    for width in (5, 30, 60, 80, 120, 250):
        layout = lay_out(ConsoleDimensions(width, height), plate, steps)
        assert layout.height <= max(1, height - 1)
        assert layout.width <= min(width, WIDEST)
        assert min(layout.steps, layout.failures) >= 0


@pytest.mark.parametrize(
    ("rows", "columns", "width", "height", "beside"),
    [(8, 12, 120, 34, True), (8, 12, 80, 24, False), (16, 24, 80, 24, True), (32, 48, 80, 24, True)],
)
def test_usual_terminals_show_map_steps_and_failures(
    rows: int, columns: int, width: int, height: int, beside: bool
) -> None:
    layout = lay_out(ConsoleDimensions(width, height), (rows, columns), 5)
    assert layout.shape is not None
    assert layout.beside is beside
    assert layout.steps == 6
    assert layout.failures >= 2


@pytest.mark.parametrize(
    ("rows", "columns", "colour", "mark"),
    [
        (8, 12, True, " ✕ "),
        (8, 12, False, " x "),
        (16, 24, True, "✕ "),
        (16, 24, False, "x "),
        (32, 48, True, "▀"),
        (32, 48, False, "x"),
    ],
)
def test_a_failed_well_is_seen_on_the_map_and_named(rows: int, columns: int, colour: bool, mark: str) -> None:
    lines = draw(halfway(rows, columns, failing=("B04",)), 80, 24, colour=colour)
    row = next(line for line in lines if line.startswith((" B ", " A ")[rows == 32]))
    assert mark in row
    assert any(line.startswith(("✕ B04  measure_nuclei  Val", "x B04  measure_nuclei  Val")) for line in lines)


def test_no_escape_of_colour_without_colour() -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, height=24, force_terminal=True, color_system="truecolor", no_color=True)
    console.print(render(halfway().state, Pace(), console.size, colour=False))
    assert "38;2" not in file.getvalue()
    assert "48;2" not in file.getvalue()


def test_the_frame_of_a_running_plate() -> None:
    lines = draw(halfway(), 80, 24, colour=False)
    assert lines[0].split() == "Plate_A Running 43% 96 wells · 5 steps · 1 min 05 s".split()
    assert lines[1] == "#" * 34 + "x" + "." * 44
    assert "# 39 done   > 4 running   x 2 failed   . 51 queued" in [line.strip() for line in lines]
    assert "D06 · step 1/5 smooth 100% · plate 43% · 21.4 wells/min" in lines


def test_init_and_compile_have_their_own_bar() -> None:
    script = Script()
    script.init(files=192, upto=96)
    lines = draw(script, 80, 24, colour=False)
    assert lines[1:3] == [">" * 39 + "." * 40, "⏳ Init 96/192 files"]
    script = Script()
    script.init()
    script.compile(upto=40)
    assert draw(script, 80, 24)[2] == "⏳ Compile 40/96 wells"


def test_the_end_says_how_it_ended() -> None:
    lines = draw(finished(), 80, 24, colour=False)
    assert "Complete with failures, 95/96, 1 min 05 s" in lines
    assert lines[1].endswith("x")
    script = halfway()
    script.execution(ExecutionState.CANCELLED, "asked for by ana")
    lines = draw(script, 80, 24, colour=False)
    assert "Cancelled at 43%: asked for by ana" in lines
    assert not any("running" in line for line in lines)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_files_that_are_found_are_told_without_a_bar(width: int, height: int) -> None:
    script = Script()
    script.found(23_000)
    lines = draw(script, width, height)
    assert len(lines) <= max(1, height - 1)
    if width >= 60:
        assert any("⏳ Init · 23,000 files found" in line for line in lines)
    assert not any("█" in line for line in lines)
