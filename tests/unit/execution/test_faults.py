"""Faults that the environment puts into a worker: how they are written, and where each strikes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from plateflow.errors import UserError
from plateflow.execution.faults import EXIT_CODE, Fault, InjectedError, read_fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", None),
        ("kill", Fault("kill")),
        ("kill:well=B06:step=2:attempt=1", Fault("kill", "B06", 2, 1)),
        ("hang:step=3", Fault("hang", step=3)),
        ("kill:well=plate:ground:attempt=1", Fault("kill", "plate:ground", attempt=1)),
    ],
)
def test_what_can_be_written(text: str, fault: Fault | None) -> None:
    assert read_fault(text) == fault


@pytest.mark.parametrize("text", ["die", "kill:step=two", "kill:wells=B06", "kill:step", "raise:attempt="])
def test_what_is_no_fault_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=rf"PLATEFLOW_FAULT={text} is no fault; write kill\|exit\|segv\|hang"):
        read_fault(text)


@pytest.mark.parametrize(
    ("fault", "struck"),
    [
        (Fault("raise", "B06", 2, 1), {("B06", 2, 1)}),
        (Fault("raise", "B06"), {("B06", 1, 1), ("B06", 1, 2)}),
        (Fault("raise", step=2, attempt=2), {("B05", 2, 2), ("B06", 2, 2)}),
    ],
)
def test_where_it_strikes(fault: Fault, struck: set[tuple[str, int, int]]) -> None:
    places = [(well, step, attempt) for well in ("B05", "B06") for step in (1, 2) for attempt in (1, 2)]
    assert {place for place in places if strikes(fault, place)} == struck


def strikes(fault: Fault, place: tuple[str, int, int]) -> bool:
    try:
        fault.strike(*place)
    except InjectedError:
        return True
    return False


STRIKE = "from plateflow.execution.faults import read_fault; read_fault('{}').strike('A01', 1, 1); print('unharmed')"


@pytest.mark.parametrize(
    ("kind", "ends"), [("kill", -signal.SIGKILL), ("segv", -signal.SIGSEGV), ("exit", EXIT_CODE), ("raise", 1)]
)
def test_what_ends_a_process(kind: str, ends: int) -> None:
    ended = subprocess.run([sys.executable, "-c", STRIKE.format(kind)], capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (ends, b"")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "is_so"), [("hang", lambda state: state == "S"), ("stop", lambda state: state == "T")]
)
def test_what_holds_a_process(kind: str, is_so: Callable[[str], bool]) -> None:
    with subprocess.Popen([sys.executable, "-c", STRIKE.format(kind)], stdout=subprocess.PIPE) as process:
        time.sleep(2.0)
        with open(f"/proc/{process.pid}/stat") as file:
            state = file.read().rpartition(")")[2].split()[0]
        os.kill(process.pid, signal.SIGKILL)
        assert process.stdout is not None
        assert process.stdout.read() == b""
    assert is_so(state)
