"""The server's two ZMQ sockets; each belongs to the thread that made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import zmq

from plateflow.errors import SchemaError
from plateflow.runtime import control
from plateflow.runtime.frames import Header, encode_frame

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Context: TypeAlias = "zmq.Context[zmq.Socket[bytes]]"

LINGER_MS = 500
"""How long closing waits for what is not sent yet."""
_REQUESTS_A_TURN = 100
STREAM_HIGH_WATER = 16
"""Frames kept for one slow subscriber, beside its own queue and the kernel's: at most 2 MiB. Past it the newest are
dropped for that one, which sees the gap and asks for a replay."""
_TOPIC_LIMIT = 64


class ControlPort:
    """Requests in, replies out (ROUTER).

    Parameters
    ----------
    context
        Of this thread.
    path
        Of the ipc socket.
    """

    def __init__(self, context: Context, path: Path) -> None:
        self.socket = context.socket(zmq.ROUTER)
        self.socket.linger = LINGER_MS
        self.socket.set(zmq.MAXMSGSIZE, control.MESSAGE_LIMIT)
        self.socket.bind(f"ipc://{path}")
        self.bad_messages = 0
        """Messages dropped or refused because they are no valid request."""

    def receive(self) -> Iterator[tuple[bytes, control.Request]]:
        """Yield the valid requests that wait, each with its client; refuse or drop the others."""
        for _ in range(_REQUESTS_A_TURN):
            parts = _receive_parts(self.socket)
            if not parts:
                return
            request = self._decode(parts)
            if request is not None:
                yield parts[0], request

    def reply(self, client: bytes, reply: control.Reply) -> None:
        """Send a reply; dropped where the client is gone."""
        self.socket.send_multipart([client, control.encode_reply(reply)])

    def _decode(self, parts: list[bytes]) -> control.Request | None:
        if len(parts) != 2:
            self.bad_messages += 1
            return None
        client, data = parts
        try:
            return control.decode_request(data)
        except SchemaError as e:
            self.bad_messages += 1
            request_id = control.request_id_of(data)
            if request_id is not None:
                reason = str(e).removeprefix(f"{e.field}: ")
                self.reply(client, control.Refused(request_id=request_id, field=e.field, reason=reason[:1000]))
            return None


class StreamPort:
    """Progress out (XPUB).

    Parameters
    ----------
    context
        Of this thread.
    path
        Of the ipc socket.
    server
        Instance id.
    """

    def __init__(self, context: Context, path: Path, server: str) -> None:
        self.socket = context.socket(zmq.XPUB)
        self.socket.linger = LINGER_MS
        self.socket.sndhwm = STREAM_HIGH_WATER
        self.socket.set(zmq.XPUB_VERBOSE, 1)  # tells of every subscription, so that each can be answered
        self.socket.set(zmq.MAXMSGSIZE, 1024)
        self.socket.bind(f"ipc://{path}")
        self._server = server
        self._topics: set[bytes] = set()

    @property
    def heard(self) -> bool:
        """Whether anybody subscribes to anything."""
        return bool(self._topics)

    def publish(self, execution_id: str, first_seq: int, count: int, body: bytes) -> None:
        """Send lines of one execution to whoever subscribes to it."""
        header = Header(server=self._server, first_seq=first_seq, count=count)
        self.socket.send_multipart(encode_frame(execution_id.encode(), header, body))

    def beat(self, execution_id: str, last_seq: int) -> None:
        """Send how far an execution is, without lines: who lost the last of them learns it so."""
        self.publish(execution_id, last_seq + 1, 0, b"")

    def subscriptions(self) -> Iterator[str]:
        """Yield the topics, or prefixes of topics, that were subscribed to since the last call."""
        while parts := _receive_parts(self.socket):
            action, topic = parts[0][:1], parts[0][1:]
            if len(parts) > 1 or len(topic) > _TOPIC_LIMIT:
                continue
            if action == b"\x01":
                self._topics.add(topic)
                yield topic.decode("ascii", errors="replace")
            elif action == b"\x00":
                self._topics.discard(topic)


def _receive_parts(socket: zmq.Socket[bytes]) -> list[bytes]:
    # At most 9 parts are kept of a message, one more than allowed; empty where nothing waits.
    parts: list[bytes] = []
    try:
        parts.append(socket.recv(zmq.NOBLOCK))
    except zmq.Again:
        return parts
    while socket.get(zmq.RCVMORE):
        part = socket.recv(zmq.NOBLOCK)
        if len(parts) <= control.PART_LIMIT:
            parts.append(part)
    return parts
