"""``python -m bench.gui [--long]``: measure the Plate Manager and print what | measured | goal | met?

A real server with real runners, and the window's real process on an X server of its own (Xvfb). Nothing is asserted:
how late an event loop is depends on who else uses the machine, whose load is printed.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from bench import gui_burden, gui_calm, gui_load
from bench.gui_session import Display
from bench.gui_table import Line, table
from bench.harness import BenchError, machine, note

LONG_SECONDS = 600.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.gui", description="Measure the Plate Manager.")
    parser.add_argument("--long", action="store_true", help="watch its memory for 10 minutes at 10,000 updates/s")
    arguments = parser.parse_args()
    try:
        display = Display()
    except BenchError as e:
        note(str(e))
        return 1
    began = machine()
    lines: list[Line] = []
    try:
        for phase in (
            gui_calm.measure_starts,
            partial(gui_load.measure, long_seconds=LONG_SECONDS if arguments.long else 0.0),
            gui_calm.measure_one,
            gui_calm.measure_loss,
            gui_burden.measure_burden,
        ):
            lines += phase(display)
        lines += gui_burden.measure_eta()
    except (BenchError, KeyboardInterrupt) as e:
        note(f"the rest could not be measured: {e}")
        return 1
    finally:
        display.close()
        print(f"the Plate Manager\nbegan: {began}\nended: {machine()}\n\n{table(lines)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
