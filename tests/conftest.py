"""What every test may use: real plates, a short folder for sockets, and a check that nothing is left running."""

import multiprocessing
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path

import hypothesis
import pytest

TEST_DATA = "PLATEFLOW_TEST_DATA"
REQUIRE_DATA = "PLATEFLOW_REQUIRE_DATA"
GRACE = 2.0
"""Seconds that threads and children of a test get to end after it."""

# No deadline: a busy machine is no bug. Under CI hypothesis loads its own derandomised profile, which this inherits.
hypothesis.settings.register_profile("plateflow", deadline=None)
hypothesis.settings.load_profile("plateflow")


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of real plates."""
    folder = os.environ.get(TEST_DATA, "")
    if not folder:
        pytest.skip(f"{TEST_DATA} is not set")
    assert Path(folder).is_dir(), f"{TEST_DATA} names no folder: {folder}"
    return Path(folder)


@pytest.fixture
def short_tmp() -> Iterator[Path]:
    """Folder with a path short enough for sockets, which may have about 100 bytes; tmp_path is too long for some."""
    folder = Path(tempfile.mkdtemp(prefix="pf", dir=None if sys.platform == "win32" else "/tmp"))
    yield folder
    while folder.exists():  # a server that is just ending takes its sockets away meanwhile
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    refuse_skip_for_data(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    refuse_skip_for_data(report)
    return report


def refuse_skip_for_data(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Where real plates are required (CI), a test skipped for want of them has failed."""
    reason = str(report.longrepr)
    if os.environ.get(REQUIRE_DATA) == "1" and report.skipped and TEST_DATA in reason:
        report.outcome = "failed"
        report.longrepr = f"{REQUIRE_DATA}=1, but a test was skipped for want of real plates: {reason}"


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    """Fail a test that leaves a thread or a child process behind."""
    threads, children = set(threading.enumerate()), child_processes().keys()
    yield
    left = outlast(lambda: [t.name for t in set(threading.enumerate()) - threads if not is_of_a_library(t)])
    assert not left, f"threads left running: {left}"
    left = outlast(lambda: [f"{pid} ({name})" for pid, name in child_processes().items() if pid not in children])
    assert not left, f"child processes left running: {left}"


def outlast(find: Callable[[], list[str]]) -> list[str]:
    """Return what is still found after the grace period."""
    end = time.monotonic() + GRACE
    while (found := find()) and time.monotonic() < end:
        time.sleep(0.01)
    return found


def is_of_a_library(thread: threading.Thread) -> bool:
    """Tell whether a library keeps this thread for as long as Python runs (zarr's event loop and its pool)."""
    return thread.name.startswith(("zarr", "asyncio_"))


def child_processes() -> dict[int, str]:
    """Return the command of each running child, but for the helpers that multiprocessing keeps to itself."""
    multiprocessing.active_children()  # reaps those that ended
    if sys.platform != "linux":
        return {}
    children: dict[int, str] = {}
    for listing in Path("/proc/self/task").glob("*/children"):
        for pid in map(int, read_proc(listing).split()):
            command = read_proc(Path(f"/proc/{pid}/cmdline")).replace("\0", " ").strip()
            if command and "multiprocessing.resource_tracker" not in command and "forkserver" not in command:
                children[pid] = command  # an empty command is a process that has ended
    return children


def read_proc(path: Path) -> str:
    """Read a file of /proc whose thread or process may end meanwhile."""
    try:
        return path.read_text()
    except OSError:
        return ""
