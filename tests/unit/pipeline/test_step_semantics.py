"""What a step is for (where), what it reads (source, tables, companions), and chains of functions."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.pipeline import functions as f
from tests.unit.pipeline.here import Here
from tests.unit.pipeline.plates import grey, write_plate

from plateflow.errors import CompileError
from plateflow.functions import filter_objects, gaussian, measure_shape, median
from plateflow.functions.kinds import Image, Labels, Stack, Table
from plateflow.pipeline.compile import compile_plate
from plateflow.pipeline.pipeline import Pipeline
from plateflow.pipeline.plan import PlatePlan
from plateflow.pipeline.step import FunctionStep
from plateflow.plate.model import Plate
from plateflow.plate.pattern_groups import Address

WELLS = ("A01", "B02", "C03")


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Plate:
    """Three wells, two sites, two channels, three planes."""
    return write_plate(tmp_path_factory.mktemp("plate") / "cube", wells=WELLS, sites=2, zs=3)


def compiled(plate: Plate, *steps: FunctionStep, **options: Any) -> PlatePlan:
    return compile_plate(plate, Pipeline("test", steps, channels={"DNA": "DAPI"}), **options)


def plus(image: Image, number: float = 1000.0) -> Image:
    return image + number


def counted(stack: Stack) -> Image:
    return np.full(stack.shape[1:], float(len(stack)))


def halves(image: Image) -> Labels:
    """Two objects, 2 and 5; the right one is larger."""
    labels = np.full(image.shape, 2, np.int32)
    labels[:, 3:] = 5
    return labels


@pytest.mark.parametrize(
    ("where", "groups", "changed"),
    [
        ({"site": 1}, 6, {("DNA", 1, z) for z in (1, 2, 3)} | {("2", 1, z) for z in (1, 2, 3)}),
        ({"z": [2, 3], "channel": "DNA"}, 4, {("DNA", s, z) for s in (1, 2) for z in (2, 3)}),
        ({"channel": ["2"]}, 6, {("2", s, z) for s in (1, 2) for z in (1, 2, 3)}),
        ({"timepoint": 1, "site": [1, 2]}, 12, {(c, s, z) for c in ("DNA", "2") for s in (1, 2) for z in (1, 2, 3)}),
    ],
)
def test_what_a_step_is_not_for_passes_through(
    plate: Plate, where: dict[str, Any], groups: int, changed: set[tuple[str, int, int]]
) -> None:
    plan = compiled(plate, FunctionStep(plus, where=where), FunctionStep(plus, number=0.5), wells=["B02"])
    assert plan.groups(plan.wells[0]) == (groups, 12)
    here = Here(plan)
    for name, channel in (("DNA", "1"), ("2", "2")):
        for site in (1, 2):
            for z in (1, 2, 3):
                more = 1000.5 if (name, site, z) in changed else 0.5
                assert here.plane("B02", name, Address(site, z, 1))[0, 0] == grey(site, channel, z, 1) + more


def test_wells_that_a_step_is_not_for_have_no_group_of_it(plate: Plate) -> None:
    steps = [FunctionStep(plus, inputs="DNA", where={"well": ["A1", "C03"]}), FunctionStep(plus, inputs="2")]
    plan = compiled(plate, *steps)
    assert [plan.groups(axis) for axis in plan.wells] == [(6, 6), (0, 6), (6, 6)]
    here = Here(plan)
    for axis in plan.axes:
        assert len(here.of(axis.axis_id)) == plan.updates(axis)
    assert not here.failures


def test_what_later_steps_lack_in_such_a_well_is_that_wells_error(plate: Plate) -> None:
    steps = [
        FunctionStep(halves, inputs="DNA", outputs="Halves", where={"well": "A01"}),
        FunctionStep(measure_shape, inputs="Halves"),
    ]
    plan = compiled(plate, *steps)
    assert [bool(axis.error) for axis in plan.wells] == [False, True, True]
    assert plan.wells[1].error == "step 'measure_shape': no objects called 'Halves' at this step; there are: none"


def test_planes_that_are_left_out_are_not_stacked(plate: Plate) -> None:
    step = FunctionStep(counted, inputs="DNA", outputs="N", variable_components="z", where={"z": [1, 3]})
    here = Here(compiled(plate, step))
    assert here.plane("A01", "N", Address(1, None, 1))[0, 0] == 2
    channels = FunctionStep(counted, outputs="N", variable_components=("channel", "z"), where={"channel": "DNA"})
    assert Here(compiled(plate, channels)).plane("A01", "N", Address(2, None, 1))[0, 0] == 3


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (FunctionStep(plus, where={"site": 3}), "where= names site 3, which plate 'cube' lacks"),
        (FunctionStep(plus, where={"well": "D01"}), "where= names well D01, which plate"),
        (FunctionStep(plus, where={"channel": "DNAA"}), "no channel called 'DNAA' at this step (did you mean 'DNA'?)"),
        (FunctionStep(plus, "DNA", where={"channel": "2"}), "inputs= names those that it reads; leave one out"),
        (FunctionStep(plus, "DNAs"), "no image called 'DNAs' at this step (did you mean 'DNA'?)"),
        (FunctionStep(plus, "DNAs", source="start"), "no channel called 'DNAs'"),
    ],
)
def test_mistakes_are_compiles_errors(plate: Plate, step: FunctionStep, words: str) -> None:
    with pytest.raises(CompileError) as caught:
        compiled(plate, step)
    assert words in str(caught.value)


def test_a_step_may_read_the_start_whatever_was_made_since(plate: Plate) -> None:
    steps = [
        FunctionStep(plus, inputs="DNA"),
        FunctionStep(plus, inputs="DNA"),
        FunctionStep(plus, inputs="DNA", source="start", outputs="Raw", number=0.0, keep=True),
        FunctionStep(f.same_of_two, inputs=("DNA", "Raw"), outputs="Both"),
    ]
    here = Here(compiled(plate, *steps))
    assert not here.failures
    at = Address(2, 3, 1)
    assert here.plane("A01", "Raw", at)[0, 0] == grey(2, "1", 3, 1)


def test_replacing_from_the_start_forgets_what_was_made_between(plate: Plate) -> None:
    steps = [FunctionStep(plus), FunctionStep(plus, source="start", number=7.0)]
    here = Here(compiled(plate, *steps))
    assert here.plane("A01", "2", Address(1, 1, 1))[0, 0] == grey(1, "2", 1, 1) + 7


def test_what_was_acquired_is_read_where_only_the_start_is_used(plate: Plate) -> None:
    plan = compiled(plate, FunctionStep(halves, inputs="DNA", outputs="H", source="start"))
    assert {name for name, _ in plan.wells[0].files} == {"DNA"}
    assert not Here(plan).failures


def test_a_chain_hands_on_and_counts_once(plate: Plate) -> None:
    chain = FunctionStep([(plus, {"number": 1.0}), plus, (plus, {"number": 0.25})], inputs="DNA")
    plan = compiled(plate, chain)
    assert plan.groups(plan.wells[0]) == (6,)
    here = Here(plan)
    assert here.plane("A01", "DNA", Address(1, 1, 1))[0, 0] == grey(1, "1", 1, 1) + 1001.25
    assert chain.name == "plus"


def test_a_chain_may_end_in_objects_and_be_a_branch(plate: Plate) -> None:
    steps = [
        FunctionStep([gaussian, (median, {"radius": 1}), halves], inputs="DNA", outputs="H"),
        FunctionStep({"DNA": [plus, plus], "2": gaussian}, group_by="channel"),
    ]
    assert not Here(compiled(plate, *steps)).failures


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        ([halves, gaussian], "a function returns labels, but the next one takes image"),
        ([gaussian, f.mean], "returns image, but the next one takes labels and image"),
        ([gaussian, (median, {"radios": 1})], "unknown parameter 'radios' (did you mean 'radius'?)"),
    ],
)
def test_a_chain_that_does_not_fit_is_compiles_error(plate: Plate, chain: list[Any], words: str) -> None:
    with pytest.raises(CompileError) as caught:
        compiled(plate, FunctionStep(chain, inputs="DNA", outputs="X"))
    assert words in str(caught.value)


def largest(objects: Labels, table: Table) -> Table:
    return {"Share": table["AreaShape_Area"] / table["AreaShape_Area"].sum()}


def test_a_later_step_reads_what_was_measured(plate: Plate) -> None:
    steps = [
        FunctionStep(halves, inputs="DNA", outputs="Halves"),
        FunctionStep(measure_shape, inputs="Halves"),
        FunctionStep(largest, inputs=("Halves", "Halves")),
        FunctionStep(filter_objects, inputs=("Halves", "Halves"), outputs="Large", minimum=30),
    ]
    plan = compiled(plate, *steps)
    here = Here(plan)
    assert not here.failures
    for ref, table in here.data["A01"].tables.items():
        if ref.name == "Halves":
            assert table["Share"] == pytest.approx([0.3, 0.7])
        else:
            assert here.data["A01"].numbers[ref].tolist() == [5]


@pytest.mark.parametrize(
    ("limits", "kept"), [({"minimum": 24}, [2, 5]), ({"minimum": 25}, [5]), ({"maximum": 55}, [2]), ({}, [2, 5])]
)
def test_objects_are_filtered_by_limits_that_are_allowed(limits: dict[str, Any], kept: list[int]) -> None:
    labels = halves(np.zeros((8, 10)))
    filtered = filter_objects(labels, measure_shape(labels), **limits)
    assert np.unique(filtered[filtered > 0]).tolist() == kept


def test_a_feature_that_nobody_measured_is_named(plate: Plate) -> None:
    steps = [
        FunctionStep(halves, inputs="DNA", outputs="Halves"),
        FunctionStep(filter_objects, inputs=("Halves", "Halves"), outputs="Large", feature="AreaShape_Aria"),
    ]
    here = Here(compiled(plate, *steps))
    assert "'AreaShape_Aria' was not measured of these objects before; there is nothing" in here.failures["A01"].error


def test_each_channel_may_have_an_image_of_its_own_beside_it(plate: Plate, tmp_path: Path) -> None:
    steps = [
        FunctionStep(gaussian, outputs="Smooth", sigma=1),
        FunctionStep(f.same_of_two, inputs=("*", "Smooth"), outputs="Sharp"),
        FunctionStep(f.brightness, inputs="Smooth:DNA"),
    ]
    here = Here(compiled(plate, *steps))
    assert not here.failures
    names = {ref.name for ref in here.data["A01"]._made}
    assert names >= {"Sharp:DNA", "Sharp:2"}
