"""Calls back with the messages of one execution, from a thread of its own."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from plateflow.progress.messages import Message
    from plateflow.progress.state import ExecutionProgress
    from plateflow.runtime.client import ExecutionClient

    OnProgress = Callable[[Message, ExecutionProgress], object]

POLL = 0.1
"""Seconds within which :meth:`Listener.close` is seen."""


class Listener:
    """Made by :meth:`~plateflow.runtime.client.ExecutionClient.listen`; no message is missing or comes twice.

    Parameters
    ----------
    connect
        Makes the client that the thread uses.
    execution_id
        32 hex digits.
    on_progress
        Called in that thread with each message, and the state that it is already folded into, perhaps with others that
        came together with it.
    after
        As for a follower.
    """

    def __init__(
        self,
        connect: Callable[[], ExecutionClient],
        execution_id: str,
        on_progress: OnProgress,
        after: int | None,
    ) -> None:
        self._closing = threading.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="plateflow-listener")
        ready: Future[None] = Future()

        def listen() -> ExecutionProgress:
            with connect() as client, client.follow(execution_id, after=after) as follower:
                ready.set_result(None)
                while not (self._closing.is_set() or follower.state.ended):
                    for message in follower.poll(POLL):
                        if self._closing.is_set():
                            break
                        on_progress(message, follower.state)
                return follower.state

        self._ended = self._thread.submit(listen)
        self._ended.add_done_callback(lambda ended: None if ready.done() else ready.set_exception(_error(ended)))
        try:
            ready.result()
        except BaseException:
            self._thread.shutdown()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def join(self, timeout: float | None = None) -> ExecutionProgress:
        """Wait until the execution has ended and all was called back; return its final state.

        Raises
        ------
        TimeoutError
            If that takes longer than ``timeout`` seconds.
        SchemaError
            If a message breaks the schema; names the field.
        ServerError
            If the server is gone.
        Exception
            Whatever ``on_progress`` raised, which ended the listening.
        """
        return self._ended.result(timeout)

    def close(self) -> None:
        """Stop listening, after the message under way; not to be called from ``on_progress``."""
        self._closing.set()
        self._thread.shutdown()


def _error(ended: Future[ExecutionProgress]) -> BaseException:
    return ended.exception() or AssertionError("it ended before it began")
