"""Steps over the wells' tables as they are compiled: what fits, what is planned, and what is told of each mistake."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from tests.unit.pipeline import functions as f
from tests.unit.pipeline.plates import write_plate
from tests.unit.pipeline.test_plate_wide import folded

from plateflow.errors import CompileError
from plateflow.execution.plate_tables import record_path
from plateflow.functions.kinds import Frame, Image, Kind, Labels, Planes, Table
from plateflow.pipeline.compile import compile_plate, describe_plan
from plateflow.pipeline.compile_steps import check_steps
from plateflow.pipeline.pipeline import Pipeline
from plateflow.pipeline.plan import PlatePlan, make_topology
from plateflow.pipeline.step import FunctionStep
from plateflow.plate.model import Plate
from plateflow.plate.wells import well_name
from plateflow.progress.messages import AxisKind, Skipped
from plateflow.progress.state import AxisState

WELLS = ("A01", "B02", "C03")


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Plate:
    return write_plate(tmp_path_factory.mktemp("plate") / "three", wells=WELLS, sites=2, channels=1)


def summary(cells: Frame, factor: float = 1.0) -> Frame:
    return cells


def joined(cells: Frame, wells: Frame) -> tuple[Frame, Frame]:
    return cells, wells


def mixed(cells: Frame, image: Image) -> Frame:
    return cells


def from_image(image: Image) -> Frame:
    raise NotImplementedError


def drawn(cells: Frame) -> Image:
    raise NotImplementedError


def silent(cells: Frame):  # type: ignore[no-untyped-def]  # its hints do not tell
    return cells


def mean(planes: Planes) -> Image:
    raise NotImplementedError


def lowered(image: Image, ground: Image) -> Image:
    raise NotImplementedError


def of_table(objects: Labels, table: Table) -> Table:
    raise NotImplementedError


HALVES = FunctionStep(f.halves, inputs="1", outputs="Nuclei")
UNKEPT = FunctionStep(f.halves, inputs="1", outputs="Seeds", keep=False)
GROUND = FunctionStep(mean, outputs="Ground", variable_components=("well", "site"), name="ground")
SUMMARY = FunctionStep(summary, inputs="Nuclei", outputs="Summary", variable_components="well")
JOINED = FunctionStep(joined, inputs=("Image", "Summary"), outputs=("A", "B"), variable_components="well")


def compiled(plate: Plate, *steps: FunctionStep, **options: Any) -> PlatePlan:
    return compile_plate(plate, Pipeline("test", steps), **options)


def test_each_is_an_axis_of_one_group_after_all_wells(plate: Plate) -> None:
    lower = FunctionStep(lowered, inputs=("*", "Ground"))
    plan = compiled(plate, GROUND, lower, HALVES, SUMMARY, JOINED, wells=["B02", "C03"])
    assert [axis.axis_id for axis in plan.axes] == ["plate:ground", "B02", "C03", "plate:summary", "plate:joined"]
    first, second = plan.axes[3:]
    assert (first.kind, first.wells, first.reads_tables) == (AxisKind.PLATE, 3, True)
    assert first.after == ("B02", "C03")
    assert second.after == ("B02", "C03", "plate:summary")
    assert [plan.groups(axis) for axis in (plan.axes[1], first, second)] == [
        (0, 2, 2, 0, 0),
        (0, 0, 0, 1, 0),
        (0, 0, 0, 0, 1),
    ]
    assert plan.updates(first) == 5
    assert [[axis.axis_id for axis in stage] for stage in plan.stages] == [
        ["plate:ground"], ["B02", "C03"], ["plate:summary"], ["plate:joined"]
    ]  # fmt: skip
    (group,) = plan.shapes[second.shape].steps[0].groups
    assert group.pattern == "Image+Summary"
    assert [refs[0].kind for refs in group.inputs] == [Kind.TABLE, Kind.FRAME]
    assert [output.refs[0].name for output in group.outputs] == ["A", "B"]
    assert describe_plan(plan) == "2 wells, 5 steps, 11 pattern groups"


def test_no_well_but_those_skipped_leaves_its_stage_empty(plate: Plate) -> None:
    plan = compiled(plate, HALVES, SUMMARY)
    plan = replace(plan, axes=tuple(a if a.wells else replace(a, skipped=Skipped.COMPLETED) for a in plan.axes))
    assert [[axis.axis_id for axis in stage] for stage in plan.stages] == [[], ["plate:summary"]]


def test_a_viewer_is_told_of_it_before_the_wells_and_folds_what_is_skipped(plate: Plate) -> None:
    plan = compiled(plate, HALVES, SUMMARY)
    plan = replace(plan, axes=tuple(replace(axis, skipped=Skipped.COMPLETED) for axis in plan.axes))
    (topology,) = make_topology(plan)
    assert [(axis.axis, axis.after) for axis in topology.axes] == [
        ("plate:summary", WELLS), *((well, ()) for well in WELLS)
    ]  # fmt: skip
    progress = folded(plan)
    assert [step.completed for step in progress.steps] == [3, 1], "no well has done the plate's step"
    assert progress.groups_done == progress.groups_planned == 3 * 2 + 1
    assert progress.counts[AxisState.COMPLETED] == 4


def test_a_topology_of_a_large_plate_has_few_and_short_parts(plate: Plate) -> None:
    names = [well_name(row, column) for row in range(1, 33) for column in range(1, 49)]
    wells = {w: tuple(msgspec.structs.replace(r, well=w) for r in plate.wells["A01"]) for w in names}
    big = msgspec.structs.replace(plate, wells=wells, rows=32, columns=48)
    parts = make_topology(compiled(big, HALVES, SUMMARY, JOINED))
    assert sum(len(part.axes) for part in parts) == 1536 + 2
    assert len(parts) == 4
    assert max(len(msgspec.json.encode(part)) for part in parts) < 128 * 1024 - 8000


def over(function: Any, **options: Any) -> FunctionStep:
    given = {"inputs": "Nuclei", "outputs": "Summary", "variable_components": "well", **options}
    return FunctionStep(function, name="bad", **given)


MISTAKES = {
    "not said to be over the plate": (over(summary, variable_components=()), "say so by variable_components='well'"),
    "over more than wells": (over(summary, variable_components=("well", "site")), "'well', and no more"),
    "mixed with an image": (
        over(mixed, inputs=("Nuclei", "1")),
        "'image' takes image but 'cells' takes a table of the whole plate",
    ),
    "made of an image": (over(from_image, inputs="1"), "takes image but it returns a table of the whole plate"),
    "making an image": (over(drawn), "takes tables of the whole plate but returns image: have its function return"),
    "a result without hints": (over(silent), "returns image: have its function return Frame, and its hints say so"),
    "an unknown input": (over(summary, inputs="Nuclie"), "no table called 'Nuclie' at this step (did you mean"),
    "an image": (over(summary, inputs="1"), "no table called '1' at this step; there are: Nuclei, Image"),
    "no input": (over(summary, inputs=None), "0 inputs but its function takes 1 tables: cells (frame); there are"),
    "a list": (over(summary, inputs=(["Nuclei", "Image"],)), "'cells' takes one table, not the list"),
    "objects that are not kept": (over(summary, inputs="Seeds"), "'Seeds' have no table, as step 'halves_2' says keep"),
    "no name": (over(summary, outputs=None), "makes 1 tables of the plate: name each by outputs="),
    "too many names": (over(summary, outputs=("A", "B")), "makes 1 tables of the plate: 2 names are given"),
    "a name of objects": (over(summary, outputs="Nuclei"), "makes table 'Nuclei' but something is called so already"),
    "a name of another": (over(summary, outputs="First"), "makes table 'First' but something is called so already"),
    "a name twice": (over(joined, inputs=("Nuclei", "Image"), outputs=("X", "X")), "table 'X' but something"),
    "branches": (over({"1": summary}, group_by="channel"), "group_by= is for images"),
    "only some wells": (over(summary, where={"well": "A01"}), "where= is for images"),
    "from the start": (over(summary, source="start"), "source= is for images"),
    "kept": (over(summary, keep=True), "keep= is for images"),
    "a sample": (over(summary, sample=3), "sample= is for images"),
    "an unknown parameter": (over(summary, factr=2), "unknown parameter 'factr' (did you mean 'factor'?)"),
    "a mistyped parameter": (over(summary, factor="two"), "parameter 'factor': Expected `float`"),
    "a well step that reads one": (
        FunctionStep(f.area, inputs="First", name="bad"),
        "reads 'First', the table that step 'summary' makes once all wells have ended",
    ),
    "a well step after it": (
        FunctionStep(f.same, name="bad"),
        "stands after step 'summary', which reads the tables of all wells once they have ended: put it before",
    ),
    "a step over all images after it": (
        FunctionStep(mean, outputs="G", variable_components=("well", "site"), name="bad"),
        "stands after step 'summary'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_is_compiles_error_and_names_the_step(plate: Plate, what: str) -> None:
    step, words = MISTAKES[what]
    first = FunctionStep(summary, inputs="Nuclei", outputs="First", variable_components="well")
    with pytest.raises(CompileError) as caught:
        compiled(plate, HALVES, UNKEPT, first, step)
    (problem,) = caught.value.problems
    assert problem.startswith("step 'bad': ")
    assert words in problem


def test_one_that_is_read_before_it_is_made_is_told_too(plate: Plate) -> None:
    early = FunctionStep(f.area, inputs="Summary", name="early")
    with pytest.raises(CompileError, match="step 'early': reads 'Summary', the table that step 'summary' makes"):
        compiled(plate, HALVES, early, SUMMARY)
    with pytest.raises(CompileError, match="step 'joined': no table called 'Summary' at this step"):
        compiled(plate, HALVES, JOINED, SUMMARY)


def test_all_of_it_is_found_without_a_plate() -> None:
    steps = (HALVES, over(summary, inputs="Nuclie"), over(summary, outputs="Nuclei"))
    with pytest.raises(CompileError) as caught:
        check_steps(Pipeline("test", steps))
    assert len(caught.value.problems) == 2


def test_objects_of_two_outputs_are_told_from_images(plate: Plate) -> None:
    both = FunctionStep(f.labelled_and_measured, inputs=("Nuclei", "1"), outputs="Copy")
    assert compiled(plate, HALVES, both, over(summary, inputs="Copy")).axes[-1].reads_tables


def test_a_chain_of_them_is_one_step(plate: Plate) -> None:
    chain = over([(summary, {"factor": 2.0}), summary])
    plan = compiled(plate, HALVES, chain)
    assert plan.updates(plan.axes[-1]) == 5
    with pytest.raises(CompileError, match="in its chain a function returns frame, but the next one takes image"):
        compiled(plate, HALVES, over([summary, f.same]))


def takes_polars(cells: pl.DataFrame) -> Frame:
    return cells


def gives_polars(cells: Frame) -> pl.DataFrame:
    return cells


def gives_two(cells: Frame) -> tuple[Frame, pl.DataFrame]:
    return cells, cells


def takes_maybe(cells: pl.DataFrame | None) -> Frame:
    raise NotImplementedError


@pytest.mark.parametrize(
    ("func", "what"),
    [
        (takes_polars, "parameter 'cells'"),
        (takes_maybe, "parameter 'cells'"),
        (gives_polars, "what it returns"),
        (gives_two, "what it returns"),
    ],
)
def test_a_hint_of_polars_own_table_is_told_to_be_frame(plate: Plate, func: Any, what: str) -> None:
    step = FunctionStep(func, inputs="Nuclei", outputs="New", variable_components="well")
    with pytest.raises(CompileError) as caught:
        compiled(plate, HALVES, step)
    assert f"{what} has the hint DataFrame" in str(caught.value)
    assert "write Frame, from plateflow.functions.kinds" in str(caught.value)


def looked_up(cells: Frame, table: pl.DataFrame) -> Frame:
    raise NotImplementedError


def test_polars_own_table_can_be_a_parameter(plate: Plate) -> None:
    given: dict[str, Any] = {"inputs": "Nuclei", "outputs": "New", "variable_components": "well"}
    table = FunctionStep(looked_up, table=pl.DataFrame({"a": [1]}), **given)
    assert compiled(plate, HALVES, table).axes[-1].reads_tables
    with pytest.raises(CompileError, match=r"parameter 'table' is missing; .*write Frame, from plateflow"):
        compiled(plate, HALVES, FunctionStep(looked_up, **given))


def test_the_record_that_the_docs_name_is_the_one_that_is_written() -> None:
    docs = (Path(__file__).parents[3] / "docs" / "pipelines.md").read_text(encoding="utf-8")
    assert record_path(Path(), "plate:call_hits").as_posix() in docs


def test_toml_says_the_same(tmp_path: Path, plate: Plate) -> None:
    from plateflow.pipeline.pipeline import load_pipeline
    from plateflow.pipeline.save import save_pipeline

    path = tmp_path / "p.toml"
    path.write_text(
        'name = "p"\n[[steps]]\nfunction = "find_nuclei"\ninputs = "1"\noutputs = "Nuclei"\n'
        '[[steps]]\nfunction = "normalise_to_controls"\ninputs = "Nuclei"\noutputs = "Normalised"\n'
        'variable_components = "well"\n'
        'params = { control_column = "Metadata_Drug", control_values = ["DMSO", 0], method = "mad_robustize" }\n'
    )
    pipeline = load_pipeline(path)
    assert compile_plate(plate, pipeline).axes[-1].axis_id == "plate:normalise_to_controls"
    for name in ("again.toml", "again.py"):
        save_pipeline(pipeline, tmp_path / name)
        assert load_pipeline(tmp_path / name).steps[-1].variable_components == ("well",)
        assert compile_plate(plate, load_pipeline(tmp_path / name)).axes[-1].reads_tables
