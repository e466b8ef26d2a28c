"""The plate map as people see and use it: its pixels, mouse, keys and words."""

import re
import time
from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QColor, QHelpEvent, QImage
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QToolTip
from tests.unit.cli.view.script import STEPS, Script, finished, halfway

from plateflow.gui.colouring import ColourBy
from plateflow.gui.map_legend import MOST_LINES, Entry, Legend
from plateflow.gui.palette import DARK, LIGHT, THEMES, Theme
from plateflow.gui.plate_map import PlateMap
from plateflow.gui.theme import apply_theme, current_theme
from plateflow.gui.well_times import WellTimes
from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.progress.state import AxisState, ExecutionProgress

PLATES = [(8, 12), (16, 24), (32, 48)]
LEFT, PLAIN, SHIFT, CONTROL = (
    Qt.MouseButton.LeftButton,
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)


@pytest.fixture(autouse=True)
def dark_at_first(qapp: QApplication) -> Iterator[None]:
    apply_theme(qapp, DARK)
    yield
    apply_theme(qapp, DARK)


@pytest.fixture
def plate_map(qtbot: QtBot) -> PlateMap:
    widget = PlateMap()
    qtbot.addWidget(widget)
    widget.resize(900, 640)
    widget.show()
    return widget


def running(rows: int = 8, columns: int = 12) -> ExecutionProgress:
    return halfway(rows, columns).state


def colour(image: QImage, plate_map: PlateMap, well: str, down: float) -> str:
    """Return the colour of a well's pixel, a fifth from its left and so far down."""
    rect = plate_map.well_rect(well)
    return str(image.pixelColor(QPointF(rect.x() + rect.width() / 5, rect.y() + rect.height() * down).toPoint()).name())


def shades(image: QImage, plate_map: PlateMap, well: str) -> set[str]:
    """Return every colour of a well."""
    rect = plate_map.well_rect(well).toRect()
    return {
        image.pixelColor(x, y).name()
        for x in range(rect.left(), rect.right())
        for y in range(rect.top(), rect.bottom())
    }


def centre(plate_map: PlateMap, well: str) -> QPoint:
    return plate_map.well_rect(well).center().toPoint()


def press_key(plate_map: PlateMap, key: Qt.Key, modifier: Qt.KeyboardModifier = PLAIN) -> None:
    QTest.keyClick(plate_map, key, modifier)  # type: ignore[call-overload]  # PyQt's stubs take self twice


def click(plate_map: PlateMap, at: QPoint, modifier: Qt.KeyboardModifier = PLAIN) -> None:
    QTest.mouseClick(plate_map, LEFT, modifier, at)  # type: ignore[call-overload]  # as above


def double_click(plate_map: PlateMap, at: QPoint) -> None:
    QTest.mouseDClick(plate_map, LEFT, PLAIN, at)  # type: ignore[call-overload]  # as above


def press(plate_map: PlateMap, at: QPoint, modifier: Qt.KeyboardModifier = PLAIN) -> None:
    QTest.mousePress(plate_map, LEFT, modifier, at)  # type: ignore[call-overload]  # as above


def move(plate_map: PlateMap, to: QPoint) -> None:
    QTest.mouseMove(plate_map, to)  # type: ignore[call-overload]  # as above


def release(plate_map: PlateMap, at: QPoint) -> None:
    QTest.mouseRelease(plate_map, LEFT, PLAIN, at)  # type: ignore[call-overload]  # as above


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize(("rows", "columns"), PLATES)
def test_every_well_has_the_colour_of_its_state(
    qapp: QApplication, plate_map: PlateMap, rows: int, columns: int, theme: Theme
) -> None:
    apply_theme(qapp, theme)
    state = running(rows, columns)
    plate_map.show_progress(state)
    image = plate_map.grab().toImage()
    roles = {AxisState.PENDING: theme.queued, AxisState.COMPLETED: theme.done, AxisState.FAILED: theme.failed}
    assert all(state.counts.values())
    for name, axis in state.axes.items():
        if axis.state is AxisState.RUNNING:
            assert colour(image, plate_map, name, 0.95) == theme.running
            assert colour(image, plate_map, name, 0.02) == theme.idle
        else:
            assert colour(image, plate_map, name, 0.5) == roles[axis.state], name


