"""The real window's parts over a real server in a short private directory; Qt draws offscreen."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from tests.conftest import outlast

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qtpy.QtCore import QCoreApplication, QEvent, QThreadPool
from qtpy.QtWidgets import QApplication, QWidget

from plateflow.cli.demo import PIPELINE
from plateflow.gui.manager import Manager
from plateflow.gui.window import MainWindow
from plateflow.plate.synthetic import write_synthetic_plate
from plateflow.runtime.client import ExecutionClient
from plateflow.service.server import plate_server


@pytest.fixture(autouse=True)
def nothing_left_behind(qapp: QApplication) -> Iterator[None]:
    """Fail a test that leaves a top-level widget, hidden or not, or work in Qt's threads; others watch Python's."""
    before = set(map(id, QApplication.topLevelWidgets()))
    yield
    widgets = outlast(lambda: [described(w) for w in top_levels() if id(w) not in before])
    assert not widgets, f"top-level widgets left: {widgets}"
    pool = QThreadPool.globalInstance()
    assert pool is not None
    assert not outlast(lambda: ["work"] * pool.activeThreadCount()), "threads of Qt's pool are still at work"


def top_levels() -> list[QWidget]:
    """Return the top-level widgets that are left once what was to be deleted later is."""
    gc.collect()  # a window and its parts name each other
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    QCoreApplication.processEvents()
    return QApplication.topLevelWidgets()


def described(widget: QWidget) -> str:
    return f"{type(widget).__name__} {widget.windowTitle() or widget.accessibleName()!r}"


@pytest.fixture
def directory(short_tmp: Path) -> Iterator[Path]:
    """A server's directory, with one that serves until the test is over."""
    with plate_server(short_tmp / "run", exit_when_idle=False):
        yield short_tmp / "run"


@pytest.fixture
def client(directory: Path) -> Iterator[ExecutionClient]:
    with ExecutionClient(directory) as client:
        yield client


@pytest.fixture
def manager(qapp: object, directory: Path, short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    monkeypatch.chdir(short_tmp)
    manager = Manager(directory)
    yield manager
    manager.close()


@pytest.fixture
def window(qtbot: QtBot, manager: Manager) -> Iterator[MainWindow]:
    window = MainWindow(manager)
    qtbot.addWidget(window)
    window.show()
    yield window
    window.close()


@pytest.fixture(scope="session")
def small_plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plate of six wells."""
    plate = tmp_path_factory.mktemp("plates") / "small_plate"
    write_synthetic_plate(plate, rows=2, columns=3)
    return plate


@pytest.fixture(scope="session")
def pipeline(small_plate: Path) -> Path:
    """The demo's pipeline, for the small plate."""
    path = small_plate.parent / "pipeline.py"
    path.write_text(PIPELINE, encoding="utf-8")
    return path
