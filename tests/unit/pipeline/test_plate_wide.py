"""Steps over the whole plate: which planes they get, what wells find of them, and what a viewer is told."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.unit.pipeline import functions as f
from tests.unit.pipeline.here import EXECUTION, Here
from tests.unit.pipeline.plates import grey, write_plate

from plateflow.errors import CompileError
from plateflow.functions import estimate_illumination
from plateflow.functions.kinds import Image, Planes, Stack
from plateflow.pipeline.compile import compile_plate, describe_plan
from plateflow.pipeline.pipeline import Pipeline
from plateflow.pipeline.plan import AxisPlan, PlatePlan, make_topology
from plateflow.pipeline.step import FunctionStep
from plateflow.plate.model import ImageRecord, Plate
from plateflow.plate.pattern_groups import Address
from plateflow.progress.messages import AxisKind, ExecutionKind, ExecutionMessage, ExecutionState
from plateflow.progress.state import AxisState, ExecutionProgress
from plateflow.progress.update import ProgressPhase, ProgressStatus

WELLS = ("A01", "B02", "C03")
OVER: tuple[Any, ...] = ("well", "site")


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Plate:
    """Three wells, two sites, two channels, two planes."""
    return write_plate(tmp_path_factory.mktemp("plate") / "cube", wells=WELLS, sites=2, zs=2)


def mean(planes: Planes) -> Image:
    total = [plane.astype(float) for plane in planes]
    made: Image = np.mean(total, axis=0)
    return made


def minus(image: Image, ground: Image) -> Image:
    return image - ground


def stacked(stack: Stack) -> Image:
    raise NotImplementedError


def compiled(plate: Plate, *steps: FunctionStep, **options: Any) -> PlatePlan:
    return compile_plate(plate, Pipeline("test", steps, channels={"DNA": "DAPI"}), **options)


GROUND = FunctionStep(mean, outputs="Ground", variable_components=OVER, name="ground")
MINUS = FunctionStep(minus, inputs=("*", "Ground"))


def test_each_channel_and_plane_is_a_group_over_all_wells(plate: Plate) -> None:
    plan = compiled(plate, GROUND, MINUS, wells=["B02"])
    (axis,) = [axis for axis in plan.axes if axis.kind is AxisKind.PLATE]
    assert axis.axis_id == "plate:ground"
    assert list(axis.planes) == ["s* c=DNA z1 t1", "s* c=DNA z2 t1", "s* c=2 z1 t1", "s* c=2 z2 t1"]
    for pattern, records in axis.planes.items():
        assert [(record.well, record.site) for record in records] == [(w, s) for w in WELLS for s in (1, 2)], pattern
    assert [axis.axis_id for axis in plan.wells] == ["B02"], "although it reads all wells"
    assert plan.wells[0].after == ("plate:ground",)
    assert plan.groups(axis) == (4, 0)
    assert plan.groups(plan.wells[0]) == (0, 8)
    assert plan.updates(axis) == 8
    assert describe_plan(plan) == "1 well, 2 steps, 12 pattern groups"


def test_wells_get_what_it_made_of_their_channel_and_plane(plate: Plate) -> None:
    here = Here(compiled(plate, GROUND, MINUS))
    assert not here.failures
    for site in (1, 2):
        for z in (1, 2):
            for name, channel in (("DNA", "1"), ("2", "2")):
                ground = np.mean([grey(s, channel, z, 1) for s in (1, 2)])
                plane = here.plane("B02", name, Address(site, z, 1))
                assert (plane == grey(site, channel, z, 1) - ground).all()


def test_over_z_too_one_image_serves_all_planes(plate: Plate) -> None:
    over = FunctionStep(mean, outputs="Ground", variable_components=("well", "site", "z"), group_by="channel")
    plan = compiled(plate, over, MINUS)
    groups = plan.shapes[plan.axes[0].shape].steps[0].groups
    assert [(group.pattern, group.component) for group in groups] == [("s* c=DNA z* t1", "DNA"), ("s* c=2 z* t1", "2")]
    assert not Here(plan).failures


def test_one_channel_by_name_makes_one_image(plate: Plate) -> None:
    steps = (
        FunctionStep(mean, inputs="DNA", outputs="Ground", variable_components=OVER),
        FunctionStep(minus, inputs=("2", "Ground"), outputs="Difference"),
    )
    here = Here(compiled(plate, *steps))
    assert not here.failures
    ground = np.mean([grey(s, "1", 1, 1) for s in (1, 2)])
    assert (here.plane("A01", "Difference", Address(1, 1, 1)) == grey(1, "2", 1, 1) - ground).all()


def test_an_image_of_each_channel_can_be_named_alone(plate: Plate) -> None:
    plan = compiled(plate, GROUND, FunctionStep(minus, inputs=("2", "Ground:DNA"), outputs="Odd"))
    assert not Here(plan).failures


def test_a_branch_for_one_channel_leaves_the_others_without(plate: Plate) -> None:
    only = FunctionStep({"DNA": mean}, outputs="Ground", variable_components=OVER, group_by="channel")
    plan = compiled(plate, only, FunctionStep(minus, inputs=("DNA", "Ground")))
    assert plan.groups(plan.axes[0]) == (2, 0)
    with pytest.raises(CompileError, match=r"'Ground' is made for each channel and image '2' has none.*Ground:DNA"):
        compiled(plate, only, MINUS)


@pytest.mark.parametrize(
    ("sample", "sites"), [(1, [3]), (2, [1, 4]), (3, [1, 3, 5]), (6, [0, 1, 2, 3, 4, 5]), (9, range(6))]
)
def test_a_sample_is_spread_evenly(plate: Plate, sample: int, sites: list[int]) -> None:
    step = FunctionStep(mean, inputs="DNA", outputs="G", variable_components=("well", "site"), sample=sample)
    (axis, *_) = compiled(plate, step).axes
    everything = [(well, site) for well in WELLS for site in (1, 2)]
    assert [(r.well, r.site) for r in axis.planes["s* c=DNA z1 t1"]] == [everything[i] for i in sites]


def test_missing_images_are_left_out(plate: Plate) -> None:
    lacking = {well: tuple(map(without, records)) for well, records in plate.wells.items()}
    step = FunctionStep(mean, inputs="DNA", outputs="G", variable_components=OVER)
    other = FunctionStep(f.same, inputs="2")
    (axis, *_) = compiled(msgspec.structs.replace(plate, wells=lacking), step, other).axes
    assert {record.well for record in axis.planes["s* c=DNA z1 t1"]} == {"A01", "C03"}


def without(record: ImageRecord) -> ImageRecord:
    return msgspec.structs.replace(record, missing=True) if (record.well, record.channel) == ("B02", "1") else record


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([FunctionStep(mean, inputs="DNA", variable_components=OVER)], "name it by outputs="),
        ([FunctionStep(mean, inputs="DNA", outputs="G")], "say so by variable_components=('well', 'site')"),
        ([FunctionStep(stacked, outputs="G", variable_components=OVER)], "takes Planes alone"),
        ([FunctionStep(mean, inputs="DNS", outputs="G", variable_components=OVER)], "(did you mean 'DNA'?)"),
        ([GROUND, GROUND], "'ground_2': makes image 'Ground' but there is one already"),
        (
            [GROUND, FunctionStep(mean, inputs="DNA", outputs="Ground_DNA", variable_components=OVER)],
            "makes image 'Ground_DNA', whose file is that of 'Ground:DNA'; choose another name",
        ),
        ([GROUND, FunctionStep(f.same, inputs="Ground")], "it is read without one; read it beside a channel"),
        ([FunctionStep({"3": mean}, outputs="G", variable_components=OVER, group_by="channel")], "has no value 3"),
        (
            [FunctionStep(mean, outputs="DNA", variable_components=OVER, inputs="2"), MINUS],
            "makes image 'DNA' but there is",
        ),
    ],
)
def test_mistakes_are_compiles_errors(plate: Plate, steps: list[FunctionStep], words: str) -> None:
    with pytest.raises(CompileError) as caught:
        compiled(plate, *steps)
    assert words in str(caught.value)


def test_the_updates_are_those_that_the_plan_predicts_and_their_fold_ends_at_all(plate: Plate) -> None:
    plan = compiled(plate, GROUND, MINUS, FunctionStep(f.brightness))
    here = Here(plan)
    for axis in plan.axes:
        assert len(here.of(axis.axis_id)) == plan.updates(axis)
    ends = {u.axis_id: (u.completed, u.total) for u in here.updates if u.phase is ProgressPhase.AXIS_COMPLETED}
    assert ends == {"plate:ground": (1, 1), **dict.fromkeys(WELLS, (2, 2))}
    assert {(u.step_name, u.step_index) for u in here.updates if u.step_name} == {
        ("ground", 0), ("minus", 1), ("brightness", 2)
    }  # fmt: skip
    progress = folded(plan)
    for seq, update in enumerate(here.updates, start=9):
        progress.apply(update, seq)
    assert progress.groups_done == progress.groups_planned == 4 + 3 * (8 + 8)
    assert [step.completed for step in progress.steps] == [1, 3, 3]


def folded(plan: PlatePlan) -> ExecutionProgress:
    progress = ExecutionProgress(execution_id=EXECUTION, plate_id=plan.plate.path)
    for seq, topology in enumerate(make_topology(plan), start=1):
        message = ExecutionMessage.now(
            EXECUTION, plan.plate.path, ExecutionKind.RUN, ExecutionState.RUNNING, topology=topology
        )
        progress.apply(message, seq)
    return progress


def test_a_skipped_well_has_not_done_the_plates_step(plate: Plate) -> None:
    from dataclasses import replace

    from plateflow.progress.messages import Skipped

    plan = compiled(plate, GROUND, MINUS)
    plan = replace(plan, axes=tuple(replace(axis, skipped=Skipped.COMPLETED) for axis in plan.axes))
    progress = folded(plan)
    assert [step.completed for step in progress.steps] == [1, 3]
    assert progress.groups_done == progress.groups_planned
    assert progress.counts[AxisState.COMPLETED] == 4


def test_a_topology_stays_short_however_long_the_names_are(plate: Plate) -> None:
    wells = {f"{row}{column:02d}": plate.wells["A01"] for row in "ABCDEFGHIJKLMNOP" for column in range(1, 25)}
    wells = {w: tuple(msgspec.structs.replace(r, well=w) for r in records) for w, records in wells.items()}
    big = msgspec.structs.replace(plate, wells=wells, rows=16, columns=24)
    steps = [
        FunctionStep(mean, "DNA", f"G{n}", variable_components=OVER, name=f"{n}" + "\N{SNOWMAN}" * 190, sample=1)
        for n in range(3)
    ]
    parts = make_topology(compiled(big, *steps, FunctionStep(f.same)))
    assert sum(len(part.axes) for part in parts) == 3 + 384
    assert max(len(msgspec.json.encode(part)) for part in parts) < 128 * 1024 - 8000


def vignette(size: int = 120) -> Any:
    y, x = np.mgrid[:size, :size] / size - 0.5
    return 1.2 - 1.5 * (y**2 + x**2)


def planes(number: int) -> list[Any]:
    random = np.random.default_rng(1)
    return [
        (random.uniform(0.5, 2) * vignette() * random.gamma(2, 50, (120, 120))).astype(np.uint16) for _ in range(number)
    ]


def test_the_light_is_found_in_many_images() -> None:
    found = estimate_illumination(planes(60), smoothing=6)
    assert found.dtype == np.float32
    assert np.corrcoef(found.ravel(), vignette().ravel())[0, 1] > 0.99
    flat = found / found.mean() / (vignette() / vignette().mean())
    assert flat[10:-10, 10:-10].std() < 0.03


def test_a_bright_well_counts_no_more_than_a_dark_one() -> None:
    dark, bright = np.full((40, 40), 10.0), np.tile(np.linspace(500, 1500, 40), (40, 1))
    found = estimate_illumination([dark, dark, dark, bright], smoothing=0)
    assert found[0, -1] / found[0, 0] == pytest.approx((3 + 1.5) / (3 + 0.5))


def test_black_images_tell_nothing() -> None:
    assert estimate_illumination([np.zeros((9, 9)), np.ones((9, 9))]) == pytest.approx(np.ones((9, 9)))
    for nothing in ([], [np.zeros((9, 9))]):
        with pytest.raises(ValueError, match="no image that is not black"):
            estimate_illumination(nothing)


def of_plate(plan: PlatePlan) -> AxisPlan:
    return plan.axes[0]


def test_unreadable_planes_are_left_out_and_said(tmp_path: Path) -> None:
    wells = tuple(f"A{n:02d}" for n in range(1, 13))
    plate = write_plate(tmp_path / "plate", wells=wells, sites=1, channels=1)
    plan = compile_plate(plate, Pipeline("p", [FunctionStep(mean, "1", "G", variable_components=OVER)]))
    (first, second, *_) = (Path(record.path) for record in of_plate(plan).planes["s* c=1 z1 t1"])
    first.write_bytes(first.read_bytes()[:90])
    here = Here(plan)
    (group,) = [u for u in here.of("plate:mean") if u.phase is ProgressPhase.PATTERN_GROUP]
    assert group.status is ProgressStatus.RUNNING
    assert str(group.message).startswith("1 planes could not be read and are left out: ")
    assert first.name in str(group.message)
    second.unlink()
    failure = Here(plan).failures["plate:mean"]
    assert "2 of 12 planes cannot be read, more than one in ten; the first: " in failure.error
