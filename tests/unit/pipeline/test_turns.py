"""Pipelines that are gone through value by value: the same results, one value's images at a time, the same totals."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.pipeline import functions as f
from tests.unit.pipeline.here import EXECUTION, Here
from tests.unit.pipeline.plates import write_plate

from plateflow.errors import CompileError, PipelineError
from plateflow.functions.kinds import Image
from plateflow.pipeline.compile import compile_plate
from plateflow.pipeline.pipeline import Pipeline
from plateflow.pipeline.plan import PlatePlan, make_topology
from plateflow.pipeline.step import FunctionStep
from plateflow.plate.model import Plate
from plateflow.progress.messages import ExecutionKind, ExecutionMessage, ExecutionState
from plateflow.progress.state import AxisState, ExecutionProgress
from plateflow.progress.update import ProgressPhase

SEEN: list[tuple[str, int]] = []


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Plate:
    """Two wells, three sites, two channels, two planes."""
    return write_plate(tmp_path_factory.mktemp("plate") / "cube", wells=("A01", "B02"), sites=3, zs=2)


def first(image: Image) -> Image:
    SEEN.append(("first", int(image[0, 0]) // 1000))
    return image + 0.5


def second(image: Image) -> Image:
    SEEN.append(("second", int(image[0, 0]) // 1000))
    return image * 2


def broken(image: Image) -> Image:
    if image[0, 0] // 1000 == 4:  # site 2, doubled
        raise ValueError("no")
    return image


STEPS = [
    FunctionStep(first),
    FunctionStep(second),
    FunctionStep(f.halves, inputs="1", outputs="Halves"),
    FunctionStep(f.area, inputs="Halves"),
]


def compiled(plate: Plate, sequential: Any, *steps: FunctionStep) -> PlatePlan:
    return compile_plate(plate, Pipeline("p", steps or STEPS, sequential=sequential))


def test_all_steps_are_done_for_one_site_before_the_next(plate: Plate) -> None:
    SEEN.clear()
    here = Here(compiled(plate, "site"))
    assert not here.failures
    assert SEEN[:24] == [(name, site) for site in (1, 2, 3) for name in ("first", "second") for _ in range(4)]


@pytest.mark.parametrize("sequential", ["site", "z", ("site", "z"), ["timepoint"]])
def test_results_and_totals_are_the_same(plate: Plate, sequential: Any) -> None:
    usual, by_turns = compiled(plate, ()), compiled(plate, sequential)
    assert [by_turns.groups(axis) for axis in by_turns.wells] == [usual.groups(axis) for axis in usual.wells]
    one, other = Here(usual), Here(by_turns)
    for well in ("A01", "B02"):
        assert set(one.data[well].tables) == set(other.data[well].tables)
        for ref, table in one.data[well].tables.items():
            assert {k: v.tolist() for k, v in table.items()} == {
                k: v.tolist() for k, v in other.data[well].tables[ref].items()
            }
            assert np.array_equal(one.data[well].plane(ref), other.data[well].plane(ref))
        phases = [[(u.step_name, u.phase) for u in here.of(well)] for here in (one, other)]
        assert sorted(phases[0], key=str) == sorted(phases[1], key=str)
        assert len(other.of(well)) == by_turns.updates(by_turns.wells[0])


def test_percent_only_rises_and_ends_at_all(plate: Plate) -> None:
    plan = compiled(plate, "site")
    progress = ExecutionProgress(execution_id=EXECUTION, plate_id=plan.plate.path)
    for topology in make_topology(plan):
        state = ExecutionState.RUNNING
        progress.apply(ExecutionMessage.now(EXECUTION, plan.plate.path, ExecutionKind.RUN, state, topology=topology), 1)
    percents = []
    for seq, update in enumerate(Here(plan).updates, start=2):
        progress.apply(update, seq)
        percents.append(progress.groups_done)
        running = [step.running for step in progress.steps]
        assert sum(running) <= 1
        if update.phase is ProgressPhase.PATTERN_GROUP:
            axis = progress.axes[str(update.axis_id)]
            assert (axis.step_name, axis.step_done, axis.step_total) == (
                update.step_name,
                update.completed,
                update.total,
            )
            assert running[update.step_index] == 1
    assert percents == sorted(percents)
    assert progress.groups_done == progress.groups_planned
    assert progress.counts[AxisState.COMPLETED] == 2
    assert [(step.running, step.completed) for step in progress.steps] == [(0, 2)] * 4


def test_one_sites_images_are_in_memory_at_a_time(plate: Plate, monkeypatch: pytest.MonkeyPatch) -> None:
    from plateflow.execution.well_data import WellData

    most = {"held": 0}
    release = WellData.release

    def counting(data: WellData, names: tuple[str, ...]) -> None:
        images = [ref for ref in (*data._acquired, *data._made) if ref.kind.value == "image"]
        most["held"] = max(most["held"], len(images))
        release(data, names)

    monkeypatch.setattr(WellData, "release", counting)
    steps = [FunctionStep(first, inputs="1"), FunctionStep(second, inputs="1", keep=False)]
    held = []
    for sequential in ((), "site"):
        most["held"] = 0
        Here(compiled(plate, sequential, *steps))
        held.append(most["held"])
    assert held == [6, 2]


def test_a_failure_in_the_middle_names_its_step_and_ends_the_well(plate: Plate) -> None:
    plan = compiled(plate, "site", FunctionStep(second, inputs="1"), FunctionStep(broken, inputs="1"))
    here = Here(plan)
    assert set(here.failures) == {"A01", "B02"}
    last = here.of("A01")[-1]
    assert (last.phase, last.step_name, last.completed, last.total) == (ProgressPhase.AXIS_COMPLETED, "broken", 0, 2)
    groups = [u for u in here.of("A01") if u.phase is ProgressPhase.PATTERN_GROUP]
    assert (groups[-1].completed, groups[-1].total, groups[-1].pattern) == (2, 6, "A01 s2 c=1 z1 t1")


def test_a_step_over_several_values_is_compiles_error(plate: Plate) -> None:
    steps = [FunctionStep(f.highest, inputs="1", variable_components="z", outputs="Top")]
    with pytest.raises(CompileError, match="step 'highest': works over several values of z, but the pipeline is seq"):
        compiled(plate, "z", *steps)
    assert not Here(compiled(plate, "site", *steps)).failures


def test_a_component_that_there_is_not_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        PipelineError, match=r"sequential= has no 'sites' \(did you mean 'site'\?\); site, z, timepoint"
    ):
        Pipeline("p", STEPS, sequential="sites")  # type: ignore[arg-type]
