"""Parameters that are set for one run."""

import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.pipeline.plates import write_plate

from plateflow import compile_plate
from plateflow.errors import CompileError, PipelineError
from plateflow.functions import gaussian, median
from plateflow.pipeline.literals import literal
from plateflow.pipeline.pipeline import Pipeline
from plateflow.pipeline.settings import parse_setting
from plateflow.pipeline.step import FunctionStep


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("find.size=3", ("find", "size", 3)),
        ("find.size = 3.5 ", ("find", "size", 3.5)),
        ("a.b.size=(1, 2)", ("a.b", "size", (1, 2))),
        ("find.method=li", ("find", "method", "li")),
        ("find.method='li'", ("find", "method", "li")),
        ("find.size=5 um", ("find", "size", "5 um")),
        ("find.size=None", ("find", "size", None)),
        ("find.text=a=b.c", ("find", "text", "a=b.c")),
        ("find.text=", ("find", "text", "")),
    ],
)
def test_what_is_read(text: str, expected: tuple[str, str, Any]) -> None:
    assert parse_setting(text) == expected


@given(st.text().filter(lambda t: "=" not in t), st.integers() | st.text() | st.tuples(st.floats(allow_nan=False)))
def test_any_literal_comes_back(step: str, value: Any) -> None:
    if step.strip():
        assert parse_setting(f"{step}.p={literal(value)}") == (step.strip(), "p", value)


@pytest.mark.parametrize("text", ["", "size=3", "find.size", ".size=3", "find.=3", "=3"])
def test_what_sets_nothing(text: str) -> None:
    with pytest.raises(PipelineError, match=r"write it as STEP\.PARAMETER=VALUE"):
        parse_setting(text)


STEPS = [
    FunctionStep(gaussian, sigma=1),
    FunctionStep(gaussian),
    FunctionStep({"1": median, "2": (gaussian, {"sigma": 4})}, group_by="channel", name="both"),
    FunctionStep([gaussian, median], name="chain"),
]


def made(*settings: str) -> Pipeline:
    return Pipeline("p", STEPS, settings=settings)


def test_the_step_of_that_name_gets_it_and_the_pipeline_as_it_was_stays() -> None:
    pipeline = made("gaussian_2.sigma=3", "gaussian.sigma=2", "gaussian.sigma=5")
    assert [step.branches[None].params for step in pipeline.steps[:2]] == [{"sigma": 5}, {"sigma": 3}]
    assert [step.branches[None].params for step in pipeline.listed[:2]] == [{"sigma": 1}, {}]
    again = pickle.loads(pickle.dumps(pipeline))
    assert [step.branches[None].params for step in again.steps[:2]] == [{"sigma": 5}, {"sigma": 3}]


def test_of_several_functions_those_get_it_that_take_it() -> None:
    both = made("both.sigma=9", "both.radius=2").steps[2]
    assert (both.branches["1"].params, both.branches["2"].params) == ({"radius": 2}, {"sigma": 9})
    chain = made("chain.radius=3").steps[3].branches[None]
    assert [link.params for link in chain.chain] == [{}, {"radius": 3}]


def test_a_step_that_there_is_not_is_answered_with_the_nearest() -> None:
    with pytest.raises(
        PipelineError, match=r"no step is called 'gausian' \(did you mean 'gaussian'\?\); there are: gauss"
    ):
        made("gausian.sigma=2")


def test_a_parameter_that_there_is_not_is_compiles_error(tmp_path: Path) -> None:
    plate = write_plate(tmp_path / "plate")
    with pytest.raises(CompileError, match=r"step 'gaussian': unknown parameter 'sgima' \(did you mean 'sigma'\?\)"):
        compile_plate(plate, made("gaussian.sgima=2"))
