"""The process that worker processes are forked from: it imports what they need once, ahead, one thread per library.

Imports nothing heavy itself, so that whoever starts it can import beside it instead of before it.
"""

from __future__ import annotations

import multiprocessing as mp
import os
from contextlib import contextmanager
from multiprocessing import forkserver
from typing import TYPE_CHECKING

from plateflow.execution.socket_folder import make_socket_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.context import ForkServerContext

PRELOADED = ["plateflow.execution.worker", "plateflow.functions", "skimage.segmentation._watershed"]
SINGLE_THREADED = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    "BLOSC_NTHREADS",
    "POLARS_MAX_THREADS",
)
"""One thread in each library: the workers are the parallelism."""


def start_fork_server() -> ForkServerContext:
    """Start the fork server of this process if it does not run yet; returns before its imports are done."""
    context = mp.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    make_socket_folder()
    with _environment(dict.fromkeys(SINGLE_THREADED, "1")):
        forkserver.ensure_running()
    return context


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
