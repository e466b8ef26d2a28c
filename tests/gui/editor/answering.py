"""Answers an editor's questions, and does what people do to it."""

from collections.abc import Callable

import msgspec
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QWidget

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


def settle(qtbot: QtBot, editor: PipelineEditor) -> None:
    """Wait until nothing is left to check."""
    qtbot.waitUntil(lambda: not editor.session.checking.busy, timeout=TIMEOUT)


def type_keys(widget: QWidget, text: str) -> None:
    """Type a text."""
    QTest.keyClicks(widget, text)  # type: ignore[call-arg, arg-type] # PyQt's stubs take self twice


def press_key(widget: QWidget, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Press a key."""
    QTest.keyClick(widget, key, modifier)  # type: ignore[call-overload] # PyQt's stubs take self twice
