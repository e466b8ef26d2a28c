"""The step bars: what they count, paint and say."""

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QApplication
from tests.unit.cli.view.script import STEPS, Script, finished, halfway

from plateflow.gui.palette import DARK, THEMES, Theme
from plateflow.gui.step_bars import LEAST_PIXELS, Part, StepBars, StepRow, _widths, step_rows
from plateflow.gui.theme import apply_theme
from plateflow.progress.messages import ExecutionState


@pytest.fixture
def bars(qtbot: QtBot, qapp: QApplication) -> StepBars:
    apply_theme(qapp, DARK)
    widget = StepBars()
    qtbot.addWidget(widget)
    widget.resize(420, 220)
    widget.show()
    return widget


def colours(bars: StepBars, row: int) -> list[str]:
    """Return the colours along the middle of a row, each once for every run of it."""
    image = bars.grab().toImage()
    y = row * bars._row_height() + bars._row_height() // 2
    line = [image.pixelColor(x, y).name() for x in range(150, image.width() - 60)]
    return [colour for before, colour in zip(["", *line], line, strict=False) if colour != before]


def test_rows_count_the_wells_of_each_step() -> None:
    state = halfway().state
    rows = step_rows(state)
    assert [row.name for row in rows] == list(STEPS)
    for row, step in zip(rows, state.steps, strict=True):
        assert (row.done, row.running, row.failed, row.total) == (step.completed, step.running, step.failed, 96)
    assert rows[3].text == f"4 measure_nuclei: {rows[3].done} of 96 wells done, {rows[3].running} running, 2 failed"
    assert step_rows(None) == []


def test_what_was_stopped_is_not_running() -> None:
    row = StepRow(1, "a", 3, 1, 0, 4, stopped=True)
    assert row.parts == [Part("done", 0.75), Part("cancelled", 0.25)]
    assert row.text == "1 a: 3 of 4 wells done, 1 not finished"


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_bars_are_painted(qapp: QApplication, bars: StepBars, theme: Theme) -> None:
    apply_theme(qapp, theme)
    bars.show_progress(halfway().state)
    row = bars.rows[3]
    assert row.running
    assert row.failed
    assert [c for c in colours(bars, 3) if c != theme.window] == [theme.done, theme.running, theme.failed, theme.idle]


def test_a_full_bar_is_all_done(bars: StepBars) -> None:
    script = Script(2, 3)
    script.prepare()
    for _ in script.run():
        pass
    script.execution(ExecutionState.COMPLETED)
    bars.show_progress(script.state)
    assert [c for c in colours(bars, 0) if c != DARK.window] == [DARK.done]


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([], []),
        ([1.0], [200]),
        ([1535 / 1536], [199]),
        ([1535 / 1536, 1 / 1536], [197, LEAST_PIXELS]),
        ([0.999, 0.0005, 0.0005], [194, LEAST_PIXELS, LEAST_PIXELS]),
        ([0.5, 0.25], [100, 50]),
    ],
)
def test_no_part_vanishes_and_none_is_too_long(shares: list[float], expected: list[int]) -> None:
    assert _widths([Part("done", share) for share in shares], 200) == expected


def test_many_steps_can_be_scrolled(bars: StepBars) -> None:
    script = Script(2, 3, steps=tuple(f"step_{n}_with_a_long_name_that_needs_to_be_cut" for n in range(40)))
    script.prepare()
    bars.show_progress(script.state)
    scroll_bar = bars.verticalScrollBar()
    assert scroll_bar is not None
    assert scroll_bar.maximum() > 0
    before = bars.grab().toImage()
    scroll_bar.setValue(scroll_bar.maximum())
    assert bars.grab().toImage() != before


def test_screen_readers_are_told(qtbot: QtBot, bars: StepBars) -> None:
    assert bars.accessibleName() == "Steps"
    assert bars.accessibleDescription().startswith("No steps to show yet")
    bars.show_progress(finished().state)
    qtbot.waitUntil(lambda: "4 measure_nuclei: 95 of 96 wells done, 1 failed" in bars.accessibleDescription())


def test_no_steps_are_explained(bars: StepBars) -> None:
    bars.show_progress(halfway().state)
    bars.show_progress(None)
    assert bars.rows == []
    image = bars.grab().toImage()
    assert len({image.pixelColor(x, y).name() for x in range(420) for y in range(220)}) > 1, "words are painted"