@pytest.mark.parametrize(("rows", "columns"), PLATES)
def test_states_are_told_without_colour(plate_map: PlateMap, rows: int, columns: int) -> None:
    plate_map.show_progress(running(rows, columns))
    image = plate_map.grab().toImage()
    assert shades(image, plate_map, "A01") == {DARK.done}, "a done well is plain"
    assert DARK.mark in shades(image, plate_map, "B04"), "a failed well has a cross"
    assert image.pixelColor(centre(plate_map, "B04")).name() == DARK.mark
    last = plate_map.text("H12").partition(":")[0] if rows == 8 else "P24"
    assert image.pixelColor(centre(plate_map, last)).name() == DARK.idle, "a queued well has a hole"


def test_what_was_stopped_is_not_shown_as_running(plate_map: PlateMap) -> None:
    script = halfway()
    plate_map.show_progress(script.state)
    at_work = next(name for name, axis in script.state.axes.items() if axis.state is AxisState.RUNNING)
    script.execution(ExecutionState.CANCELLED, "Stopped by the user")
    plate_map.show_progress(script.state)
    image = plate_map.grab().toImage()
    assert colour(image, plate_map, at_work, 0.2) == DARK.cancelled
    assert shades(image, plate_map, "H12") == {DARK.idle}


def test_lost_wells_are_striped(plate_map: PlateMap) -> None:
    state = running()
    plate_map.show_progress(state)
    plate_map.show_progress(state, lost=True)
    image = plate_map.grab().toImage()
    assert shades(image, plate_map, "H12") == {DARK.lost, DARK.base}
    assert shades(image, plate_map, "A01") == {DARK.done}, "what has ended is known for good"


def test_wells_that_were_not_imaged_are_nearly_empty(plate_map: PlateMap) -> None:
    script = Script(8, 12, imaged=5)
    script.prepare()
    plate_map.show_progress(script.state)
    image = plate_map.grab().toImage()
    after_last = plate_map.well_rect("A05").translated(plate_map.well_rect("A05").width() + 2, 0)
    assert image.pixelColor(after_last.topLeft().toPoint() + QPoint(4, 4)).name() == DARK.base
    assert plate_map.text("A06") == "A06: not imaged"
    plate_map.select_wells(["A05", "A06"])
    assert plate_map.selected_wells() == ["A05"]


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (None, "No wells to show yet"),
        (ExecutionProgress(execution_id="x", plate_id="p", kind=ExecutionKind.INIT), "being prepared"),
        (ExecutionProgress(execution_id="x", plate_id="p", state=ExecutionState.FAILED), "before its wells were known"),
    ],
    ids=["nothing", "preparing", "failed early"],
)
def test_before_wells_are_known_it_says_why_nothing_is_seen(
    plate_map: PlateMap, progress: ExecutionProgress | None, words: str
) -> None:
    plate_map.show_progress(running())
    plate_map.show_progress(progress)
    assert words in plate_map.accessibleDescription()
    image = plate_map.grab().toImage()
    assert any(image.pixelColor(x, 320).name() != DARK.window for x in range(200, 700)) or any(
        image.pixelColor(x, y).name() != DARK.window for x in range(300, 600, 2) for y in range(300, 340)
    )
    assert plate_map.well_at(QPointF(50, 50)) == ""


def test_keys_and_mouse_do_nothing_on_an_empty_map(plate_map: PlateMap) -> None:
    plate_map.setFocus()
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Escape, Qt.Key.Key_F35):
        press_key(plate_map, key)
    click(plate_map, QPoint(40, 40))
    double_click(plate_map, QPoint(40, 40))
    assert plate_map.selected_wells() == []


def test_wells_appear_when_the_topology_comes(plate_map: PlateMap) -> None:
    script = Script(8, 12)
    script.init()
    plate_map.show_progress(script.state)
    assert plate_map.well_at(QPointF(60, 60)) == ""
    script.compile()
    plate_map.show_progress(script.state)
    assert plate_map.well_at(QPointF(60, 60)) == "A01"


