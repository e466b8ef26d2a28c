"""Compiling: groups, stacks, names, and every error before a pixel is read."""

import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import skimage.filters
from numpy.typing import NDArray
from tests.unit.pipeline import functions as f
from tests.unit.pipeline.here import Here
from tests.unit.pipeline.plates import grey, write_plate

from plateflow.errors import CompileError, PipelineError
from plateflow.functions.kinds import Image, Kind, Stack
from plateflow.pipeline.compile import compile_plate
from plateflow.pipeline.pipeline import Pipeline, load_pipeline
from plateflow.pipeline.plan import PlatePlan, make_topology
from plateflow.pipeline.step import FunctionStep
from plateflow.plate.model import Plate
from plateflow.plate.pattern_groups import Address
from plateflow.plate.wells import well_name
from plateflow.progress.update import ProgressPhase, ProgressStatus, ProgressUpdate
from plateflow.storage.tiff import write_plane


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Plate:
    """Two wells, four sites, two channels, three planes."""
    return write_plate(tmp_path_factory.mktemp("plate") / "cube", wells=("A01", "B06"), sites=4, zs=3)


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Plate:
    """Two wells, four sites, two channels, one plane."""
    return write_plate(tmp_path_factory.mktemp("plate") / "flat", wells=("A01", "B06"), sites=4)


def compiled(plate: Plate, *steps: FunctionStep, **options: Any) -> PlatePlan:
    channels = options.pop("channels", {})
    return compile_plate(plate, Pipeline("test", steps, channels=channels), **options)


@dataclass
class Seen:
    """A function that notes the shape and grey values of what it gets."""

    calls: list[NDArray[Any]] = field(default_factory=list)

    def plane(self, image: Image) -> Image:
        self.calls.append(image)
        return image

    def stack(self, stack: Stack) -> Image:
        self.calls.append(stack)
        lowest: Image = stack.min(0)
        return lowest


# DESIGN section 1: the table of pattern groups.


@pytest.mark.parametrize(
    ("planes", "variable", "group_by", "groups", "stack"),
    [
        (1, (), None, 8, ()),
        (1, "site", "channel", 2, (4,)),
        (1, "channel", None, 4, (2,)),
        (3, "z", "channel", 8, (3,)),
        (3, ("site", "z"), None, 2, (12,)),
        (3, ("channel", "z"), "site", 4, (6,)),
    ],
)
def test_groups_and_stacks_of_the_design(
    plate: Plate, flat: Plate, planes: int, variable: Any, group_by: Any, groups: int, stack: tuple[int, ...]
) -> None:
    seen = Seen()
    func = seen.stack if variable else seen.plane
    outputs = "All" if "channel" in variable else None
    step = FunctionStep(func, outputs=outputs, variable_components=variable, group_by=group_by)
    plan = compiled(plate if planes == 3 else flat, step, wells=["B06"])
    assert plan.shapes[0].groups == (groups,)
    assert not Here(plan).failures
    assert [call.shape for call in seen.calls] == [(*stack, 8, 10)] * groups


def test_a_stack_is_in_order_of_channel_site_and_z(plate: Plate) -> None:
    seen = Seen()
    Here(compiled(plate, FunctionStep(seen.stack, variable_components=("channel", "z"), outputs="All"), wells=["A01"]))
    assert [int(plane[0, 0]) for plane in seen.calls[1]] == [
        grey(2, channel, z, 1) for channel in "12" for z in (1, 2, 3)
    ]


def test_pattern_names_what_a_group_spans(plate: Plate) -> None:
    steps = [
        FunctionStep(f.highest, inputs="DNA", variable_components="site", outputs="Top"),
        FunctionStep(f.merged, inputs=(["DNA", "2"],), outputs="Both"),
        FunctionStep(f.halves, inputs="Top", outputs="Halves"),
        FunctionStep(f.grown, inputs="Halves", outputs="Grown"),
    ]
    plan = compiled(plate, *steps, channels={"DNA": "DAPI"}, wells=["B06"])
    patterns = [step.groups[0].pattern for step in plan.shapes[0].steps]
    assert patterns == ["s* c=DNA z1 t1", "s1 c=DNA+2 z1 t1", "s* c=Top z1 t1", "s* z1 t1"]
    update = next(u for u in Here(plan).updates if u.phase is ProgressPhase.PATTERN_GROUP)
    assert update.pattern == "B06 s* c=DNA z1 t1"


