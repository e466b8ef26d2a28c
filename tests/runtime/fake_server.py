"""A server that publishes what a test tells it to, right or wrong, over plain ZMQ sockets."""

import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import zmq

from plateflow.progress.messages import decode_lines, encode_message
from plateflow.progress.state import ExecutionProgress
from plateflow.runtime.control import (
    Ping,
    Pong,
    Replay,
    Replayed,
    Reply,
    Request,
    Snapshot,
    Snapshotted,
    Status,
    Summaries,
    decode_request,
    encode_reply,
)
from plateflow.runtime.endpoints import Connection, Endpoints, private_directory
from plateflow.runtime.frames import Header, encode_frame

SERVER = "f" * 32


class FakeServer:
    """Answers pings, snapshots and subscriptions; publishes any bytes. Its sockets live in its thread."""

    def __init__(self, directory: Path) -> None:
        self._endpoints = Endpoints(private_directory(directory))
        self._states: dict[str, ExecutionProgress] = {}
        self._lines: dict[str, list[bytes]] = {}
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._orders = self._context.socket(zmq.PAIR)
        self._orders.bind("inproc://orders")
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._orders.send_multipart([b"stop"])
        self._thread.join()
        self._orders.close()
        self._context.term()

    def publish(self, execution_id: str, first_seq: int, count: int, body: bytes) -> None:
        """Publish a body as it is, without folding it."""
        header = Header(server=SERVER, first_seq=first_seq, count=count)
        self._orders.send_multipart(encode_frame(execution_id.encode(), header, body))

    def state(self, execution_id: str) -> ExecutionProgress:
        """Return the state of an execution."""
        return self._states.get(execution_id, ExecutionProgress(execution_id=execution_id, plate_id=""))

    def fold(self, execution_id: str, first_seq: int, body: bytes) -> None:
        """Fold a body without publishing it."""
        for seq, message in enumerate(decode_lines(body), first_seq):
            state = self.state(execution_id)
            state.plate_id = message.plate_id
            if seq > state.seq:
                state.apply(message, seq)
                self._lines.setdefault(execution_id, []).append(encode_message(message).rstrip())
            self._states[execution_id] = state

    def _serve(self) -> None:
        with (
            self._context.socket(zmq.PAIR) as orders,
            self._context.socket(zmq.ROUTER) as control,
            self._context.socket(zmq.XPUB) as stream,
        ):
            orders.connect("inproc://orders")
            stream.set(zmq.XPUB_VERBOSE, 1)
            for socket in (control, stream):
                socket.linger = 0
            control.bind(f"ipc://{self._endpoints.control}")
            stream.bind(f"ipc://{self._endpoints.stream}")
            self._endpoints.publish(
                Connection(
                    server=SERVER,
                    pid=os.getpid(),
                    control=f"ipc://{self._endpoints.control}",
                    stream=f"ipc://{self._endpoints.stream}",
                    version="0",
                )
            )
            self._ready.set()
            while self._turn(orders, control, stream):
                pass

    def _turn(self, orders: zmq.Socket[bytes], control: zmq.Socket[bytes], stream: zmq.Socket[bytes]) -> bool:
        ready = dict(zmq.zmq_poll([(socket, zmq.POLLIN) for socket in (orders, control, stream)]))
        if orders in ready:
            order = orders.recv_multipart()
            if order == [b"stop"]:
                return False
            stream.send_multipart(order)
        if control in ready:
            client, data = control.recv_multipart()
            control.send_multipart([client, encode_reply(self._answer(decode_request(data)))])
        if stream in ready:
            subscription = stream.recv()
            if subscription[:1] == b"\x01":
                seq = self.state(subscription[1:].decode()).seq
                header = Header(server=SERVER, first_seq=seq + 1, count=0)
                stream.send_multipart(encode_frame(subscription[1:], header, b""))
        return True

    def _answer(self, request: Request) -> Reply:
        if isinstance(request, Ping):
            return Pong(
                request_id=request.request_id, server=SERVER, pid=os.getpid(), version="0", bad_messages=0, degraded=""
            )
        if isinstance(request, Status):
            return Summaries(request_id=request.request_id, executions=())
        assert isinstance(request, Snapshot | Replay)
        state = self.state(request.execution_id)
        if isinstance(request, Snapshot):
            return Snapshotted(request_id=request.request_id, server=SERVER, state=msgspec.Raw(state.snapshot()))
        lines = self._lines.get(request.execution_id, [])[request.from_seq - 1 :]
        return Replayed(
            request_id=request.request_id,
            server=SERVER,
            messages=tuple(msgspec.Raw(line) for line in lines),
            next_seq=request.from_seq + len(lines),
            last_seq=state.seq,
        )
