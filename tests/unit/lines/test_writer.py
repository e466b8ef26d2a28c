"""The writer: order, backpressure and what may be dropped."""

import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from plateflow.lines.reader import LineReader
from plateflow.lines.writer import STALL_WAIT, LineWriter, ReaderGoneError

PIPE_SIZE = 64 * 1024


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for fd in (reader, writer):
        try:
            os.close(fd)
        except OSError:  # closed by the test
            continue


def read_all(fd: int, writer: LineWriter) -> list[bytes]:
    """Read to the last line that the writer holds."""
    reader, found = LineReader(fd), b""
    while True:
        written = writer.write_pending()
        lines = reader.read()
        found += lines.complete
        if written and not lines.complete:
            return found.splitlines()


def write_all(writer: LineWriter, lines: list[bytes]) -> None:
    for line in lines:
        writer.write(line + b"\n")


def fill(writer: LineWriter) -> list[bytes]:
    """Write until the pipe is full and the writer keeps a line; return the lines."""
    lines: list[bytes] = []
    while not writer.pending:
        lines.append(b"fill %05d" % len(lines) + b"." * 2000)
        writer.write(lines[-1] + b"\n")
    return lines


def test_lines_arrive_in_order(pipe: tuple[int, int]) -> None:
    writer = LineWriter(pipe[1])
    lines = [b"line %d" % n for n in range(100)]
    for line in lines:
        writer.write(line + b"\n")
    assert not writer.pending
    assert read_all(pipe[0], writer) == lines


def test_a_full_pipe_delays_once_per_stall(pipe: tuple[int, int]) -> None:
    writer = LineWriter(pipe[1])
    start = time.monotonic()
    lines = fill(writer)
    first = time.monotonic() - start
    assert STALL_WAIT <= first < STALL_WAIT + 0.5
    start = time.monotonic()
    more = [b"later %d" % n for n in range(1000)]
    for line in more:
        writer.write(line + b"\n")
    assert time.monotonic() - start < STALL_WAIT * 10
    assert read_all(pipe[0], writer) == lines + more
    start = time.monotonic()
    fill(writer)  # a new stall waits again
    assert time.monotonic() - start >= STALL_WAIT


def test_the_newest_of_a_step_replaces_the_one_that_waits(pipe: tuple[int, int]) -> None:
    writer = LineWriter(pipe[1], stall_wait=0)
    lines = fill(writer)
    writer.write(b"axis started\n")
    for n in range(5):
        writer.write(b"B06 step 0 group %d\n" % n, ("B06", 0))
        writer.write(b"B07 step 0 group %d\n" % n, ("B07", 0))
    writer.write(b"B06 step completed\n")
    writer.write(b"B06 step 1 group 0\n", ("B06", 1))
    assert read_all(pipe[0], writer) == [
        *lines,
        b"axis started",
        b"B06 step 0 group 4",
        b"B07 step 0 group 4",
        b"B06 step completed",
        b"B06 step 1 group 0",
    ]


def test_the_next_attempt_never_overtakes_its_start(pipe: tuple[int, int]) -> None:
    writer = LineWriter(pipe[1], stall_wait=0)
    lines = fill(writer)
    writer.write(b"attempt 1 group 3\n", ("B06", 0))
    writer.write(b"attempt 2 started\n")
    writer.write(b"attempt 2 group 1\n", ("B06", 0))
    assert read_all(pipe[0], writer) == [*lines, b"attempt 2 started", b"attempt 2 group 1"]


def test_what_the_pipe_takes_is_never_dropped(pipe: tuple[int, int]) -> None:
    writer = LineWriter(pipe[1])
    lines = [b"group %d" % n for n in range(100)]
    for line in lines:
        writer.write(line + b"\n", ("B06", 0))
    assert read_all(pipe[0], writer) == lines


def test_a_line_that_is_partly_written_is_finished(pipe: tuple[int, int]) -> None:
    writer = LineWriter(pipe[1], stall_wait=0)
    first, second = b"a" * (PIPE_SIZE + 1000), b"b" * (PIPE_SIZE + 1000)
    writer.write(first + b"\n", ("B06", 0))
    assert writer.pending
    writer.write(second + b"\n", ("B06", 0))
    writer.write(b"last\n")
    assert read_all(pipe[0], writer) == [first, second, b"last"]


def test_flush_blocks_until_all_is_written(pipe: tuple[int, int]) -> None:
    writer = LineWriter(pipe[1], stall_wait=0)
    lines = fill(writer)
    found: list[bytes] = []

    def read_later() -> None:
        time.sleep(0.05)
        while len(found) < len(lines):
            found.extend(reader.read().complete.splitlines())

    reader = LineReader(pipe[0])
    thread = threading.Thread(target=read_later)
    thread.start()
    writer.flush()
    assert not writer.pending
    thread.join()
    assert found == lines