def test_a_component_of_one_value_still_tells_where_a_group_is(tmp_path: Path) -> None:
    plan = compiled(write_plate(tmp_path / "one"), FunctionStep(f.same, inputs="1"))
    assert plan.shapes[0].steps[0].groups[0].pattern == "s1 c=1 z1 t1"


def test_labels_of_a_projection_are_broadcast_over_planes(plate: Plate) -> None:
    steps = [
        FunctionStep(f.highest, inputs="1", variable_components="z", outputs="Top"),
        FunctionStep(f.halves, inputs="Top", outputs="Halves"),
        FunctionStep(f.labelled_and_measured, inputs=("Halves", "Top"), outputs="Copy"),
        FunctionStep(f.same_of_two, inputs=("2", "Top"), outputs="Wide"),
    ]
    shape = compiled(plate, *steps).shapes[0]
    assert shape.groups == (4, 4, 4, 12)
    assert {ref.address for ref in shape.labels} == {Address(site, None, 1) for site in (1, 2, 3, 4)}
    inputs = shape.steps[3].groups[0].inputs
    assert [refs[0].address for refs in inputs] == [Address(1, 1, 1), Address(1, None, 1)]


def test_group_by_names_the_component_and_leaves_the_number_of_groups(flat: Plate) -> None:
    plan = compiled(flat, FunctionStep(f.same, group_by="channel"), channels={"DNA": "1"})
    groups = plan.shapes[0].steps[0].groups
    assert (len(groups), groups[0].component, groups[-1].component) == (8, "DNA", "2")
    by_site = compiled(flat, FunctionStep(f.same, inputs="1", group_by="site")).shapes[0].steps[0].groups
    assert [group.component for group in by_site] == ["1", "2", "3", "4"]


def test_values_without_a_function_pass_through(flat: Plate) -> None:
    steps = [
        FunctionStep({"DNA": (f.scaled, {"factor": 2.0})}, group_by="channel"),
        FunctionStep({1: f.same, 3: f.bounded}, inputs="2", group_by="site"),
        FunctionStep(f.merged, inputs=(["DNA", "2"],), outputs="Both"),
    ]
    plan = compiled(flat, *steps, channels={"DNA": "1"})
    assert plan.shapes[0].groups == (4, 2, 4)
    here = Here(plan)
    assert not here.failures
    [both] = {ref for ref in plan.shapes[0].images if ref.address.site == 1}
    assert here.data["A01"].plane(both)[0, 0] == (2 * grey(1, "1", 1, 1) + grey(1, "2", 1, 1)) / 2


def test_each_channel_fills_the_name_in_its_own_columns(flat: Plate) -> None:
    steps = [FunctionStep(f.halves, inputs="1", outputs="Halves"), FunctionStep(f.mean, inputs=("Halves", "*"))]
    here = Here(compiled(flat, *steps))
    assert not here.failures
    assert all(list(table) == ["Mean_1", "Mean_2"] for table in here.data["A01"].tables.values())


def test_step_names_are_unique_whatever_they_were(flat: Plate) -> None:
    names = ["a", "a", "a_2", "a", "a_2"]
    pipeline = Pipeline("test", [FunctionStep(f.same, inputs="1", name=name) for name in names])
    assert pipeline.step_names == ("a", "a_3", "a_2", "a_4", "a_2_2")


def test_names_of_channels_may_be_swapped(flat: Plate) -> None:
    plan = compiled(flat, FunctionStep(f.same, inputs="1"), channels={"1": "2", "2": "1"})
    assert {Path(record.path).name for record in plan.axes[0].files.values()} == {
        f"A01_{site}_2_1_1.tif" for site in (1, 2, 3, 4)
    }


# Third parties' functions and hints.


def test_functions_without_hints_take_an_image(flat: Plate) -> None:
    steps = [
        FunctionStep(f.unhinted, inputs="1", level=2),
        FunctionStep(skimage.filters.gaussian, inputs="1", sigma=2),
        FunctionStep("skimage.filters:sobel", inputs="1"),
        FunctionStep("skimage.measure:label", inputs="1", outputs={"Parts": "labels"}, connectivity=1),
        FunctionStep(functools.partial(f.scaled, factor=3.0), inputs="1", name="thrice"),
    ]
    here = Here(compiled(flat, *steps, wells=["A01"]))
    assert not here.failures


def test_a_partial_keeps_the_kinds_of_its_function(flat: Plate) -> None:
    plan = compiled(flat, FunctionStep(functools.partial(f.halves), inputs="1", outputs="Halves", name="halves"))
    assert {ref.kind for ref in plan.shapes[0].labels} == {Kind.LABELS}


