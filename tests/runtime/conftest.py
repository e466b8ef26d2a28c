"""A server in a short private directory, and a client of it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.runtime.fake_server import FakeServer
from tests.runtime.scripts import PUPPET

from plateflow.runtime.client import ExecutionClient
from plateflow.runtime.server import ExecutionServer


@pytest.fixture
def directory(short_tmp: Path) -> Path:
    return short_tmp / "run"


@pytest.fixture
def server(directory: Path, no_leaked_descriptors: None) -> Iterator[ExecutionServer]:
    with ExecutionServer(directory, PUPPET) as server:
        yield server


@pytest.fixture
def client(server: ExecutionServer, directory: Path) -> Iterator[ExecutionClient]:
    with ExecutionClient(directory) as client:
        yield client


@pytest.fixture
def no_leaked_descriptors() -> Iterator[None]:
    before = descriptors()
    yield
    left = {fd: name for fd, name in descriptors().items() if before.get(fd) != name}
    assert not left, f"descriptors left open: {left}"


def descriptors() -> dict[str, str]:
    found: dict[str, str] = {}
    for fd in os.listdir("/proc/self/fd"):
        try:
            found[fd] = os.readlink(f"/proc/self/fd/{fd}")
        except FileNotFoundError:  # that of the listing itself
            continue
    return found


@pytest.fixture
def fake(directory: Path, no_leaked_descriptors: None) -> Iterator[FakeServer]:
    with FakeServer(directory) as fake:
        yield fake


@pytest.fixture
def client_of_fake(fake: FakeServer, directory: Path) -> Iterator[ExecutionClient]:
    with ExecutionClient(directory) as client:
        yield client
