"""Fifty plates that change at 10,000 updates a second in all, a map of 1536 wells shown: what that costs the window."""

from __future__ import annotations

import hashlib
import multiprocessing as mp
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bench.gui_job import Sent, sent, set_rate
from bench.gui_meter_figures import Figures
from bench.gui_session import Display, Session, Window, await_true
from bench.gui_table import Line, percentile
from bench.gui_work import spin_for_ever
from bench.harness import note

if TYPE_CHECKING:
    from collections.abc import Sequence

RATE: Final = 10_000
PLATES: Final = 50
STRETCH: Final = 12.0
"""Seconds."""
STRETCHES: Final = 3
"""The best of so many is told, for the machine has other users; the range stands beside it."""
SETTLE: Final = 3.0
BUSY: Final = 4


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was measured in some seconds."""

    figures: Figures
    cpu: float
    """Percent of a core."""
    memory: float
    """Megabytes, at its end."""

    def quantity(self, name: str, percent: float) -> float:
        return percentile(getattr(self.figures, name), percent)


def measure(display: Display, long_seconds: float) -> list[Line]:
    """Measure with all plates, and then that nothing was lost.

    Parameters
    ----------
    long_seconds
        How long memory is watched; 0 for the stretches alone.
    """
    with Session(display, PLATES) as session:
        note(f"{PLATES} runs are started")
        session.submit(session.plates)
        window = session.open_window(session.plates)
        try:
            await_running(window)
            window.ask("select 0")
            set_rate(session.folder, RATE / PLATES)
            time.sleep(SETTLE)
            first = window.usage()
            stretches = [measure_stretch(window, number) for number in range(1, STRETCHES + 1)]
            busy = beside_busy(window)
            watch_memory(window, long_seconds)
            last = window.usage()
            session.end_runs()
            lost = count_lost(session, window)
        finally:
            window.close()
    minutes = (last.moment - first.moment) / 60
    memory = [
        Line("memory with 50 plates of 1536 wells", last.memory, "MB", 150),
        Line("  it grew", last.memory - first.memory, "MB", 5, remark=f"in {minutes:.1f} min at 10,000/s"),
    ]
    return [*lines_of(stretches, "50 plates"), *busy_lines(busy), *memory, *lost]


def lines_of(stretches: Sequence[Stretch], where: str) -> list[Line]:
    """Return what stretches have measured, the best of them."""

    def best(what: str, values: Sequence[float], unit: str, goal: float | None) -> Line:
        return Line(what, min(values), unit, goal, remark=f"({min(values):.3g}-{max(values):.3g})")

    def of(what: str, name: str, percent: float, goal: float | None) -> Line:
        return best(what, [stretch.quantity(name, percent) for stretch in stretches], "ms", goal)

    rates = [stretch.figures.updates / stretch.figures.seconds for stretch in stretches]
    return [
        Line(f"{where}: updates the window took", max(rates), "/s", None),
        of("  event loop stalls: median", "stalls", 50, None),
        of("  event loop stalls: p99", "stalls", 99, 16),
        of("  event loop stalls: longest", "stalls", 100, 50),
        of("  CPU of a frame, taking and models: median", "frames", 50, 6),
        of("  CPU of a frame, taking and models: p99", "frames", 99, 12),
        of("  CPU of painting map and rows: p99", "paints", 99, 4),
        best("  CPU of the window's process", [stretch.cpu for stretch in stretches], "%", 30),
        of("  update to painted: median", "delays", 50, 50),
        of("  update to painted: p99", "delays", 99, 100),
    ]


def busy_lines(busy: Stretch) -> list[Line]:
    return [
        Line("beside 4 busy processes at nice +10: update to painted, p99", busy.quantity("delays", 99), "ms", 250),
        Line("  event loop stalls: p99", busy.quantity("stalls", 99), "ms", None),
    ]


def measure_stretch(window: Window, number: int = 1) -> Stretch:
    note(f"stretch {number}: {STRETCH:g} s")
    window.ask("meter on")
    before = window.usage()
    time.sleep(STRETCH)
    after = window.usage()
    figures = msgspec.convert(window.ask("figures"), Figures)
    window.ask("meter off")
    return Stretch(figures, 100 * (after.cpu - before.cpu) / (after.moment - before.moment), after.memory)


def beside_busy(window: Window) -> Stretch:
    processes = [mp.get_context("spawn").Process(target=spin_for_ever, daemon=True) for _ in range(BUSY)]
    for process in processes:
        process.start()
    time.sleep(SETTLE)
    try:
        return measure_stretch(window)
    finally:
        for process in processes:
            process.kill()
            process.join()


def watch_memory(window: Window, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(min(30.0, max(0.0, deadline - time.monotonic())))
        note(f"memory: {window.usage().memory:.1f} MB")


def await_running(window: Window) -> None:
    """Wait until the window knows all of its plates' runs."""
    await_true(lambda: all(plate["state"] == "running" for plate in window.ask("states").values()))


def count_lost(session: Session, window: Window) -> list[Line]:
    """Hold the window to what the runners counted, and to the server's own fold."""
    await_true(lambda: all(plate["state"] != "running" for plate in window.ask("states").values()))
    states, taken = window.ask("states"), window.ask("taken")
    said = {plate: sent(session.folder, execution_id) for plate, execution_id in session.runs.items()}
    counts = sum(abs(said[plate].updates - taken.get(plate, 0)) for plate in said)
    wrong = sum(_differs(session, plate, states[plate], said[plate]) for plate in said)
    total = sum(one.updates for one in said.values())
    return [
        Line("updates lost or taken twice", counts, "", 0, remark=f"of {total:,} sent"),
        Line("plates whose counts or fold differ from what was sent", wrong, "", 0),
    ]


def _differs(session: Session, plate: str, shown: dict[str, Any], counted: Sent) -> bool:
    fold = hashlib.sha256(session.client.snapshot(session.runs[plate]).snapshot()).hexdigest()
    return (shown["groups"], shown["wells"], shown["fold"]) != (counted.groups, counted.wells, fold)
