"""What the window does when little happens, and how soon it answers: idleness, clicks, a server that is lost."""

from __future__ import annotations

import os
import signal
import statistics
import time
from typing import TYPE_CHECKING, Final

from bench.gui_job import set_rate
from bench.gui_load import SETTLE, await_running, lines_of, measure_stretch
from bench.gui_session import Display, Session, Window
from bench.gui_table import Line
from bench.harness import note

if TYPE_CHECKING:
    from collections.abc import Callable

IDLE_SECONDS: Final = 12.0
STARTS: Final = 5


def measure_starts(display: Display) -> list[Line]:
    """Measure from the start of the process to the end of the paint event of the list of plates."""
    lines = []
    with Session(display, 1000) as session:
        for count, goal in ((50, 500), (1000, 700)):
            note(f"{STARTS} starts with {count} plates")
            times = [_start(session, count) for _ in range(STARTS)]
            spread = f"(median {statistics.median(times):.0f})"
            lines.append(
                Line(f"first window with {count} plates, best of {STARTS}", min(times), "ms", goal, remark=spread)
            )
    return lines


def _start(session: Session, count: int) -> float:
    window = session.open_window(session.plates[:count], command=["--start"])
    painted = float(window.line() or "nan")
    window.close()
    return 1000 * (painted - window.born)


def measure_one(display: Display) -> list[Line]:
    """Measure one plate that takes all updates, as plateflow's own server has it; then calm, clicks and no run."""
    with Session(display, 1, tick=0.005) as session:
        session.submit(session.plates)
        window = session.open_window(session.plates)
        try:
            await_running(window)
            window.ask("select 0")
            set_rate(session.folder, 10_000)
            time.sleep(SETTLE)
            lines = lines_of([measure_stretch(window)], "1 plate")
            set_rate(session.folder, 1.0)
            lines += _idle(window, "idle, a run with 1 message/s")
            lines.append(Line("failed well, Enter to traceback painted", _answer(window, "traceback"), "ms", 100))
            lines.append(Line("click on Stop to 'Stopping' painted", _answer(window, "stop"), "ms", 100))
            session.client.wait(session.runs[str(session.plates[0])], 10)
            lines += _idle(window, "idle, no run")
        finally:
            window.close()
    return lines


def measure_loss(display: Display) -> list[Line]:
    """Stop the server and let it go on; then kill it, so that the window starts another."""
    with Session(display, 1) as session:
        session.submit(session.plates)
        window = session.open_window(session.plates)
        try:
            await_running(window)
            set_rate(session.folder, 20.0)
            time.sleep(SETTLE)
            stopped = _after(window, lambda: os.kill(session.server, signal.SIGSTOP), lost=True)
            back = _after(window, lambda: os.kill(session.server, signal.SIGCONT), lost=False)
            time.sleep(SETTLE)
            killed = _after(window, lambda: os.kill(session.server, signal.SIGKILL), lost=True)
            again = _after(window, lambda: None, lost=False)
        finally:
            window.close()
    return [
        Line("server stopped (SIGSTOP) to 'Lost' painted", stopped, "s", 4),
        Line("  goes on (SIGCONT) to what it says painted", back, "s", 2),
        Line("server killed (SIGKILL) to 'Lost' painted", killed, "s", 4),
        Line("  from there to what its successor says painted", again, "s", 2, remark="its start included"),
    ]


def _after(window: Window, act: Callable[[], object], *, lost: bool) -> float:
    """Return the seconds from an act to a row that says that the plate is lost, or not; NaN where it never does."""
    acted = time.time()
    act()
    while time.time() < acted + 8:
        for moment, words in window.ask("said"):
            if moment > acted and ("Lost" in words) is lost:
                return float(moment - acted)
        time.sleep(0.05)
    return float("nan")


def _idle(window: Window, where: str) -> list[Line]:
    note(f"{where}: {IDLE_SECONDS:g} s")
    time.sleep(SETTLE)
    before = window.usage()
    time.sleep(IDLE_SECONDS)
    after = window.usage()
    seconds = after.moment - before.moment
    return [
        Line(f"{where}: CPU", 100 * (after.cpu - before.cpu) / seconds, "%", 1),
        Line("  wakeups of the window's thread", (after.own_wakeups - before.own_wakeups) / seconds, "/s", 2),
        Line("  wakeups of all its threads", (after.wakeups - before.wakeups) / seconds, "/s", None),
    ]


def _answer(window: Window, command: str) -> float:
    answer = window.ask(command)
    return float("nan") if answer is None else float(answer)
