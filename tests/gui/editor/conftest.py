"""An editor whose questions are answered by the real answerer, in this process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from tests.gui.editor.answering import Runner, settle

from plateflow.gui.editor.window import PipelineEditor


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
