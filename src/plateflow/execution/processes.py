"""A crash-safe pool: one task at a time in each worker, and no lock or pipe that two workers share.

A worker's death costs its own well only. It is handled after the worker's line pipe has been read to its end, so
nothing that it reported is lost; a new worker takes its place.
"""

from __future__ import annotations

import math
import multiprocessing as mp
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.reduction import send_handle
from selectors import EVENT_READ, DefaultSelector
from typing import TYPE_CHECKING

from plateflow.errors import ServerError
from plateflow.execution.executor import Died, Event, Finished, Lines, PackedWork, Work, WorkerInfo, split_results
from plateflow.execution.fork_server import start_fork_server
from plateflow.execution.limits import StepClock
from plateflow.execution.worker import worker_main
from plateflow.lines.reader import LineReader
from plateflow.settings import STEP_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess

    from plateflow.pipeline.plan import AxisPlan

FORK_ATTEMPTS = 5
LOST = 255
"""What multiprocessing says where the fork server can say no more."""
GRACE = 0.5
"""Seconds between SIGTERM and SIGKILL."""


@dataclass(slots=True)
class _Worker:
    slot: int
    process: ForkServerProcess
    tasks: Connection
    lines: Connection
    alive: Connection
    """Held open by this process alone: when it closes, the kernel kills the worker."""
    reader: LineReader = field(init=False)
    axis: AxisPlan | None = None
    last_line: bytes = b""
    overdue: float = 0.0

    def __post_init__(self) -> None:
        self.reader = LineReader(self.lines.fileno())

    @property
    def pid(self) -> int:
        return self.process.pid or 0


