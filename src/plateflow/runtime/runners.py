"""Runners: one child process per execution, and the spare one that is started ahead."""

from __future__ import annotations

import itertools
import logging
import math
import os
import select
import signal
import socket
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from plateflow.errors import ServerError
from plateflow.lines.reader import LineReader, Lines
from plateflow.lines.writer import LineWriter, ReaderGoneError
from plateflow.runtime.jobs import ANSWER_LIMIT, Command, Inquiry, encode_command
from plateflow.runtime.processes import kill_session, signal_group

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

GRACE = 0.5
"""Seconds between SIGTERM and SIGKILL."""
LOGS_KEPT = 100

_log = logging.getLogger(__name__)


class Runner:
    """One child process in a session of its own, its socket, and when it will be stopped.

    Parameters
    ----------
    argv
        Its command; ``--fd N`` is appended.
    log
        File for what it prints.

    Raises
    ------
    OSError
        If it cannot be started.
    """

    def __init__(self, argv: Sequence[str], log: Path) -> None:
        self.log = log
        """Of what it prints; removed at its end where it is empty."""
        self._socket, theirs = socket.socketpair()
        try:
            with theirs, open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
                self._process = subprocess.Popen(
                    [*argv, "--fd", str(theirs.fileno())],
                    pass_fds=(theirs.fileno(),),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
        except OSError:
            self._socket.close()
            raise
        self.fd = self._socket.fileno()
        self.exit_fd = _exit_descriptor(self._process)
        """Readable once the process has ended; its socket may stay open longer, held by a child that it forked."""
        self._reader = LineReader(self.fd)
        self._writer = LineWriter(self.fd, stall_wait=0)
        self.hears = True
        """Whether its lines are still read."""
        self.stopped = False
        """Whether it had to be stopped."""
        self._stop_at: float | None = None
        self._kill_at: float | None = None

    @property
    def pid(self) -> int:
        """Process id, and the id of its session."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs; does not reap it."""
        return not await_exit([self], 0)

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` has something to do, on the monotonic clock."""
        return self._stop_at if self._kill_at is None else self._kill_at

    @property
    def unsent(self) -> bool:
        """Whether a command waits for room in the socket."""
        return self._writer.pending

    def name_log(self, purpose: str) -> None:
        """Give the log the name of what the runner was taken for."""
        try:
            self.log = self.log.rename(self.log.with_name(f"{purpose}.log"))
        except OSError as e:  # somebody cleaned the directory; the runner does not mind
            _log.warning("the log of runner %d cannot be named: %s", self.pid, e)

    def read(self) -> Lines:
        """Read lines; see :meth:`~plateflow.lines.reader.LineReader.read`."""
        return self._reader.read()

    def ask(self, inquiry: Inquiry) -> None:
        """Send it a question, whose answer may be a longer line than any message."""
        self._reader = LineReader(self.fd, limit=ANSWER_LIMIT)
        self.send(inquiry)

    def send(self, command: Command) -> None:
        """Send a command, or keep it until the socket takes it."""
        try:
            self._writer.write(encode_command(command))
        except ReaderGoneError as e:  # its end will be seen by itself
            _log.debug("runner %d: %s", self.pid, e)

    def send_unsent(self) -> None:
        """Send what waits, as far as the socket takes it."""
        try:
            self._writer.write_pending()
        except ReaderGoneError as e:
            _log.debug("runner %d: %s", self.pid, e)

    def stop_after(self, seconds: float) -> None:
        """Let it end by itself for so long; then SIGTERM, 0.5 s, SIGKILL. Returns at once."""
        if self._stop_at is None and self._kill_at is None:
            self._stop_at = time.monotonic() + seconds

    def stop_now(self, now: float) -> None:
        """SIGTERM at once, SIGKILL 0.5 s later."""
        if self._kill_at is None:
            self._stop_at = now
            self.tick(now)

    def tick(self, now: float) -> None:
        """Send the signal that is due."""
        if self._kill_at is not None and now >= self._kill_at:
            self.kill()
        elif self._stop_at is not None and now >= self._stop_at:
            self.stopped = True
            signal_group(self.pid, signal.SIGTERM)
            self._stop_at, self._kill_at = None, now + GRACE

    def kill(self) -> None:
        """SIGKILL it and what is left of its session; returns at once."""
        self._stop_at, self._kill_at = None, None
        kill_session(self.pid)

    def close(self) -> int:
        """Reap it, which was killed or has ended, and free its descriptors; return its exit code, -9 for SIGKILL."""
        code = self._process.wait()
        os.close(self.exit_fd)
        self._socket.close()
        with suppress(OSError):  # somebody cleaned the directory, or its disk is read-only now
            if not self.log.stat().st_size:
                self.log.unlink()
        return code


class RunnerPool:
    """Starts runners, and keeps one started ahead so that a submit need not wait for imports.

    Parameters
    ----------
    argv
        Command of a runner.
    logs
        Private directory for what they print; the newest 100 files stay.
    """

    def __init__(self, argv: Sequence[str], logs: Path) -> None:
        self._argv = argv
        self.logs = logs
        self._serial = itertools.count(1)
        self._spare: Runner | None = None
        _remove_old_logs(logs)

    def take(self, purpose: str) -> Runner:
        """Return the spare runner, or a new one where there is none or it has died.

        Parameters
        ----------
        purpose
            The execution's id, or a question's; its log is called so.

        Raises
        ------
        ServerError
            If none can be started.
        """
        spare, self._spare = self._spare, None
        if spare is not None and not spare.alive:
            _log.warning("the spare runner %d has ended before its use, exit code %d", spare.pid, spare.close())
            spare = None
        try:
            runner = spare or self._start()
        except OSError as e:
            raise ServerError(f"runner could not be started: {e}") from e
        runner.name_log(purpose)
        return runner

    def restock(self) -> None:
        """Start the spare, if there is none."""
        if self._spare is not None:
            return
        try:
            self._spare = self._start()
        except OSError as e:  # said again, to the client, by the execution that needs it
            _log.warning("no spare runner could be started: %s", e)

    def close(self) -> None:
        """End the spare."""
        spare, self._spare = self._spare, None
        if spare is not None:
            spare.kill()
            spare.close()

    def _start(self) -> Runner:
        return Runner(self._argv, self.logs / f"spare-{os.getpid()}-{next(self._serial)}.log")


def await_exit(runners: list[Runner], timeout: float) -> list[Runner]:
    """Wait until one of these has ended, at most ``timeout`` seconds; return those that have."""
    exits = select.poll()
    for runner in runners:
        exits.register(runner.exit_fd, select.POLLIN)
    ended = {fd for fd, _ in exits.poll(math.ceil(1000 * timeout))}
    return [runner for runner in runners if runner.exit_fd in ended]


def _exit_descriptor(process: subprocess.Popen[bytes]) -> int:
    try:
        return os.pidfd_open(process.pid)
    except OSError:
        process.kill()
        process.wait()
        raise


def _remove_old_logs(logs: Path) -> None:
    files = sorted(logs.glob("*.log"), key=lambda path: path.stat().st_mtime)
    for path in files[: max(0, len(files) - LOGS_KEPT)]:
        path.unlink()
