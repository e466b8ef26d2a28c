"""Only what looks different is painted anew, and what is told stays readable."""

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtGui import QImage
from qtpy.QtWidgets import QApplication, QListView
from tests.unit.cli.view.script import halfway

from plateflow.gui.manager import Manager
from plateflow.gui.palette import DARK, LIGHT
from plateflow.gui.plates import Plate
from plateflow.gui.plates_model import PlatesModel
from plateflow.gui.row_delegate import PICTURES, PlateRowDelegate
from plateflow.gui.theme import apply_theme
from plateflow.progress.state import AxisState


@pytest.fixture
def model(qtbot: QtBot, manager: Manager, tmp_path: Path) -> PlatesModel:
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    manager.add([tmp_path / name for name in ("one", "two", "three")])
    model = PlatesModel(manager)
    model._update(set(manager.store.plates))
    return model


def test_only_rows_that_say_something_else_are_announced(manager: Manager, model: PlatesModel) -> None:
    told: list[tuple[int, int]] = []
    model.dataChanged.connect(lambda first, last, *_: told.append((first.row(), last.row())))
    paths = list(manager.store.plates)
    model._update(set(paths))
    assert told == []
    manager.store.plates[paths[0]].output = "/not/shown/in/its/row"
    manager.store.plates[paths[1]].init_pending = True
    manager.store.plates[paths[2]].queue_place = 3
    model._update(set(paths))
    assert told == [(1, 1)]
    manager.store.plates[paths[0]].lost = manager.store.plates[paths[1]].lost = True
    model._update(set(paths))
    assert told[1:] == [(0, 1)]


def test_the_well_that_is_told_of_is_at_work_longest() -> None:
    progress = halfway().state
    plate = Plate("/p/a", progress=progress, details=progress)
    at_work = [name for name in progress.at_work if progress.axes[name].in_step]
    assert len(at_work) > 1
    for name in at_work:
        assert plate.current_axis() == (name, progress.axes[name])
        progress.axes[name].in_step = False
    assert plate.current_axis() is None


def grabbed(view: QListView) -> QImage:
    return view.grab().toImage()


def test_a_row_from_its_picture_looks_as_it_was_painted(
    qtbot: QtBot, qapp: object, manager: Manager, model: PlatesModel
) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    apply_theme(app, DARK)
    view = QListView()
    qtbot.addWidget(view)
    view.setModel(model)
    view.setItemDelegate(PlateRowDelegate(view))
    view.resize(300, 220)
    view.show()
    before = grabbed(view)
    assert grabbed(view) == before
    plate = next(iter(manager.store.plates.values()))
    plate.lost = True
    model._update({plate.path})
    other = grabbed(view)
    assert other != before
    apply_theme(app, LIGHT)
    assert grabbed(view) != other
    apply_theme(app, DARK)
    plate.lost = False
    model._update({plate.path})
    assert grabbed(view) == before


def test_pictures_are_few(qtbot: QtBot, manager: Manager, model: PlatesModel) -> None:
    view = QListView()
    qtbot.addWidget(view)
    view.setModel(model)
    delegate = PlateRowDelegate(view)
    view.setItemDelegate(delegate)
    view.show()
    plate = next(iter(manager.store.plates.values()))
    plate.init_pending = False
    plate.progress = plate.details = halfway().state
    for failed in range(PICTURES + 10):
        plate.details.counts[AxisState.FAILED] = failed
        view.grab()
    assert len(delegate._pictures) == PICTURES
