import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.cli.commands import Cli, wait_for

from plateflow.plate.synthetic import write_synthetic_plate
from plateflow.runtime.client import ExecutionClient


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """A server for all tests that need not start or end one."""
    runtime = Path(tempfile.mkdtemp(prefix="pf", dir="/tmp"))
    command = Cli(runtime / "r", tmp_path_factory.mktemp("served"))
    with command.server():
        yield command
    shutil.rmtree(runtime)


@pytest.fixture
def cli(served: Cli, tmp_path: Path) -> Cli:
    """The command, in a folder of its own; a server runs already."""
    return replace(served, folder=tmp_path)


@pytest.fixture
def lone_cli(short_tmp: Path, tmp_path: Path) -> Iterator[Cli]:
    """The command where no server runs; one that it starts ends with the test."""
    command = Cli(short_tmp / "r", tmp_path)
    yield command
    if command.client_can_connect():
        with ExecutionClient(command.runtime) as client:
            client.shutdown()
        wait_for(lambda: not (command.runtime / "server.json").exists(), "the server's end")


@pytest.fixture(scope="session")
def small_plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six wells, two sites, two channels of 96 x 96."""
    folder = tmp_path_factory.mktemp("plates") / "small_plate"
    write_synthetic_plate(folder, rows=2, columns=3, sites=2, shape=(96, 96), seed=1)
    return folder
