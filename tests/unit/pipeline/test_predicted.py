"""What a run reports is exactly what its plan predicts."""

from dataclasses import dataclass, field
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.pipeline import functions as f
from tests.unit.pipeline.here import EXECUTION, Here
from tests.unit.pipeline.plates import write_plate

from plateflow.errors import CompileError
from plateflow.functions.kinds import Image
from plateflow.pipeline.compile import compile_plate
from plateflow.pipeline.pipeline import Pipeline
from plateflow.pipeline.plan import PlatePlan, make_topology
from plateflow.pipeline.step import FunctionStep
from plateflow.plate.model import Plate
from plateflow.progress.messages import ExecutionKind, ExecutionMessage, ExecutionState
from plateflow.progress.state import AxisState, ExecutionProgress
from plateflow.progress.update import ProgressPhase, ProgressStatus, ProgressUpdate

PLATES = {
    "one image": {"channels": 1},
    "sites": {"sites": 3},
    "planes": {"sites": 2, "zs": 3},
    "planes of one channel": {"sites": 2, "zs": {"1": 1, "2": 3}},
    "time": {"sites": 1, "timepoints": 3, "channels": 3},
    "all": {"sites": 2, "zs": 2, "timepoints": 2, "wells": ("A01", "B02")},
}


@pytest.fixture(scope="module")
def plates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Plate]:
    folder = tmp_path_factory.mktemp("plates")
    return {name: write_plate(folder / name.replace(" ", "_"), **options) for name, options in PLATES.items()}  # type: ignore[arg-type]


def expected(plan: PlatePlan, axis_id: str) -> list[tuple[str, str, int, int, int]]:
    """Write down the updates of a good well, as DESIGN section 2 has them."""
    [axis] = [axis for axis in plan.axes if axis.axis_id == axis_id]
    groups = plan.groups(axis)
    rows = [("axis_started", "", 0, 0, len(groups))]
    for index, (name, count) in enumerate(zip(plan.step_names, groups, strict=True)):
        rows.append(("step_started", name, index, 0, count))
        rows += [("pattern_group", name, index, done, count) for done in range(1, count + 1)]
        rows.append(("step_completed", name, index, count, count))
    return [*rows, ("axis_completed", "", 0, len(groups), len(groups))]


def told(updates: list[ProgressUpdate]) -> list[tuple[str, str, int, int, int]]:
    return [(u.phase.value, u.step_name, u.step_index, u.completed, u.total) for u in updates]


def assert_predicted(plan: PlatePlan) -> Here:
    here = Here(plan)
    assert not here.failures
    for axis in plan.runnable:
        assert told(here.of(axis.axis_id)) == expected(plan, axis.axis_id)
        assert len(here.of(axis.axis_id)) == plan.updates(axis)
    assert len(here.updates) == sum(plan.updates(axis) for axis in plan.runnable)
    return here


TABLE = {
    "replace all channels": [FunctionStep(f.same), FunctionStep(f.lifted, variable_components="site")],
    "composite over channels": [
        FunctionStep(f.same),
        FunctionStep(f.highest, variable_components="channel", outputs="Composite"),
        FunctionStep(f.halves, inputs="Composite", outputs="Halves"),
    ],
    "branches and pass-through": [
        FunctionStep({"1": f.same, "2": (f.bounded, {"sigma": 2.0})}, group_by="channel"),
        FunctionStep({"2": f.same}, group_by="site"),
        FunctionStep({"1": f.halves}, inputs="1", group_by="timepoint", outputs="Halves"),
    ],
    "stacks over sites": [
        FunctionStep(f.highest, variable_components="site"),
        FunctionStep(f.halves, inputs="1", outputs="Halves"),
        FunctionStep(f.mean, inputs=("Halves", "1")),
    ],
    "stacks over z": [
        FunctionStep(f.depth, inputs="2", variable_components="z"),
        FunctionStep(f.halves_each, inputs="2", variable_components="z", outputs="Deep"),
        FunctionStep(f.mean, inputs=("Deep", "2")),
    ],
    "labels, tables, records, tuples": [
        FunctionStep(f.halves, inputs="1", outputs="Halves"),
        FunctionStep(f.nothing, inputs="1", outputs="Nothing"),
        FunctionStep(f.labelled_and_measured, inputs=("Halves", "2"), outputs="Copy"),
        FunctionStep(f.related, inputs=("Copy", "Nothing")),
        FunctionStep(f.area, inputs="Copy"),
        FunctionStep(f.area, inputs="Nothing"),
        FunctionStep(f.brightness),
    ],
}


@pytest.mark.parametrize("steps", TABLE.values(), ids=TABLE.keys())
def test_many_kinds_of_pipeline(plates: dict[str, Plate], steps: list[FunctionStep]) -> None:
    plan = compile_plate(plates["all"], Pipeline("p", steps))
    here = assert_predicted(plan)
    assert set(here.data) == {"A01", "B02"}


