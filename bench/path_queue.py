"""The obvious design: dicts on a multiprocessing.Queue, a bridge thread, a queue.Queue, ``json.dumps``, a PUB socket.

The subscriber parses each message and checks it by hand. The server validates, folds and keeps nothing.
"""

from __future__ import annotations

import json
import multiprocessing as mp
import os
import queue
import threading
import uuid
from typing import TYPE_CHECKING, Any, Final

import zmq

from bench.ends import publisher, subscriber
from bench.hand_checks import check_update
from bench.part import part
from bench.stage import Stage, Take
from bench.workload import NICENESS, UPDATES_A_WELL, WORKERS, DictEmitter, Tally, report_well, share

if TYPE_CHECKING:
    from multiprocessing.queues import Queue
    from pathlib import Path

WELLS: Final = 192
"""Fewer than plateflow has: it is slower, and the rate is what counts."""

Update = dict[str, Any]


def burst(root: Path, wells: int = WELLS) -> Take:
    """Bring the updates of so many wells to one subscriber."""
    updates: Queue[Update | None] = mp.get_context("forkserver").Queue()
    with Stage(root) as stage:
        stage.start(serve, updates)
        stage.start(subscribe, wells)
        for worker in range(WORKERS):
            stage.start(work, updates, wells, worker)
        take = stage.play(parts=2 + WORKERS)
    updates.close()
    return take


def work(folder: Path, updates: Queue[Update | None], wells: int, worker: int) -> None:
    """Report a share of the wells; done when the queue's feeder thread has handed on the last."""
    mine = share(wells, worker)
    emitter = DictEmitter(updates.put, uuid.uuid4().hex)
    os.nice(NICENESS)
    with part(folder, "worker") as did:
        for well in mine:
            report_well(emitter, well)
        updates.close()
        updates.join_thread()
        did.updates = len(mine) * UPDATES_A_WELL


def serve(folder: Path, updates: Queue[Update | None]) -> None:
    """Publish what comes out of the queue, once there is a subscriber."""
    bridged: queue.Queue[Update | None] = queue.Queue()
    context = zmq.Context()
    with context, publisher(context, folder / "stream") as socket:
        threads = [
            threading.Thread(target=bridge, args=(updates, bridged)),
            threading.Thread(target=publish, args=(bridged, socket)),
        ]
        for thread in threads:
            thread.start()
        with part(folder, "server"):
            pass
        updates.put(None)
        for thread in threads:
            thread.join()


def bridge(updates: Queue[Update | None], bridged: queue.Queue[Update | None]) -> None:
    """Move updates from the processes' queue to the threads'."""
    while (update := updates.get()) is not None:
        bridged.put(update)
    bridged.put(None)


def publish(bridged: queue.Queue[Update | None], socket: zmq.Socket[bytes]) -> None:
    """Encode and send each update."""
    while (update := bridged.get()) is not None:
        socket.send(json.dumps(update).encode())


def subscribe(folder: Path, wells: int) -> None:
    """Parse and check each update."""
    context = zmq.Context()
    with context, subscriber(context, folder / "stream") as socket, part(folder, "subscriber") as did:
        tally = Tally(wells)
        last = False
        while not last:
            update = json.loads(socket.recv())
            check_update(update)
            last = tally.add(update["axis_id"], update["phase"])
        did.updates = tally.check()
