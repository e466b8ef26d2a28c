"""What wells show and say, without Qt."""

import numpy as np
import pytest
from tests.unit.cli.view.script import Script, finished, halfway

from plateflow.gui.colouring import LEVELS
from plateflow.gui.well_grid import CODES, INK, NO_WELL, RAMP, SIDE, WellGrid, plate_shape, well_roles, well_text
from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.progress.state import AxisProgress, AxisState, ExecutionProgress

COLOURS = np.arange(2 * INK, dtype=np.uint32)
"""Pixels that are the codes themselves, and INK more in marks."""


ALL = np.arange(RAMP + LEVELS, dtype=np.uint32)
"""The same, and the levels of the ramp."""


def grid_of(state: ExecutionProgress) -> WellGrid:
    grid = WellGrid(*plate_shape(state), state.axes)
    grid.refresh(state)
    return grid


@pytest.mark.parametrize(("rows", "columns"), [(8, 12), (16, 24), (32, 48)], ids=["96", "384", "1536"])
def test_every_well_has_the_code_of_its_state(rows: int, columns: int) -> None:
    state = halfway(rows, columns).state
    grid = grid_of(state)
    assert (grid.rows, grid.columns) == (rows, columns)
    roles = {AxisState.PENDING: "queued", AxisState.RUNNING: "running", AxisState.COMPLETED: "done"}
    roles[AxisState.FAILED] = "failed"
    for name, axis in state.axes.items():
        assert grid.codes[grid.wells[name]] == CODES[roles[axis.state]]
        assert grid.name(grid.wells[name]) == name
    assert grid.count() == {role: state.counts[axis_state] for axis_state, role in roles.items()}


def test_well_names_go_on_after_z() -> None:
    grid = grid_of(halfway(32, 48).state)
    assert grid.wells["AA01"] == 26 * 48
    assert grid.name(len(grid.codes) - 1) == "AF48"


@pytest.mark.parametrize(
    ("done", "planned", "filled"),
    [(0, 0, 2), (0, 16, 2), (1, 16, 2), (4, 16, 2), (6, 16, 3), (8, 16, 4), (15, 16, 7), (16, 16, 7)],
)
def test_a_well_at_work_is_filled_as_far_as_it_is(done: int, planned: int, filled: int) -> None:
    axis = AxisProgress(state=AxisState.RUNNING, groups_done=done, groups_planned=planned)
    grid = grid_of(ExecutionProgress(execution_id="x", plate_id="p", rows=2, columns=3, axes={"B02": axis}))
    pixels = grid.picture(COLOURS, marked=False)
    assert pixels.shape == (2 * SIDE, 3)
    column = pixels[SIDE:, 1].tolist()
    assert column == [CODES["idle"]] * (SIDE - filled) + [CODES["running"]] * filled


def tile(script: Script, well: str, *, lost: bool = False) -> str:
    """Return a well of the picture as text: a dot for a pixel of its colour, a hash for one of its mark."""
    grid = grid_of(script.state)
    grid.refresh(script.state, lost=lost)
    row, column = divmod(grid.wells[well], grid.columns)
    pixels = grid.picture(COLOURS)[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE]
    return "\n".join("".join("#" if pixel >= INK else "." for pixel in line) for line in pixels)


def test_states_are_marked_beside_their_colour() -> None:
    script = halfway()
    at_work = next(name for name, axis in script.state.axes.items() if axis.state is AxisState.RUNNING)
    plain = "\n".join(["........"] * 8)
    assert tile(script, "A01") == tile(script, at_work) == plain
    hole = tile(script, "H12")
    assert hole.split("\n")[2:6] == ["........", "...##...", "...##...", "........"]
    stripes = tile(script, "H12", lost=True)
    assert stripes.split("\n")[:4] == ["........", "........", "########", "........"]
    script.execution(ExecutionState.CANCELLED, "Stopped by the user")
    assert tile(script, at_work).split("\n")[2:6] == ["........", ".######.", ".######.", "........"]
    assert tile(script, "H12") == plain


def test_levels_are_shown_instead_of_states_and_are_filled_as_far() -> None:
    axes = {"A01": AxisProgress(state=AxisState.COMPLETED), "A02": AxisProgress(state=AxisState.FAILED)}
    axes["A03"] = AxisProgress(state=AxisState.RUNNING, groups_done=1, groups_planned=2)
    axes["B01"] = AxisProgress()
    grid = grid_of(ExecutionProgress(execution_id="x", plate_id="p", rows=2, columns=3, axes=axes))
    states = grid.picture(ALL)
    grid.colour({"A01": 0, "A02": 63, "A03": 7, "plate:one": 5})
    assert grid.tells_numbers
    pixels = grid.picture(ALL, marked=False)
    assert pixels[:SIDE].T.tolist() == [
        [RAMP] * 8,
        [RAMP + 63] * 8,
        [CODES["idle"]] * 4 + [RAMP + 7] * 4,
    ]
    assert set(pixels[SIDE:, 0].tolist()) == {CODES["idle"]}  # it waits, and has no number
    assert set(pixels[SIDE:, 1:].ravel().tolist()) == {NO_WELL}
    assert set(grid.picture(ALL)[:SIDE, :SIDE].ravel().tolist()) == {RAMP}  # no marks on it
    assert grid.having("failed") == [1]  # has its cross all the same
    assert grid.count() == {"queued": 1, "running": 1, "done": 1, "failed": 1}
    grid.colour(None)
    assert (grid.picture(ALL) == states).all()


