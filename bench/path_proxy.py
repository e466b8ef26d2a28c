"""``zmq.proxy`` passing bytes through, doing no work: no validation, no order, no journal, no state, no late joiners.

Workers build and encode the very updates that plateflow's do, one a message; the subscriber decodes them.
"""

from __future__ import annotations

import os
import threading
import uuid
from typing import TYPE_CHECKING, Final

import msgspec
import zmq

from bench.ends import publisher, subscriber, unlimited
from bench.part import part
from bench.stage import Stage, Take
from bench.workload import NICENESS, PLATE, UPDATES_A_WELL, WORKERS, Tally, report_well, share
from plateflow.progress.emitter import Emitter
from plateflow.progress.strict import ENCODER
from plateflow.progress.update import ProgressUpdate

if TYPE_CHECKING:
    from pathlib import Path

WELLS: Final = 768


def burst(root: Path, wells: int = WELLS) -> Take:
    """Bring the updates of so many wells to one subscriber."""
    with Stage(root) as stage:
        stage.start(serve)
        stage.start(subscribe, wells)
        for worker in range(WORKERS):
            stage.start(work, wells, worker)
        return stage.play(parts=2 + WORKERS)


def work(folder: Path, wells: int, worker: int) -> None:
    """Report a share of the wells."""
    mine = share(wells, worker)
    os.nice(NICENESS)
    context = zmq.Context()
    with context, publisher(context, folder / "in", bind=False) as socket:
        emitter = Emitter(lambda update: send(socket, update), uuid.uuid4().hex, PLATE)
        with part(folder, "worker") as did:
            for well in mine:
                report_well(emitter, well)
            did.updates = len(mine) * UPDATES_A_WELL


def send(socket: zmq.Socket[bytes], update: ProgressUpdate) -> None:
    """Send one update."""
    socket.send(ENCODER.encode(update))


def serve(folder: Path) -> None:
    """Pass on all that comes."""
    context = zmq.Context()
    with unlimited(context, zmq.XSUB) as inlet, unlimited(context, zmq.XPUB) as outlet:
        inlet.bind(f"ipc://{folder / 'in'}")
        outlet.bind(f"ipc://{folder / 'out'}")
        threading.Thread(target=zmq.proxy, args=(inlet, outlet), daemon=True).start()
        with part(folder, "server"):
            pass
        os._exit(0)  # the proxy ends with its process only


def subscribe(folder: Path, wells: int) -> None:
    """Decode each update."""
    decoder = msgspec.json.Decoder(ProgressUpdate)
    context = zmq.Context()
    with context, subscriber(context, folder / "out") as socket, part(folder, "subscriber") as did:
        tally = Tally(wells)
        last = False
        while not last:
            update = decoder.decode(socket.recv())
            last = tally.add(update.axis_id, update.phase)
        did.updates = tally.check()
