"""The progress path: 4 workers report as fast as they can to one subscriber that validates; beside other designs."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench import path_bluesky, path_dask, path_plateflow, path_proxy, path_queue
from bench.harness import Figure, Ratio, Report, Series, interleave, note
from bench.workload import UPDATES_A_WELL, WORKERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.stage import Take

NAME: Final = "progress-path"
WARM_WELLS: Final = 24
OURS: Final = "plateflow"
SUBJECTS: Final[dict[str, Callable[..., Take]]] = {
    OURS: path_plateflow.burst,
    "queue and bridge": path_queue.burst,
    "zmq.proxy": path_proxy.burst,
    "Dask log_event": path_dask.burst,
    "bluesky 0MQ": path_bluesky.burst,
}
TARGETS: Final = {
    "queue and bridge": ("queue", 10.0),
    "zmq.proxy": ("proxy", 1.0),
    "Dask log_event": ("dask", 20.0),
}
"""Name of the figure and how many times the updates a second there must be. Bluesky loses updates: no target is set."""


def measure(rounds: int) -> Report:
    """Measure all designs, from the first update sent to the last one decoded.

    Raises
    ------
    BenchError
        If a design fails, or plateflow loses a well.
    """
    with tempfile.TemporaryDirectory(prefix="pf") as root:
        note("warming up")
        for subject in SUBJECTS.values():
            subject(Path(root), WARM_WELLS)
        takes = interleave({name: partial(subject, Path(root)) for name, subject in SUBJECTS.items()}, rounds)
    rates = {
        name: Series.of(name, "1000 updates/s", samples, lambda take: take.rate / 1000)
        for name, samples in takes.items()
    }
    return Report(
        title=(
            f"{NAME}: {WORKERS} worker processes report wells of {UPDATES_A_WELL} updates as fast as they can;"
            "\nfrom the first update sent to the last one decoded by one subscriber"
        ),
        rows=[
            rates[OURS],
            *(Ratio(rates[OURS], rate) for name, rate in rates.items() if name != OURS),
            *(rate for name, rate in rates.items() if name != OURS),
            *(series for name, samples in takes.items() for series in cpu_rows(name, samples)),
        ],
        figures=[
            Figure(f"{NAME}-{short}", Ratio(rates[OURS], rates[name]), target, at_least=True)
            for name, (short, target) in TARGETS.items()
        ],
        notes=[
            *(delivery(name, samples) for name, samples in takes.items()),
            "Workers run at nice +10, Dask's not. The queue's subscriber checks every rule by hand, zmq.proxy's by",
            "the type that plateflow has too; Dask's and bluesky's check nothing. Only plateflow's server validates,",
            "numbers, keeps and folds. CPU counts all threads, until the last update has arrived.",
        ],
    )


def cpu_rows(name: str, takes: list[Take]) -> list[Series]:
    """Return the CPU of each role, in the order in which an update meets them."""
    order = ["worker", "runner", "server", "subscriber"]
    roles = [role for role in order if role in takes[0].cpu]
    return [Series.of(f"  {name}: {role}", "CPU us/update", takes, partial(_cpu_us, role)) for role in roles]


def _cpu_us(role: str, take: Take) -> float:
    return take.cpu_us(role)


def delivery(name: str, takes: list[Take]) -> str:
    """Say how many of the updates arrived."""
    sent, delivered = sum(take.sent for take in takes), sum(take.delivered for take in takes)
    why = "were replaced by a newer one of their step" if name == OURS else "were lost"
    lost = f"; {sent - delivered} {why}" if delivered < sent else ""
    return f"{name}: {delivered} of {sent} updates delivered{lost}."