def test_changed_wells_are_refreshed_alone(plate_map: PlateMap) -> None:
    script = Script(2, 3)
    script.prepare()
    plate_map.show_progress(script.state)
    for _ in script.run():
        pass
    plate_map.refresh(["A01"])
    image = plate_map.grab().toImage()
    assert [colour(image, plate_map, well, 0.2) for well in ("A01", "A02")] == [DARK.done, DARK.queued]
    plate_map.refresh()
    assert colour(plate_map.grab().toImage(), plate_map, "A02", 0.2) == DARK.done


@pytest.mark.parametrize(("rows", "columns"), PLATES)
def test_hit_test_finds_every_well(plate_map: PlateMap, rows: int, columns: int) -> None:
    state = running(rows, columns)
    plate_map.show_progress(state)
    for well in state.axes:
        assert plate_map.well_at(plate_map.well_rect(well).center()) == well
    assert plate_map.well_at(QPointF(1, 1)) == ""
    assert plate_map.well_at(QPointF(plate_map.width() - 1, plate_map.height() - 1)) == ""


def test_arrows_walk_and_enter_activates(qtbot: QtBot, plate_map: PlateMap) -> None:
    plate_map.show_progress(running())
    plate_map.setFocus()
    keys = (Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Right)
    with qtbot.waitSignal(plate_map.selection_changed):
        for key in keys:
            press_key(plate_map, key)
    assert plate_map.cursor_well() == "B04"
    assert plate_map.selected_wells() == ["B04"]
    assert plate_map.accessibleDescription().startswith("B04: failed in step 4 measure_nuclei: ValueError: no objects")
    with qtbot.waitSignal(plate_map.well_activated) as activated:
        press_key(plate_map, Qt.Key.Key_Return)
    assert activated.args == ["B04"]


def test_the_cursor_stays_on_the_plate(plate_map: PlateMap) -> None:
    plate_map.show_progress(running(2, 3))
    plate_map.setFocus()
    for key in [Qt.Key.Key_Left, Qt.Key.Key_Up]:
        press_key(plate_map, key)
    assert plate_map.cursor_well() == "A01"
    for key in [Qt.Key.Key_Right, Qt.Key.Key_Down] * 5:
        press_key(plate_map, key)
    assert plate_map.cursor_well() == "B03"


def test_shift_and_arrows_select_a_rectangle(plate_map: PlateMap) -> None:
    plate_map.show_progress(running())
    plate_map.select_wells(["B02"])
    press_key(plate_map, Qt.Key.Key_Right, SHIFT)
    press_key(plate_map, Qt.Key.Key_Down, SHIFT)
    assert plate_map.selected_wells() == ["B02", "B03", "C02", "C03"]
    assert plate_map.accessibleDescription().endswith("(4 wells selected)")
    press_key(plate_map, Qt.Key.Key_Left, SHIFT)
    assert plate_map.selected_wells() == ["B02", "C02"]
    press_key(plate_map, Qt.Key.Key_A, CONTROL)
    assert len(plate_map.selected_wells()) == 96
    press_key(plate_map, Qt.Key.Key_Escape)
    assert plate_map.selected_wells() == []


def test_clicks_select(plate_map: PlateMap) -> None:
    plate_map.show_progress(running())
    click(plate_map, centre(plate_map, "C03"))
    assert plate_map.selected_wells() == ["C03"]
    click(plate_map, centre(plate_map, "E05"), CONTROL)
    assert plate_map.selected_wells() == ["C03", "E05"]
    click(plate_map, centre(plate_map, "C03"), CONTROL)
    assert plate_map.selected_wells() == ["E05"]
    click(plate_map, centre(plate_map, "B02"))
    click(plate_map, centre(plate_map, "A03"), SHIFT)
    assert plate_map.selected_wells() == ["A02", "A03", "B02", "B03"]
    click(plate_map, QPoint(1, 1))
    assert plate_map.selected_wells() == []


def test_a_double_click_activates(qtbot: QtBot, plate_map: PlateMap) -> None:
    plate_map.show_progress(running())
    with qtbot.waitSignal(plate_map.well_activated) as activated:
        double_click(plate_map, centre(plate_map, "D07"))
    assert activated.args == ["D07"]


