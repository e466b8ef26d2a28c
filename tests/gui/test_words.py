"""What the user page says is what the window has, and the window writes nothing that a font may lack."""

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from plateflow.gui.actions import ACTIONS, ActionSpec
from plateflow.gui.detail import PlateDetail
from plateflow.gui.plates import PlateStore
from plateflow.gui.states import LOOKS, PlateState
from plateflow.progress.messages import ExecutionKind

PAGE = (Path(__file__).parents[2] / "docs" / "plate-manager.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("spec", ACTIONS, ids=[spec.name for spec in ACTIONS])
def test_the_page_has_every_key(spec: ActionSpec) -> None:
    assert f"| {spec.shortcut} | {spec.text}" in PAGE


@pytest.mark.parametrize("state", PlateState)
def test_the_page_has_every_state(state: PlateState) -> None:
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| ")]
    words = [word.strip() for row in rows for word in row.split(",")]
    assert f"{LOOKS[state].glyph} {LOOKS[state].word}".strip() in words


@pytest.mark.parametrize("kind", [ExecutionKind.INIT, ExecutionKind.COMPILE])
def test_the_header_writes_no_hourglass(qtbot: QtBot, kind: ExecutionKind) -> None:
    store = PlateStore()
    store.add("/data/plate_01")
    store.request("/data/plate_01", kind, "0" * 32)
    detail = PlateDetail()
    qtbot.addWidget(detail)
    detail.show_plate(store.plates["/data/plate_01"])
    assert detail._header.text() == f"plate_01 · {kind.value.capitalize()}"


def test_a_long_reason_does_not_widen_the_window(qtbot: QtBot) -> None:
    store = PlateStore()
    store.add("/data/plate_01")
    detail = PlateDetail()
    qtbot.addWidget(detail)
    before = detail.minimumSizeHint().width()
    store.request("/data/plate_01", ExecutionKind.INIT, "0" * 32)
    store.refuse("0" * 32, "a very long reason " * 40)
    detail.show_plate(store.plates["/data/plate_01"])
    assert detail.minimumSizeHint().width() == before
