from __future__ import annotations

from dataclasses import dataclass, field

from plateflow.cli.journal_check import JournalCheck
from plateflow.runtime.requester import NoAnswerError

FULL = "the journal j cannot be written (disk full)"


@dataclass
class Server:
    """What a check asks, on a clock that tests move."""

    seconds: float = 100.0
    degraded: str = ""
    asked: list[float] = field(default_factory=list)

    def ask(self) -> str:
        self.asked.append(self.seconds)
        return self.degraded

    def check(self) -> JournalCheck:
        return JournalCheck(self.ask, lambda: self.seconds)


def test_nothing_is_asked_while_messages_come() -> None:
    server = Server()
    check = server.check()
    for _ in range(100):
        server.seconds += 0.5
        assert not check.look(news=True)
    assert server.asked == []


def test_a_silent_server_is_asked_every_two_seconds() -> None:
    server = Server()
    check = server.check()
    check.look(news=True)
    for _ in range(80):
        server.seconds += 0.125
        assert not check.look(news=False)
    assert server.asked == [102, 104, 106, 108, 110]


def test_a_problem_is_told_once_and_so_is_its_end() -> None:
    server = Server(degraded=FULL)
    check = server.check()
    changes = []
    for _ in range(12):
        server.seconds += 1
        server.degraded = FULL if server.seconds < 107 else ""
        if check.look(news=False):
            changes.append((server.seconds, check.problem))
    assert changes == [(102, FULL), (108, "")]


def test_a_message_ends_a_problem_at_once() -> None:
    server = Server(degraded=FULL)
    check = server.check()
    server.seconds += 2
    assert check.look(news=False)
    server.seconds += 0.1
    server.degraded = ""
    assert check.look(news=True)
    assert check.problem == ""


def test_old_messages_do_not_end_a_problem() -> None:
    server = Server(degraded=FULL)
    check = server.check()
    server.seconds += 2
    assert check.look(news=False)
    assert not check.look(news=True)
    assert check.problem == FULL


def test_a_server_that_does_not_answer_is_waited_for() -> None:
    def ask() -> str:
        raise NoAnswerError("the server did not answer within 5 s")

    clock = iter([0.0, 10.0, 20.0])
    check = JournalCheck(ask, lambda: next(clock))
    assert check.look(news=False)
    assert check.problem == "the server does not answer; it is stopped, or very busy"
    assert not check.look(news=False)