def test_only_imaged_wells_are_shown() -> None:
    script = Script(8, 12, imaged=5)
    script.prepare()
    grid = grid_of(script.state)
    assert sorted(grid.wells) == ["A01", "A02", "A03", "A04", "A05"]
    assert set(grid.codes[5:].tolist()) == {NO_WELL}
    assert set(grid.picture(COLOURS)[SIDE:].ravel().tolist()) == {NO_WELL, NO_WELL + INK}


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ([], (0, 0)),
        (["plate:stitch"], (0, 0)),
        (["site 1", "site 2"], (0, 0)),
        (["A01", "H12"], (8, 12)),
        (["A01", "AA01", "plate:stitch"], (32, 48)),
    ],
    ids=["none", "step over the plate", "sites", "96", "1536"],
)
def test_the_plate_is_as_large_as_its_wells_need_before_it_is_told(axes: list[str], expected: tuple[int, int]) -> None:
    state = ExecutionProgress(execution_id="x", plate_id="p", axes={name: AxisProgress() for name in axes})
    assert plate_shape(state) == expected
    assert len(grid_of(state).codes) == expected[0] * expected[1]


def test_some_wells_are_refreshed_alone() -> None:
    script = Script(2, 3)
    script.prepare()
    grid = grid_of(script.state)
    for _ in script.run():
        pass
    grid.refresh(script.state, ["A01", "no such well"])
    assert grid.count() == {"queued": 5, "done": 1}


@pytest.mark.parametrize(
    ("kind", "state", "lost", "pending", "running"),
    [
        (ExecutionKind.RUN, ExecutionState.QUEUED, False, "queued", "running"),
        (ExecutionKind.RUN, ExecutionState.RUNNING, False, "queued", "running"),
        (ExecutionKind.RUN, ExecutionState.PAUSED, False, "queued", "running"),
        (ExecutionKind.RUN, ExecutionState.RUNNING, True, "lost", "lost"),
        (ExecutionKind.RUN, ExecutionState.CANCELLED, False, "idle", "cancelled"),
        (ExecutionKind.RUN, ExecutionState.CANCELLED, True, "idle", "cancelled"),
        (ExecutionKind.RUN, ExecutionState.INTERRUPTED, False, "idle", "cancelled"),
        (ExecutionKind.COMPILE, ExecutionState.RUNNING, False, "pending", "running"),
        (ExecutionKind.COMPILE, ExecutionState.COMPLETED, False, "idle", "cancelled"),
    ],
)
def test_roles_follow_the_execution(
    kind: ExecutionKind, state: ExecutionState, lost: bool, pending: str, running: str
) -> None:
    progress = ExecutionProgress(execution_id="x", plate_id="p", kind=kind, state=state)
    roles = well_roles(progress, lost=lost)
    assert (roles[AxisState.PENDING], roles[AxisState.RUNNING]) == (pending, running)
    assert (roles[AxisState.COMPLETED], roles[AxisState.FAILED]) == ("done", "failed")


def test_a_failed_well_says_where_and_why() -> None:
    state = finished().state
    assert well_text("A02", state) == "A02: failed in step 4 measure_nuclei: ValueError: no objects found in channel 1,"
    assert well_text("A01", state) == "A01: done"
    assert well_text("P24", state) == "P24: not imaged"
    assert well_text("A01", None) == "A01: not imaged"


def test_a_well_at_work_says_its_step() -> None:
    script = halfway()
    well, axis = next((n, a) for n, a in script.state.axes.items() if a.state is AxisState.RUNNING and a.in_step)
    step = f"step {axis.step_index + 1}/5 {axis.step_name}, {int(axis.percent)} %"
    assert well_text(well, script.state) == f"{well}: running {step}"
    assert well_text(well, script.state, lost=True) == f"{well}: lost: last heard in {step}"
    assert well_text("H12", script.state) == "H12: queued"
    assert well_text("H12", script.state, lost=True) == "H12: lost: was queued"
    script.execution(ExecutionState.CANCELLED, "Stopped by the user")
    assert well_text(well, script.state) == f"{well}: not finished: stopped in {step}"
    assert well_text("H12", script.state) == "H12: not started"


def test_a_repeated_well_says_so() -> None:
    axis = AxisProgress(state=AxisState.COMPLETED, attempts=2)
    state = ExecutionProgress(execution_id="x", plate_id="p", rows=2, columns=3, axes={"B02": axis})
    assert well_text("B02", state) == "B02: done, attempt 2"
