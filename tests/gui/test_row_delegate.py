"""A row of the plates list: what its bar is made of, and that each state is seen."""

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QColor, QImage, QPainter, QStandardItem, QStandardItemModel
from qtpy.QtWidgets import QApplication, QListView
from tests.unit.cli.view.script import finished, halfway

from plateflow.gui.icons import SIGNS, paint_sign, sign_path
from plateflow.gui.palette import DARK, THEMES, Theme
from plateflow.gui.plates import Plate
from plateflow.gui.row_delegate import HEIGHT, STRIP, PlateRowDelegate, bar_parts, failures
from plateflow.gui.states import LOOKS, PlateState
from plateflow.gui.step_bars import Part
from plateflow.gui.texts import state_text
from plateflow.gui.theme import apply_theme
from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.progress.state import AxisState, ExecutionProgress, Phase
from plateflow.progress.update import ProgressStatus


def preparing(kind: ExecutionKind, done: int, total: int) -> Plate:
    phase = Phase(ProgressStatus.RUNNING, done, total)
    progress = ExecutionProgress(execution_id="x", plate_id="/p/a", kind=kind, state=ExecutionState.RUNNING)
    progress.init, progress.compile = phase, phase
    is_init = kind is ExecutionKind.INIT
    return Plate("/p/a", init_pending=is_init, compile_pending=not is_init, progress=progress)


def working(*, lost: bool = False) -> Plate:
    state = halfway().state
    return Plate("/p/a", progress=state, details=state, lost=lost)


def stopped() -> Plate:
    script = halfway()
    script.execution(ExecutionState.CANCELLED, "Stopped by the user")
    return Plate("/p/a", settled=PlateState.CANCELLED, progress=script.state, details=script.state)


PLATES = {
    "created": Plate("/p/a"),
    "init": preparing(ExecutionKind.INIT, 9216, 18432),
    "ready": Plate("/p/a", settled=PlateState.READY),
    "compile": preparing(ExecutionKind.COMPILE, 3, 7),
    "compiled": Plate("/p/a", settled=PlateState.COMPILED),
    "queued": Plate(
        "/p/a", queue_place=1, progress=ExecutionProgress(execution_id="x", plate_id="/p/a", kind=ExecutionKind.RUN)
    ),
    "running": working(),
    "lost": working(lost=True),
    "failed": Plate("/p/a", settled=PlateState.FAILED, problem="PlateError: 96 files are missing\nand more"),
    "complete with failures": Plate(
        "/p/a",
        settled=PlateState.COMPLETE_WITH_FAILURES,
        progress=finished().state,
        details=finished().state,
    ),
    "cancelled": stopped(),
}


@pytest.fixture
def view(qtbot: QtBot, qapp: QApplication) -> QListView:
    apply_theme(qapp, DARK)
    view = QListView()
    qtbot.addWidget(view)
    view.setItemDelegate(PlateRowDelegate(view))
    view.resize(340, 200)
    return view


def paint(view: QListView, plate: Plate) -> QImage:
    model = QStandardItemModel(view)
    item = QStandardItem(f"{plate.name}  {state_text(plate)}")
    item.setData(plate, Qt.ItemDataRole.UserRole)
    model.appendRow(item)
    view.setModel(model)
    view.show()
    viewport = view.viewport()
    assert viewport is not None
    return viewport.grab().toImage()


def colours(image: QImage, *, left: int = 0, right: int | None = None) -> set[str]:
    return {image.pixelColor(x, y).name() for x in range(left, right or image.width()) for y in range(HEIGHT)}


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("plate", PLATES.values(), ids=PLATES)
def test_a_row_shows_its_state(qapp: QApplication, view: QListView, plate: Plate, theme: Theme) -> None:
    apply_theme(qapp, theme)
    image = paint(view, plate)
    assert theme.colour(LOOKS[plate.state].role) in colours(image, right=STRIP)
    inside = colours(image, left=STRIP + 1)
    assert {theme.colour(part.role) for part in bar_parts(plate)} <= inside
    assert theme.text in inside, "its name is read"


def test_the_bar_of_a_run_counts_its_wells() -> None:
    plate = PLATES["running"]
    assert plate.progress is not None
    counts = plate.progress.counts
    assert bar_parts(plate) == [
        Part("done", counts[AxisState.COMPLETED] / 96),
        Part("running", counts[AxisState.RUNNING] / 96),
        Part("failed", counts[AxisState.FAILED] / 96),
    ]
    assert failures(plate) == 2


@pytest.mark.parametrize(
    ("plate", "roles"),
    [
        ("created", []),
        ("queued", []),
        ("ready", []),
        ("failed", []),
        ("init", ["pending"]),
        ("compile", ["pending"]),
        ("lost", ["done", "lost", "failed"]),
        ("cancelled", ["done", "cancelled", "failed"]),
        ("complete with failures", ["done", "failed"]),
    ],
)
def test_bars_of_other_states(plate: str, roles: list[str]) -> None:
    assert [part.role for part in bar_parts(PLATES[plate])] == roles


def test_the_bar_of_init_is_as_long_as_its_files() -> None:
    assert bar_parts(PLATES["init"]) == [Part("pending", 0.5)]
    assert bar_parts(preparing(ExecutionKind.INIT, 0, 0)) == []


def test_failures_are_marked(view: QListView) -> None:
    assert DARK.failed in colours(paint(view, PLATES["running"]), left=200)
    assert failures(PLATES["created"]) == 0


def test_a_selected_row_is_seen(view: QListView) -> None:
    paint(view, PLATES["running"])
    model = view.model()
    assert model is not None
    view.setCurrentIndex(model.index(0, 0))
    viewport = view.viewport()
    assert viewport is not None
    assert DARK.highlight in colours(viewport.grab().toImage())


def test_rows_are_as_high_as_two_lines_and_a_bar(view: QListView) -> None:
    paint(view, PLATES["running"])
    assert view.sizeHintForRow(0) >= HEIGHT


def test_an_item_that_is_no_plate_is_painted_as_text(view: QListView) -> None:
    model = QStandardItemModel(view)
    model.appendRow(QStandardItem("no plate"))
    view.setModel(model)
    viewport = view.viewport()
    assert viewport is not None
    assert DARK.text in colours(viewport.grab().toImage())


@pytest.mark.parametrize("sign", SIGNS)
def test_signs_are_paths_within_their_square(qapp: QApplication, sign: str) -> None:
    box = sign_path(sign).boundingRect()
    assert min(box.left(), box.top()) >= -0.02
    assert max(box.right(), box.bottom()) <= 1.02
    image = QImage(32, 32, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    paint_sign(painter, sign, QRectF(0, 0, 32, 32), QColor(DARK.text))
    painter.end()
    assert any(image.pixelColor(x, y) == QColor(DARK.text) for x in range(32) for y in range(32))


def test_every_glyph_of_a_state_can_be_painted() -> None:
    assert {look.glyph for look in LOOKS.values()} - {""} <= set(SIGNS)
    with pytest.raises(KeyError):
        sign_path("x")


def test_a_name_is_read_whole_beside_a_long_state(view: QListView) -> None:
    """The state goes to the second line, where that is free."""
    name = "/p/siRNA_batch7_P3_again"
    ended = PLATES["complete with failures"]
    long = Plate(name, settled=PlateState.COMPLETE_WITH_FAILURES, progress=ended.progress, details=ended.details)
    lines = [paint(view, plate).copy(STRIP + 1, 4, 200, 20) for plate in (Plate(name), long)]
    assert lines[0] == lines[1]
