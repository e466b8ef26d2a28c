"""Reading many small files: one after the other where they are at hand, several at once where they are waited for.

On a share of the network each file is waited for, and eight threads wait for eight. From the page cache none is waited
for, and threads that only fight for the interpreter take three times as long as one.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from resource import RUSAGE_THREAD, getrusage
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_AT_ONCE: Final = 8
_PORTION: Final = 8
"""Items that a thread reads in a row."""


def read_each(read: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
    """Yield what a function makes of each item, in their order; it reads files and raises nothing.

    No more is asked for than is worked on, so that who stops waits for little.
    """
    rest = iter(items)
    portions = iter(lambda: list(islice(rest, _PORTION)), [])
    read_portion = partial(_read_portion, read)
    waited_for = False
    with ThreadPoolExecutor(_AT_ONCE, "plateflow-read") as pool:
        while ahead := list(islice(portions, _AT_ONCE if waited_for else 1)):
            for results, waits in pool.map(read_portion, ahead) if waited_for else map(read_portion, ahead):
                yield from results
                waited_for = waited_for or waits > len(results) // 2


def _read_portion(read: Callable[[_Item], _Result], items: list[_Item]) -> tuple[list[_Result], int]:
    """Return the results, and how often the disk or the network was waited for."""
    before = getrusage(RUSAGE_THREAD).ru_nvcsw
    results = [read(item) for item in items]
    return results, getrusage(RUSAGE_THREAD).ru_nvcsw - before
