"""A worker process: takes one well at a time from its task pipe, reports on its line pipe, dies with its parent."""

from __future__ import annotations

import fcntl
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.reduction import recv_handle
from pathlib import Path
from typing import TYPE_CHECKING

from plateflow.execution.axis import AxisRunner, refuse_axis
from plateflow.execution.executor import PackedWork, Work, reporter, result_line
from plateflow.execution.faults import FAULT, read_fault
from plateflow.execution.results import writer_for
from plateflow.execution.surroundings import Surroundings
from plateflow.lines.writer import LineWriter
from plateflow.pipeline.plan import AxisPlan
from plateflow.progress.emitter import Emitter
from plateflow.progress.failure import Failure, describe

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

NICENESS = 10
"""Viewers on the same machine stay smooth."""


RunAxis = Callable[[AxisPlan], Failure | None]


def worker_main(tasks: Connection, lines: Connection, parent: Connection) -> None:
    """Work until the task pipe ends, then end with all that user code started.

    Parameters
    ----------
    tasks
        Brings a :class:`PackedWork`, then wells.
    lines
        Takes updates, and after each well its result.
    parent
        Its other end is held by the parent only: when that is gone, so is this process and all it started. Its own
        pipe: whom the kernel kills is a property of the open file, which workers with one pipe would share.
    """
    os.setpgid(0, 0)
    _die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    _work(tasks, LineWriter(lines.fileno()), Surroundings())
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # closed by user code
            stream.flush()
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _work(tasks: Connection, writer: LineWriter, surroundings: Surroundings) -> None:
    run: RunAxis | None = None
    output = ""
    while (message := _receive(tasks)) is not None:
        if isinstance(message, PackedWork):
            if message.holds:
                os.set_inheritable(recv_handle(tasks), False)  # held until this process ends
            run, output = _unpack(message, writer), message.output
        elif run is not None:
            with surroundings.for_well(message.axis_id, output):
                failure = run(message)
            writer.write(result_line(message, failure, cancelled=False))
            writer.flush()


def _unpack(packed: PackedWork, writer: LineWriter) -> RunAxis:
    emitter = Emitter(reporter(writer), packed.execution_id, packed.plate_id)
    try:
        work: Work = pickle.loads(packed.data)
        fault = read_fault(os.environ.get(FAULT, ""))
        images = Path(work.plate_images)
        return AxisRunner(work.plan, emitter, writer_for(work), _never, images, fault, work.output).run
    except (Exception, SystemExit) as e:  # noqa: BLE001 - the boundary of loading a user's pipeline
        failure = describe(e)
    return lambda axis: refuse_axis(emitter, axis, packed, failure)


def _receive(tasks: Connection) -> PackedWork | AxisPlan | None:
    try:
        message: PackedWork | AxisPlan = tasks.recv()
    except EOFError:
        return None
    return message


def _never() -> bool:
    return False


def _die_with_parent(parent: Connection) -> None:
    if sys.platform == "linux":
        # The kernel kills the whole group when the parent's end closes, also while this process is stuck in C.
        fd = parent.fileno()
        fcntl.fcntl(fd, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)
        if parent.poll(0):  # gone before it was armed
            os.killpg(os.getpgrp(), signal.SIGKILL)
    else:
        threading.Thread(target=_wait_and_kill, args=(parent, os.killpg), daemon=True).start()


def _wait_and_kill(parent: Connection, kill: Callable[[int, int], None]) -> None:
    parent.poll(None)
    kill(os.getpgrp(), signal.SIGKILL)
