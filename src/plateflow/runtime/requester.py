"""A client's end of the control channel: one request, its reply."""

from __future__ import annotations

import itertools
import math
import os
import time
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import zmq

from plateflow.errors import SchemaError, ServerError
from plateflow.runtime import control
from plateflow.runtime.endpoints import Connection, read_connection
from plateflow.runtime.processes import lives

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from plateflow.runtime.ports import Context

RESTART_TIME = 2.0
"""Seconds that a server which has died has to be started again."""
_RESTART_LOOKS = 40
_ALIVE_CHECK = 0.25

R = TypeVar("R", bound=control.Reply)


class RefusedError(ServerError):
    """The server refused a request.

    Attributes
    ----------
    field : str
        What was wrong; "" where it was not one field.
    """

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        super().__init__(f"{field}: {reason}" if field else reason)


class NoAnswerError(ServerError):
    """The server's process lives but does not answer: it is stopped, or very busy."""


class Wait(NamedTuple):
    """How long to wait for a reply."""

    timeout: float
    """Seconds."""
    give_up: Callable[[], bool] = lambda: False
    """Asked every quarter of a second: whether nobody wants the reply any more."""


class Requester:
    """Asks the server of a directory; for one thread, and not across a fork.

    Parameters
    ----------
    context
        Of that thread.
    directory
        The server's.
    timeout
        Seconds to wait for a reply.

    Raises
    ------
    ServerError
        If no server runs there.
    """

    def __init__(self, context: Context, directory: Path, timeout: float) -> None:
        self.connection: Connection
        """The server last found."""
        self._directory = directory
        self._timeout = timeout
        self._find_server()
        self._pid = os.getpid()
        self._request_ids = itertools.count(1)
        self._socket = context.socket(zmq.DEALER)
        self._socket.linger = 0
        self._socket.set(zmq.MAXMSGSIZE, control.REPLY_LIMIT)
        self._socket.connect(self.connection.control)

    @property
    def is_here(self) -> bool:
        """Whether this is the process that made it, not a fork of it."""
        return self._pid == os.getpid()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def next_id(self) -> int:
        """Return the id of the next request."""
        return next(self._request_ids)

    def ask(self, request: control.Request, expected: type[R], wait: Wait | None = None) -> R:
        """Send a request and return its reply.

        Parameters
        ----------
        request
            Sent, and sent again to a server that was started meanwhile.
        expected
            The reply to it.
        wait
            How long to wait for that; None: as for all.

        Raises
        ------
        SchemaError
            If a field cannot be sent; names it.
        RefusedError
            If the server refuses it.
        NoAnswerError
            If the server is there but does not answer.
        ServerError
            If it is gone.
        """
        self.check_process()
        data = control.encode_request(request)
        control.decode_request(data)  # as the server will: a Struct's constructor checks no types
        self._socket.send(data)
        again = None if isinstance(request, control.Shutdown) else data
        reply = self._receive(request.request_id, again, wait or Wait(self._timeout))
        if isinstance(reply, control.Refused):
            raise RefusedError(reply.field, reply.reason)
        if not isinstance(reply, expected):
            raise ServerError(f"the server answered with a {type(reply).__name__}; is it another version of plateflow?")
        return reply

    def check_process(self) -> None:
        """Refuse to go on in a forked child.

        Raises
        ------
        ServerError
            If this is another process than made it.
        """
        if not self.is_here:
            raise ServerError("this client was made before a fork; make a new one in the child process")

    def _receive(self, request_id: int, again: bytes | None, wait: Wait) -> control.Reply:
        # Sent again to a server that was started meanwhile: each but a shutdown may be carried out twice. Patience is
        # counted in polls that find nothing, not on the clock: being stopped meanwhile (SIGSTOP, a laptop) costs one.
        patience = max(2, math.ceil(wait.timeout / _ALIVE_CHECK))
        while patience > 0 and not wait.give_up():
            if not self._socket.poll(math.ceil(1000 * min(wait.timeout, _ALIVE_CHECK))):
                patience -= 1
                if not lives(self.connection.pid):
                    self._await_server()
                    if again is not None:
                        self._socket.send(again)
                continue
            reply = _decode(self._socket.recv())
            if reply.request_id == request_id:  # else the late answer to a request given up
                return reply
        self._find_server()
        raise NoAnswerError(
            f"the server in {self._directory} (pid {self.connection.pid}) did not answer within {wait.timeout} s; "
            "what it runs may go on: look again with `plateflow watch`"
        )

    def _await_server(self) -> None:
        for _ in range(_RESTART_LOOKS):
            try:
                self._find_server()
            except ServerError:
                time.sleep(RESTART_TIME / _RESTART_LOOKS)
            else:
                return
        self._find_server()

    def check_alive(self) -> None:
        """Look whether the server's process still runs.

        Raises
        ------
        ServerError
            If it has ended.
        """
        if not lives(self.connection.pid):
            self._find_server()

    def _find_server(self) -> None:
        # A killed server leaves its connection file; one started since has written a new one.
        self.connection = read_connection(self._directory)
        if not lives(self.connection.pid):
            raise ServerError(
                f"the server of {self._directory} (pid {self.connection.pid}) has ended; "
                "start one with `plateflow serve`"
            )


def _decode(data: bytes) -> control.Reply:
    try:
        return control.decode_reply(data)
    except SchemaError as e:
        raise ServerError(f"the server's answer cannot be read ({e}); is it another version of plateflow?") from e