def test_kinds_imported_for_the_type_checker_only_count(flat: Plate, tmp_path: Path) -> None:
    path = tmp_path / "pipe.py"
    path.write_text(
        "from __future__ import annotations\n"
        "from typing import TYPE_CHECKING\n"
        "from plateflow import FunctionStep, Pipeline\n"
        "if TYPE_CHECKING:\n"
        "    from numpy.typing import NDArray\n"
        "    from plateflow.functions.kinds import Image, Labels\n"
        "def find(image: Image, mask: NDArray[bool] | None = None) -> Labels:\n"
        "    return (image > 0).astype('int32')\n"
        "pipeline = Pipeline('p', [FunctionStep(find, inputs='1', outputs='Found')])\n"
    )
    plan = compile_plate(flat, load_pipeline(path))
    assert {ref.name for ref in plan.shapes[0].labels} == {"Found"}


def test_parameters_arrive_as_the_hints_want_them(flat: Plate) -> None:
    here = Here(compiled(flat, FunctionStep(f.bounded, inputs="1", sigma=2, mode="fast"), wells=["A01"]))
    assert not here.failures  # the function asserts the types


def test_a_parameter_called_like_an_option_of_a_step(flat: Plate) -> None:
    step = FunctionStep(f.anything, inputs="1", params={"name": 3, "where": 4}, level=5)
    assert step.branches[None].params == {"level": 5, "name": 3, "where": 4}
    assert not Here(compiled(flat, step, wells=["A01"])).failures


# Errors.