class ProcessExecutor:
    """Runs wells in processes that are started ahead; :meth:`prepare` tells them what to work on.

    Parameters
    ----------
    workers
        How many.
    """

    def __init__(self, workers: int) -> None:
        self._context = start_fork_server()
        self._selector = DefaultSelector()
        self._work: PackedWork | None = None
        self._descriptor: int | None = None
        self._clock = StepClock(math.inf, time.monotonic())
        self._cancelled = False
        self._deaths: list[Event] = []
        """Of idle workers, found while a task was handed out; told by the next :meth:`poll`."""
        self._workers = {slot: self._spawn(slot) for slot in range(workers)}

    def prepare(self, work: Work, step_limit: float = STEP_LIMIT, descriptor: int | None = None) -> None:
        """Tell all workers, and every later one, what the wells to come belong to.

        Parameters
        ----------
        work
            What.
        step_limit
            Seconds that a step of a well may take; a worker that takes longer is ended.
        descriptor
            Of the claimed results folder: each worker holds it too, so that no other run begins there while one lives.

        Raises
        ------
        PipelineError
            If a function of the pipeline cannot cross to another process.
        """
        self._work = work.pack(holds=descriptor is not None)
        self._clock = StepClock(step_limit, time.monotonic())
        self._descriptor = descriptor
        for worker in self._workers.values():
            self._brief(worker)

    @property
    def free(self) -> int:
        """Workers that wait for a task."""
        return sum(1 for worker in self._workers.values() if worker.axis is None)

    def start(self, axis: AxisPlan) -> None:
        """Hand a well to a free worker; one that died idle is replaced first."""
        worker = next(worker for worker in self._workers.values() if worker.axis is None)
        if not _send(worker, axis):
            self._deaths.append(self._bury(worker))
            worker = self._workers[worker.slot]
            _send(worker, axis)  # where it dies too, that is told as this well's
        worker.axis, worker.last_line = axis, b""

    def poll(self, timeout: float) -> list[Event]:
        """Wait for lines or deaths, at most so many seconds; end whoever is over its limit."""
        for info in self._clock.overdue(self.workers()):
            worker = self._workers[info.slot]
            worker.overdue = self._clock.limit
            _end([worker])
        ready = self._selector.select(0 if self._deaths else timeout)
        events, self._deaths = self._deaths, []
        for slot in dict.fromkeys(key.data for key, _ in ready):
            events += self._read(self._workers[slot])
        return events

    def workers(self) -> Sequence[WorkerInfo]:
        """Return what each worker is doing."""
        return [
            WorkerInfo(worker.slot, worker.pid, worker.axis.axis_id if worker.axis else "", worker.last_line)
            for worker in self._workers.values()
        ]

    def cancel(self) -> None:
        """Kill the workers that are at work, after a grace; no other takes their place."""
        self._cancelled = True
        _end([worker for worker in self._workers.values() if worker.axis is not None])

    def close(self) -> None:
        """End all workers: idle ones at the end of their task pipe, others after a grace; again, it does nothing."""
        workers = list(self._workers.values())
        self._workers.clear()
        for worker in workers:
            worker.tasks.close()
        _join([worker for worker in workers if worker.axis is None], GRACE)
        _end([worker for worker in workers if worker.process.exitcode is None])
        for worker in workers:
            self._forget(worker)
        self._selector.close()

    def _spawn(self, slot: int) -> _Worker:
        tasks_read, tasks_write = mp.Pipe()  # a socket, which can carry a descriptor
        lines_read, lines_write = mp.Pipe(duplex=False)
        alive_read, alive_write = mp.Pipe(duplex=False)
        process = self._fork(slot, (tasks_read, lines_write, alive_read))
        for end in (tasks_read, lines_write, alive_read):
            end.close()
        worker = _Worker(slot, process, tasks_write, lines_read, alive_write)
        self._selector.register(lines_read.fileno(), EVENT_READ, slot)
        self._selector.register(process.sentinel, EVENT_READ, slot)
        self._brief(worker)
        return worker

    def _brief(self, worker: _Worker) -> None:
        if self._work is None or not _send(worker, self._work) or self._descriptor is None:
            return
        with suppress(BrokenPipeError, ConnectionResetError):  # its end will be seen
            send_handle(worker.tasks, self._descriptor, worker.pid)

    def _fork(self, slot: int, ends: tuple[Connection, Connection, Connection]) -> ForkServerProcess:
        for attempt in range(FORK_ATTEMPTS):
            start_fork_server()  # anew, where it died
            process = self._context.Process(target=worker_main, args=ends, name=f"plateflow-worker-{slot}")
            try:
                process.start()
            except (EOFError, OSError) as e:  # it died just now
                if attempt == FORK_ATTEMPTS - 1:
                    raise ServerError(f"no worker process can be started: {e}; see whether memory ran out") from e
                time.sleep(0.05)
            else:
                break
        return process

    def _read(self, worker: _Worker) -> list[Event]:
        dead = not worker.process.is_alive()  # asked before reading, so that reading finds all that it wrote
        found = worker.reader.read()
        body, results = split_results(found.complete)
        events: list[Event] = [Lines(body)] if body else []
        if body:
            worker.last_line = body[body.rfind(b"\n", 0, -1) + 1 : -1]
        for result in results:
            if worker.axis is not None and result.axis_id == worker.axis.axis_id:  # no other is the worker's own word
                worker.axis = None
                events.append(Finished(result))
        if dead and not found.complete:
            events.append(self._bury(worker))
        elif found.ended:
            self._stop_reading(worker)
        return events

    def _bury(self, worker: _Worker) -> Died:
        _end([worker])  # and what it left running
        cause = _cause(worker.process.exitcode)
        died = Died(worker.slot, worker.pid, worker.axis, cause, worker.last_line, overdue=worker.overdue)
        self._forget(worker)
        del self._workers[worker.slot]
        if not self._cancelled:
            self._workers[worker.slot] = self._spawn(worker.slot)
        return died

    def _stop_reading(self, worker: _Worker) -> None:
        with suppress(KeyError):
            self._selector.unregister(worker.lines.fileno())

    def _forget(self, worker: _Worker) -> None:
        self._stop_reading(worker)
        self._selector.unregister(worker.process.sentinel)
        worker.tasks.close()
        worker.lines.close()
        worker.process.join()
        worker.process.close()
        worker.alive.close()


def _send(worker: _Worker, message: PackedWork | AxisPlan) -> bool:
    """Send a message to a worker; return whether anyone is there to take it."""
    try:
        worker.tasks.send(message)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def _end(workers: Sequence[_Worker]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for worker in workers:
            _signal_group(worker, sign)
        _join(workers, GRACE)


def _signal_group(worker: _Worker, sign: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(worker.pid, sign)  # its children too
    with suppress(ProcessLookupError):
        if worker.process.exitcode is None:
            os.kill(worker.pid, sign)  # it may not have made its group yet


def _join(workers: Sequence[_Worker], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    for worker in workers:
        worker.process.join(max(0.0, deadline - time.monotonic()))


def _cause(exitcode: int | None) -> str:
    if exitcode == LOST:
        return "exit code 255, or the process that it was forked from died"
    if exitcode is None or exitcode >= 0:
        return f"exit code {exitcode}"
    try:
        return signal.Signals(-exitcode).name
    except ValueError:  # a real-time signal
        return f"signal {-exitcode}"
