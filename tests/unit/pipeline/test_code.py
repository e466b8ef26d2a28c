"""Pipelines as data, as Python text, and back: nothing changes on the way."""

import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plateflow.pipeline.code import CodeError, write_code
from plateflow.pipeline.describe import NoFormError, describe_own_functions, describe_pipeline
from plateflow.pipeline.forms import BranchForm, PipelineForm, StepForm
from plateflow.pipeline.literals import literal, parse_literal
from plateflow.pipeline.pipeline import MODULE, PipelineSource, load_pipeline, load_source

EXAMPLES = Path(__file__).parents[3] / "examples"
LIBRARY = ["plateflow.functions:find_nuclei", "plateflow.functions:gaussian", "skimage.filters:gaussian"]
OWN = '''"""Mine."""

import numpy as np
from plateflow import FunctionStep, Pipeline as P
from plateflow.functions.kinds import Image  # kinds


def mine(image: Image, size: int = 3) -> Image:
    """Do it."""
    return image  # a comment


pipeline = P("old", steps=[FunctionStep(mine)])  # gone

after = np.zeros(3)
'''


def read(text: str) -> PipelineForm:
    pipeline = load_source(PipelineSource("/nowhere/pipeline.py", text))
    return describe_pipeline(pipeline, vars(sys.modules[MODULE]))


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
# An output may be called neither "*" nor "Image", and not twice.
outputs = names.filter(lambda name: name not in ("*", "Image"))
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner), max_leaves=6
)
params = st.dictionaries(names | st.sampled_from(["name", "class", "inputs", "sigma"]), values.map(literal), max_size=4)
COMPONENTS = ("site", "channel", "z", "timepoint")


def some(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, min_size=1, max_size=3, unique=True).map(tuple)


wheres = st.fixed_dictionaries(
    {},
    optional={
        "well": some(st.builds("{}{:02d}".format, st.sampled_from("ABCP"), st.integers(1, 24))),
        "site": some(st.integers()),
        "channel": some(names),
        "z": some(st.integers()),
        "timepoint": some(st.integers()),
    },
)


@st.composite
def steps(draw: st.DrawFn, functions: list[str]) -> StepForm:
    group_by = draw(st.none() | st.sampled_from(COMPONENTS))
    keys = draw(st.lists(names, min_size=1, max_size=3, unique=True)) if group_by and draw(st.booleans()) else [None]
    function = st.sampled_from(functions)
    link = st.builds(BranchForm, function=function, params=params)
    chain = st.just(()) | st.lists(link, min_size=1, max_size=2).map(tuple)
    branches = tuple(
        BranchForm(function=draw(function), params=draw(params), key=key, then=draw(chain)) for key in keys
    )
    named = tuple(draw(st.lists(outputs, max_size=3, unique=True)))
    kinds = draw(st.sampled_from(["image", "labels", "stack"]))
    return StepForm(
        name=draw(st.just(branches[0].function.rpartition(":")[2]) | names),
        branches=branches,
        inputs=draw(
            st.none() | st.lists(names | st.lists(names, min_size=1).map(tuple), min_size=1, max_size=3).map(tuple)
        ),
        outputs=named,
        output_kinds=dict.fromkeys(named, kinds) if draw(st.booleans()) else {},
        variable_components=tuple(
            draw(st.lists(st.sampled_from([c for c in COMPONENTS if c != group_by]), max_size=2, unique=True))
        ),
        group_by=group_by,
        where=draw(wheres),
        source=draw(st.sampled_from(["previous", "start"])),
        keep=draw(st.none() | st.booleans()),
        sample=draw(st.just(200) | st.integers(1, 10**6)),
        enabled=draw(st.booleans()),
    )


@st.composite
def pipelines(draw: st.DrawFn, functions: list[str]) -> PipelineForm:
    several = draw(st.lists(steps(functions), max_size=4))
    always = StepForm(name="gaussian", branches=(BranchForm(function="plateflow.functions:gaussian"),))
    return PipelineForm(
        name=draw(names),
        steps=(*several, always),
        channels=draw(st.dictionaries(names, names, max_size=3)),
        filenames=draw(st.none() | st.text()),
        metadata=draw(st.none() | st.text()),
        sequential=draw(st.just(()) | some(st.sampled_from(["site", "z", "timepoint"]))),
    )


