"""Questions to a runner: answered beside all executions, whatever the runner does."""

import json
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.runtime.scripts import PLATE, PUPPET, Action, job, new_id

from plateflow.errors import SchemaError
from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.runtime import inquiries
from plateflow.runtime.client import ExecutionClient, RefusedError
from plateflow.runtime.jobs import ANSWER_LIMIT
from plateflow.runtime.server import ExecutionServer

LONG = {"answer": "x" * 1_000_000}


def says(answer: object) -> Action:
    return ("send", json.dumps(answer) + "\n")


@pytest.mark.parametrize("answer", [{"a": 1}, {}, LONG], ids=["short", "empty", "longer than any message"])
def test_an_answer_comes_back_as_it_was_given(client: ExecutionClient, answer: object) -> None:
    assert json.loads(client.inquire(job(says(answer), ("exit", 0)))) == answer


def test_a_runner_that_answers_need_not_end(client: ExecutionClient) -> None:
    began = time.monotonic()
    assert client.inquire(job(says({}), ("sleep", 60))) == b"{}"
    assert time.monotonic() - began < 20


BROKEN: dict[str, tuple[list[Action], str]] = {
    "ends": ([("exit", 0)], "exited with code 0 before it answered"),
    "is killed": ([("signal", signal.SIGKILL)], "the runner died (SIGKILL) before it answered"),
    "ends within its answer": ([("send", '{"a":'), ("exit", 0)], "exited with code 0 before it answered"),
    "closes its socket": ([("close", None), ("sleep", 60)], "before it answered"),
    "leaves a child with its socket": ([("fork", 60), ("exit", 3)], "exited with code 3 before it answered"),
    "says no JSON": ([("send", "hello\n")], "its answer cannot be read"),
    "says a list": ([says([1])], "must be a JSON object"),
    "says too much": ([("flood", ANSWER_LIMIT + 1), ("sleep", 60)], "longer than"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_runner_that_does_not_answer_is_told_of(client: ExecutionClient, case: str) -> None:
    actions, words = BROKEN[case]
    with pytest.raises(RefusedError) as caught:
        client.inquire(job(*actions))
    assert words in str(caught.value)
    assert client.ping()


def test_what_the_runner_printed_is_named(client: ExecutionClient, directory: Path) -> None:
    with pytest.raises(RefusedError, match="what it printed is in") as caught:
        client.inquire(job(("print", "hello"), ("exit", 1)))
    log = Path(str(caught.value).rpartition(" is in ")[2])
    assert log.read_text() == "hello\n"
    assert log.parent == directory / "logs"


def test_too_long_is_given_up(client: ExecutionClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inquiries, "ANSWER_TIME", 0.3)
    with pytest.raises(RefusedError, match="there is no answer after"):
        client.inquire(job(("sleep", 60)))


def test_a_question_is_answered_while_a_run_goes_on_and_the_loop_serves(client: ExecutionClient) -> None:
    execution_id = client.submit(PLATE, ExecutionKind.RUN, job(("sleep", 60)), execution_id=new_id())
    assert client.inquire(job(says({"n": 1}))) == b'{"n":1}'
    assert client.snapshot(execution_id).state is ExecutionState.RUNNING
    client.cancel(execution_id)


def in_threads(directory: Path, asks: Sequence[Callable[[ExecutionClient], Any]]) -> list[Any]:
    def one(ask: Callable[[ExecutionClient], Any]) -> object:
        with ExecutionClient(directory) as client:
            return ask(client)

    with ThreadPoolExecutor(len(asks)) as pool:
        return list(pool.map(one, asks))


def test_many_clients_each_get_their_own_answer(server: ExecutionServer, directory: Path) -> None:
    def ask(n: int) -> Callable[[ExecutionClient], bytes]:
        return lambda client: client.inquire(job(says({"n": n})))

    asks = [ask(n) for n in range(8)]
    assert in_threads(directory, asks) == [b'{"n":%d}' % n for n in range(8)]


@pytest.mark.slow
def test_more_than_the_limit_is_refused(
    server: ExecutionServer, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inquiries, "WAITING_LIMIT", 1)
    refused = threading.Event()

    def ask(client: ExecutionClient) -> bytes:
        try:
            return client.inquire(job(("sleep", 1), says({})))
        except RefusedError as e:
            refused.set()
            return str(e).encode()

    answers = in_threads(directory, [ask] * 5)
    assert answers.count(b"{}") == 3
    assert [answer for answer in answers if answer != b"{}"] == [
        b"3 questions wait for an answer already; ask again later"
    ] * 2


@pytest.mark.parametrize("question", [b"[]", b"{", b"3", b'{"a":NaN}'])
def test_a_question_that_is_no_object_is_refused_here(client: ExecutionClient, question: bytes) -> None:
    with pytest.raises((SchemaError, msgspec.MsgspecError)):
        client.inquire(question)


def test_a_server_that_closes_ends_the_runners(directory: Path) -> None:
    server = ExecutionServer(directory, PUPPET)
    server.start()
    answers: list[object] = []

    def ask() -> None:
        with ExecutionClient(directory) as client:
            try:
                answers.append(client.inquire(job(("print", "began"), ("sleep", 60))))
            except RefusedError as e:
                answers.append(e)

    thread = threading.Thread(target=ask)
    thread.start()
    logs = directory / "logs"
    while not any(path.stat().st_size for path in logs.glob("question-*.log")):
        time.sleep(0.01)
    began = time.monotonic()
    server.close()
    assert time.monotonic() - began < 5
    thread.join(30)
    assert list(map(str, answers)) == ["the server is shutting down"]
