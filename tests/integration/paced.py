"""A function that takes its time and notes when it was at work; importable by worker processes."""

import os
import threading
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import msgspec
from tests.unit.lines.clocks import Moment, Span

from plateflow.functions.kinds import Image

PACE = (0.0, 0.005, 0.005)
"""Seconds of a call in each well, by the mark in its first pixel: the first is done long before the others."""


@dataclass(frozen=True)
class Call:
    """One call as its thread or process saw it."""

    worker: int
    """Id of the thread, which no other thread or process has."""
    mark: int
    begin: Moment
    end: Moment


def paced(image: Image, log: str) -> Image:
    """Take a while."""
    begin = Moment.of_this_thread()
    mark = int(image[0, 0])
    time.sleep(PACE[mark])
    end = Moment.of_this_thread()
    line = msgspec.json.encode(Call(threading.get_native_id(), mark, begin, end)) + b"\n"
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(fd, line)
    os.close(fd)
    return image


def read_calls(log: Path) -> list[Call]:
    """Read what was noted so far."""
    return msgspec.json.Decoder(Call).decode_lines(log.read_bytes()) if log.exists() else []


def spans_between(calls: list[Call]) -> list[Span]:
    """Return what each worker did between two calls of the same well: nearly nothing but to report."""
    by_worker: dict[tuple[int, int], list[Call]] = {}
    for call in calls:
        by_worker.setdefault((call.worker, call.mark), []).append(call)
    return [Span(before.end, after.begin) for own in by_worker.values() for before, after in pairwise(own)]
