"""Questions from the window's thread: answered later, and never in the way."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from plateflow.gui.consultant import Consultant
from plateflow.service.questions import Answer, AskFunctions, AskPipeline, Failed, Functions, PipelineRead

TIMEOUT = 60_000


@pytest.fixture
def consultant(qapp: object, directory: Path) -> Iterator[Consultant]:
    consultant = Consultant(directory)
    yield consultant
    consultant.close()


def test_answers_come_in_order_to_whoever_asked(qtbot: QtBot, consultant: Consultant, pipeline: Path) -> None:
    answers: list[Answer] = []
    consultant.ask(AskFunctions(), answers.append)
    consultant.ask(AskPipeline(path=str(pipeline)), answers.append)
    consultant.ask(AskFunctions(addresses=("nowhere:f",)), answers.append)
    assert answers == []
    qtbot.waitUntil(lambda: len(answers) == 3, timeout=TIMEOUT)
    assert [type(answer) for answer in answers] == [Functions, PipelineRead, Failed]


def test_a_runner_that_ends_is_an_answer_too(qtbot: QtBot, consultant: Consultant, tmp_path: Path) -> None:
    answers: list[Answer] = []
    consultant.ask(AskPipeline(path=str(tmp_path / "p.py"), text="import os\nos._exit(3)"), answers.append)
    qtbot.waitUntil(lambda: bool(answers), timeout=TIMEOUT)
    assert isinstance(answers[0], Failed)
    assert "code 3 before it answered" in answers[0].reason


def test_closing_does_not_wait_for_an_answer(qtbot: QtBot, consultant: Consultant, tmp_path: Path) -> None:
    answers: list[Answer] = []
    for _ in range(3):
        consultant.ask(AskPipeline(path=str(tmp_path / "p.py"), text="import time\ntime.sleep(50)"), answers.append)
    qtbot.wait(1500)
    began = time.monotonic()
    consultant.close()
    assert time.monotonic() - began < 2
    assert answers == []
