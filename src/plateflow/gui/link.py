"""The thread that talks to the server, so that the window never waits for it."""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from plateflow.errors import PlateflowError, SchemaError, ServerError
from plateflow.runtime.follower import await_news
from plateflow.service.connect import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from plateflow.progress.messages import Message
    from plateflow.progress.state import Cursor
    from plateflow.runtime.client import ExecutionClient
    from plateflow.runtime.follower import Courier

POLL = 0.5
"""Seconds between looks at whether the server is there, while something is followed and nothing comes."""
POLL_IDLE = 2.0
"""The same while nothing is followed: no row depends on it."""
PATIENCE = 1.0
"""Seconds that a request may take."""
QUIET = 2.0
"""Seconds without a frame, of which there is one each second, until the server is asked whether it is there.

With a look each :data:`POLL` and :data:`PATIENCE` for the answer, one that hangs is noticed within 3.5.
"""
RECONNECT = 1.0
PACE = 0.04
"""Seconds between two looks at news, at least: one frame of the window. What comes meanwhile is read together, at less
than half the cost each, and the window's thread has Python's lock to itself. The first after a pause is read at once.
"""


class Connected(NamedTuple):
    """A server was found, or started."""

    pid: int


class Disconnected(NamedTuple):
    """There is no server, or it does not answer."""

    reason: str
    broken: bool = False
    """Whether it is there, but sent a message that breaks the schema."""


class Refused(NamedTuple):
    """A request failed."""

    execution_id: str
    reason: str


class Adopted(NamedTuple):
    """The state of an execution, from where its messages go on."""

    snapshot: bytes


class News(NamedTuple):
    """Messages of an execution, in order."""

    execution_id: str
    first_seq: int
    messages: Sequence[Message]


class Answer(NamedTuple):
    """What the server answered, and who wants to know."""

    then: Callable[[Any], object]
    value: Any


class _Question(NamedTuple):
    execution_id: str
    call: Callable[[ExecutionClient], Any]
    then: Callable[[Any], object] | None


Event: TypeAlias = Connected | Disconnected | Refused | Adopted | News | Answer


class ServerLink:
    """One connection to the server of a directory, in a thread of its own.

    Parameters
    ----------
    directory
        The server's; one is started where none runs.
    wake
        Called, in that thread, when events wait and none did before.
    """

    def __init__(self, directory: Path, wake: Callable[[], object]) -> None:
        self._directory = directory
        self._wake = wake
        self._events: deque[Event] = deque()
        self._lock = threading.Lock()
        self._questions: deque[_Question] = deque()
        self._followers: dict[str, Courier] = {}
        self._states: dict[str, Cursor] = {}
        self._wanted: set[str] = set()
        self._heard = 0.0  # when news were last looked at, on the monotonic clock
        self._closing = False
        self.heard = time.monotonic()
        """When the server was last heard of, by a heartbeat too; on the monotonic clock, in seconds."""
        self._bell_read, self._bell_write = os.pipe()
        self._thread = threading.Thread(target=self._run, name="plateflow-link")
        self._thread.start()

    def close(self) -> None:
        """End the thread; what runs goes on."""
        self._closing = True
        self._ring()
        self._thread.join()
        os.close(self._bell_read)
        os.close(self._bell_write)

    def take(self) -> list[Event]:
        """Return what has come since the last call."""
        with self._lock:
            events = list(self._events)
            self._events.clear()
        return events

    def ask(
        self,
        execution_id: str,
        call: Callable[[ExecutionClient], Any],
        then: Callable[[Any], object] | None = None,
    ) -> None:
        """Have something asked of the server, in the link's thread.

        Parameters
        ----------
        execution_id
            Named by :class:`Refused` where that fails; "" where it is about no execution.
        call
            Asks.
        then
            Comes back with the answer, as :class:`Answer`, for whoever takes the events to call.
        """
        self._questions.append(_Question(execution_id, call, then))
        self._ring()

    def follow(self, execution_id: str) -> None:
        """Follow an execution, also across a lost server; it need not be submitted yet."""
        self._wanted.add(execution_id)  # now, for the server may be gone before its turn comes
        self.ask(execution_id, lambda client: self._follow(client, execution_id))

    def _run(self) -> None:
        while not self._closing:
            try:
                with connect(self._directory, timeout=PATIENCE) as client:
                    self._emit(Connected(client.ping().pid))
                    self.heard = time.monotonic()
                    self._serve(client)
            except (PlateflowError, OSError) as e:  # a message that breaks the schema too: nothing of it is shown
                self._followers.clear()
                self._emit(Disconnected(str(e), broken=isinstance(e, SchemaError)))
                while self._questions:
                    self._emit(Refused(self._questions.popleft().execution_id, str(e)))
                self._await_bell(RECONNECT)

    def _serve(self, client: ExecutionClient) -> None:
        for execution_id in list(self._wanted):
            self._follow(client, execution_id)
        while not self._closing:
            while self._questions and not self._closing:
                self._carry_out(client, self._questions.popleft())
            for follower in self._await_news():
                self._hear(follower.execution_id, follower)
                self.heard = max(self.heard, follower.heard)
            client.check_alive()
            if self._followers and self._silence > QUIET:
                client.ping()
                self.heard = time.monotonic()

    @property
    def _silence(self) -> float:
        return time.monotonic() - self.heard

    def _await_news(self) -> list[Courier]:
        followers = list(self._followers.values())
        ready = await_news(followers, self._bell_read, POLL if followers else POLL_IDLE)
        self._hush()
        wait = self._heard + PACE - time.monotonic()
        if ready and wait > 0:
            self._await_bell(wait)
            ready = await_news(followers, self._bell_read, 0)
        if ready:
            self._heard = time.monotonic()
        return ready

    def _carry_out(self, client: ExecutionClient, question: _Question) -> None:
        try:
            value = question.call(client)
        except PlateflowError as e:
            if isinstance(e, ServerError):
                self._questions.appendleft(question)  # refused below, where the server is gone; else here
                client.check_alive()
                if self._followers and self._silence > QUIET:
                    raise
                self._questions.popleft()
            self._emit(Refused(question.execution_id, str(e)))
        else:
            if question.then is not None:
                self._emit(Answer(question.then, value))

    def _follow(self, client: ExecutionClient, execution_id: str) -> None:
        if execution_id not in self._followers:
            follower = self._followers[execution_id] = client.carry(execution_id)
            self._adopt(execution_id, follower)

    def _hear(self, execution_id: str, follower: Courier) -> None:
        first_seq = follower.state.seq + 1
        messages = follower.poll(0)
        if follower.state is not self._states[execution_id]:
            self._adopt(execution_id, follower)  # another server, whose journal had lost its end
        elif messages:
            self._emit(News(execution_id, first_seq, messages))
        if follower.state.ended:
            follower.close()
            self._wanted.discard(execution_id)
            del self._followers[execution_id], self._states[execution_id]

    def _adopt(self, execution_id: str, follower: Courier) -> None:
        self._states[execution_id] = follower.state
        self._emit(Adopted(follower.take_snapshot()))

    def _emit(self, event: Event) -> None:
        with self._lock:
            quiet = not self._events
            self._events.append(event)
        if quiet:
            self._wake()

    def _ring(self) -> None:
        os.write(self._bell_write, b"!")

    def _hush(self) -> None:
        if select.select([self._bell_read], [], [], 0)[0]:
            os.read(self._bell_read, 4096)

    def _await_bell(self, seconds: float) -> None:
        select.select([self._bell_read], [], [], seconds)
        self._hush()
