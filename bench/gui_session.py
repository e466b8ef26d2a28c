"""The processes of one session: a display, a server, runs, and a window that is told what to do and looked at."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Self

import msgspec

from bench.gui_job import END, GuiJob, set_rate
from bench.harness import BenchError
from plateflow.errors import PlateflowError
from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.runtime.client import ExecutionClient

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PATIENCE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used, from outside."""

    moment: float
    cpu: float
    """Seconds of all its threads."""
    wakeups: int
    """How often any of its threads has waited and was woken."""
    own_wakeups: int
    """The same of its first thread, which is the window's."""
    memory: float
    """Megabytes that it holds."""


class Display:
    """An X server of its own, without a screen."""

    def __init__(self) -> None:
        if shutil.which("Xvfb") is None:
            raise BenchError("Xvfb is missing; as root: apt-get install xvfb")
        read, write = os.pipe()
        command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]
        self._process = subprocess.Popen(command, pass_fds=(write,), stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read) as told:
            self.name = f":{told.readline().strip()}"

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


class Window:
    """The window's process."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        argv = [sys.executable, "-m", "bench.gui_window", *command]
        self.born = time.time()
        self._process = subprocess.Popen(
            argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        self.pid = self._process.pid

    def ask(self, command: str) -> Any:
        """Have a command carried out; return the answer."""
        _pipe(self._process.stdin).write(command.encode() + b"\n")
        _pipe(self._process.stdin).flush()
        if not (line := self.line()):
            raise BenchError(f"the window ended at {command!r}")
        return msgspec.json.decode(line)

    def line(self) -> bytes:
        return _pipe(self._process.stdout).readline()

    def usage(self) -> Usage:
        return usage(self.pid)

    def close(self) -> None:
        """Close the window as a user does, and wait for its end."""
        if self._process.poll() is None:
            try:
                _pipe(self._process.stdin).write(b"quit\n")
                _pipe(self._process.stdin).flush()
                self._process.wait(10)
            except (OSError, subprocess.TimeoutExpired):
                self._process.kill()
        self._process.wait()


class Session:
    """A server and its runs, in a folder of their own; a context manager."""

    def __init__(self, display: Display, plates: int, **job: Any) -> None:
        self._display = display
        self.folder = Path(tempfile.mkdtemp(prefix="pf"))
        self.plates = [self.folder / f"plate_{number:04d}" for number in range(1, plates + 1)]
        for plate in self.plates:
            plate.mkdir()
        self.job = GuiJob(folder=str(self.folder), **job)
        self.runs: dict[str, str] = {}
        """Executions by plate."""
        set_rate(self.folder, 0.0)

    def __enter__(self) -> Self:
        self._serve()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        if self._server.poll() is None:
            os.kill(self.server, signal.SIGCONT)
            self._server.terminate()
        try:
            self._server.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._server.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def server(self) -> int:
        """Process id."""
        return self._server.pid

    @property
    def client(self) -> ExecutionClient:
        return self._client

    def submit(self, plates: Sequence[Path]) -> None:
        """Submit a run of each of these plates, and wait until all know their wells."""
        for plate in plates:
            self.runs[str(plate)] = self._client.submit(str(plate), ExecutionKind.RUN, self.job)
        for execution_id in [self.runs[str(plate)] for plate in plates]:
            await_true(lambda i=execution_id: len(self._client.snapshot(i).axes) >= self.job.wells)  # type: ignore[misc]

    def end_runs(self) -> None:
        """Have all runs end, and wait for it."""
        set_rate(self.folder, END)
        for execution_id in self.runs.values():
            self._client.wait(execution_id, PATIENCE)

    def state(self, plate: str) -> ExecutionState | None:
        return self._client.snapshot(self.runs[plate]).state

    def open_window(self, plates: Sequence[Path], *, command: Sequence[str] = ()) -> Window:
        return Window([*command, *map(str, plates)], self.environment())

    def environment(self) -> dict[str, str]:
        mine = {
            "DISPLAY": self._display.name,
            "QT_QPA_PLATFORM": "xcb",
            "PLATEFLOW_RUNTIME_DIR": str(self.folder / "server"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
        }
        return {**os.environ, **mine}

    def _serve(self) -> None:
        argv = [sys.executable, "-m", "bench.gui_server", str(self.folder / "server")]
        self._server = subprocess.Popen(argv)
        await_true(self._connected)

    def _connected(self) -> bool:
        try:
            self._client = ExecutionClient(self.folder / "server")
        except PlateflowError:
            return False
        return True


def usage(pid: int) -> Usage:
    """Read what a process has used."""
    threads = list(Path(f"/proc/{pid}/task").iterdir())
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    wakeups = {int(thread.name): _number(thread / "status", "voluntary_ctxt_switches") for thread in threads}
    return Usage(
        time.monotonic(), cpu, sum(wakeups.values()), wakeups[pid], _number(Path(f"/proc/{pid}/status"), "VmRSS") / 1024
    )


def await_true(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until something is so.

    Raises
    ------
    BenchError
        If it does not become so.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise BenchError(f"waited {seconds:g} s in vain")
        time.sleep(0.02)


def _number(path: Path, field: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(field + ":")))


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream
