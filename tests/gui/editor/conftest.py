"""An editor whose questions are answered by the real answerer, in this process, when the test lets it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QTimer

from plateflow.gui.editor.window import PipelineEditor
from plateflow.service.consult import answer_payload
from plateflow.service.questions import Answer, Question, decode_answer

TIMEOUT = 20_000


class Runner:
    """Answers later, one question after another; `held` keeps the answers back."""

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.held = False
        self._waiting: list[tuple[Question, Callable[[Answer], object]]] = []

    def ask(self, question: Question, then: Callable[[Answer], object]) -> None:
        self.asked.append(question)
        self._waiting.append((question, then))
        QTimer.singleShot(0, self._answer)

    def release(self) -> None:
        self.held = False
        self._answer()

    def _answer(self) -> None:
        while self._waiting and not self.held:
            question, then = self._waiting.pop(0)
            answer = answer_payload(msgspec.json.encode(question))
            then(decode_answer(msgspec.json.encode(answer)))


@pytest.fixture
def runner() -> Runner:
    return Runner()


@pytest.fixture
def editor(qtbot: QtBot, runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PipelineEditor]:
    monkeypatch.chdir(tmp_path)
    editor = PipelineEditor(runner.ask)
    qtbot.addWidget(editor)
    editor.show()
    settle(qtbot, editor)
    yield editor
    editor._leaving = True  # what a test left unsaved
    editor.close()


def settle(qtbot: QtBot, editor: PipelineEditor) -> None:
    """Wait until nothing is left to check."""
    qtbot.waitUntil(lambda: not editor.session.checking.busy, timeout=TIMEOUT)