HALVES = FunctionStep(f.halves, inputs="1", outputs="Halves")


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([FunctionStep(f.scaled, inputs="1", factor=1.0, fator=2)], ["'scaled'", "unknown parameter 'fator'"]),
        ([FunctionStep(f.scaled, inputs="1")], ["'scaled'", "'factor' is missing"]),
        ([FunctionStep(f.scaled, inputs="1", factor="x")], ["'scaled'", "'factor'", "`float`", "'x'"]),
        ([FunctionStep(f.scaled, inputs="1", factor=1.0, mode="c")], ["'mode'", "'c'"]),
        ([FunctionStep(f.bounded, inputs="1", sigma=0)], ["'sigma'", "> 0"]),
        ([FunctionStep(f.same, inputs="1", image=1)], ["'same'", "'image' is filled by the step's inputs"]),
        ([FunctionStep(f.positional, inputs="1", params={"size": 1})], ["'size' cannot be given by name"]),
        ([FunctionStep(f.same, inputs="DNA")], ["'same'", "no image called 'DNA'", "1, 2"]),
        ([FunctionStep(f.grown, inputs="Halves", outputs="G")], ["'grown'", "no objects called 'Halves'", "none"]),
        ([HALVES, FunctionStep(f.same, inputs="Halves")], ["'same'", "no image called 'Halves'"]),
        ([FunctionStep(f.same_of_two, inputs="1")], ["'same_of_two'", "1 inputs", "takes 2", "second (image)"]),
        ([FunctionStep(f.same, inputs=("1", "2"))], ["2 inputs", "takes 1"]),
        ([FunctionStep(f.same_of_two)], ["needs inputs= for first (image), second (image)"]),
        ([FunctionStep(f.same, inputs=(["1", "2"],))], ["takes one image, not the list"]),
        ([FunctionStep(f.merged, inputs=([],), outputs="M")], ["'merged'", "needs one or more names"]),
        ([FunctionStep(f.merged, inputs=(["1", "1"],), outputs="M")], ["each once"]),
        ([FunctionStep(f.highest, inputs=(["1", "2"],), variable_components="z", outputs="M")], ["takes one stack"]),
        ([FunctionStep("nowhere.at_all:f", inputs="1")], ["'f'", "'nowhere.at_all:f' cannot be imported"]),
        ([FunctionStep("plateflow.errors:g", inputs="1")], ["'g'", "cannot be imported"]),
        ([FunctionStep("no_colon", inputs="1")], ["'package.module:function'"]),
        ([FunctionStep("tests.unit.pipeline.functions:not_a_function", inputs="1")], ["3 is not a function"]),
        ([FunctionStep(dict, inputs="1")], ["no signature to read"]),
        ([FunctionStep(f.same, inputs="1", variable_components="z")], ["'same'", "takes one image but", "stacks z"]),
        ([FunctionStep(f.highest, inputs="1")], ["'highest'", "takes a stack", "variable_components="]),
        ([FunctionStep({"9": f.same}, inputs="1", group_by="site")], ["'same'", "'site' has no value 9"]),
        ([FunctionStep({"DNA": f.same, "1": f.same}, group_by="channel")], ["'channel' has no value DNA"]),
        ([FunctionStep(f.halves, inputs="1")], ["'halves'", "name them by outputs="]),
        ([FunctionStep(f.halves, outputs="H")], ["'halves'", "'H' once for every channel"]),
        ([HALVES, HALVES], ["'halves_2'", "makes labels 'Halves' but there is one"]),
        ([FunctionStep(f.same, inputs="1", outputs="2")], ["'same'", "makes image '2' but there is one"]),
        ([FunctionStep(f.merged, inputs=(["1", "2"],))], ["'merged'", "makes an image of several"]),
        ([FunctionStep(f.same, inputs="1", outputs=("A", "B"))], ["outputs 'B' name nothing"]),
        ([FunctionStep(f.table_of_an_image, inputs="1")], ["'table_of_an_image'", "more tables than it takes labels"]),
        ([FunctionStep(f.stack_of_one, inputs="1", outputs="S")], ["a stack of 'S' but takes none"]),
        ([FunctionStep(f.of_a_table, inputs="1")], ["'of_a_table'", "no objects called '1'"]),
        ([FunctionStep(f.by_name, inputs="1")], ["'by_name'", "return a tuple of Image"]),
        ([FunctionStep(f.halves, inputs="1", outputs={"H": "image"})], ["states other kinds", "labels"]),
        ([FunctionStep({"1": f.same, "2": f.halves}, group_by="channel")], ["'same'", "all branches must agree"]),
        (
            [FunctionStep({"1": f.halves}, inputs="1", group_by="site", outputs="H"), FunctionStep(f.mean, ("H", "1"))],
            ["'mean'", "input 'H' has no plane at site 2"],
        ),
        (
            [FunctionStep(f.highest, inputs="1", variable_components="site", outputs="Top"),
             FunctionStep(f.halves, inputs="Top", outputs="H"), FunctionStep(f.mean, inputs=("H", "2"))],
            ["'mean'", "measures objects 'H' 4 times"],
        ),
        ([FunctionStep(f.same, "1", keep=True), FunctionStep(f.same, "1")], ["keeps image '1'", "'same_2'"]),
        ([FunctionStep(f.same, inputs="1", fator=1), FunctionStep(f.scaled, "1")], ["fator", "2 problems: (1) "]),
    ],
)  # fmt: skip
def test_errors_of_a_pipeline_name_the_step(flat: Plate, steps: list[FunctionStep], words: list[str]) -> None:
    updates: list[ProgressUpdate] = []
    with pytest.raises(CompileError) as caught:
        compiled(flat, *steps, report=updates.append)
    for word in ["step '", *words]:
        assert word in str(caught.value)
    assert "well A01" not in str(caught.value)  # it is the pipeline's, not one well's
    last = updates[-1]
    assert (last.phase, last.status, last.axis_id) == (ProgressPhase.COMPILE, ProgressStatus.ERROR, "")
    assert last.error == str(caught.value)


def test_every_step_of_a_pipeline_that_cannot_be_read_is_listed(flat: Plate) -> None:
    with pytest.raises(CompileError) as caught:
        compiled(flat, FunctionStep(f.scaled, inputs="1", a=1, b=2), FunctionStep("x:y", inputs="1"))
    assert len(caught.value.problems) == 4


def test_several_planes_for_an_image_say_what_to_do(plate: Plate) -> None:
    steps = [
        FunctionStep(f.halves, inputs="1", outputs="H"),
        FunctionStep(f.highest, inputs="2", variable_components="z", outputs="Top"),
        FunctionStep(f.mean, inputs=("H", "Top")),
    ]
    assert compiled(plate, *steps).shapes[0].groups == (12, 4, 12)
    one = FunctionStep(f.same_of_two, inputs=("1", "Top"), outputs="B")
    assert compiled(plate, steps[1], one).shapes[0].groups == (4, 12)
    with pytest.raises(CompileError, match="measures objects 'T' 3 times in one place"):
        compiled(plate, steps[1], FunctionStep(f.halves, inputs="Top", outputs="T"), FunctionStep(f.mean, ("T", "1")))


