"""Between the window, its plates and the server: takes the user's wishes, asks the server, tells what has changed."""

from __future__ import annotations

import time
import uuid
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace
from qtpy.QtCore import QObject, QTimer, Signal

from plateflow.errors import UserError
from plateflow.gui.consultant import Consultant
from plateflow.gui.link import Adopted, Answer, Connected, Disconnected, Event, News, Refused, ServerLink
from plateflow.gui.plates import PlateStore, can_retry
from plateflow.gui.session import GONE, KeptPlate
from plateflow.gui.states import BUSY
from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.progress.update import decode
from plateflow.service.job import JobSpec, default_results, describe_pipeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plateflow.gui.chosen_format import ChosenFormat
    from plateflow.gui.plates import Plate
    from plateflow.runtime.client import ExecutionClient
    from plateflow.runtime.control import Summary

FRAME_MS = 40
"""The window is drawn at most so often."""
HISTORY = 200
"""Executions that are listed."""
BUDGET_S = 0.008
"""Of one frame, for taking news; what is left comes in the next."""


class Retry(NamedTuple):
    """A run of failed wells again."""

    wells: tuple[str, ...] | None
    """Only these; None: all that had failed."""


class Manager(QObject):
    """Owns the plates and the link to the server; all of it in the window's thread, but the link's own.

    Parameters
    ----------
    directory
        The server's; one is started where none runs.
    """

    rows_changed = Signal(object)
    """Paths of plates whose row is another now."""
    plates_changed = Signal()
    """Plates came or went."""
    messages_came = Signal(str, object)
    """Path of a plate, and its new messages."""
    connection_changed = Signal(str)
    """The connection in words."""
    problem = Signal(str)
    """A mistake of the user, in one line."""
    connected = Signal()
    """A server is there."""
    disconnected = Signal(str, bool)
    """Why no server is heard, and whether that is because it broke the schema; again with each attempt."""
    ended = Signal(str)
    """Path of a plate whose run has ended."""
    history_came = Signal(object)
    """Summaries of the newest executions, of any plate."""
    traceback_came = Signal(str, str, str)
    """Path of a plate, a well, and why it failed, in full."""
    _woken = Signal()

    def __init__(self, directory: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.store = PlateStore()
        self._in_threads = False
        self.connection = "connecting"
        self._events: deque[Event] = deque()
        self._closed = False
        self._drawn = 0.0  # when the last frame began, on the monotonic clock
        self._frame = QTimer(self)
        self._frame.setSingleShot(True)
        self._frame.timeout.connect(self._draw)
        self._woken.connect(self._schedule)
        self.consultant = Consultant(directory, self)
        """Whom to ask about functions, pipelines and images."""
        self.link = ServerLink(directory, self._woken.emit)

    @property
    def heard(self) -> float:
        """When the server was last heard of, by a heartbeat too; on the monotonic clock, in seconds."""
        return self.link.heard

    def close(self) -> None:
        """Leave the server, once; what runs goes on."""
        if not self._closed:
            self._closed = True
            self._frame.stop()
            self.consultant.close()
            self.link.close()

    def add(self, folders: Iterable[str | Path], pipeline: str = "") -> list[str]:
        """Add plates at the end of the list; return the paths of those that are new."""
        return self.restore(KeptPlate(str(Path(folder).resolve()), pipeline) for folder in folders)

    def restore(self, plates: Iterable[KeptPlate]) -> list[str]:
        """Add plates as they were kept, also those whose folder is not there now; return the paths that are new."""
        new = [kept.path for kept in plates if self.store.add(kept.path, kept.pipeline, kept.output, kept.format)]
        for path in new:
            self.store.plates[path].problem = "" if Path(path).is_dir() else GONE
        if new:
            self.plates_changed.emit()
            self.link.ask("", lambda client: self._join(client, new))
        return new

    def remove(self, paths: Iterable[str]) -> None:
        """Remove plates from the list; what runs of them goes on."""
        for path in paths:
            self.store.remove(path)
        self.plates_changed.emit()

    def set_pipeline(self, paths: Iterable[str], pipeline: str) -> None:
        """Give plates a pipeline file, or tell that theirs has changed."""
        for path in paths:
            self.store.set_pipeline(path, pipeline)
        self._schedule()

    def set_format(self, paths: Iterable[str], chosen: ChosenFormat) -> None:
        """Have plates read in another way from now on; those that are not in the list any more are passed over."""
        for path in paths:
            if path in self.store.plates:
                self.store.set_format(path, chosen)
        self._schedule()

    def set_threads(self, on: bool) -> None:
        """Run the wells of the runs to come in threads, or in processes."""
        self._in_threads = on

    def init(self, paths: Iterable[str]) -> None:
        """Open plates."""
        for path in paths:
            self._request(path, ExecutionKind.INIT)

    def compile(self, paths: Iterable[str]) -> None:
        """Check plates against their pipelines."""
        for path in paths:
            self._request(path, ExecutionKind.COMPILE)

    def run(self, paths: Iterable[str]) -> None:
        """Run plates' pipelines, into a new folder each."""
        for path in paths:
            self._request(path, ExecutionKind.RUN)

    def stop(self, paths: Iterable[str]) -> None:
        """Cancel what runs or waits of these plates, and nothing else."""
        for path in paths:
            if execution_id := self.store.stop(path):
                self._ask_cancel(execution_id)
        self._schedule()

    def pause(self, paths: Iterable[str]) -> None:
        """Have runs begin no further well, or go on where they are paused."""
        for path in paths:
            execution_id, goes_on = self.store.pause(path)
            if execution_id:
                self._ask_pause(execution_id, goes_on=goes_on)
        self._schedule()

    def retry(self, paths: Iterable[str], wells: tuple[str, ...] | None = None) -> None:
        """Run failed wells again, in the same results folder.

        Parameters
        ----------
        paths
            Of the plates.
        wells
            Only these; None: all that had failed.
        """
        for path in paths:
            self._request(path, ExecutionKind.RUN, Retry(wells))

    def ask_history(self) -> None:
        """Have the history fetched; :attr:`history_came` brings it."""
        self.link.ask("", lambda client: client.status(limit=HISTORY), self._take_history)

    def ask_traceback(self, path: str, well: str) -> None:
        """Have a failed well's traceback fetched from the journal; :attr:`traceback_came` brings it."""
        details = self.store.plates[path].details
        axis = details.axes.get(well) if details is not None else None
        if details is None or axis is None or not axis.error_seq:
            self.traceback_came.emit(path, well, "")
            return
        execution_id, seq = details.execution_id, axis.error_seq

        def fetch(client: ExecutionClient) -> str:
            messages = client.replay_of(execution_id, seq).messages
            update = decode(bytes(messages[0])) if messages else None  # a run that the journal holds no more
            return (update.traceback or update.error or "") if update else ""

        self.link.ask("", fetch, lambda text: self.traceback_came.emit(path, well, text))

    def _take_history(self, summaries: Sequence[Summary]) -> None:
        self.store.take_queue([s.execution_id for s in summaries if s.state is ExecutionState.QUEUED])
        self.history_came.emit(summaries)

    def _ask_cancel(self, execution_id: str) -> None:
        self.link.ask("", lambda client: client.cancel(execution_id))

    def _ask_pause(self, execution_id: str, *, goes_on: bool) -> None:
        self.link.ask("", lambda client: (client.proceed if goes_on else client.pause)(execution_id))

    def _request(self, path: str, kind: ExecutionKind, retry: Retry | None = None) -> None:
        plate = self.store.plates[path]
        if plate.state in BUSY or (retry is not None and not can_retry(plate)):
            return  # the others of a selection are served, this one goes on
        execution_id = uuid.uuid4().hex
        try:
            spec = self._spec(plate, kind, execution_id, retry)
        except UserError as e:
            self.problem.emit(str(e))
            return
        self.store.request(path, kind, execution_id, spec.output or "")
        self.link.follow(execution_id)
        self.link.ask(execution_id, lambda client: client.submit(path, kind, spec, execution_id=execution_id))
        self._schedule()

    def _spec(self, plate: Plate, kind: ExecutionKind, execution_id: str, retry: Retry | None) -> JobSpec:
        if not plate.pipeline and kind is not ExecutionKind.INIT:
            raise UserError(f"{plate.name} has no pipeline yet: choose one first")
        spec = JobSpec(
            plate=plate.path,
            pipeline=describe_pipeline(plate.pipeline) if plate.pipeline else None,
            layout=plate.format.layout,
            filenames=plate.format.filenames,
            executor="threads" if self._in_threads else "processes",
        )
        if retry is not None:
            return replace(spec, output=plate.output, rerun="failed", wells=retry.wells)
        if kind is not ExecutionKind.RUN:
            return spec
        return replace(spec, output=str(default_results(Path(plate.path), execution_id)))

    def _join(self, client: ExecutionClient, paths: list[str]) -> None:
        # In the link's thread: what the server last did for these plates, also for another window or terminal.
        latest = {summary.plate_id: summary.execution_id for summary in client.status(limit=1000)}
        for path in paths:
            if path in latest:
                self.link.follow(latest[path])

    def _schedule(self) -> None:
        if not self._frame.isActive():
            since = 1000 * (time.monotonic() - self._drawn)
            self._frame.start(max(0, round(FRAME_MS - since)))  # the first after a pause is drawn at once

    def _draw(self) -> None:
        self._events.extend(self.link.take())
        self._drawn = time.monotonic()
        until = self._drawn + BUDGET_S
        while self._events and time.monotonic() < until:
            self._take(self._events.popleft())
        changed = self.store.take_changed()
        if changed:
            self.rows_changed.emit(changed & self.store.plates.keys())
        if self._events:
            self._schedule()

    def _take(self, event: Event) -> None:
        if isinstance(event, Connected):
            self._connect(f"server {event.pid}")
            self.connected.emit()
        elif isinstance(event, Disconnected):
            self._connect("no server")
            self.store.lose(event.reason)
            self.disconnected.emit(event.reason, event.broken)
        elif isinstance(event, Refused):
            self.store.refuse(event.execution_id, event.reason)
            if not event.execution_id:
                self.problem.emit(event.reason)
        elif isinstance(event, Answer):
            event.then(event.value)
        elif isinstance(event, Adopted):
            if (ended := self.store.adopt(event.snapshot)) is not None:
                self.ended.emit(ended.path)
        else:
            self._take_news(event)

    def _take_news(self, news: News) -> None:
        plate = self.store.apply(news.execution_id, news.messages, news.first_seq)
        if plate is None:
            return
        plate.estimator.take(news.messages, time.monotonic())
        self.messages_came.emit(plate.path, news.messages)
        if plate.progress is not None and plate.progress.ended and plate.progress.kind is ExecutionKind.RUN:
            self.ended.emit(plate.path)

    def _connect(self, words: str) -> None:
        self.connection = words
        self.connection_changed.emit(words)
