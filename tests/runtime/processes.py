"""Servers in a process of their own."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.runtime.scripts import PUPPET

from plateflow.errors import ServerError
from plateflow.runtime.client import ExecutionClient

SERVE = """
import signal, sys
from pathlib import Path
from plateflow.runtime.server import ExecutionServer
server = ExecutionServer(Path(sys.argv[1]), sys.argv[2:], exit_when_idle=60)
signal.signal(signal.SIGTERM, lambda number, frame: server.stop())
server.serve()
"""


def start_process(directory: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", SERVE, str(directory), *PUPPET])
    wait_for_server(directory)
    return process


def wait_for_server(directory: Path) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            with ExecutionClient(directory) as client:
                client.ping()
                return
        except ServerError:
            time.sleep(0.01)
    pytest.fail("no server started within 20 s")
