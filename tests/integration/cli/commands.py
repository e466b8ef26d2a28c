"""Runs the real command in a runtime directory of its own, and what its output is read with."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plateflow.cli.demo import PIPELINE
from plateflow.errors import ServerError
from plateflow.progress.messages import ExecutionState
from plateflow.progress.state import AxisState
from plateflow.runtime.client import ExecutionClient
from plateflow.runtime.endpoints import read_connection

COMMAND = [sys.executable, "-m", "plateflow"]
TIMEOUT = 100.0
SLOW = """
import time
from plateflow import FunctionStep, Pipeline

def slow(image):
    time.sleep(SECONDS)
    return image

pipeline = Pipeline("slow", channels={"DNA": "1"}, steps=[FunctionStep(slow, inputs="DNA", outputs="Late")])
""".replace("SECONDS", "0.6")
SLOWER = SLOW.replace("0.6", "0.9")
"""Two sites a well: long enough for a worker's message, of which there is one a second."""
RAISES = """
from plateflow import FunctionStep, Pipeline

def raises(image):
    raise ValueError("no cells today")

pipeline = Pipeline("raises", channels={"DNA": "1"}, steps=[FunctionStep(raises, inputs="DNA", outputs="None")])
"""


@dataclass(frozen=True)
class Cli:
    """The command ``plateflow`` with a server of its own."""

    runtime: Path
    """Directory of the server."""
    folder: Path
    """Where it runs, and where its pipelines are written."""
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *args: object, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self._argv(args), capture_output=True, text=True, timeout=TIMEOUT, env=self._env(), cwd=self.folder, **more
        )

    def start(self, *args: object, **more: Any) -> subprocess.Popen[str]:
        """Start a command."""
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        return subprocess.Popen(self._argv(args), text=True, env=self._env(), cwd=self.folder, **streams)

    @contextmanager
    def server(self) -> Iterator[subprocess.Popen[str]]:
        """Run ``plateflow serve`` meanwhile."""
        process = self.start("serve", stderr=subprocess.DEVNULL)
        try:
            wait_for(self.client_can_connect, "the server")
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)

    def client_can_connect(self) -> bool:
        """Tell whether a server runs and answers."""
        try:
            with ExecutionClient(self.runtime) as client:
                client.ping()
        except ServerError:
            return False
        return True

    def wait_for_subscriber(self) -> None:
        """Wait until a client has connected to the stream."""
        path = read_connection(self.runtime).stream.removeprefix("ipc://")
        wait_for(lambda: _connected(path), "a subscriber")

    def server_pid(self) -> int:
        """Return the process id of the server that runs."""
        return read_connection(self.runtime).pid

    def pipeline(self, text: str = PIPELINE, name: str = "pipeline.py") -> Path:
        """Write a pipeline file; the demo's by default."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def _argv(self, args: tuple[object, ...]) -> list[str]:
        return [*COMMAND, *(str(arg) for arg in args)]

    def _env(self) -> dict[str, str]:
        return {**os.environ, "PLATEFLOW_RUNTIME_DIR": str(self.runtime), **self.environment}


def wait_for(condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)


def wait_for_wells(cli: Cli) -> None:
    """Wait until a well is at work."""

    def at_work() -> bool:
        with ExecutionClient(cli.runtime) as client:
            running = [summary for summary in client.status() if summary.state is ExecutionState.RUNNING]
            return any(summary.counts[AxisState.RUNNING] for summary in running)

    wait_for(at_work, "a well at work")


def lives(pid: int) -> bool:
    """Tell whether a process exists and is no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def descendants(pid: int) -> set[int]:
    """Return the children of a process, theirs, and so on."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def messages(stdout: str, kind: str | None = None) -> list[dict[str, Any]]:
    """Return the messages of ``--json``, of one type if asked."""
    decoded = [json.loads(line) for line in stdout.splitlines()]
    return [message for message in decoded if kind in (None, message["type"])]


def _connected(path: str) -> bool:
    lines = Path("/proc/net/unix").read_text().splitlines()
    return any(line.endswith(path) and line.split()[5] == "03" for line in lines)
