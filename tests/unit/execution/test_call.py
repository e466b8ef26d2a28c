"""What functions return is checked where it is returned, and arrays are theirs to change."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.filters
import skimage.measure
import skimage.morphology
import skimage.segmentation
from tests.unit.pipeline import functions as f
from tests.unit.pipeline.here import Here
from tests.unit.pipeline.plates import grey, write_plate

from plateflow.functions import difference_of_gaussians
from plateflow.functions.kinds import Image, Images, Kind, Labels, LabelStack, Record, Stack, Table
from plateflow.pipeline.compile import compile_plate
from plateflow.pipeline.pipeline import Pipeline
from plateflow.pipeline.plan import Ref
from plateflow.pipeline.step import FunctionStep
from plateflow.plate.model import Plate
from plateflow.plate.pattern_groups import Address
from plateflow.progress.failure import Failure

HALVES = FunctionStep(f.halves, inputs="1", outputs="Halves")
FIRST = Address(1, 1, 1)


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Plate:
    return write_plate(tmp_path_factory.mktemp("plate") / "p", sites=2)


def failure_of(plate: Plate, *steps: FunctionStep) -> Failure:
    return Here(compile_plate(plate, Pipeline("p", steps))).failures["A01"]


def error_of(plate: Plate, *steps: FunctionStep) -> str:
    return failure_of(plate, *steps).error


returned: Any = None


def image(image: Image) -> Image:
    return returned  # type: ignore[no-any-return]


def labels(image: Image) -> Labels:
    return returned  # type: ignore[no-any-return]


def table(objects: Labels) -> Table:
    return returned  # type: ignore[no-any-return]


def record(image: Image) -> Record:
    return returned  # type: ignore[no-any-return]


def stack(stack: Stack) -> Stack:
    return returned  # type: ignore[no-any-return]


def two(image: Image) -> tuple[Labels, Record]:
    return returned  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("func", "value", "words"),
    [
        (image, None, "returned a NoneType, not an image (Y, X)"),
        (image, [[1]], "returned a list, not an image"),
        (image, np.zeros(3), "shape (3,), not an image"),
        (image, np.zeros((2, 3, 4)), "shape (2, 3, 4), not an image"),
        (image, np.zeros((0, 5)), "shape (0, 5)"),
        (image, np.zeros((2, 2), complex), "complex128"),
        (image, np.full((2, 2), None), "object"),
        (labels, np.zeros((8, 10)), "labels of dtype float64"),
        (labels, np.full((8, 10), -1), "outside 0..2**31-1"),
        (labels, np.full((8, 10), 2**40), "outside 0..2**31-1"),
        (labels, np.ones((4, 4), int), "labels of shape (4, 4) for images of shape (8, 10)"),
        (record, 3.0, "returned a float, not a record"),
        (record, {"a": "x"}, "column 'a' is 'x', not a number"),
        (record, {"a": None}, "column 'a' is None, not a number"),
        (stack, np.zeros((8, 10)), "not a stack (N, Y, X)"),
        (stack, np.zeros((3, 8, 10)), "a stack of 3 planes for one of 2"),
        (two, (np.zeros((8, 10), int),), "returned 1 things, not the 2 declared"),
        (two, np.zeros((8, 10), int), "returned 1 things, not the 2 declared"),
        (table, 3, "returned a int, not a table"),
        (table, {"a": [1.0]}, "column 'a' has shape (1,); Halves has 2 objects"),
        (table, {"a": np.ones((2, 2))}, "column 'a' has shape (2, 2)"),
        (table, {"a": ["x", "y"]}, "column 'a' is <U1, not numbers"),
        (table, {"a": [None, 1]}, "column 'a' is object, not numbers"),
        (table, {"Halves_x": [1, 2], "{objects}_x": [1, 2]}, "column 'Halves_x' was returned twice"),
    ],
)
def test_a_wrong_result_is_an_error_of_its_step(
    plate: Plate, monkeypatch: pytest.MonkeyPatch, func: Any, value: object, words: str
) -> None:
    monkeypatch.setattr("tests.unit.execution.test_call.returned", value)
    monkeypatch.setitem(func.__globals__, "returned", value)
    outputs = "New" if func in (labels, two) else None
    variable: Any = "site" if func is stack else ()
    step = FunctionStep(func, inputs="Halves" if func is table else "1", outputs=outputs, variable_components=variable)
    steps = [HALVES, step] if func is table else [step]
    error = error_of(plate, *steps)
    assert words in error
    assert error.startswith("ValueError: ")


def edges(image: Image) -> Image:
    return difference_of_gaussians(image, low=8.0, high=2.0)


def test_a_refusal_of_the_library_is_one_line_and_any_other_has_its_place(plate: Plate) -> None:
    reason = "low 8 must be below high 2"
    wrong = {"low": 8.0, "high": 2.0}
    for func in ((difference_of_gaussians, wrong), [f.same, (difference_of_gaussians, wrong)]):
        refused = failure_of(plate, FunctionStep(func, inputs="1"))
        assert (refused.error, refused.traceback) == (reason, "")
    own = failure_of(plate, FunctionStep(edges, inputs="1"))
    assert own.error == f"ValueError: {reason}"
    assert "in edges" in own.traceback


def test_a_measurement_made_twice_is_an_error(plate: Plate) -> None:
    again = error_of(plate, HALVES, FunctionStep(f.area, inputs="Halves"), FunctionStep(f.area, inputs="Halves"))
    assert "'AreaShape_Area' of Halves was measured by an earlier step" in again
    records = error_of(plate, FunctionStep(f.brightness, inputs="1"), FunctionStep(f.brightness, inputs="1"))
    assert "'Brightness_1' of the site was measured by an earlier step" in records


def spoil(image: Image) -> Image:
    image[:] = 0
    return image


def spoil_all(images: Images) -> Image:
    for one in images.values():
        one[:] = 0
    return images["1"]


def spoil_stack(stack: Stack) -> Image:
    stack[:] = 0
    first: Image = stack[0]
    return first


def spoil_labels(objects: Labels) -> Labels:
    objects[:] = 7
    return objects


def spoil_label_stack(stack: LabelStack) -> LabelStack:
    stack[:] = 7
    return stack


def test_functions_that_work_in_place_change_nothing_for_others(plate: Plate) -> None:
    steps = [
        FunctionStep(f.same, inputs="1", outputs="Made"),
        HALVES,
        FunctionStep(spoil, inputs="1", outputs="A"),
        FunctionStep(spoil, inputs="Made", outputs="B"),
        FunctionStep(spoil_all, inputs=(["1", "Made"],), outputs="C"),
        FunctionStep(spoil_stack, inputs="1", outputs="D", variable_components="site"),
        FunctionStep(spoil_labels, inputs="Halves", outputs="E"),
        FunctionStep(spoil_label_stack, inputs="Halves", outputs="F", variable_components="site"),
        FunctionStep(f.mean, inputs=("Halves", "1")),
        FunctionStep(f.mean, inputs=("Halves", "Made")),
    ]
    data = Here(compile_plate(plate, Pipeline("p", steps))).data["A01"]
    halves = Ref(Kind.LABELS, "Halves", FIRST)
    assert {name: list(values) for name, values in data.tables[halves].items()} == {
        "Mean_1": [grey(1, "1", 1, 1)] * 2,
        "Mean_Made": [grey(1, "1", 1, 1)] * 2,
    }
    assert set(np.unique(data.plane(halves))) == {2, 5}
    assert set(np.unique(data.plane(Ref(Kind.LABELS, "E", FIRST)))) == {7}


def test_scikit_image_works_on_what_it_gets(plate: Plate) -> None:
    def many(objects: Labels, image: Image) -> Labels:
        skimage.filters.rank.median(image.astype(np.uint8), skimage.morphology.disk(1))
        skimage.segmentation.watershed(image, objects)
        skimage.segmentation.clear_border(objects, out=objects)
        skimage.measure.regionprops_table(objects, image, properties=("label", "intensity_mean"))
        return skimage.segmentation.expand_labels(objects, 2)  # type: ignore[no-any-return]

    here = Here(compile_plate(plate, Pipeline("p", [HALVES, FunctionStep(many, ("Halves", "1"), "Many")])))
    assert not here.failures


def test_objects_are_shown_on_the_brightest_of_the_planes_they_were_found_in(tmp_path: Path) -> None:
    deep = write_plate(tmp_path / "deep", zs=3)
    step = FunctionStep(f.halves_of, inputs="1", outputs="Flat", variable_components="z")
    data = Here(compile_plate(deep, Pipeline("p", [step]))).data["A01"]
    shown = data.source(Ref(Kind.IMAGE, "1", Address(1, None, 1)))
    assert set(np.unique(shown)) == {grey(1, "1", 3, 1)}
