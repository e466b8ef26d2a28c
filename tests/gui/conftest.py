"""The real window's parts over a real server in a short private directory; Qt draws offscreen."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from plateflow.cli.demo import PIPELINE
from plateflow.gui.manager import Manager
from plateflow.plate.synthetic import write_synthetic_plate
from plateflow.runtime.client import ExecutionClient
from plateflow.service.server import plate_server


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