def test_an_importable_module_that_fails_is_an_error_of_the_step(
    flat: Plate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fails_on_import.py").write_text("raise SystemExit('no GPU')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(CompileError, match=r"step 'f'.*cannot be imported: SystemExit: no GPU"):
        compiled(flat, FunctionStep("fails_on_import:f", inputs="1"))


def test_labels_in_planes_that_one_image_cannot_show_are_refused_before_they_are_computed(plate: Plate) -> None:
    flat_and_deep = [
        FunctionStep(f.halves_of, inputs="1", outputs="Flat", variable_components="z"),
        FunctionStep(f.halves, inputs="1", outputs="Deep"),
    ]
    with pytest.raises(CompileError, match="step 'halves_of': labels 'Flat' lie in other planes than labels 'Deep'"):
        compiled(plate, *flat_and_deep)
    compiled(plate, flat_and_deep[0], FunctionStep(f.halves, inputs="1", outputs="Deep", keep=False))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: FunctionStep(f.same, sample=0), "sample= must be a number of planes from 1, not 0"),
        (lambda: FunctionStep(f.same, group_by="well"), "'well'"),  # type: ignore[arg-type]
        (lambda: FunctionStep(f.same, variable_components="row"), "no component 'row'"),  # type: ignore[arg-type]
        (lambda: FunctionStep(f.highest, variable_components="z", group_by="z"), "cannot be a variable component"),
        (lambda: FunctionStep({"1": f.same}), "needs group_by="),
        (lambda: FunctionStep({}, group_by="site"), "at least one function"),
        (lambda: FunctionStep({1: f.same, "1": f.same}, group_by="site"), "two functions"),
        (lambda: FunctionStep([]), "a chain of functions: name some"),
        (lambda: FunctionStep([f.same, f.scaled], factor=2), "give each function's parameters with it"),
        (lambda: FunctionStep([f.same, [f.same]]), "holds another one"),
        (lambda: FunctionStep((f.same, 3)), "is not (function, {parameter: value})"),  # type: ignore[arg-type]
        (lambda: FunctionStep(f.same, params=[("a", 1)]), "params="),  # type: ignore[arg-type]
        (lambda: FunctionStep(f.same, params={1: 2}), "params= must be a dict of parameter and value"),  # type: ignore[dict-item]
        (lambda: FunctionStep((f.same, {1: 2})), "is not (function, {parameter: value})"),  # type: ignore[arg-type]
        (lambda: FunctionStep(f.same, where={"zed": 1}), "where= has no component 'zed'"),
        (lambda: FunctionStep(f.same, where={"sites": 1}), "(did you mean 'site'?)"),
        (lambda: FunctionStep(f.same, where={"z": "1"}), "z must be a whole number, not '1'"),
        (lambda: FunctionStep(f.same, where={"z": True}), "z must be a whole number"),
        (lambda: FunctionStep(f.same, where={"channel": 1}), "channel must be a text, not 1"),
        (lambda: FunctionStep(f.same, where={"well": "A0"}), "well 'A0'"),
        (lambda: FunctionStep(f.same, where={"site": []}), "names no site"),
        (lambda: FunctionStep(f.same, where=["z"]), "must be a dict"),  # type: ignore[arg-type]
        (lambda: FunctionStep(f.same, source="begin"), "'previous' or 'start'"),  # type: ignore[arg-type]
        (lambda: FunctionStep(f.same, variable_components="sites"), "(did you mean 'site'?)"),  # type: ignore[arg-type]
        (lambda: FunctionStep(f.same, name="x" * 201), "1 to 200 characters"),
        (lambda: FunctionStep(f.same, name="\ud800"), "Unicode"),
        (lambda: FunctionStep(f.same, outputs=""), "output name ''"),
        (lambda: FunctionStep(f.same, outputs="*"), "cannot be called '*'"),
        (lambda: FunctionStep(f.halves, outputs="Image"), "cannot be called 'Image'"),
        (lambda: FunctionStep(f.same, outputs={"A": "picture"}), "'picture'"),
        (lambda: Pipeline("", [FunctionStep(f.same)]), "pipeline name ''"),
        (lambda: Pipeline("p", []), "at least one step"),
        (lambda: Pipeline("p", [f.same]), "is not a FunctionStep"),  # type: ignore[list-item]
    ],
)
def test_steps_that_make_no_sense_by_themselves(make: Any, words: str) -> None:
    with pytest.raises(PipelineError) as caught:
        make()
    assert words in str(caught.value)


