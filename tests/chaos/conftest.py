"""What most tests of promises are tried with: each kind of plate, and each executor."""

from pathlib import Path

import pytest
from tests.chaos.plates import KINDS, bench_of
from tests.chaos.served import EXECUTORS
from tests.integration.conftest import Bench

from plateflow.service.execute import ExecutorName


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Which plate."""
    assert isinstance(request.param, str)
    return request.param


@pytest.fixture
def bench(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Bench:
    return bench_of(kind, tmp_path, request)


@pytest.fixture(params=EXECUTORS)
def executor(request: pytest.FixtureRequest) -> ExecutorName:
    chosen: ExecutorName = request.param
    return chosen