def test_their_fold_ends_at_exactly_all(plates: dict[str, Plate]) -> None:
    plan = compile_plate(plates["all"], Pipeline("p", TABLE["labels, tables, records, tuples"]))
    progress = ExecutionProgress(execution_id=EXECUTION, plate_id=plan.plate.path)
    for seq, topology in enumerate(make_topology(plan), start=1):
        message = ExecutionMessage.now(
            EXECUTION, plan.plate.path, ExecutionKind.RUN, ExecutionState.RUNNING, topology=topology
        )
        progress.apply(message, seq)
    for seq, update in enumerate(Here(plan).updates, start=2):
        progress.apply(update, seq)
    assert (progress.percent, progress.groups_done) == (99, progress.groups_planned)  # 100 is for completed
    assert progress.counts[AxisState.COMPLETED] == 2


@dataclass
class Names:
    """What a random pipeline can read so far."""

    images: list[str]
    labels: list[str] = field(default_factory=list)


@st.composite
def random_step(draw: st.DrawFn, names: Names, index: int) -> FunctionStep:  # noqa: C901 - a table of steps
    """Draw a step that reads what there is; most fit."""
    kinds = ["same", "branch", "stack", "composite", "lift", "halves", "record"]
    kinds += ["measure", "grow", "relate", "tuple"] if names.labels else []
    image = draw(st.sampled_from(names.images))
    labels = draw(st.sampled_from(names.labels)) if names.labels else ""
    new = f"New{index}"
    variable: Any = draw(st.sampled_from(["site", "z", "timepoint", ("site", "z")]))
    match draw(st.sampled_from(kinds)):
        case "same":
            return FunctionStep(f.same, inputs=draw(st.sampled_from([None, image])))
        case "branch":
            group_by: Any = draw(st.sampled_from(["site", "z", "timepoint"]))
            return FunctionStep({"1": f.same}, inputs=image, group_by=group_by)
        case "stack":
            names.images.append(new)
            return FunctionStep(f.highest, inputs=image, outputs=new, variable_components=variable)
        case "composite":
            names.images.append(new)
            return FunctionStep(
                f.highest,
                outputs=new,
                variable_components=("channel", variable[0]) if isinstance(variable, tuple) else "channel",
            )
        case "lift":
            return FunctionStep(f.lifted, inputs=draw(st.sampled_from([None, image])), variable_components=variable)
        case "halves":
            names.labels.append(new)
            return FunctionStep(f.halves, inputs=image, outputs=new, keep=draw(st.sampled_from([None, False])))
        case "record":
            return FunctionStep(f.tagged_record, inputs=draw(st.sampled_from([None, image])), tag=new)
        case "measure":
            return FunctionStep(f.tagged, inputs=(labels, draw(st.sampled_from(["*", image]))), tag=new)
        case "grow":
            names.labels.append(new)
            return FunctionStep(f.grown, inputs=labels, outputs=new, keep=False)
        case "relate":
            return FunctionStep(f.tagged, inputs=(labels, image), tag=new)
        case _:
            names.labels.append(new)
            return FunctionStep(f.labelled_and_measured, inputs=(labels, image), outputs=new, keep=False)


@st.composite
def random_pipeline(draw: st.DrawFn, channels: int) -> list[FunctionStep]:
    names = Names([str(number) for number in range(1, channels + 1)])
    return [draw(random_step(names, index)) for index in range(draw(st.integers(1, 5)))]


@pytest.mark.parametrize("name", PLATES)
def test_any_pipeline_that_compiles(plates: dict[str, Plate], name: str) -> None:
    plate = plates[name]
    compiled = []

    @hypothesis.settings(max_examples=40)
    @given(random_pipeline(len(plate.channels)))
    def check(steps: list[FunctionStep]) -> None:
        try:
            plan = compile_plate(plate, Pipeline("p", steps))
        except CompileError:
            return
        compiled.append(plan)
        here = Here(plan)
        # A measurement that is there already is found when it is made; all else that runs is predicted.
        if all("measured by an earlier" in failure.error for failure in here.failures.values()) and here.failures:
            return
        assert_predicted(plan)

    check()
    assert len(compiled) > 10  # the pipelines drawn are not merely refused


def test_a_failing_group_ends_its_well_there(plates: dict[str, Plate]) -> None:
    def fails_on_site_2(image: Image) -> Image:
        if image[0, 0] >= 2000:
            raise ValueError("too bright")
        return image

    steps = [FunctionStep(f.same), FunctionStep(fails_on_site_2, inputs="1"), FunctionStep(f.same, name="after")]
    here = Here(compile_plate(plates["sites"], Pipeline("p", steps)))
    *_, group, step, axis = here.of("A01")
    assert [u.phase for u in (group, step, axis)] == [
        ProgressPhase.PATTERN_GROUP,
        ProgressPhase.STEP_COMPLETED,
        ProgressPhase.AXIS_COMPLETED,
    ]
    assert {u.status for u in (group, step, axis)} == {ProgressStatus.ERROR}
    assert {(u.step_name, u.step_index, u.error) for u in (group, step, axis)} == {
        ("fails_on_site_2", 1, "ValueError: too bright")
    }
    assert [(u.completed, u.total) for u in (group, step, axis)] == [(1, 3), (1, 3), (1, 3)]
    assert "fails_on_site_2" in str(group.traceback)
    assert not step.traceback
    assert not axis.traceback
    assert group.pattern == "A01 s2 c=1 z1 t1"
    assert {u.step_name for u in here.updates} == {"", "same", "fails_on_site_2"}
