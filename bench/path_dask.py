"""Dask's events: ``log_event`` in tasks on a LocalCluster, ``Client.subscribe_topic`` where it was started.

As LocalCluster has it, the scheduler runs in the client's process. Nothing is validated.
"""

from __future__ import annotations

import logging
import threading
import uuid
from pathlib import Path
from typing import Any, Final

from distributed import Client, LocalCluster, get_worker, wait

from bench.part import part
from bench.stage import Stage, Take
from bench.workload import UPDATES_A_WELL, WORKERS, DictEmitter, Tally, report_well, share

WELLS: Final = 96
"""Fewer than plateflow has: it is slower, and the rate is what counts."""
TOPIC: Final = "progress"


def burst(root: Path, wells: int = WELLS) -> Take:
    """Bring the updates of so many wells to one subscriber."""
    with Stage(root) as stage:
        stage.start(subscribe, wells)
        return stage.play(parts=1 + WORKERS)


def subscribe(folder: Path, wells: int) -> None:
    """Start a cluster, have its workers report, and take what they report."""
    tally, ended = Tally(wells), threading.Event()

    def take(event: tuple[float, dict[str, Any]]) -> None:
        update = event[1]
        if tally.add(update["axis_id"], update["phase"]):
            ended.set()

    with (
        LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
            host="127.0.0.1",
            local_directory=str(folder / "dask"),
        ) as cluster,
        Client(cluster) as client,
    ):
        client.subscribe_topic(TOPIC, take)
        addresses = sorted(client.scheduler_info(n_workers=-1)["workers"])
        tasks = [
            client.submit(work, str(folder), wells, worker, workers=[address], pure=False)
            for worker, address in enumerate(addresses)
        ]
        with part(folder, "subscriber") as did:
            ended.wait()
            did.updates = tally.check()
        wait(tasks)


def work(folder: str, wells: int, worker: int) -> None:
    """Report a share of the wells, in a task."""
    mine = share(wells, worker)
    here = get_worker()
    emitter = DictEmitter(lambda update: here.log_event(TOPIC, update), uuid.uuid4().hex)
    with part(Path(folder), "worker") as did:
        for well in mine:
            report_well(emitter, well)
        did.updates = len(mine) * UPDATES_A_WELL
