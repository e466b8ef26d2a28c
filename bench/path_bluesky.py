"""Bluesky's documents over ZeroMQ: Publisher -> Proxy -> RemoteDispatcher, as its documentation has them.

Its sockets keep their default high-water marks, so a burst loses documents: what counts is what was delivered, and the
run is over when nothing has come for a while. Nothing is validated.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from bluesky.callbacks.zmq import Proxy, Publisher, RemoteDispatcher

from bench.harness import BenchError
from bench.part import Part, part
from bench.stage import Stage, Take
from bench.workload import NICENESS, UPDATES_A_WELL, WORKERS, DictEmitter, report_well, share

if TYPE_CHECKING:
    from pathlib import Path

WELLS: Final = 192
"""Fewer than plateflow has: it is slower, and the rate is what counts."""
SETTLE: Final = 0.5
"""Seconds for its sockets to find each other; they have no way to tell that they have."""
SILENCE: Final = 0.5
"""Seconds without a document after which no more is expected."""


def burst(root: Path, wells: int = WELLS) -> Take:
    """Bring the updates of so many wells to one subscriber, or those of them that arrive."""
    with Stage(root) as stage:
        stage.start(serve)
        stage.await_ready(1)
        stage.start(subscribe)
        for worker in range(WORKERS):
            stage.start(work, wells, worker)
        return stage.play(parts=2 + WORKERS)


def work(folder: Path, wells: int, worker: int) -> None:
    """Report a share of the wells."""
    mine = share(wells, worker)
    os.nice(NICENESS)
    publisher = Publisher(f"ipc://{folder / 'in'}")
    emitter = DictEmitter(lambda update: publisher("event", update), uuid.uuid4().hex)
    time.sleep(SETTLE)
    with part(folder, "worker") as did:
        for well in mine:
            report_well(emitter, well)
        did.updates = len(mine) * UPDATES_A_WELL
    publisher.close()


def serve(folder: Path) -> None:
    """Pass on all that comes."""
    proxy = Proxy(in_address=f"ipc://{folder / 'in'}", out_address=f"ipc://{folder / 'out'}")
    threading.Thread(target=proxy.start, daemon=True).start()
    with part(folder, "server"):
        pass
    os._exit(0)  # the proxy ends with its process only


def subscribe(folder: Path) -> None:
    """Take documents until no more come.

    Raises
    ------
    BenchError
        If none does.
    """
    loop = asyncio.new_event_loop()
    dispatcher = RemoteDispatcher(f"ipc://{folder / 'out'}", loop=loop)
    with part(folder, "subscriber") as did:
        inbox = Inbox(loop, did)
        dispatcher.subscribe(inbox.take)
        loop.call_later(SILENCE, inbox.end_when_silent)
        with suppress(RuntimeError):  # how an event loop says that it was stopped
            dispatcher.start()
    if not did.updates:
        raise BenchError("no document of bluesky's arrived")


class Inbox:
    """Counts documents and stops the loop when no more come."""

    def __init__(self, loop: asyncio.AbstractEventLoop, did: Part) -> None:
        self._loop = loop
        self._did = did
        self._last = time.monotonic()

    def take(self, _name: str, _document: dict[str, Any]) -> None:
        self._did.updates += 1
        self._last = time.monotonic()

    def end_when_silent(self) -> None:
        if time.monotonic() - self._last < SILENCE:
            self._loop.call_later(SILENCE / 10, self.end_when_silent)
            return
        self._did.ended = self._last
        self._loop.stop()