def test_a_rubber_band_selects_what_it_touches(plate_map: PlateMap) -> None:
    plate_map.show_progress(running())
    told: list[list[str]] = []
    plate_map.selection_changed.connect(told.append)
    press(plate_map, centre(plate_map, "C04"))
    move(plate_map, centre(plate_map, "B03"))
    move(plate_map, centre(plate_map, "B02"))
    band = plate_map.grab().toImage()
    release(plate_map, centre(plate_map, "B02"))
    assert told[-1] == ["B02", "B03", "B04", "C02", "C03", "C04"]
    assert plate_map.selected_wells() == told[-1]
    assert band != plate_map.grab().toImage(), "the band is seen while it is drawn"


def test_a_rubber_band_adds_with_control_and_may_begin_beside_the_plate(plate_map: PlateMap) -> None:
    plate_map.show_progress(running(2, 3))
    click(plate_map, centre(plate_map, "B03"))
    press(plate_map, QPoint(2, 2), CONTROL)
    move(plate_map, centre(plate_map, "A02"))
    release(plate_map, centre(plate_map, "A02"))
    assert plate_map.selected_wells() == ["A01", "A02", "B03"]


def test_the_selection_outlives_a_retry_but_not_another_plate(plate_map: PlateMap) -> None:
    plate_map.show_progress(running())
    plate_map.select_wells(["B02"])
    plate_map.show_progress(running())
    assert plate_map.selected_wells() == ["B02"]
    other = running()
    other.plate_id = "/another"
    told: list[list[str]] = []
    plate_map.selection_changed.connect(told.append)
    plate_map.show_progress(other)
    assert plate_map.selected_wells() == []
    assert told == [[]]


def test_the_tooltip_tells_the_state_in_words(qtbot: QtBot, plate_map: PlateMap) -> None:
    plate_map.show_progress(finished().state)
    for well, words in (("A02", "A02: failed in step 4 measure_nuclei: ValueError"), ("A01", "A01: done")):
        point = centre(plate_map, well)
        event = QHelpEvent(QHelpEvent.Type.ToolTip, point, plate_map.mapToGlobal(point))
        QApplication.sendEvent(plate_map, event)
        assert QToolTip.text().startswith(words)
    QToolTip.hideText()
    qtbot.waitUntil(lambda: not QToolTip.isVisible())


def test_it_is_named_for_screen_readers(plate_map: PlateMap) -> None:
    plate_map.show_progress(running())
    plate_map.clearFocus()
    assert plate_map.accessibleName() == "Plate map"
    assert plate_map.accessibleDescription()


def test_all_wells_of_1536_are_shown_again_and_again(plate_map: PlateMap) -> None:
    script = Script(32, 48, steps=("one",), groups=1)
    script.prepare()
    plate_map.show_progress(script.state)
    paints = 0
    for number, _ in enumerate(script.run(workers=400)):
        if number % 300 == 0:
            plate_map.show_progress(script.state)
            plate_map.repaint()
            paints += 1
    plate_map.show_progress(script.state)
    image = plate_map.grab().toImage()
    assert paints > 20
    assert {colour(image, plate_map, well, 0.3) for well in script.state.axes} == {DARK.done}


