from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rich.segment import Segment
from tests.unit.cli.view.script import EXECUTION, PLATE, Script, halfway

from plateflow.cli.view.palette import LOOKS
from plateflow.cli.view.plate_map import Cell, MapShape, fit_map, legend, plate_map, plate_size
from plateflow.progress.messages import ExecutionState
from plateflow.progress.state import AxisState, ExecutionProgress

if TYPE_CHECKING:
    from plateflow.cli.view.text import Line


def text(line: Line) -> str:
    return "".join(segment.text for segment in line)


def colours(line: Line) -> set[str]:
    styles = [segment.style for segment in line if segment.style]
    return {c.name for style in styles for c in (style.color, style.bgcolor) if c}


def map_of(script: Script, cell: Cell, *, colour: bool) -> list[Line]:
    return plate_map(script.state, MapShape(script.rows, script.columns, cell), colour=colour)


@pytest.mark.parametrize(
    ("rows", "columns", "width", "height", "cell"),
    [
        (8, 12, 80, 24, Cell.PERCENT),
        (8, 12, 40, 24, Cell.FILLED),
        (8, 12, 20, 24, Cell.HALF),
        (8, 12, 80, 6, Cell.HALF),
        (8, 12, 14, 24, None),
        (16, 24, 200, 60, Cell.FILLED),
        (16, 24, 51, 17, Cell.FILLED),
        (16, 24, 51, 16, Cell.HALF),
        (32, 48, 200, 60, Cell.HALF),
        (32, 48, 51, 17, Cell.HALF),
        (32, 48, 50, 17, None),
    ],
)
def test_the_largest_drawing_that_fits(rows: int, columns: int, width: int, height: int, cell: Cell | None) -> None:
    shape = fit_map((rows, columns), width, height)
    assert (shape and shape.cell) == cell
    assert shape is None or (shape.width <= width and shape.height <= height)


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("cell", Cell)
@pytest.mark.parametrize(("rows", "columns"), [(8, 12), (3, 4), (16, 24), (32, 48), (5, 7)])
def test_the_map_is_as_large_as_it_says(rows: int, columns: int, cell: Cell, colour: bool) -> None:
    shape = MapShape(rows, columns, cell)
    lines = plate_map(halfway(rows, columns, failing=("A02",)).state, shape, colour=colour)
    assert len(lines) == shape.height
    assert {Segment.get_line_length(line) for line in lines} == {shape.width}


def test_96_wells_in_colour() -> None:
    lines = map_of(halfway(), Cell.PERCENT, colour=True)
    assert text(lines[0]).split() == [str(column) for column in range(1, 13)]
    assert text(lines[2]).split() == ["B", "✓", "✓", "✓", "✕", *["✓"] * 8]
    assert text(lines[4]).split() == ["D", *["✓"] * 5, "20%", "80%", "25%", "20%", "·", "·", "·"]
    assert colours(lines[2]) >= {"#009e73", "#d55e00"}
    assert colours(lines[4]) >= {"#009e73", "#56b4e9", "#767d88"}


def test_384_wells_in_colour() -> None:
    lines = map_of(halfway(16, 24), Cell.FILLED, colour=True)
    assert text(lines[2]) == " B " + "█▊" * 3 + "✕ " + "█▊" * 20
    assert text(lines[7]).endswith("▇▇▆▆") or text(lines[7])[-2] in "▁▂▃▄▅▆▇█"
    assert text(lines[16]) == " P " + "· " * 24
    assert colours(lines[2]) >= {"#009e73", "#d55e00"}


def test_1536_wells_in_colour() -> None:
    lines = map_of(halfway(32, 48), Cell.HALF, colour=True)
    assert text(lines[1]) == " A " + "▀" * 48
    failed = [segment for segment in lines[1] if segment.style and segment.style.bgcolor and segment.text == "▀"]
    assert [segment.style.bgcolor.name for segment in failed if segment.style and segment.style.bgcolor] == ["#d55e00"]


@pytest.mark.parametrize(
    ("cell", "row", "expected"),
    [
        (Cell.PERCENT, 2, " B  #   #   #   x   #   #   #   #   #   #   #   #  "),
        (Cell.PERCENT, 4, " D  #   #   #   #   #  20% 80% 25% 20%  .   .   .  "),
        (Cell.FILLED, 4, " D # # # # # > > > > . . . "),
        (Cell.HALF, 1, " A ###x########"),
        (Cell.HALF, 2, " C #####>x>>..."),
    ],
)
def test_letters_where_there_is_no_colour(cell: Cell, row: int, expected: str) -> None:
    assert text(map_of(halfway(), cell, colour=False)[row]).ljust(51)[: len(expected)] == expected


def test_wells_that_are_not_on_the_plate_stay_empty() -> None:
    script = Script(2, 3, imaged=4)
    script.prepare()
    assert [text(line) for line in map_of(script, Cell.FILLED, colour=False)[1:]] == [" A . . . ", " B .     "]


@pytest.mark.parametrize(
    ("wells", "size"),
    [([], None), (["A01"], (2, 3)), (["B06", "H12"], (8, 12)), (["P24"], (16, 24)), (["AA01"], (32, 48))],
)
def test_the_enclosing_plate_where_the_topology_names_none(wells: list[str], size: tuple[int, int] | None) -> None:
    script = Script(0, 0)
    script.wells.extend(wells)
    script.prepare()
    assert plate_size(script.state) == size


@pytest.mark.parametrize("axes", [["site 1", "site 2"], ["plate:illumination"]])
def test_no_map_where_axes_are_no_wells(axes: list[str]) -> None:
    script = Script(0, 0)
    script.wells.extend(axes)
    script.prepare()
    assert plate_size(script.state) is None


def test_a_legend_of_words_and_counts() -> None:
    script = halfway()
    assert text(legend(script.state, colour=True)).split() == "■ 39 done ■ 4 running ■ 2 failed ■ 51 queued".split()
    assert text(legend(script.state, colour=False)).split() == "# 39 done > 4 running x 2 failed . 51 queued".split()
    script.execution(ExecutionState.CANCELLED)
    assert "4 stopped" in text(legend(script.state, colour=True))
    assert "running" not in text(legend(script.state, colour=True))


def test_every_state_has_its_own_letter_mark_and_colour() -> None:
    assert set(LOOKS) == set(AxisState)
    for field in ("word", "letter", "mark", "ink"):
        assert len({getattr(look, field) for look in LOOKS.values()}) == len(LOOKS), field


def test_no_map_before_anything_is_known() -> None:
    assert plate_size(ExecutionProgress(execution_id=EXECUTION, plate_id=PLATE)) is None
