"""The client: requests to a server, and its progress."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec
import zmq

from plateflow.errors import SchemaError, ServerError
from plateflow.progress.state import ExecutionProgress, restore
from plateflow.progress.strict import ENCODER
from plateflow.runtime import control
from plateflow.runtime.follower import Courier, Follower, Following
from plateflow.runtime.jobs import ANSWER_TIME
from plateflow.runtime.listener import Listener
from plateflow.runtime.requester import RefusedError, Requester, Wait
from plateflow.settings import runtime_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType

    from plateflow.progress.messages import ExecutionKind, ExecutionState, Message
    from plateflow.runtime.endpoints import Connection
    from plateflow.runtime.listener import OnProgress
    from plateflow.runtime.ports import Context

__all__ = ["ExecutionClient", "RefusedError"]

_Following = TypeVar("_Following", bound=Following[Any])

TIMEOUT = 5.0
"""Seconds to wait for a reply."""
_POLL = 1.0


class ExecutionClient:
    """Talks to the server of a directory; for one thread, and not across a fork.

    Parameters
    ----------
    directory
        The server's; by default that of the default server.
    timeout
        Seconds to wait for a reply.

    Raises
    ------
    ServerError
        If no server runs there.
    """

    def __init__(self, directory: Path | None = None, *, timeout: float = TIMEOUT) -> None:
        self._directory = directory or runtime_directory()
        self._timeout = timeout
        self._context: Context = zmq.Context()
        try:
            self._requester = Requester(self._context, self._directory, timeout)
        except ServerError:
            self._context.term()
            raise
        self._followers: list[Following[Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def connection(self) -> Connection:
        """The server that this client last found."""
        return self._requester.connection

    def close(self) -> None:
        """Close the client and its followers."""
        if not self._requester.is_here:
            return  # a forked child: these sockets are its parent's
        for follower in self._followers:
            follower.close()
        self._requester.close()
        self._context.term()

    def check_alive(self) -> None:
        """Look whether the server's process still runs, without asking it.

        Raises
        ------
        ServerError
            If it has ended.
        """
        self._requester.check_alive()

    def ping(self) -> control.Pong:
        """Ask whether the server is there."""
        return self._requester.ask(control.Ping(request_id=self._requester.next_id()), control.Pong)

    def submit(
        self,
        plate_id: str,
        kind: ExecutionKind,
        job: bytes | msgspec.Struct,
        *,
        execution_id: str | None = None,
    ) -> str:
        """Queue an execution.

        Parameters
        ----------
        plate_id
            Resolved absolute path of the plate.
        kind
            What to do.
        job
            For the runner: a JSON object, or a Struct that encodes to one.
        execution_id
            32 hex digits; by default a new one. Submitting the same again queues nothing new.

        Returns
        -------
        str
            The execution id.

        Raises
        ------
        SchemaError
            If a field cannot be sent; names it.
        """
        payload = job if isinstance(job, bytes) else ENCODER.encode(job)
        request = control.Submit(
            request_id=self._requester.next_id(),
            execution_id=execution_id or uuid.uuid4().hex,
            plate_id=plate_id,
            kind=kind,
            job=msgspec.Raw(payload),
        )
        return self._requester.ask(request, control.Accepted).execution_id

    def status(self, begins_with: str = "", limit: int = 100) -> tuple[control.Summary, ...]:
        """Return summaries of the newest executions, ended ones included, in the order of their submission.

        Parameters
        ----------
        begins_with
            Only those whose id begins so.
        limit
            At most so many, 1 to 1000.
        """
        request = control.Status(request_id=self._requester.next_id(), begins_with=begins_with, limit=limit)
        return self._requester.ask(request, control.Summaries).executions

    def describe(self, execution_id: str) -> control.Described:
        """Return the summary of an execution and its job, as it was submitted.

        Raises
        ------
        RefusedError
            If the server does not know it.
        """
        request = control.Describe(request_id=self._requester.next_id(), execution_id=execution_id)
        return self._requester.ask(request, control.Described)

    def cancel(self, execution_id: str, *, drain: bool = False) -> ExecutionState:
        """Cancel one execution; return its state now: ``running`` means that its runner has been told.

        Parameters
        ----------
        execution_id
            The one.
        drain
            Let its wells under way end first; asked again without, it ends at once.
        """
        request = control.Cancel(request_id=self._requester.next_id(), execution_id=execution_id, drain=drain)
        return self._requester.ask(request, control.Cancelling).state

    def pause(self, execution_id: str) -> ExecutionState:
        """Have a run begin no further well; return its state now. ``paused`` comes once those under way have ended.

        Raises
        ------
        RefusedError
            If it is no run, is not under way, or is not known.
        """
        request = control.Pause(request_id=self._requester.next_id(), execution_id=execution_id)
        return self._requester.ask(request, control.Told).state

    def proceed(self, execution_id: str) -> ExecutionState:
        """Have a run go on after a pause; return its state now.

        Raises
        ------
        RefusedError
            If it is no run, is not under way, or is not known.
        """
        request = control.Continue(request_id=self._requester.next_id(), execution_id=execution_id)
        return self._requester.ask(request, control.Told).state

    def snapshot(self, execution_id: str) -> ExecutionProgress:
        """Return the state of an execution.

        Raises
        ------
        ServerError
            If the server does not know it.
        """
        state = restore(bytes(self.snapshot_of(execution_id).state))
        if state.state is None:
            raise ServerError(f"the server knows no execution {execution_id}; list them with `plateflow runs`")
        return state

    def inquire(self, question: bytes | msgspec.Struct, *, give_up: Callable[[], bool] = lambda: False) -> bytes:
        """Have a runner answer a question, beside all executions; waits for that, at most about a minute.

        Parameters
        ----------
        question
            For the runner: a JSON object, or a Struct that encodes to one.
        give_up
            Asked every quarter of a second: whether nobody wants the answer any more.

        Returns
        -------
        bytes
            The answer, a JSON object.

        Raises
        ------
        RefusedError
            If the runner ended before it answered, or took too long.
        NoAnswerError
            If it was given up.
        """
        payload = question if isinstance(question, bytes) else ENCODER.encode(question)
        request = control.Inquire(request_id=self._requester.next_id(), question=msgspec.Raw(payload))
        return bytes(self._requester.ask(request, control.Answered, Wait(2 * ANSWER_TIME, give_up)).answer)

    def shutdown(self) -> None:
        """Ask the server to end what runs and stop."""
        self._requester.ask(control.Shutdown(request_id=self._requester.next_id()), control.ShuttingDown)

    def wait(self, execution_id: str, timeout: float | None = None) -> ExecutionProgress:
        """Wait until an execution has ended; return its final state.

        Raises
        ------
        ServerError
            If the server does not know it, ends meanwhile, or ``timeout`` seconds pass.
        """
        self.snapshot(execution_id)
        deadline = None if timeout is None else time.monotonic() + timeout
        with self.follow(execution_id) as follower:
            while not follower.state.ended:
                left = _POLL if deadline is None else min(_POLL, deadline - time.monotonic())
                if left <= 0:
                    state = follower.state.state
                    raise ServerError(f"execution {execution_id} has not ended within {timeout} s; it is {state}")
                follower.poll(left)
            return follower.state

    def follow(self, execution_id: str, *, after: int | None = None) -> Follower:
        """Follow the state of an execution, exact from the moment this returns; it need not be submitted yet.

        The follower belongs to this client's thread and is closed with it at the latest.

        Parameters
        ----------
        execution_id
            32 hex digits.
        after
            Messages beyond this ``seq`` are returned, those that are past too; None: only those that are still to come.

        Raises
        ------
        SchemaError
            If ``execution_id`` is not 32 hex digits.
        """
        return self._following(Follower, execution_id, after)

    def carry(self, execution_id: str) -> Courier:
        """As :meth:`follow`, without folding: for whoever passes snapshot and messages on to another thread.

        Parameters
        ----------
        execution_id
            32 hex digits.

        Raises
        ------
        SchemaError
            If ``execution_id`` is not 32 hex digits.
        """
        return self._following(Courier, execution_id, None)

    def progress(self, execution_id: str, *, after: int | None = None) -> Iterator[Message]:
        """Iterate over the messages of an execution until after its last: every one, once, in order.

        The subscription is made when this is called, so call it before :meth:`submit` to miss nothing.

        Parameters
        ----------
        execution_id
            32 hex digits.
        after
            As for :meth:`follow`; 0 for all messages from the first.

        Raises
        ------
        SchemaError
            While iterating: at the first message that breaks the schema; names the field.
        ServerError
            If the server ends and no other takes its place within a few seconds.
        """
        return self._progress_listener_loop(self.follow(execution_id, after=after))

    def listen(self, execution_id: str, on_progress: OnProgress, *, after: int | None = None) -> Listener:
        """Have a function called with each message of an execution, in a thread with a client of its own.

        Returns once it is subscribed, so listen before :meth:`submit` to miss nothing.

        Parameters
        ----------
        execution_id
            32 hex digits.
        on_progress
            Called with each message, and the state that it is already folded into, perhaps with others that came with
            it.
        after
            As for :meth:`follow`.
        """

        def connect() -> ExecutionClient:
            return ExecutionClient(self._directory, timeout=self._timeout)

        return Listener(connect, execution_id, on_progress, after)

    def snapshot_of(self, execution_id: str) -> control.Snapshotted:
        """Ask for the state of an execution as the server encoded it."""
        request = control.Snapshot(request_id=self._requester.next_id(), execution_id=execution_id)
        return self._requester.ask(request, control.Snapshotted)

    def replay_of(self, execution_id: str, from_seq: int) -> control.Replayed:
        """Ask for messages of an execution from the journal, as many as one reply holds."""
        request = control.Replay(request_id=self._requester.next_id(), execution_id=execution_id, from_seq=from_seq)
        return self._requester.ask(request, control.Replayed)

    def _following(self, kind: type[_Following], execution_id: str, after: int | None) -> _Following:
        self._requester.check_process()
        if not control.is_execution_id(execution_id):
            raise SchemaError("execution_id", f"must be 32 lower-case hex digits, got {execution_id!r}")
        follower = kind(self._context, self._requester.connection.stream, execution_id, self, after=after)
        self._followers = [other for other in self._followers if not other.closed] + [follower]
        return follower

    def _progress_listener_loop(self, follower: Follower) -> Iterator[Message]:
        with follower:
            while True:
                yield from follower.poll(_POLL)
                if follower.state.ended:
                    return