def test_another_theme_repaints_what_is_open(qapp: QApplication, plate_map: PlateMap) -> None:
    plate_map.show_progress(running())
    plate_map.grab()
    apply_theme(qapp, LIGHT)
    assert current_theme() is LIGHT
    qapp.processEvents()
    image = plate_map.grab().toImage()
    assert image.pixelColor(image.width() - 2, image.height() - 2).name() == LIGHT.window
    assert shades(image, plate_map, "H12") == {LIGHT.queued, LIGHT.idle}


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize(("rows", "columns"), PLATES)
def test_wells_are_coloured_by_their_step(
    qapp: QApplication, plate_map: PlateMap, rows: int, columns: int, theme: Theme
) -> None:
    apply_theme(qapp, theme)
    state = running(rows, columns)
    plate_map.show_progress(state)
    plate_map.set_colour_by(ColourBy.STEP)
    image = plate_map.grab().toImage()
    for name, axis in state.axes.items():
        level = (axis.step_index * 63 // (len(STEPS) - 1)) / 63
        expected = theme.ramp_colour(level) if axis.step_name else theme.idle
        if axis.state is not AxisState.FAILED:
            assert colour(image, plate_map, name, 0.93) == expected, name
    failed = next(name for name, axis in state.axes.items() if axis.state is AxisState.FAILED)
    grey = [QColor(shade).lightness() for shade in shades(image, plate_map, failed)]
    assert (min(grey) < 60, max(grey) > 200) == (True, True)  # the cross, with its rim
    assert theme.failed not in shades(image, plate_map, failed)


def test_wells_are_coloured_by_their_time_as_it_goes_on(plate_map: PlateMap) -> None:
    script = Script(2, 3, steps=("one",), groups=1)
    script.prepare()
    script.drain()
    slow, quick = script.well("A01"), script.well("A02")
    next(slow)
    for _ in quick:
        pass
    times = WellTimes()
    began = time.time() - 60
    times.take(replace(message, timestamp=began + n / 10) for n, message in enumerate(script.drain()))
    plate_map.set_colour_by(ColourBy.TIME)
    plate_map.show_progress(script.state, times)
    image = plate_map.grab().toImage()
    assert colour(image, plate_map, "A02", 0.5) == DARK.ramp[0]
    assert colour(image, plate_map, "A01", 0.95) == DARK.ramp[-1]
    assert colour(image, plate_map, "B03", 0.5) == DARK.idle
    assert plate_map.text("A02") == "A02: done · 0.40 s"
    assert re.fullmatch(r"A01: running start, 0 % · 60\.\d s so far", plate_map.text("A01"))
    legend = [entry.text for entry in plate_map._legend().entries]
    assert legend[0] == "0.40 s"
    assert re.fullmatch(r"60\.\d s", legend[1])
    assert legend[2:] == ["no data"]
    script.execution(ExecutionState.CANCELLED)
    times.take([replace(script.drain()[-1], timestamp=began + 20)])
    plate_map.show_progress(script.state, times)
    assert plate_map.text("A01") == "A01: not finished: stopped in start, 0 % · 20.0 s so far"


def test_the_legend_names_the_steps_and_grows_into_lines(plate_map: PlateMap) -> None:
    plate_map.show_progress(running())
    top = plate_map.well_rect("A01").top()
    assert plate_map._legend().lines == 1
    plate_map.set_colour_by(ColourBy.STEP)
    entries = [entry.text for entry in plate_map._legend().entries]
    assert entries == [f"{number} {step}" for number, step in enumerate(STEPS, 1)] + ["no data", "failed"]
    plate_map.resize(300, 300)
    plate_map.grab()
    legend = plate_map._legend()
    assert legend.lines == MOST_LINES
    assert [placed.text for placed in legend._placed] == entries  # all of it, whole
    bottom = plate_map._paint_tool().geometry.plate.bottom()
    assert bottom + legend.lines * plate_map.fontMetrics().height() < plate_map.height()
    assert plate_map.well_rect("A01").top() == top


def test_the_legend_says_what_it_leaves_out(plate_map: PlateMap) -> None:
    entries = [Entry("#ffffff", f"{number} a step of a long name") for number in range(1, 20)]
    legend = Legend(entries, 400, plate_map.fontMetrics())
    assert legend.lines == MOST_LINES
    shown = [placed.text for placed in legend._placed]
    assert shown[-1] == f"and {len(entries) - len(shown) + 1} more"


def test_screen_readers_are_told_what_colours_tell(plate_map: PlateMap) -> None:
    plate_map.show_progress(running())
    plate_map.clearFocus()
    plate_map._cursor = None
    plate_map.set_colour_by(ColourBy.STEP)
    assert plate_map.accessibleDescription().endswith("coloured by step")
    done = next(name for name, axis in running().axes.items() if axis.state is AxisState.COMPLETED)
    assert plate_map.text(done) == f"{done}: done · last step 5 ratio"
