"""A runner: the child process of a server that carries out one job and exits, so that user code is always fresh.

Started ahead as a spare, with its imports done and its workers running; ``--fd`` is its end of a socketpair with the
server. It dies with the server, and its workers with it.
"""

from __future__ import annotations

import argparse
import atexit
import ctypes
import os
import select
import signal
import socket
import sys
import threading
from collections import deque

from plateflow.execution.fork_server import start_fork_server
from plateflow.execution.steering import Steering
from plateflow.lines.reader import LineReader
from plateflow.lines.writer import LineWriter, ReaderGoneError
from plateflow.runtime.jobs import (
    COMMAND_LIMIT,
    CancelJob,
    Command,
    ContinueJob,
    Inquiry,
    Job,
    PauseJob,
    decode_command,
)

PR_SET_PDEATHSIG = 1
"""From linux/prctl.h."""


class Link:
    """A runner's end of the socketpair: commands down, lines up.

    A server whose journal cannot be written does not read, perhaps for hours. Then :meth:`send` holds up the loop that
    forwards and hands out wells: each worker goes on to the end of its well and waits there. After a cancel nothing is
    held up, so that the run can end at once; the little that is still said waits in memory.
    """

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._reader = LineReader(fd, limit=COMMAND_LIMIT)
        self._writer = LineWriter(fd)
        self._commands: deque[bytes] = deque()
        self.steering = Steering()

    def send(self, lines: bytes) -> None:
        """Send whole lines; waits where the server is slow, until a cancel. Where it is gone, so is this process."""
        try:
            self._writer.write(lines)
            self._writer.flush(lambda: self.steering.cancelled)
        except ReaderGoneError:
            os._exit(1)

    def finish(self) -> None:
        """Wait until the server has all, or kills this process."""
        try:
            self._writer.flush()
        except ReaderGoneError:
            os._exit(1)

    @property
    def is_cut(self) -> bool:
        """Whether the server is gone."""
        try:
            return not self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:  # it has nothing to say yet
            return False
        except ConnectionError:
            return True

    def first_command(self) -> Job | Inquiry | None:
        """Wait for the job, or the question; None if the server ends, or cancels, before there is one."""
        command = self._next_command()
        return command if isinstance(command, Job | Inquiry) else None

    def watch(self) -> None:
        """Note what people ask of the run; exit at once when the server is gone."""
        while (command := self._next_command()) is not None:
            match command:
                case CancelJob(drain=True):
                    self.steering.drain()
                case CancelJob():
                    self.steering.cancel()
                case PauseJob():
                    self.steering.pause()
                case ContinueJob():
                    self.steering.proceed()
        os._exit(1)

    def _next_command(self) -> Command | None:
        while not self._commands:
            select.select([self._socket], [], [])
            found = self._reader.read()
            self._commands.extend(found.complete.splitlines())
            if found.ended and not found.complete:
                return None
        return decode_command(self._commands.popleft())


def main() -> None:
    """Wait for a job on ``--fd``, do it, exit."""
    parser = argparse.ArgumentParser(prog="plateflow.service.runner")
    parser.add_argument("--fd", type=int, required=True)
    link = Link(parser.parse_args().fd)
    _die_with_server()
    if link.is_cut:  # the server was gone before that
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the client's to act on
    start_fork_server()
    from plateflow.service.work import Workshop

    with Workshop() as workshop:
        command = link.first_command()
        threading.Thread(target=link.watch, name="commands", daemon=True).start()
        if isinstance(command, Job):
            workshop.do(command, link.send, link.steering)
        elif isinstance(command, Inquiry):
            link.send(workshop.answer(command))
    link.finish()
    sys.stdout.flush()
    sys.stderr.flush()
    atexit._run_exitfuncs()  # noqa: SLF001 - removes multiprocessing's temporary folders; os._exit would not
    os._exit(0)  # all is written: Python's own tidying would only keep the server waiting


def _die_with_server() -> None:
    # Also while user code holds the interpreter's lock, when no thread could hear of the socket's end. The signal comes
    # when the thread ends that started this process: the server's loop, which lives as long as the server.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
