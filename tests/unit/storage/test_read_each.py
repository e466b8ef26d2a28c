"""Threads come only once files are waited for; the order stays, and nobody reads far ahead."""

from __future__ import annotations

import threading
import time

from plateflow.storage.read_each import read_each


def test_without_waits_it_is_one_thread_and_in_order() -> None:
    threads = set()

    def square(number: int) -> int:
        threads.add(threading.get_ident())
        return number * number

    assert list(read_each(square, range(1000))) == [number * number for number in range(1000)]
    assert threads == {threading.get_ident()}


def test_what_is_waited_for_is_read_by_several_in_order() -> None:
    threads = set()

    def wait(number: int) -> int:
        threads.add(threading.get_ident())
        time.sleep(0.002)  # gives up the core, as a read from a share does
        return number

    assert list(read_each(wait, range(200))) == list(range(200))
    assert len(threads) > 2


def test_who_stops_has_not_read_all() -> None:
    begun: list[int] = []

    def begin(number: int) -> int:
        begun.append(number)
        return number

    for number in read_each(begin, range(1000)):
        if number == 20:
            break
    assert len(begun) < 40


def test_of_nothing_comes_nothing() -> None:
    assert list(read_each(str, [])) == []