@pytest.mark.slow
@given(pipelines(LIBRARY))
@settings(deadline=None)
def test_a_new_file_reads_back_the_same(form: PipelineForm) -> None:
    text = write_code(form)
    assert read(text) == form
    assert write_code(form, text) == text


@pytest.mark.slow
@given(pipelines([*LIBRARY, ":mine", "posixpath:join"]))
@settings(deadline=None)
def test_a_file_of_ones_own_keeps_the_rest_and_reads_back_the_same(form: PipelineForm) -> None:
    text = write_code(form, OWN)
    assert read(text) == form
    assert write_code(form, text) == text
    kept = [line for line in OWN.splitlines() if "pipeline = " not in line]
    lines = text.splitlines()
    assert [line for line in kept if line not in lines] == []


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_the_examples_read_back_the_same(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    form = describe_pipeline(load_pipeline(path), vars(sys.modules[MODULE]))
    assert read(write_code(form, text)) == form


def test_a_name_that_the_file_uses_for_something_else_is_not_taken_over() -> None:
    text = "from plateflow import FunctionStep, Pipeline\ngaussian = 3\npipeline = 0\n"
    form = PipelineForm(name="p", steps=(StepForm(name="gaussian", branches=(BranchForm(function=LIBRARY[1]),)),))
    written = write_code(form, text)
    assert 'FunctionStep("plateflow.functions:gaussian")' in written
    assert "gaussian = 3" in written
    assert read(written) == form


def test_a_function_named_by_a_text_stays_one() -> None:
    text = (
        "from plateflow import FunctionStep, Pipeline\n"
        "steps = ['plateflow.functions:gaussian']\n"
        "pipeline = Pipeline('p', [FunctionStep('not_installed:f'), FunctionStep('plateflow.functions:gaussian')])\n"
    )
    form = read(text)
    written = write_code(msgspec.structs.replace(form, name="q"), text)
    assert "import" not in written.partition("\n")[2]
    assert read(written) == msgspec.structs.replace(form, name="q")


def test_a_parameter_that_python_would_read_as_another_name_keeps_its_own() -> None:
    step = StepForm(name="gaussian", branches=(BranchForm(function=LIBRARY[1], params={"ª": "1", "a": "2"}),))
    form = PipelineForm(name="p", steps=(step,))
    assert read(write_code(form)) == form


FORM = PipelineForm(name="p", steps=(StepForm(name="mine", branches=(BranchForm(function=":mine"),)),))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = (", "not Python"),
        ("import numpy\n", "no line of its own"),
        ("if True:\n    pipeline = 3\n", "no line of its own"),
        ("def mine(image): ...\npipeline = 3; x = 4\n", "holds more than the pipeline"),
        ("x = 4; pipeline = 3\n", "holds more than the pipeline"),
        ("pipeline = other = 3\n", "no line of its own"),
        ("Pipeline = 3\npipeline = 3\n", "calls something else Pipeline"),
        ("pipeline = 3\n", "no function 'mine'"),
    ],
)
def test_a_text_that_cannot_take_it_says_why(text: str, words: str) -> None:
    with pytest.raises(CodeError, match=words):
        write_code(FORM, text)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("pipeline = Pipeline('p', [FunctionStep(lambda image: image, name='x')])", "no name in the file"),
        ("pipeline = Pipeline('p', [FunctionStep(f, size=print)])", "parameter 'size'.*literal"),
        ("pipeline = Pipeline('p', [FunctionStep(f, size=float('nan'))])", "literal"),
    ],
)
def test_what_no_form_can_hold_is_said(statement: str, words: str) -> None:
    head = "from plateflow import FunctionStep, Pipeline\ndef f(image, size=1):\n    return image\n"
    with pytest.raises(NoFormError, match=words):
        read(head + statement)


def test_functions_of_the_file_are_described() -> None:
    load_source(PipelineSource("/nowhere/pipeline.py", OWN))
    [mine] = describe_own_functions(vars(sys.modules[MODULE]))
    assert (mine.address, mine.summary, mine.returns) == (":mine", "Do it.", ("image",))
    assert [(p.name, p.type.kind, p.default) for p in mine.parameters] == [("size", "int", "3")]


@given(values)
def test_a_literal_reads_back_as_what_it_was(value: Any) -> None:
    again = parse_literal(literal(value))
    assert again == value
    assert repr(again) == repr(value)
