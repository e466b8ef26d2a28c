"""The processes of one run: they are started anew, wait for one start, and stay until their CPU has been read.

Each process enters its :func:`~bench.part.part` with the run's folder, where it says that it is ready, and that it is
done. Then it waits, so the CPU time of every process, threads that nobody waits for included, is read from outside, at
the start and when the last is done.
"""

from __future__ import annotations

import fcntl
import itertools
import multiprocessing as mp
import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from bench.harness import BenchError
from bench.part import Part

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import ForkServerContext, ForkServerProcess, SpawnContext, SpawnProcess
    from pathlib import Path

PRELOADED: Final = ["bench.workload", "plateflow.runtime.client", "plateflow.runtime.server"]
PATIENCE: Final = 60.0
"""Seconds until all are ready, and again until all are done."""
_GLANCE: Final = 0.01
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Take:
    """One run, as it was."""

    parts: tuple[Part, ...]
    cpu: dict[str, float]
    """CPU seconds by role, of all processes of that role."""

    @property
    def seconds(self) -> float:
        """From the first update sent to the last one decoded."""
        return max(part.ended for part in self._of("subscriber")) - min(part.began for part in self._of("worker"))

    @property
    def sent(self) -> int:
        return sum(part.updates for part in self._of("worker"))

    @property
    def delivered(self) -> int:
        return sum(part.updates for part in self._of("subscriber"))

    @property
    def rate(self) -> float:
        """Updates delivered, a second."""
        return self.delivered / self.seconds

    def cpu_us(self, role: str) -> float:
        """CPU of a role, in microseconds for each update that was delivered."""
        return 1e6 * self.cpu[role] / self.delivered

    def values(self, role: str) -> list[float]:
        """What the processes of a role measured themselves."""
        return [value for part in self._of(role) for value in part.values]

    def _of(self, role: str) -> list[Part]:
        return [part for part in self.parts if part.role == role]


class Stage:
    """Runs the processes of one run, and ends them; a context manager.

    Parameters
    ----------
    root
        Where it makes its folder.
    shared
        Whether its processes are forked from one that has the imports done, or each starts with nothing.
    """

    def __init__(self, root: Path, *, shared: bool = True) -> None:
        self._context: ForkServerContext | SpawnContext = _preloaded() if shared else mp.get_context("spawn")
        self.folder = root / f"{next(_numbers)}"
        self.folder.mkdir(mode=0o700)
        self._gates = {name: _close_gate(self.folder / name) for name in ("start", "end")}
        self._processes: list[ForkServerProcess | SpawnProcess] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for gate in self._gates.values():
            os.close(gate)
        for process in self._processes:
            process.join(PATIENCE)
            process.kill()
            process.join()
        shutil.rmtree(self.folder)

    def start(self, target: Callable[..., object], *arguments: Any) -> None:
        """Start a process that calls ``target(folder, *arguments)``."""
        process = self._context.Process(target=target, args=(self.folder, *arguments))
        process.start()
        self._processes.append(process)

    def await_ready(self, parts: int) -> list[Part]:
        """Wait until so many are ready.

        Raises
        ------
        BenchError
            If they are not within a minute, or one of them ends.
        """
        return self._await("ready", parts)

    def begin(self) -> None:
        """Let all start that wait for it, and whoever comes later."""
        fcntl.flock(self._gates["start"], fcntl.LOCK_UN)

    def has_done(self, role: str) -> bool:
        """Return whether a process of a role has done its part."""
        return any(self.folder.glob(f"done-{role}-*"))

    def play(self, parts: int) -> Take:
        """Wait until so many are ready, let them start, and wait until all are done.

        Raises
        ------
        BenchError
            If one of them fails, or takes too long.
        """
        ready = self.await_ready(parts)
        before = {each.pid: cpu_seconds(each.pid) for each in ready}
        self.begin()
        done = self._await("done", parts)
        cpu: dict[str, float] = {}
        for each in done:
            cpu[each.role] = cpu.get(each.role, 0.0) + cpu_seconds(each.pid) - before[each.pid]
        return Take(tuple(done), cpu)

    def _await(self, what: str, parts: int) -> list[Part]:
        deadline = time.monotonic() + PATIENCE
        while len(files := list(self.folder.glob(f"{what}-*"))) < parts:
            self.check_problems()
            if time.monotonic() > deadline:
                raise BenchError(f"of {parts} parts only these are {what}: {sorted(file.name for file in files)}")
            time.sleep(_GLANCE)
        self.check_problems()
        return [msgspec.json.decode(file.read_bytes(), type=Part) for file in files]

    def check_problems(self) -> None:
        """Check that nobody has failed.

        Raises
        ------
        BenchError
            If somebody has.
        """
        for file in self.folder.glob("done-*"):
            did = msgspec.json.decode(file.read_bytes(), type=Part)
            if did.problem:
                raise BenchError(f"a {did.role} failed: {did.problem}")
        for process in self._processes:
            if process.exitcode is not None:
                raise BenchError(f"{process.name} ended too early, with {process.exitcode}")


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of another process, with all of its threads, to the nanosecond; Linux has a clock for it."""
    return time.clock_gettime((~pid << 3) | 2)


def _preloaded() -> ForkServerContext:
    context = mp.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def _close_gate(path: Path) -> int:
    gate = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(gate, fcntl.LOCK_EX)
    return gate
