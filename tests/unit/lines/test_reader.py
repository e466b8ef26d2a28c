"""The reader: whole lines only, to the end, and never too much at once."""

import os
import socket
from collections.abc import Iterator

import pytest

from plateflow.errors import SchemaError
from plateflow.lines.reader import READ_LIMIT, LineReader, Lines, LineTooLongError
from plateflow.progress.strict import LINE_LIMIT


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * READ_LIMIT)
    with ours, theirs:
        yield ours, theirs


def test_nothing_is_ready(pair: tuple[socket.socket, socket.socket]) -> None:
    assert LineReader(pair[0].fileno()).read() == Lines(b"", ended=False)


def test_a_torn_line_is_put_together(pair: tuple[socket.socket, socket.socket]) -> None:
    reader = LineReader(pair[0].fileno())
    found = []
    for part in (b"one\ntw", b"o", b"\n", b"three\nfour\nfi"):
        pair[1].sendall(part)
        found.append(reader.read())
    assert found == [Lines(part, ended=False) for part in (b"one\n", b"", b"two\n", b"three\nfour\n")]


def test_a_torn_last_line_is_dropped(pair: tuple[socket.socket, socket.socket]) -> None:
    reader = LineReader(pair[0].fileno())
    pair[1].sendall(b"one\ntwo\nthr")
    pair[1].close()
    assert reader.read() == Lines(b"one\ntwo\n", ended=True)
    assert reader.read() == Lines(b"", ended=True)


def test_all_is_read_of_a_peer_that_left_something_unread(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[0].sendall(b"never read")
    pair[1].sendall(b"one\n")
    pair[1].close()
    reader = LineReader(pair[0].fileno())
    assert reader.read() == Lines(b"one\n", ended=True)


def test_a_pipe_ends_too() -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, b"one\n")
    os.close(write_end)
    assert LineReader(read_end).read() == Lines(b"one\n", ended=True)
    os.close(read_end)


def test_one_read_takes_a_bounded_amount(pair: tuple[socket.socket, socket.socket]) -> None:
    line = b"x" * 999 + b"\n"
    pair[1].setblocking(False)
    sent = pair[1].send(line * 400)
    assert sent > READ_LIMIT
    reader = LineReader(pair[0].fileno())
    first = reader.read()
    assert READ_LIMIT - len(line) < len(first.complete) <= READ_LIMIT
    assert len((first.complete + reader.read().complete).splitlines()) == sent // len(line)


@pytest.mark.parametrize("extra", [0, 1], ids=["fits", "too long"])
@pytest.mark.parametrize("newline", [b"\n", b""], ids=["with its newline", "without"])
def test_a_line_up_to_the_limit(pair: tuple[socket.socket, socket.socket], extra: int, newline: bytes) -> None:
    reader = LineReader(pair[0].fileno())
    pair[1].sendall(b"one\n" + b"x" * (LINE_LIMIT - len(newline) + extra) + newline)
    if not extra:
        assert reader.read().complete[:6] == (b"one\nxx" if newline else b"one\n")
        return
    with pytest.raises(LineTooLongError, match="a line is longer than 131072 bytes") as problem:
        reader.read()
    assert problem.value.complete == b"one\n"
    assert isinstance(problem.value, SchemaError)


def test_a_line_that_grows_too_long(pair: tuple[socket.socket, socket.socket]) -> None:
    reader = LineReader(pair[0].fileno(), limit=10)
    pair[1].sendall(b"12345")
    assert reader.read() == Lines(b"", ended=False)
    pair[1].sendall(b"67890\n")
    with pytest.raises(LineTooLongError):
        reader.read()
