"""What is told at the end of a run, and when the server is lost."""

import pytest
from tests.unit.cli.view.script import finished

from plateflow.gui.notices import SIGNS, Notice, end_notice, lost_notice
from plateflow.gui.plates import Plate
from plateflow.gui.states import LOOKS, PlateState

STATE = finished().state


@pytest.mark.parametrize(
    ("plate", "expected"),
    [
        (
            Plate("/p/Plate_A", output="/r/a", settled=PlateState.COMPLETE),
            Notice("Plate_A: Complete", "done", "/r/a"),
        ),
        (
            Plate("/p/a", settled=PlateState.COMPLETE_WITH_FAILURES, progress=STATE, details=STATE, output="/r/a"),
            Notice("a: Complete with failures 95/96 · 95 done 1 fail", "failed", "/r/a"),
        ),
        (
            Plate("/p/a", settled=PlateState.FAILED, problem="PlateError: no wells\n in it"),
            Notice("a: Failed · PlateError: no wells in it", "failed"),
        ),
        (
            Plate("/p/a", settled=PlateState.CANCELLED, problem="Stopped by the user", output="/r/a"),
            Notice("a: Cancelled · Stopped by the user", "cancelled", "/r/a"),
        ),
    ],
    ids=["complete", "complete with failures", "failed", "cancelled"],
)
def test_an_end_is_told_in_words(plate: Plate, expected: Notice) -> None:
    assert end_notice(plate) == expected


def test_a_lost_server_is_told_with_its_reason() -> None:
    assert lost_notice("no answer\nwithin 1 s", broken=False) == Notice(
        "The server is not heard, so what runs there is Lost: no answer within 1 s", "lost"
    )
    broken = lost_notice("percent: must be 0..100", broken=True)
    assert broken.role == "failed"
    assert broken.text.endswith(": percent: must be 0..100")


def test_every_end_has_a_sign() -> None:
    ends = (PlateState.COMPLETE, PlateState.COMPLETE_WITH_FAILURES, PlateState.FAILED, PlateState.CANCELLED)
    assert {LOOKS[state].role for state in (*ends, PlateState.LOST)} <= set(SIGNS)
