"""``python -m bench [--rounds N] [NAME ...]``: run benchmarks, all by default, and print their figures.

The exit code tells whether they could be run, not whether they are fast enough: what is short says so in its line. A
timing on a machine that others use is a measurement and no test; were it a gate, a neighbour's load would fail the
build, and people would learn to pass over it. What cannot be excused by load (results that differ, a run that fails)
does end with 1.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from bench import whole_plate
from bench.harness import LEAST_ROUNDS, BenchError, Report, note, show

if TYPE_CHECKING:
    from collections.abc import Callable

BENCHMARKS: dict[str, Callable[[int], Report]] = {
    whole_plate.NAME: whole_plate.measure,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Run benchmarks and print their figures.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--rounds", type=int, default=LEAST_ROUNDS, help=f"no figure below {LEAST_ROUNDS}")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in BENCHMARKS]
    if unknown or arguments.rounds < 1:
        parser.error(f"no benchmark {unknown[0]!r}" if unknown else "at least one round is needed")
    broken = [name for name in arguments.names or BENCHMARKS if not _run(name, arguments.rounds)]
    return 1 if broken else 0


def _run(name: str, rounds: int) -> bool:
    try:
        report = BENCHMARKS[name](rounds)
    except BenchError as e:
        note(f"{name} could not be run: {e}")
        return False
    show(report)
    return True


if __name__ == "__main__":
    sys.exit(main())
