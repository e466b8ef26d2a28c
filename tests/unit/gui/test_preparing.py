"""What a row says while its plate is opened and compiled, for itself or within a run."""

import pytest
from tests.unit.cli.view.script import Script

from plateflow.gui.plates import Plate
from plateflow.gui.texts import state_text, step_text
from plateflow.progress.messages import ExecutionKind

INIT, COMPILE, RUN = ExecutionKind.INIT, ExecutionKind.COMPILE, ExecutionKind.RUN


def plate_of(script: Script) -> Plate:
    kind = script.kind
    return Plate("/p/a", init_pending=kind is INIT, compile_pending=kind is COMPILE, progress=script.state)


def begun(kind: ExecutionKind) -> Script:
    return Script(kind=kind)


def listing(kind: ExecutionKind) -> Script:
    script = Script(kind=kind)
    script.found(9_000, 23_000)
    return script


def opening(kind: ExecutionKind) -> Script:
    script = Script(kind=kind)
    script.init(30_000, 12_000)
    return script


def checking(kind: ExecutionKind) -> Script:
    script = Script(kind=kind)
    script.init(30_000)
    script.compile(40)
    return script


@pytest.mark.parametrize(
    ("script", "state", "second"),
    [
        (begun(INIT), "⏳ Init", ""),
        (listing(INIT), "⏳ Init · 23,000 files found", ""),
        (opening(INIT), "⏳ Init 12,000 files", ""),
        (begun(COMPILE), "⏳ Compile", ""),
        (listing(COMPILE), "⏳ Compile · 23,000 files found", ""),
        (opening(COMPILE), "⏳ Compile 12,000 files", ""),
        (checking(COMPILE), "⏳ Compile 40/96", ""),
        (listing(RUN), "▶ Running 0 %", "Init · 23,000 files found"),
        (opening(RUN), "▶ Running 0 %", "Init 12,000 files"),
        (checking(RUN), "▶ Running 0 %", "Compile 40/96"),
    ],
)
def test_every_part_is_told(script: Script, state: str, second: str) -> None:
    assert (state_text(plate_of(script)), step_text(plate_of(script))) == (state, second)
