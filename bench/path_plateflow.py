"""The progress path as users get it: worker pipes, a runner, an ``ExecutionServer``, an ``ExecutionClient``."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import msgspec

from bench.part import Part, part
from bench.stage import Stage, Take
from bench.tasks import BenchJob
from bench.workload import PLATE, Tally
from plateflow.progress.messages import ExecutionKind, Message
from plateflow.progress.update import ProgressUpdate
from plateflow.runtime.client import ExecutionClient
from plateflow.runtime.server import ExecutionServer

if TYPE_CHECKING:
    from pathlib import Path

RUNNER: Final = (sys.executable, "-m", "bench.runner")
BURST_WELLS: Final = 768

View = Callable[[Iterator[Message], BenchJob, Part], None]
"""What a subscriber does with the messages; writes into its part what it saw."""


def burst(root: Path, wells: int = BURST_WELLS) -> Take:
    """Bring the updates of so many wells to one subscriber."""
    return perform(root, count_updates, BenchJob(stage="", task="burst", wells=wells))


def perform(root: Path, view: View, job: BenchJob) -> Take:
    """Run one job of the bench's runner, with one subscriber.

    Parameters
    ----------
    root
        Where the run makes its folders, the server's too.
    view
        The subscriber; a function of a module.
    job
        Whose stage is set here.
    """
    with Stage(root) as stage:
        stage.start(serve)
        stage.await_ready(1)
        stage.start(subscribe, view, msgspec.structs.replace(job, stage=str(stage.folder)))
        return stage.play(parts=3 + job.workers)


def serve(folder: Path) -> None:
    """Serve until the run is over."""
    with ExecutionServer(folder / "server", RUNNER), part(folder, "server"):
        pass


def subscribe(folder: Path, view: View, job: BenchJob) -> None:
    """Submit the job, and view its progress."""
    execution_id = uuid.uuid4().hex
    with ExecutionClient(folder / "server") as client:
        messages = client.progress(execution_id)
        client.submit(PLATE, ExecutionKind.RUN, job, execution_id=execution_id)
        with part(folder, "subscriber") as did:
            view(messages, job, did)


def count_updates(messages: Iterator[Message], job: BenchJob, did: Part) -> None:
    """Take all updates.

    Raises
    ------
    BenchError
        If the execution ends before all wells were completed.
    """
    tally = Tally(job.wells)
    for message in messages:
        if isinstance(message, ProgressUpdate) and tally.add(message.axis_id, message.phase):
            break
    did.updates = tally.check()