def test_a_flush_may_give_up_and_keeps_what_waits(pipe: tuple[int, int]) -> None:
    writer = LineWriter(pipe[1], stall_wait=0)
    lines = fill(writer)
    asked = iter([False, False, True])
    writer.flush(lambda: next(asked))
    assert list(asked) == []
    assert writer.pending
    assert read_all(pipe[0], writer) == lines


class Meanwhile:
    """In place of ``select.poll``: nobody waits, but time passes, and what another thread does then is done here."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, writer: LineWriter, passes: Callable[[float], float]) -> None:
        self.now = 100.0
        self.waits: list[float] = []
        """Seconds that each wait took at most, one within another too."""
        self.acts: list[Callable[[], object]] = []
        self._writer = writer
        self._passes = passes
        clock = SimpleNamespace(monotonic=lambda: self.now)
        monkeypatch.setattr("plateflow.lines.writer.time", clock)
        monkeypatch.setattr("plateflow.lines.writer.select", SimpleNamespace(poll=lambda: self, POLLOUT=select.POLLOUT))

    def register(self, fd: int, events: int) -> None:
        pass

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        assert not self._writer._lock.locked(), "a thread waits for room while it keeps others from writing"
        self.waits.append(timeout / 1000)
        until = self.now + timeout / 1000
        self.now += self._passes(timeout / 1000)
        acts, self.acts = self.acts, []
        for act in acts:
            act()
        self.now = max(self.now, until)
        return []


def test_threads_wait_for_the_same_stall_no_longer_than_its_first(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = LineWriter(pipe[1])
    meanwhile = Meanwhile(monkeypatch, writer, lambda seconds: 0.02)
    meanwhile.acts = [lambda: writer.write(b"of another thread, 20 ms later\n")]
    lines = fill(writer)
    assert meanwhile.waits == pytest.approx([STALL_WAIT, STALL_WAIT - 0.02])
    writer.write(b"later\n")
    assert len(meanwhile.waits) == 2
    assert read_all(pipe[0], writer) == [*lines, b"of another thread, 20 ms later", b"later"]


def test_a_flush_waits_for_the_lines_before_it_only(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    writer = LineWriter(pipe[1], stall_wait=0)
    lines = fill(writer)
    meanwhile = Meanwhile(monkeypatch, writer, lambda seconds: seconds)
    later: list[bytes] = []

    def write_and_read_on() -> None:
        later.append(b"later %d" % len(later))
        writer.write(later[-1] + b"\n")
        if len(later) == 20:
            read.append(os.read(pipe[0], 8192))
        meanwhile.acts.append(write_and_read_on)

    read: list[bytes] = []
    meanwhile.acts.append(write_and_read_on)
    writer.flush()
    assert len(later) == 20
    found = b"".join(read) + b"\n".join([*read_all(pipe[0], writer), b""])
    assert found.splitlines() == [*lines, *later]


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_a_thread_that_flushes_holds_up_no_other(kind: str) -> None:
    ends = os.pipe() if kind == "pipe" else tuple(end.detach() for end in socket.socketpair())
    writer = LineWriter(ends[1], stall_wait=0)
    lines = fill(writer)
    flushing = threading.Thread(target=writer.flush)
    flushing.start()
    time.sleep(0.02)
    more = [b"later %d" % n for n in range(1000)]
    others = threading.Thread(target=write_all, args=(writer, more))
    others.start()
    others.join(10)
    held_up = others.is_alive()
    assert flushing.is_alive()  # nothing has been read yet
    assert read_all(ends[0], writer) == lines + more
    for thread in (flushing, others):
        thread.join()
    for end in ends:
        os.close(end)
    assert not held_up


def test_threads_never_mix_their_lines(pipe: tuple[int, int]) -> None:
    writer = LineWriter(pipe[1])
    texts = [bytes([letter]) * 3000 for letter in b"abcd"]

    def repeat(text: bytes) -> None:
        for _ in range(200):
            writer.write(text + b"\n")

    threads = [threading.Thread(target=repeat, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    reader, found = LineReader(pipe[0]), b""
    while found.count(b"\n") < 800:
        select.select([pipe[0]], [], [], 0.01)  # one that spins would keep Python to itself
        found += reader.read().complete
        writer.write_pending()
    for thread in threads:
        thread.join()
    assert sorted(found.splitlines()) == sorted(texts * 200)


def test_a_reader_that_is_gone_is_named(pipe: tuple[int, int]) -> None:
    writer = LineWriter(pipe[1], stall_wait=0)
    fill(writer)
    os.close(pipe[0])
    for act in (writer.flush, writer.write_pending, lambda: writer.write(b"line\n")):
        with pytest.raises(ReaderGoneError, match="nobody reads descriptor"):
            act()


def test_a_socket_whose_peer_is_gone() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        writer = LineWriter(ours.fileno())
        writer.write(b"unread\n")
        theirs.close()
        with pytest.raises(ReaderGoneError):
            writer.write(b"line\n")
