"""The execution server: the one place where executions wait, run, are numbered, folded and published."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

from plateflow.progress.messages import encode_message
from plateflow.progress.update import ProgressUpdate, as_update
from plateflow.runtime.endpoints import Endpoints
from plateflow.runtime.journal import Journal
from plateflow.runtime.loop import ServerLoop
from plateflow.runtime.mailbox import Mailbox
from plateflow.settings import JOURNAL_NAME, Retention

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType


class ExecutionServer:
    """Serves one directory, in the thread that calls :meth:`serve` or in one of its own (:meth:`start`); once.

    Parameters
    ----------
    directory
        Its private directory, made where it is missing: sockets, lock, connection file, logs of the runners.
    runner
        Command of a runner; ``--fd N`` is appended, N its end of a socketpair: jobs come down, lines go up.
    exit_when_idle
        Seconds without work and requests after which it ends by itself; None for never.
    journal
        File of the journal, in a private directory; by default in the server's own.
    retention
        How long, and how much, the journal keeps.
    """

    def __init__(
        self,
        directory: Path,
        runner: Sequence[str],
        *,
        exit_when_idle: float | None = None,
        journal: Path | None = None,
        retention: Retention | None = None,
    ) -> None:
        self._endpoints = Endpoints(directory.absolute())
        self._journal = Journal((journal or directory / JOURNAL_NAME).absolute(), retention or Retention())
        self._runner = tuple(runner)
        self._exit_when_idle = exit_when_idle
        self._mailbox = Mailbox()
        self._thread: ThreadPoolExecutor | None = None
        self._served: Future[None] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def serve(self) -> None:
        """Serve in this thread until stopped, asked to shut down, or idle for long enough.

        Raises
        ------
        ServerError
            If the directory is not private, its path too long, or another server runs there.
        """
        loop = self._open()
        if threading.current_thread() is not threading.main_thread():
            loop.run()
            return
        # A signal that comes just before the loop's poll would else be seen when something else ends that.
        before = signal.set_wakeup_fd(self._mailbox.wake_fd, warn_on_full_buffer=False)
        try:
            loop.run()
        finally:
            signal.set_wakeup_fd(before)

    def stop(self) -> None:
        """Ask the server to end what runs and stop; returns at once, also from a signal handler or another thread."""
        self._mailbox.stop()

    def start(self) -> None:
        """Serve in a thread of its own; returns when clients can connect.

        Raises
        ------
        ServerError
            As :meth:`serve`.
        """
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="plateflow-server")
        opening = self._thread.submit(self._open)
        if opening.exception() is not None:
            self._thread.shutdown()
        self._served = self._thread.submit(opening.result().run)

    def wait(self) -> None:
        """Wait until the server that :meth:`start` began has ended, for whatever reason."""
        if self._served is not None:
            self._served.result()

    def close(self) -> None:
        """Stop the server that :meth:`start` began, and wait until its runners and its thread have ended."""
        self.stop()
        if self._thread is not None:
            self._thread.shutdown()
        if self._served is not None:
            self._served.result()

    def send_progress_update(self, update: ProgressUpdate | Mapping[str, object]) -> int:
        """Take an update from within this process, as if its execution's runner had sent it; return its ``seq``.

        From any thread but the server's own. It is numbered, journaled, folded and published as a runner's line is;
        where the journal cannot be written, this waits until it can.

        Parameters
        ----------
        update
            An update, or a full mapping of its fields, ``type`` included.

        Raises
        ------
        SchemaError
            For an update that breaks the schema, or one of an execution that is unknown, has ended or is of another
            plate; names the field.
        ServerError
            If the server is not running.
        """
        checked = as_update(update)
        return self._mailbox.send(checked, encode_message(checked)).result()

    def _open(self) -> ServerLoop:
        return ServerLoop(self._endpoints, self._runner, self._exit_when_idle, self._mailbox, self._journal)