ANYTHING: dict[str, tuple[Any, ...]] = {
    "inputs": (3, (None,), [["DNA"]], {"DNA": 1}, {"DNA"}, b"DNA", [None], ("1", ["1", 3])),
    "outputs": (3, b"Q", True, {"Q"}),
    "variable_components": (3, None, b"z", {"z": 1}),
    "group_by": (3, ["z"]),
    "where": (3, "", ["z"]),
    "source": (3, None, []),
    "keep": (3, "no", []),
    "enabled": (3, "no", None),
    "sample": (0, 1.5, True, None),
    "params": (3, [("a", 1)]),
    "name": (3, b"x"),
}
ANYTHING_OF_PIPELINES: dict[str, tuple[Any, ...]] = {
    "steps": (3, None, "abc", {"a": 1}, FunctionStep(f.same)),
    "channels": (3, ["1"], {"DNA": None}, {"DNA": True}, {"DNA": ["1"]}),
    "filenames": (3, b"x"),
    "metadata": (3, []),
    "sequential": (3, None),
}


@pytest.mark.parametrize(
    ("option", "value"),
    [(option, value) for option, values in ANYTHING.items() for value in values],
)
def test_an_option_of_a_step_of_another_type_is_named_with_its_step(option: str, value: Any) -> None:
    with pytest.raises(PipelineError) as caught:
        FunctionStep(f.same, **{option: value})
    assert str(caught.value).startswith(f"step 'same': {option}= must be ")
    assert str(caught.value).endswith(f", not {value!r}")


@pytest.mark.parametrize(
    ("option", "value"),
    [(option, value) for option, values in ANYTHING_OF_PIPELINES.items() for value in values],
)
def test_an_option_of_a_pipeline_of_another_type_is_named(option: str, value: Any) -> None:
    with pytest.raises(PipelineError) as caught:
        Pipeline("p", **{"steps": [FunctionStep(f.same)], option: value})
    assert str(caught.value).startswith(f"pipeline 'p': {option}= must be ")
    assert f", not {value!r:.80}" in str(caught.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"sequential": [[]]}, "pipeline 'p': sequential= has no []; site, z, timepoint"),
        ({"steps": [FunctionStep(f.same), None]}, "pipeline 'p': step 2, None, is not a FunctionStep"),
        ({"steps": [[]]}, "pipeline 'p': step 1, [], is not a FunctionStep"),
        ({"channels": {1: "1"}}, "pipeline 'p': channel name 1"),
    ],
)
def test_what_stands_in_an_option_of_a_pipeline(given: dict[str, Any], words: str) -> None:
    with pytest.raises(PipelineError) as caught:
        Pipeline("p", **{"steps": [FunctionStep(f.same)], **given})
    assert words in str(caught.value)


def test_steps_and_components_may_come_from_a_generator() -> None:
    step = FunctionStep(f.same, variable_components=(name for name in ("z", "site")))
    assert step.variable_components == ("z", "site")
    assert Pipeline("p", (each for each in [step])).steps == (step,)


def test_a_plate_and_a_pipeline_that_stand_the_other_way_round_are_told(flat: Plate) -> None:
    pipeline: Any = Pipeline("p", [FunctionStep(f.same)])
    swapped: Any = flat
    with pytest.raises(TypeError, match=r"compile_plate\(plate, pipeline\): plate must be a Plate, not a Pipeline"):
        compile_plate(pipeline, swapped)
    with pytest.raises(TypeError, match="pipeline must be a Pipeline, not a list"):
        compile_plate(flat, [pipeline])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("channels", "words"),
    [
        ({"DNA": "9"}, ["channel 'DNA' is '9'", "1 (DAPI), 2 (GFP)"]),
        ({"DNA": "1", "Nuc": "DAPI"}, ["two names for one channel"]),
        ({"2": "1"}, ["is another channel's"]),
    ],
)
def test_channels_that_the_plate_lacks_or_that_clash(flat: Plate, channels: dict[str, str], words: list[str]) -> None:
    with pytest.raises(CompileError) as caught:
        compiled(flat, FunctionStep(f.same), channels=channels)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    ("wells", "words"),
    [(["B07"], "has no well B07; it has 2: A01..B06"), (["x"], "'x'"), ([], "no well is chosen")],
)
def test_wells_that_are_not_there(flat: Plate, wells: list[str], words: str) -> None:
    with pytest.raises(CompileError, match=words):
        compiled(flat, FunctionStep(f.same), wells=wells)


