"""``python -m bench [--rounds N] [NAME ...]``: run benchmarks, all but long ones by default, and print their figures.

The exit code tells whether they could be run, not whether they are fast enough: what is short says so in its line. A
timing on a machine that others use is a measurement and no test; were it a gate, a neighbour's load would fail the
build, and people would learn to pass over it. What cannot be excused by load (results that differ, a run that fails)
does end with 1.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import TYPE_CHECKING, Final

from bench import journal, latency, memory, plate_open, progress_path, sparse, whole_plate
from bench.harness import LEAST_ROUNDS, BenchError, Report, note, show

if TYPE_CHECKING:
    from collections.abc import Callable

BENCHMARKS: dict[str, Callable[[int], Report]] = {
    whole_plate.NAME: whole_plate.measure,
    progress_path.NAME: progress_path.measure,
    sparse.NAME: sparse.measure,
    latency.NAME: latency.measure,
    journal.NAME: journal.measure,
    plate_open.NAME: plate_open.measure,
}
"""Those that run by default."""
LONG: Final = (memory.NAME,)
"""Those that take many minutes, and run only when they are named."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Run benchmarks and print their figures.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}, all by default; or {', '.join(LONG)}"
    )
    parser.add_argument("--rounds", type=int, default=LEAST_ROUNDS, help=f"no figure below {LEAST_ROUNDS}")
    parser.add_argument("--updates", type=int, default=memory.UPDATES, help=f"of {memory.NAME}: in all executions")
    parser.add_argument("--each", type=int, default=memory.EACH, help=f"of {memory.NAME}: in each execution")
    parser.add_argument("--images", type=int, default=plate_open.IMAGES, help=f"of {plate_open.NAME}: on each plate")
    arguments = parser.parse_args()
    benchmarks = BENCHMARKS | {
        memory.NAME: partial(memory.measure, updates=arguments.updates, each=arguments.each),
        plate_open.NAME: partial(plate_open.measure, images=arguments.images),
    }
    unknown = [name for name in arguments.names if name not in benchmarks]
    if unknown or arguments.rounds < 1:
        parser.error(f"no benchmark {unknown[0]!r}" if unknown else "at least one round is needed")
    broken = [name for name in arguments.names or BENCHMARKS if not _run(name, benchmarks[name], arguments.rounds)]
    return 1 if broken else 0


def _run(name: str, measure: Callable[[int], Report], rounds: int) -> bool:
    try:
        report = measure(rounds)
    except BenchError as e:
        note(f"{name} could not be run: {e}")
        return False
    show(report)
    return True


if __name__ == "__main__":
    sys.exit(main())
