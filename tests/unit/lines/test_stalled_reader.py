"""What a reader that stalls does to those who report: nothing but 50 ms, and nothing is lost but superseded counts."""

import fcntl
import os
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.lines.clocks import Moment, Pulse, Span
from tests.unit.progress.runs import fold, good_axis, streams
from tests.unit.progress.test_state_properties import is_group, without_order
from tests.unit.progress.updates import P

from plateflow.execution.executor import reporter
from plateflow.lines.reader import LineReader
from plateflow.lines.writer import STALL_WAIT, LineWriter
from plateflow.progress.messages import Message, decode_lines, encode_message
from plateflow.progress.update import ProgressUpdate

SMALL = 4096
"""Bytes of the smallest pipe: about ten lines."""
STALL = 1.0
GROUPS = [200, 200]


@pytest.fixture(params=["pipe", "socket"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """A small pipe or socketpair: where it is read, and where it is written."""
    pair = small_pipe() if request.param == "pipe" else small_socket()
    yield pair
    for end in pair:
        os.close(end)


def small_pipe() -> tuple[int, int]:
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, SMALL)
    return read_end, write_end


def small_socket() -> tuple[int, int]:
    read_end, write_end = socket.socketpair()
    write_end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
    return read_end.detach(), write_end.detach()


def bound(updates: list[ProgressUpdate]) -> int:
    """Return how many lines of these may wait at most: all lifecycle lines, one per axis and step, one half written."""
    groups = {(u.axis_id, u.step_index) for u in updates if is_group(u)}
    return sum(not is_group(u) for u in updates) + len(groups) + 1


def test_a_stall_costs_no_report_more_than_its_wait(ends: tuple[int, int]) -> None:
    writer = LineWriter(ends[1])
    wells = {f"A{number:02d}": good_axis(f"A{number:02d}", GROUPS) for number in range(1, 5)}
    spans: dict[str, list[Span]] = {well: [] for well in wells}

    def work(well: str) -> None:
        report = reporter(writer)
        for update in wells[well]:
            time.sleep(0.002 * (well != "A01"))  # A01 is done at once, and flushes while the others report
            begin = Moment.of_this_thread()
            report(update)
            spans[well].append(Span(begin, Moment.of_this_thread()))
        flushed[well] = False
        writer.flush()
        flushed[well] = True

    flushed: dict[str, bool] = {}
    threads = [threading.Thread(target=work, args=(well,)) for well in wells]
    with Pulse() as pulse:
        start = time.monotonic()
        for thread in threads:
            thread.start()
        while time.monotonic() < start + STALL or (len(flushed) < len(wells) and time.monotonic() < start + 30):
            time.sleep(0.01)
        before_reading, waiting = dict(flushed), len(writer._waiting)
        received = read_until(ends[0], threads)
    for thread in threads:
        thread.join()
    assert before_reading == dict.fromkeys(wells, False)  # all had reported everything, and waited before their result
    assert waiting <= bound([update for updates in wells.values() for update in updates])
    assert not pulse.too_long([span for own in spans.values() for span in own], STALL_WAIT)
    for own in spans.values():  # once per stall, not once per report: that would be 404 times
        assert sum(max(0.0, span.waited - pulse.missed(span)) for span in own) < 20 * STALL_WAIT
    assert len(received) == sum(map(len, wells.values())) - writer.coalesced
    assert writer.coalesced > 0
    for well, updates in wells.items():
        assert_only_superseded_is_missing(updates, [u for u in received if u.axis_id == well])
    everything = [update for updates in wells.values() for update in updates]
    assert without_order(fold(received)) == without_order(fold(everything))


def read_until(fd: int, threads: list[threading.Thread]) -> list[ProgressUpdate]:
    """Read until these have ended, and all that they wrote."""
    reader, body = LineReader(fd), b""
    while any(thread.is_alive() for thread in threads) or select.select([fd], [], [], 0)[0]:
        select.select([fd], [], [], 0.01)
        body += reader.read().complete
    return [message for message in decode_lines(body) if isinstance(message, ProgressUpdate)]


def assert_only_superseded_is_missing(given: list[ProgressUpdate], received: list[ProgressUpdate]) -> None:
    """Assert that these are the same in the same order, but for counts of a step that a later one took the place of."""
    left = iter(given)
    for update in received:
        for other in left:
            if other == update:
                break
            assert is_group(other), "a lifecycle update is lost, or out of order"
        else:
            pytest.fail(f"{update} is out of order, or came twice")
    assert list(left) == []
    newest = {u.step_index: u.completed for u in given if is_group(u)}
    assert {u.step_index: u.completed for u in received if is_group(u)} == newest


@given(streams(), st.data())
def test_the_state_is_that_of_all_updates_whenever_it_was_read(messages: list[Message], data: st.DataObject) -> None:
    read_end, write_end = small_pipe()
    writer, reader = LineWriter(write_end, stall_wait=0), LineReader(read_end)
    report, body = reporter(writer), b""
    given: list[ProgressUpdate] = []
    for message in messages:
        if isinstance(message, ProgressUpdate):
            given.append(message)
            report(message)
        else:
            writer.write(encode_message(message))
        others = len(messages) - sum(isinstance(m, ProgressUpdate) for m in messages)
        assert len(writer._waiting) <= bound(given) + others
        if data.draw(st.integers(0, 19)) == 0:
            body += reader.read().complete
    while writer.pending or select.select([read_end], [], [], 0)[0]:
        writer.write_pending()
        body += reader.read().complete
    os.close(read_end)
    os.close(write_end)
    received = decode_lines(body)
    assert len(received) == len(messages) - writer.coalesced
    lifecycle = [message for message in messages if not is_group(message)]
    assert [message for message in received if not is_group(message)] == lifecycle
    assert without_order(fold(received)) == without_order(fold(messages))
    if writer.coalesced:
        missing = Counter(map(encode_message, messages)) - Counter(map(encode_message, received))
        assert all(is_group(message) for message in decode_lines(b"".join(missing)))


def test_a_stall_that_ends_in_time_drops_nothing() -> None:
    read_end, write_end = small_pipe()
    writer = LineWriter(write_end, stall_wait=60)
    updates = good_axis("A01", GROUPS)
    done = threading.Event()

    def work() -> None:
        for update in updates:
            reporter(writer)(update)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    received = read_until(read_end, [thread])
    thread.join()
    assert done.is_set()
    assert writer.coalesced == 0
    assert received == updates
    assert received[-1].phase is P.AXIS_COMPLETED
    os.close(read_end)
    os.close(write_end)
