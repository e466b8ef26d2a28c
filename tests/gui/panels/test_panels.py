"""The panels as real widgets."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices, QGuiApplication
from qtpy.QtWidgets import QAbstractButton, QAbstractItemView, QLabel, QLineEdit, QPlainTextEdit, QWidget
from tests.gui.panels.samples import (
    ERRORS,
    NOW,
    TRACEBACK,
    WELLS,
    a_run,
    fold,
    run_messages,
    some_history,
    well_messages,
    write_results,
)

from plateflow.gui.panels import outputs
from plateflow.gui.panels.events import EventsPanel
from plateflow.gui.panels.events_model import MOST_EVENTS
from plateflow.gui.panels.failures import FailuresPanel
from plateflow.gui.panels.history import HistoryPanel
from plateflow.gui.panels.naming import given
from plateflow.gui.panels.outputs import OutputsPanel
from plateflow.gui.panels.thumbnails import UNREADABLE
from plateflow.gui.panels.well_panel import WellPanel
from plateflow.gui.panels.workers import WorkersPanel

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from plateflow.gui.panels.table import Table, TableView

PANELS = [FailuresPanel, EventsPanel, WorkersPanel, HistoryPanel, OutputsPanel, WellPanel]


def cells(view: TableView, column: int) -> list[str]:
    model = given(view.model())
    return [model.data(model.index(row, column)) for row in range(model.rowCount())]


def clipboard() -> str:
    return given(QGuiApplication.clipboard()).text()


def show(qtbot: QtBot, panel: QWidget) -> None:
    qtbot.addWidget(panel)
    panel.resize(1000, 220)
    with qtbot.waitExposed(panel):
        panel.show()


def choose(table: Table, row: int) -> None:
    model = given(table.view.model())
    table.view.setCurrentIndex(model.index(row, 0))


def press(
    qtbot: QtBot, widget: QWidget, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    qtbot.keyClick(widget, key, modifier)  # type: ignore[no-untyped-call] # pytest-qt makes it of QTest's


def test_failures_are_listed_and_enter_asks_for_the_traceback(qtbot: QtBot) -> None:
    panel = FailuresPanel()
    show(qtbot, panel)
    panel.show_progress(a_run())
    assert cells(panel.view, 0) == ["F02", "D17", "B14"]
    choose(panel, 1)
    with qtbot.waitSignal(panel.traceback_wanted) as asked:
        press(qtbot, panel.view, Qt.Key.Key_Return)
    assert asked.args == ["D17"]


def test_a_double_click_asks_for_the_traceback_once(qtbot: QtBot) -> None:
    panel = FailuresPanel()
    show(qtbot, panel)
    panel.show_progress(a_run())
    asked: list[str] = []
    panel.traceback_wanted.connect(asked.append)
    place = panel.view.visualRect(given(panel.view.model()).index(2, 2)).center()
    for click in (qtbot.mouseClick, qtbot.mouseDClick):
        click(panel.view.viewport(), Qt.MouseButton.LeftButton, pos=place)  # type: ignore[no-untyped-call]
    assert asked == ["B14"]


def test_the_filter_looks_in_all_rows_and_says_where_none_is_left(qtbot: QtBot) -> None:
    panel = FailuresPanel()
    show(qtbot, panel)
    messages = [m for well in WELLS[:300] for m in well_messages(well, steps=1, error=f"ValueError: of {well}")]
    panel.show_progress(fold(messages))
    panel.filter_box.setText("A01 valueerror")
    assert cells(panel.view, 0) == ["A01"]
    assert panel.count_label.text() == "1 of 300"
    panel.filter_box.setText("nowhere")
    assert panel.content.words == "None of 300 failed wells has all of these words: nowhere"
    panel.filter_box.clear()
    assert panel.content.words == ""
    assert panel.count_label.text() == "300"


def test_a_selection_stays_while_failures_come(qtbot: QtBot) -> None:
    panel = FailuresPanel()
    show(qtbot, panel)
    messages = list(well_messages("A01", steps=1, error="a"))
    panel.show_progress(fold(messages))
    choose(panel, 0)
    panel.show_progress(fold([*messages, *well_messages("A02", steps=1, error="b")]))
    assert cells(panel.view, 0) == ["A02", "A01"]
    assert [row.id for row in panel.selected()] == ["A01"]


def test_failures_go_when_their_wells_are_retried(qtbot: QtBot) -> None:
    panel = FailuresPanel()
    show(qtbot, panel)
    messages = list(well_messages("A01", steps=1, error="a"))
    panel.show_progress(fold(messages))
    panel.show_progress(fold([*messages, *well_messages("A01")]))
    assert panel.content.words == "No well has failed."


def test_a_header_sorts_wells_and_attempts(qtbot: QtBot) -> None:
    panel = FailuresPanel()
    show(qtbot, panel)
    panel.show_progress(a_run())
    panel.view.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert cells(panel.view, 0) == ["B14", "D17", "F02"]
    panel.view.sortByColumn(3, Qt.SortOrder.DescendingOrder)
    assert cells(panel.view, 0)[0] == "D17"


def test_ctrl_c_copies_the_selected_rows_or_all_that_are_shown(qtbot: QtBot) -> None:
    panel = FailuresPanel()
    show(qtbot, panel)
    panel.show_progress(a_run())
    panel.activateWindow()
    panel.view.setFocus()
    qtbot.waitUntil(panel.view.hasFocus)
    panel.view.clearSelection()
    press(qtbot, panel.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert [line.split("\t")[0] for line in clipboard().splitlines()] == ["Well", "F02", "D17", "B14"]
    choose(panel, 2)
    press(qtbot, panel.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert clipboard() == f"Well\tStep\tError\tAttempts\nB14\tSegmentNuclei\t{ERRORS['B14']}\t1"


def test_a_hidden_table_catches_up_when_it_is_shown(qtbot: QtBot) -> None:
    panel = FailuresPanel()
    panel.show_progress(a_run())
    assert cells(panel.view, 0) == []
    show(qtbot, panel)
    assert len(cells(panel.view, 0)) == 3


def test_error_texts_are_not_taken_for_html(qtbot: QtBot) -> None:
    panel = FailuresPanel()
    show(qtbot, panel)
    panel.show_progress(fold(list(well_messages("A01", steps=1, error="<img src=x> is bad"))))
    model = given(panel.view.model())
    assert "&lt;img" in model.data(model.index(0, 2), Qt.ItemDataRole.ToolTipRole)


def test_workers_are_called_stalled_or_died_in_words(qtbot: QtBot) -> None:
    panel = WorkersPanel()
    show(qtbot, panel)
    assert "No run yet" in panel.content.words
    progress = a_run()
    panel.show_progress(progress, NOW)
    assert cells(panel.view, 2)[5:] == ["idle", "stalled", "died (SIGKILL)"]
    panel.show_progress(progress, NOW + 6)
    assert cells(panel.view, 2) == ["stalled"] * 7 + ["died (SIGKILL)"]


def test_history_tells_the_whole_id_of_what_is_chosen(qtbot: QtBot) -> None:
    panel = HistoryPanel()
    show(qtbot, panel)
    assert panel.content.words.startswith("Nothing has been executed yet")
    panel.show_history(some_history())
    choose(panel, 0)
    with qtbot.waitSignal(panel.execution_chosen) as chosen:
        press(qtbot, panel.view, Qt.Key.Key_Enter)
    assert chosen.args == ["09" * 16]


def test_history_sorts_by_time_not_by_text(qtbot: QtBot) -> None:
    panel = HistoryPanel()
    show(qtbot, panel)
    panel.show_history(some_history())
    panel.view.sortByColumn(5, Qt.SortOrder.AscendingOrder)
    assert cells(panel.view, 5)[:3] == ["", "1 min 01 s", "2 min 02 s"]


def test_events_are_bounded_and_drawn_by_a_timer(qtbot: QtBot) -> None:
    panel = EventsPanel()
    show(qtbot, panel)
    messages = run_messages()
    assert len(messages) > MOST_EVENTS
    panel.take(messages)
    assert cells(panel.view, 0) == []
    qtbot.waitUntil(lambda: len(cells(panel.view, 0)) == MOST_EVENTS)
    for _ in range(3):
        panel.take(messages)
        panel.flush()
    assert len(cells(panel.view, 0)) == MOST_EVENTS
    assert cells(panel.view, 3)[-1].endswith("died (SIGKILL)")


def test_events_of_a_hidden_panel_wait_in_bounded_memory(qtbot: QtBot) -> None:
    panel = EventsPanel()
    qtbot.addWidget(panel)
    for _ in range(3):
        panel.take(run_messages())
    qtbot.wait(150)
    assert (cells(panel.view, 0), len(panel._waiting)) == ([], MOST_EVENTS)
    show(qtbot, panel)
    assert len(cells(panel.view, 0)) == MOST_EVENTS


def test_events_are_followed_unless_somebody_scrolled_up(qtbot: QtBot) -> None:
    panel = EventsPanel()
    show(qtbot, panel)
    bar = given(panel.view.verticalScrollBar())
    panel.take(run_messages()[:1000])
    panel.flush()
    qtbot.waitUntil(lambda: 0 < bar.maximum() == bar.value())
    bar.setValue(400)
    assert not panel.follow_box.isChecked()
    at_top = panel.view.rowAt(0)
    panel.take(run_messages()[1000:1500])
    panel.flush()
    qtbot.wait(50)
    assert (panel.view.rowAt(0), bar.value()) == (at_top, 400)
    panel.follow_box.click()
    qtbot.waitUntil(lambda: bar.maximum() == bar.value())


def test_what_is_read_stays_in_sight_while_old_events_are_dropped(qtbot: QtBot) -> None:
    panel = EventsPanel()
    show(qtbot, panel)
    bar = given(panel.view.verticalScrollBar())
    panel.take(run_messages()[:MOST_EVENTS])
    panel.flush()
    qtbot.waitUntil(lambda: bar.maximum() > 0)
    bar.setValue(400)
    read = cells(panel.view, 3)[400]
    panel.take(run_messages()[:70])
    panel.flush()
    assert bar.value() == 330
    assert cells(panel.view, 3)[330] == read


def test_clear_empties_the_events(qtbot: QtBot) -> None:
    panel = EventsPanel()
    show(qtbot, panel)
    panel.take(run_messages()[:10])
    panel.flush()
    panel.take(run_messages()[:10])
    panel.clear()
    panel.flush()
    assert cells(panel.view, 0) == []
    assert "No messages yet" in panel.content.words


def test_events_are_cheap_at_ten_thousand_a_second(qtbot: QtBot) -> None:
    panel = EventsPanel()
    show(qtbot, panel)
    messages = run_messages()[:1000]
    panel.take(messages * 5)
    panel.flush()
    began = time.process_time()
    for _ in range(10):
        panel.take(messages)
        panel.flush()
        qtbot.wait(1)
    assert time.process_time() - began < 1.0


def test_outputs_say_why_there_are_none(qtbot: QtBot, tmp_path: Path) -> None:
    panel = OutputsPanel()
    show(qtbot, panel)
    assert "No results yet" in panel.content.words
    (tmp_path / "empty").mkdir()
    panel.show_folder(str(tmp_path / "empty"))
    assert "is empty" in panel.content.words
    panel.show_folder(str(tmp_path / "gone"))
    assert "is not there" in panel.content.words
    panel.show_folder("")
    assert "No results yet" in panel.content.words


def test_outputs_that_come_are_shown_without_being_asked_for(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "LOOK_INTERVAL", 0.0)
    panel = OutputsPanel()
    show(qtbot, panel)
    panel.show_folder(str(tmp_path / "results"))
    write_results(tmp_path / "results", wells=6, pictures=1)
    panel.show_folder(str(tmp_path / "results"))
    assert len(cells(panel.wells.view, 1)) == 6
    table = panel.wells
    (tmp_path / "results" / "preview" / "P24_s1_z1_t1.png").write_bytes(b"")
    panel.show_folder(str(tmp_path / "results"))
    assert panel.wells is table
    assert panel.thumbnails.count() == 2
    qtbot.waitUntil(lambda: panel.thumbnails.loading == 0)


def test_outputs_that_come_after_the_last_question_are_shown(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "LOOK_INTERVAL", 0.2)
    panel = OutputsPanel()
    show(qtbot, panel)
    panel.show_folder(str(tmp_path / "results"))
    panel.show_folder(str(tmp_path / "results"))  # soon after, as a run ends
    write_results(tmp_path / "results", wells=6, pictures=1)
    qtbot.waitUntil(lambda: len(cells(panel.wells.view, 1)) == 6)
    qtbot.waitUntil(lambda: panel.thumbnails.loading == 0)


def test_an_unchanged_folder_is_not_read_again(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_results(tmp_path / "results", wells=6, pictures=1)
    panel = OutputsPanel()
    show(qtbot, panel)
    panel.show_folder(str(tmp_path / "results"))
    monkeypatch.setattr(outputs, "LOOK_INTERVAL", 0.0)
    monkeypatch.setattr(outputs, "read_wells", None)
    panel.show_folder(str(tmp_path / "results"))
    assert len(cells(panel.wells.view, 1)) == 6


def test_outputs_show_files_wells_and_overlays(qtbot: QtBot, tmp_path: Path) -> None:
    write_results(tmp_path / "results", pictures=5)
    (tmp_path / "results" / "preview" / "A06_s1_z1_t1.png").write_bytes(b"no picture")
    panel = OutputsPanel()
    panel.show_folder(str(tmp_path / "results"))
    show(qtbot, panel)
    assert panel.content.words == ""
    assert len(cells(panel.wells.view, 1)) == 384
    qtbot.waitUntil(lambda: panel.thumbnails.loading == 0)
    labels = [given(panel.thumbnails.item(place)).text() for place in range(6)]
    assert labels[0] == "A01 site 1"
    assert labels[5] == f"A06 site 1: {UNREADABLE}"
    pixels = given(panel.thumbnails.item(0)).icon().pixmap(96, 96).toImage()
    assert len({pixels.pixel(x, y) for x in range(0, 96, 3) for y in range(0, 96, 3)}) > 2


def test_overlays_are_not_read_while_they_cannot_be_seen(qtbot: QtBot, tmp_path: Path) -> None:
    write_results(tmp_path / "results", pictures=5)
    panel = OutputsPanel()
    qtbot.addWidget(panel)
    panel.show_folder(str(tmp_path / "results"))
    qtbot.wait(50)
    assert panel.thumbnails.count() == 0
    show(qtbot, panel)
    panel.hide()
    assert "plateflow-thumbnails" not in {thread.name for thread in threading.enumerate()}
    show(qtbot, panel)
    qtbot.waitUntil(lambda: panel.thumbnails.loading == 0)


def test_overlays_that_come_move_nothing_out_of_sight_and_nothing_is_read_twice(qtbot: QtBot, tmp_path: Path) -> None:
    write_results(tmp_path / "results", pictures=60)
    panel = OutputsPanel()
    show(qtbot, panel)
    panel.show_folder(str(tmp_path / "results"))
    qtbot.waitUntil(lambda: panel.thumbnails.loading == 0)
    bar = given(panel.thumbnails.verticalScrollBar())
    bar.setValue(500)
    (tmp_path / "results" / "preview" / "P24_s1_z1_t1.png").write_bytes(b"")
    panel.refresh()
    assert (panel.thumbnails.count(), panel.thumbnails.loading, bar.value()) == (61, 1, 500)
    qtbot.waitUntil(lambda: panel.thumbnails.loading == 0)


def test_outputs_without_overlays_say_how_to_get_them(qtbot: QtBot, tmp_path: Path) -> None:
    write_results(tmp_path / "results", pictures=0)
    panel = OutputsPanel()
    show(qtbot, panel)
    panel.show_folder(str(tmp_path / "results"))
    assert "No overlays" in panel.pictures.words


def test_what_cannot_be_opened_is_put_on_the_clipboard(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def refuse(url: QUrl) -> bool:
        asked.append(url.toLocalFile())
        return False

    monkeypatch.setattr(QDesktopServices, "openUrl", refuse)
    write_results(tmp_path / "results #1", pictures=0)
    panel = OutputsPanel()
    show(qtbot, panel)
    panel.show_folder(str(tmp_path / "results #1"))
    panel.open_folder()
    assert asked == [str(tmp_path / "results #1")]
    assert clipboard() == asked[0]
    assert "on the clipboard" in panel.told_label.text()


def test_a_well_tells_where_it_stands_and_its_traceback(qtbot: QtBot) -> None:
    panel = WellPanel()
    show(qtbot, panel)
    progress = a_run()
    panel.show_well(progress, "D17")
    assert panel.title.text() == "Well D17 – failed"
    with qtbot.waitSignal(panel.traceback_wanted) as asked:
        panel.traceback_button.click()
    assert asked.args == ["D17"]
    assert panel.trace.toPlainText() == "Asking the server for the traceback of D17…"
    panel.show_traceback(TRACEBACK)
    panel.show_well(progress, "D17")  # a redraw
    assert panel.trace.toPlainText() == TRACEBACK
    panel.copy_button.click()
    assert clipboard() == TRACEBACK
    panel.show_well(progress, "B14")
    assert not panel.trace.isVisible()


def test_a_traceback_goes_when_the_well_is_begun_again(qtbot: QtBot) -> None:
    panel = WellPanel()
    show(qtbot, panel)
    messages = list(well_messages("A01", steps=1, error="a"))
    panel.show_well(fold(messages), "A01")
    panel.show_traceback(TRACEBACK)
    panel.show_well(fold([*messages, *well_messages("A01", steps=0)]), "A01")
    assert not panel.trace.isVisible()
    assert not panel.traceback_button.isEnabled()


def test_a_missing_traceback_is_told(qtbot: QtBot) -> None:
    panel = WellPanel()
    show(qtbot, panel)
    panel.show_well(a_run(), "D17")
    panel.show_traceback("")
    assert panel.trace.toPlainText() == "The server has no traceback of this failure."
    assert not panel.copy_button.isEnabled()


def test_retry_is_offered_for_a_failed_well_once_the_run_allows_it(qtbot: QtBot) -> None:
    panel = WellPanel()
    show(qtbot, panel)
    panel.show_well(a_run(), "D17")
    assert not panel.retry_button.isEnabled()
    panel.allow_retry(allowed=True)
    with qtbot.waitSignal(panel.retry_wanted) as wanted:
        panel.retry_button.click()
    assert wanted.args == ["D17"]


def test_a_long_path_does_not_widen_the_well_panel(qtbot: QtBot) -> None:
    panel = WellPanel()
    show(qtbot, panel)
    narrow = panel.minimumSizeHint().width()
    panel.show_well(fold(list(well_messages("A01", steps=1, error="/data/" + "x" * 300))), "A01")
    assert panel.minimumSizeHint().width() == narrow


@pytest.mark.parametrize("make", PANELS, ids=lambda panel: panel.__name__)
def test_every_control_has_a_name_and_a_tip(qtbot: QtBot, tmp_path: Path, make: type[QWidget]) -> None:
    panel = make()
    show(qtbot, panel)
    if isinstance(panel, OutputsPanel):
        write_results(tmp_path / "results", pictures=1)
        panel.show_folder(str(tmp_path / "results"))
    assert panel.accessibleName()
    kinds = (QAbstractButton, QLineEdit, QPlainTextEdit, QAbstractItemView, QLabel)
    controls = [widget for kind in kinds for widget in panel.findChildren(kind) if not _of_qt(widget)]
    assert controls
    assert [widget for widget in controls if not widget.accessibleName()] == []
    assert [widget for widget in controls if not widget.toolTip()] == []


def _of_qt(widget: QWidget) -> bool:
    """Tell whether Qt made a widget for its own use: a header, the button that clears a box."""
    parent = widget.parentWidget()
    return isinstance(parent, (QAbstractItemView, QLineEdit)) or widget.objectName().startswith("qt_")