def test_chosen_wells_may_be_written_as_people_do(flat: Plate) -> None:
    assert [axis.axis_id for axis in compiled(flat, FunctionStep(f.same), wells=["b6", "B06"]).axes] == ["B06"]


# Wells that cannot run.

WELLS = ("A01", "A02", "A03")


def with_record(plate: Plate, well: str, change: Any) -> Plate:
    records = tuple(changed for record in plate.wells[well] if (changed := change(record)) is not None)
    return msgspec.structs.replace(plate, wells={**plate.wells, well: records})


def compile_reporting(plate: Plate, *steps: FunctionStep) -> tuple[PlatePlan, list[ProgressUpdate]]:
    updates: list[ProgressUpdate] = []
    return compiled(plate, *steps, report=updates.append), updates


def missing(plate: Plate, folder: Path) -> Plate:
    return with_record(plate, "A02", lambda r: msgspec.structs.replace(r, missing=r.channel == "2" and r.site == 2))


def corrupt(plate: Plate, folder: Path) -> Plate:
    (folder / "A02_1_2_1_1.tif").write_bytes(b"no image at all")
    return plate


def odd(plate: Plate, folder: Path) -> Plate:
    for site in (1, 2):
        write_plane(str(folder / f"A02_{site}_2_1_1.tif"), np.zeros((4, 4), np.uint16))
    return plate


def odd_type(plate: Plate, folder: Path) -> Plate:
    for site in (1, 2):
        write_plane(str(folder / f"A02_{site}_2_1_1.tif"), np.zeros((8, 10), np.uint8))
    return plate


def absent(plate: Plate, folder: Path) -> Plate:
    return with_record(plate, "A02", lambda record: None if record.channel == "2" else record)


def fewer(plate: Plate, folder: Path) -> Plate:
    return with_record(plate, "A02", lambda r: None if (r.channel, r.site) == ("2", 2) else r)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (missing, "image s2 c=2 z1 t1 is missing: "),
        (corrupt, "A02_1_2_1_1.tif"),
        (
            odd,
            "A02_1_2_1_1.tif: is 4 x 4 pixels (rows x columns) of uint16; most images of channel 2 are 8 x 10 pixels",
        ),
        (odd_type, "A02_1_2_1_1.tif: is 8 x 10 pixels (rows x columns) of uint8; most images of channel 2 are"),
        (absent, "no image called '2'"),
        (fewer, "input '2' has no plane at site 2"),
    ],
)
def test_one_well_that_cannot_run_is_its_own_error(tmp_path: Path, harm: Any, words: str) -> None:
    folder = tmp_path / "plate"
    plate = harm(write_plate(folder, wells=WELLS, sites=2), folder)
    steps = [FunctionStep(f.same, inputs="1"), FunctionStep(f.merged, inputs=(["1", "2"],), outputs="M", name="both")]
    plan, updates = compile_reporting(plate, *steps)
    assert [axis.axis_id for axis in plan.runnable] == ["A01", "A03"]
    [failed] = [axis for axis in plan.axes if axis.error]
    assert failed.error.startswith("step 'both': ")
    assert words in failed.error
    errors = [update for update in updates if update.status is ProgressStatus.ERROR]
    assert [(u.axis_id, u.step_name, u.step_index, u.error) for u in errors] == [("A02", "both", 1, failed.error)]
    assert (updates[0].status, updates[0].total) == (ProgressStatus.STARTED, 3)
    assert (updates[-1].status, updates[-1].completed, updates[-1].total) == (ProgressStatus.COMPLETED, 3, 3)
    assert {update.total for update in updates} == {3}
    assert "3 wells, 2 steps, " in str(updates[-1].message)
    assert "; 1 of the wells cannot run" in str(updates[-1].message)
    done = [update.completed for update in updates]
    assert done == sorted(done)
    assert sorted(axis.axis for part in make_topology(plan) for axis in part.axes) == list(WELLS)
    here = Here(plan)
    assert not here.failures
    assert {update.axis_id for update in here.updates} == {"A01", "A03"}


def test_wells_are_reported_while_others_are_still_to_be_read(tmp_path: Path) -> None:
    wells = tuple(well_name(row, column) for row in range(1, 5) for column in range(1, 7))
    plate = write_plate(tmp_path, wells=wells)

    def damage_the_last_at_the_first(update: ProgressUpdate) -> None:
        if update.axis_id == wells[0]:
            for record in plate.wells[wells[-1]]:
                Path(record.path).unlink()

    plan = compiled(plate, FunctionStep(f.same, inputs="1"), report=damage_the_last_at_the_first)
    assert [axis.axis_id for axis in plan.axes if axis.error] == [wells[-1]]


