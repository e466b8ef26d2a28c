"""A worker process: takes one well at a time from its task pipe, reports on its line pipe, dies with its parent."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from plateflow.execution.axis import AxisRunner
from plateflow.execution.executor import Work, reporter, result_line
from plateflow.execution.results import writer_for
from plateflow.lines.writer import LineWriter
from plateflow.progress.emitter import Emitter

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from plateflow.pipeline.plan import AxisPlan

NICENESS = 10
"""Viewers on the same machine stay smooth."""


def worker_main(tasks: Connection, lines: Connection, parent: Connection) -> None:
    """Work until the task pipe ends.

    Parameters
    ----------
    tasks
        Brings a :class:`Work`, then wells.
    lines
        Takes updates, and after each well its result.
    parent
        Its other end is held by the parent only: when that is gone, so is this process and all it started.
    """
    os.setpgid(0, 0)
    _die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    writer = LineWriter(lines.fileno())
    runner: AxisRunner | None = None
    while (message := _receive(tasks)) is not None:
        if isinstance(message, Work):
            emitter = Emitter(reporter(writer), message.execution_id, message.plan.plate.path)
            runner = AxisRunner(message.plan, emitter, writer_for(message), _never)
        elif runner is not None:
            failure = runner.run(message)
            writer.write(result_line(message, failure, cancelled=False))
            writer.flush()


def _receive(tasks: Connection) -> Work | AxisPlan | None:
    try:
        message: Work | AxisPlan = tasks.recv()
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
