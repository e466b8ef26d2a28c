"""A step over the whole plate is never counted as a well where it is painted either."""

import pytest
from pytestqt.qtbot import QtBot
from tests.unit.gui.plate_wide import (
    AXIS,
    end,
    end_tables_step,
    in_plate_step,
    in_tables_step,
    in_wells,
    planned,
    plate_of,
)

from plateflow.gui.detail import PlateDetail
from plateflow.gui.plates import Plate
from plateflow.gui.row_delegate import bar_parts, failures
from plateflow.gui.step_bars import Part, step_rows
from plateflow.progress.state import AxisProgress, AxisState, ExecutionProgress


@pytest.fixture
def detail(qtbot: QtBot) -> PlateDetail:
    widget = PlateDetail()
    qtbot.addWidget(widget)
    widget.show()
    return widget


def test_the_header_and_the_map_count_wells(detail: PlateDetail) -> None:
    detail.show_plate(plate_of(in_wells()))
    assert "6 wells · 1 done 1 run 1 fail 3 pending" in detail._header.text()
    detail.map.clearFocus()
    detail.map._cursor = None
    detail.map.refresh()
    assert detail.map.accessibleDescription() == "6 wells: 3 queued, 1 running, 1 done, 1 failed; coloured by state"


def test_the_plate_does_a_plate_wide_step_once(detail: PlateDetail) -> None:
    detail.show_plate(plate_of(in_plate_step()))
    assert [row.text for row in detail.steps.rows] == [
        "1 illumination: 0 of 1 plate done, 1 running",
        "2 measure: 0 of 6 wells done",
    ]
    detail.show_plate(plate_of(in_wells()))
    first, second = detail.steps.rows
    assert (first.done, first.total, first.seconds) == (1, 1, None)
    assert first.parts == [Part("done", 1.0)]
    assert (second.done, second.running, second.failed, second.total) == (1, 1, 1, 6)
    assert second.seconds is not None
    assert step_rows(planned().state)[1].total == 6


def test_the_row_of_the_list_counts_wells() -> None:
    plate = plate_of(in_wells())
    assert bar_parts(plate) == [Part("done", 1 / 6), Part("running", 1 / 6), Part("failed", 1 / 6)]
    assert failures(plate) == 1
    script = in_plate_step()
    end(script, AXIS, fails=True)
    assert failures(plate_of(script)) == 0
    assert bar_parts(plate_of(script)) == []


def test_a_plate_without_wells_has_no_bar() -> None:
    axes = {AXIS: AxisProgress(state=AxisState.RUNNING)}
    progress = ExecutionProgress(execution_id="x", plate_id="/p/a", axes=axes)
    progress.counts[AxisState.RUNNING] = 1
    assert bar_parts(Plate("/p/a", progress=progress)) == []


def test_a_plate_wide_failure_is_listed_and_is_the_plates(detail: PlateDetail) -> None:
    script = in_plate_step()
    end(script, AXIS, fails=True)
    detail.show_plate(plate_of(script))
    assert detail._tabs.tabText(0) == "Failures (1)"
    assert detail.map.text("A01") == "A01: queued"


def test_a_step_over_tables_stands_after_the_wells(detail: PlateDetail) -> None:
    script = in_tables_step()
    detail.show_plate(plate_of(script))
    of_wells, of_plate = detail.steps.rows
    assert of_wells.text.startswith("1 measure: 5 of 6 wells done, 1 failed, ")
    assert of_plate.text == "2 normalise: 0 of 1 plate done, 1 running"
    assert "6 wells · 5 done 1 fail" in detail._header.text()
    end_tables_step(script)
    detail.show_plate(plate_of(script))
    assert [part.role for part in detail.steps.rows[1].parts] == ["done"]
    assert script.state.groups_done == 6


def test_its_failure_is_listed_beside_that_of_a_well(detail: PlateDetail) -> None:
    script = in_tables_step()
    end_tables_step(script, fails=True)
    detail.show_plate(plate_of(script))
    assert detail._tabs.tabText(0) == "Failures (2)"
    assert failures(plate_of(script)) == 1
    assert detail.map.text("A01").startswith("A01: done")