def test_a_header_that_no_step_needs_is_not_read(tmp_path: Path) -> None:
    plate = corrupt(write_plate(tmp_path / "plate", wells=WELLS), tmp_path / "plate")
    assert len(compiled(plate, FunctionStep(f.same, inputs="1")).runnable) == 3


def test_no_well_that_can_run_is_an_error_of_the_whole(tmp_path: Path) -> None:
    plate = write_plate(tmp_path / "plate", wells=("A01", "A02"))
    for well in plate.wells:
        plate = with_record(plate, well, lambda record: msgspec.structs.replace(record, missing=True))
    updates: list[ProgressUpdate] = []
    with pytest.raises(CompileError) as caught:
        compiled(plate, FunctionStep(f.same, inputs="1"), report=updates.append)
    assert [problem.partition(";")[2][:10] for problem in caught.value.problems] == [" well A01,", " well A02,"]
    assert "step 'same'" in str(caught.value)
    assert [u.axis_id for u in updates if u.status is ProgressStatus.ERROR] == ["A01", "A02", ""]


def test_a_key_that_some_wells_lack_is_no_error(tmp_path: Path) -> None:
    plate = write_plate(tmp_path / "plate", wells=WELLS, sites=2)
    plate = with_record(plate, "A02", lambda record: record if record.site == 1 else None)
    plan = compiled(plate, FunctionStep({2: f.same}, inputs="1", group_by="site"))
    assert [plan.groups(axis) for axis in plan.axes] == [(1,), (0,), (1,)]
    [topology] = make_topology(plan)
    assert [axis.groups for axis in topology.axes] == [(1,), (0,), (1,)]


# Results and liveness.


def test_images_are_forgotten_after_their_last_reader(flat: Plate) -> None:
    steps = [
        FunctionStep(f.same, inputs="1"),
        FunctionStep(f.same, inputs="1", outputs="Copy"),
        FunctionStep(f.halves, inputs="Copy", outputs="Halves"),
        FunctionStep(f.mean, inputs=("Halves", "2")),
        FunctionStep(f.same, inputs="2", outputs="Unread", keep=False),
    ]
    plan = compiled(flat, *steps, wells=["A01"])
    shape = plan.shapes[0]
    assert [step.release for step in shape.steps] == [(), ("1",), ("Copy",), (), ("2", "Unread")]
    assert (shape.images, shape.shown, shape.channels) == ((), frozenset({"Copy"}), ("1", "2"))
    data = Here(plan).data["A01"]
    assert {ref.name for ref in data._made} == {"Copy", "Halves"}
    assert not data._acquired


@pytest.mark.parametrize(
    ("keep", "images"), [(None, {"Last"}), (True, {"First", "Last"}), (False, {"Last"})], ids=["by use", "yes", "no"]
)
def test_which_images_are_written(flat: Plate, keep: bool | None, images: set[str]) -> None:
    steps = [
        FunctionStep(f.same, inputs="1", outputs="First", keep=keep),
        FunctionStep(f.same, inputs="First", outputs="Last"),
    ]
    assert {ref.name for ref in compiled(flat, *steps).shapes[0].images} == images


def test_labels_are_written_unless_told_not_to(flat: Plate) -> None:
    steps = [HALVES, FunctionStep(f.grown, inputs="Halves", outputs="All", keep=False)]
    assert {ref.name for ref in compiled(flat, *steps).shapes[0].labels} == {"Halves"}


def test_a_plate_map_column_called_like_ours_gets_another_name(tmp_path: Path) -> None:
    plate = write_plate(tmp_path / "plate", plate_map={"A01": {"Row": "A", "Dose": 2.0, "Site": 7.0}})
    plan = compiled(plate, FunctionStep(f.same, inputs="1"))
    assert plan.plate.map_columns == {"PlateMap_Row": True, "Dose": False, "PlateMap_Site": False}
    assert plan.axes[0].metadata == {"PlateMap_Row": "A", "Dose": 2.0, "PlateMap_Site": 7.0}


def test_all_problems_are_listed_up_to_a_number() -> None:
    error = CompileError(tuple(f"step {number}" for number in range(10)))
    assert str(error).startswith("10 problems: (1) step 0; (2) step 1; ")
    assert str(error).endswith("(8) step 7; and 2 more")
    assert str(CompileError(("one",))) == "one"
