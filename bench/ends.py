"""The two ends of the ZeroMQ designs: nothing is dropped at a high-water mark, nor before the subscription is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import zmq

from bench.harness import BenchError
from bench.stage import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

Context: TypeAlias = "zmq.Context[zmq.Socket[bytes]]"


def publisher(context: Context, path: Path, *, bind: bool = True) -> zmq.Socket[bytes]:
    """Return a socket that publishes, once somebody has subscribed.

    It is an XPUB, which hears of subscriptions; it sends as a PUB does.

    Raises
    ------
    BenchError
        If nobody does.
    """
    socket = unlimited(context, zmq.XPUB)
    if bind:
        socket.bind(f"ipc://{path}")
    else:
        socket.connect(f"ipc://{path}")
    if not socket.poll(int(1000 * PATIENCE)):
        raise BenchError(f"nobody subscribed to {path}")
    socket.recv()
    return socket


def subscriber(context: Context, path: Path) -> zmq.Socket[bytes]:
    """Return a socket that subscribes to all."""
    socket = unlimited(context, zmq.SUB)
    socket.connect(f"ipc://{path}")
    socket.subscribe(b"")
    return socket


def unlimited(context: Context, kind: int) -> zmq.Socket[bytes]:
    """Return a socket that keeps whatever is not read yet."""
    socket = context.socket(kind)
    socket.set_hwm(0)
    return socket
