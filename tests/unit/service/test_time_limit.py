"""A limit that interrupts Python code of the main thread, wherever it is."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from plateflow.service.time_limit import MOST_RAISED, TimeLimitError, time_limit


def test_what_ends_in_time_is_left_alone() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with time_limit(5, "it"):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


def loop() -> None:
    while True:
        pass


@pytest.mark.parametrize("wait", [lambda: time.sleep(60), loop], ids=["sleep", "loop"])
def test_what_does_not_is_interrupted(wait: Callable[[], None]) -> None:
    before, began = signal.getsignal(signal.SIGALRM), time.monotonic()
    with pytest.raises(TimeLimitError, match=r"^it took longer than its limit of 0\.05 s$"), time_limit(0.05, "it"):
        wait()
    assert time.monotonic() - began < 10
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


CATCHES_ALL = """
import time
from plateflow.service import time_limit
time_limit.AGAIN = 0.01
with time_limit.time_limit(0.01, "loading"):
    for n in range(100):
        try:
            time.sleep(60)
        except BaseException as e:
            print(e)
"""


def test_what_catches_it_again_and_again_ends_with_its_process() -> None:
    ended = subprocess.run([sys.executable, "-c", CATCHES_ALL], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr == "loading took longer than its limit of 0.01 s and did not let itself be ended\n"
    assert ended.stdout.count("loading took longer") <= MOST_RAISED
