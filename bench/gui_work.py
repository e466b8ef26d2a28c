"""Workers that keep every core busy, at their niceness: what a window takes from a run shows in how long they take."""

from __future__ import annotations

import multiprocessing as mp
import os
from typing import TYPE_CHECKING, Final

from bench.workload import NICENESS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

BLOCK: Final = 60_000
"""Turns of a loop, some 4 ms: a pattern group of small images."""


def compute(blocks: int) -> Iterator[int]:
    """Have as many workers as there are cores compute; yield the number of the worker after each of its blocks."""
    context, cores = mp.get_context("fork"), os.cpu_count() or 1
    ends, processes = [], []
    for number in range(cores):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(theirs, blocks // cores), daemon=True)
        process.start()
        theirs.close()
        ends.append(ours)
        processes.append(process)
        del number
    yield from _hear(ends)
    for process in processes:
        process.join()


def _hear(ends: list[Connection]) -> Iterator[int]:
    numbers = {end: number for number, end in enumerate(ends)}
    while numbers:
        for end in mp.connection.wait(list(numbers)):
            try:
                end.recv_bytes()  # type: ignore[union-attr] # of these connections only
            except EOFError:
                del numbers[end]  # type: ignore[arg-type]
            else:
                yield numbers[end]  # type: ignore[index]


def _work(told: Connection, blocks: int) -> None:
    os.nice(NICENESS)
    for _ in range(blocks):
        spin(BLOCK)
        told.send_bytes(b"")


def spin(turns: int) -> int:
    """Keep a core busy."""
    value = 1
    for _ in range(turns):
        value = value * 1103515245 + 12345 & 0x7FFFFFFF
    return value


def spin_for_ever() -> None:
    """Be one of the busy processes beside the window."""
    os.nice(NICENESS)
    while True:
        spin(BLOCK)
