"""Pipelines as TOML: read, written and read again, and what is said of mistakes."""

import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.pipeline.test_code import COMPONENTS, LIBRARY, names, outputs, some, wheres

from plateflow import load_pipeline, save_pipeline
from plateflow.errors import PipelineError
from plateflow.functions import gaussian, median
from plateflow.pipeline.describe import describe_pipeline
from plateflow.pipeline.forms import BranchForm, PipelineForm, StepForm
from plateflow.pipeline.literals import literal
from plateflow.pipeline.pipeline import MODULE, Pipeline, PipelineSource, SourceError, load_source
from plateflow.pipeline.step import FunctionStep
from plateflow.pipeline.toml import write_toml

EXAMPLES = Path(__file__).parents[3] / "examples"

scalars = st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner), max_leaves=6
)
params = st.dictionaries(names | st.sampled_from(["name", "class", "inputs", "a b"]), values.map(literal), max_size=4)


@st.composite
def steps(draw: st.DrawFn) -> StepForm:
    group_by = draw(st.none() | st.sampled_from(COMPONENTS))
    keys = draw(some(names)) if group_by and draw(st.booleans()) else [None]
    link = st.builds(BranchForm, function=st.sampled_from(LIBRARY), params=params)
    chain = st.just(()) | st.lists(link, min_size=1, max_size=2).map(tuple)
    branches = tuple(
        BranchForm(function=draw(st.sampled_from(LIBRARY)), params=draw(params), key=key, then=draw(chain))
        for key in keys
    )
    named = tuple(draw(st.lists(outputs, max_size=3, unique=True)))
    return StepForm(
        name=draw(st.just(branches[0].function.rpartition(":")[2]) | names),
        branches=branches,
        inputs=draw(st.none() | st.lists(names | some(names), min_size=1, max_size=3).map(tuple)),
        outputs=named,
        output_kinds=dict.fromkeys(named, "labels") if draw(st.booleans()) else {},
        variable_components=draw(st.just(()) | some(st.sampled_from([c for c in COMPONENTS if c != group_by]))),
        group_by=group_by,
        where=draw(wheres),
        source=draw(st.sampled_from(["previous", "start"])),
        keep=draw(st.none() | st.booleans()),
        sample=draw(st.just(200) | st.integers(1, 10**6)),
        enabled=draw(st.booleans()),
    )


@st.composite
def pipelines(draw: st.DrawFn) -> PipelineForm:
    always = StepForm(name="gaussian", branches=(BranchForm(function="plateflow.functions:gaussian"),))
    return PipelineForm(
        name=draw(names),
        steps=(*draw(st.lists(steps(), max_size=3)), always),
        channels=draw(st.dictionaries(names, names, max_size=3)),
        filenames=draw(st.none() | st.text()),
        metadata=draw(st.none() | st.text()),
        sequential=draw(st.just(()) | some(st.sampled_from(["site", "z", "timepoint"]))),
    )


def read(text: str) -> Pipeline:
    return load_source(PipelineSource("/nowhere/pipeline.toml", text))


@pytest.mark.slow
@given(pipelines())
def test_a_pipeline_reads_back_the_same(form: PipelineForm) -> None:
    text = write_toml(form)
    tomllib.loads(text)
    assert describe_pipeline(read(text), vars(sys.modules[MODULE])) == form


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_the_examples_go_through_toml_and_back(path: Path, tmp_path: Path) -> None:
    pipeline = load_pipeline(path)
    save_pipeline(pipeline, tmp_path / "pipeline.toml")
    again = load_pipeline(tmp_path / "pipeline.toml")
    save_pipeline(again, tmp_path / "pipeline.py")
    forms = [describe_pipeline(each, {}) for each in (pipeline, again, load_pipeline(tmp_path / "pipeline.py"))]
    assert forms[0] == forms[1] == forms[2]


@pytest.mark.parametrize("suffix", [".toml", ".py"])
def test_what_is_saved_says_the_same_but_is_not_equal(suffix: str, tmp_path: Path) -> None:
    step = FunctionStep(gaussian, inputs="DNA", outputs="G", sigma=2.0, where={"site": 1}, keep=True)
    off = FunctionStep(median, inputs="DNA", enabled=False)
    given = {"channels": {"DNA": "1"}, "filenames": "(?P<well>x)", "metadata": "m.csv", "sequential": "z"}
    saved = Pipeline("p", [step, off], settings=["gaussian.sigma=3"], **given)  # type: ignore[arg-type]
    save_pipeline(saved, tmp_path / f"p{suffix}")
    loaded = load_pipeline(tmp_path / f"p{suffix}")
    assert loaded != saved
    assert describe_pipeline(loaded, {}) == describe_pipeline(saved, {})
    for field in ("name", "channels", "filenames", "metadata", "sequential", "step_names"):
        assert getattr(loaded, field) == getattr(saved, field)
    assert (loaded.settings, loaded.steps[0].branches[None].params) == ((), {"sigma": 2.0})


def test_by_hand() -> None:
    pipeline = read(
        """
        name = "p"
        channels = { DNA = "1" }
        [[steps]]
        function = [{ function = "gaussian", params = { sigma = 2 } }, "skimage.filters:sobel"]
        inputs = "DNA"
        [[steps]]
        group_by = "channel"
        where = { site = 1, well = ["A1", "B02"] }
        functions = { DNA = "median", 2 = { function = "gaussian", params = { sigma = "1 um" } } }
        """
    )
    chain, branched = pipeline.steps
    assert [link.func for link in chain.branches[None].chain] == [
        "plateflow.functions:gaussian",
        "skimage.filters:sobel",
    ]
    assert (chain.inputs, chain.name, chain.branches[None].params) == (("DNA",), "gaussian", {"sigma": 2})
    assert set(branched.branches) == {"DNA", "2"}
    assert branched.where == {"site": (1,), "well": ("A01", "B02")}


TWO = "name = 'p'\n[[steps]]\nfunction = 'median'\n[[steps]]\nfunction = 'gaussian'\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("name = ", 1, "is no TOML"),
        ("[[steps]]\nfunction = 'gaussian'", 0, 'begin it with name = "..."'),
        ("name = 3", 0, "pipeline name 3: 1 to 200 characters of Unicode text are needed"),
        ("name = 'p'\nsteps = 3", 0, "steps must be a list of tables"),
        ("name = 'p'\nchanels = {}", 0, "the pipeline has no 'chanels' (did you mean 'channels'?)"),
        ("name = 'p'", 0, "needs at least one step"),
        ("name = 'p'\nsequential = 'sites'\n[[steps]]\nfunction = 'median'", 0, "(did you mean 'site'?)"),
        ("name = 'p'\nsequential = 3", 0, "pipeline 'p': sequential= must be a component or several, not 3"),
        ("name = 'p'\nfilenames = 3", 0, "pipeline 'p': filenames= must be a text, a regular expression, not 3"),
        (
            "name = 'p'\nchannels = {DNA = {}}",
            0,
            "channels= must be a dict of name and the plate's channel, not {'DNA'",
        ),
        ("name = 'p'\n\n[[steps]]\nfunctoin = 'gaussian'", 3, "a step has no 'functoin' (did you mean 'function'?)"),
        ("name = 'p'\n[[steps]]\nfunction = 'gausian'", 2, "no function 'gausian' (did you mean 'gaussian'?)"),
        ("name = 'p'\n[[steps]]\nfunction = 'median'\n[[steps]]\ninputs = 'x'", 4, "needs either function, or"),
        ("name = 'p'\n[[steps]]\nfunction = 3", 2, "a function must be named by a text, not 3"),
        ("name = 'p'\n[[steps]]\nfunction = {params = {}}", 2, "names no function"),
        (
            "name = 'p'\n[[steps]]\nfunction = 'median'\nparams = 3",
            2,
            "step 'median': params= must be a dict of parameter and value, not 3",
        ),
        (
            "name = 'p'\n[[steps]]\nfunction = 'median'\ninputs = [3]",
            2,
            "step 'median': inputs= must be a name, a list",
        ),
        (
            "name = 'p'\n[[steps]]\nfunction = 'median'\nkeep = 'no'",
            2,
            "step 'median': keep= must be true or false, not 'no'",
        ),
        (
            "name = 'p'\n[[steps]]\nfunction = 'median'\nname = 3",
            2,
            "[[steps]] number 1: step 'median': name= must be a text, not 3",
        ),
        (f"{TWO}inputs = 3", 4, "[[steps]] number 2: step 'gaussian': inputs= must be a name, a list of names, or a"),
        (f"{TWO}inputs = [['DNA', 3]]", 4, "number 2: step 'gaussian': inputs= must be"),
        (f"{TWO}outputs = 3", 4, "number 2: step 'gaussian': outputs= must be a name, a tuple of names, or a dict"),
        (f"{TWO}variable_components = 3", 4, "variable_components= must be a component or several, not 3"),
        (f"{TWO}group_by = ''", 4, "number 2: step 'gaussian': no component ''"),
        (f"{TWO}group_by = 3", 4, "group_by= must be a component, not 3"),
        (f"{TWO}where = 3", 4, "where= must be a dict of component and values, not 3"),
        (f"{TWO}enabled = 'no'", 4, "enabled= must be true or false, not 'no'"),
        (f"{TWO}name = 'mine'\nsample = 1.5", 4, "number 2: step 'mine': sample= must be a number of planes from 1"),
        ("name = 'p'\n[[steps]]\nfunction = 'median'\nvariable_components = 'zz'", 2, "no component 'zz'"),
        ("name = 'p'\n[[steps]]\nfunctions = {DNA = 'median'}", 2, "needs group_by="),
    ],
)
def test_a_mistake_names_its_line_and_the_nearest_name(text: str, line: int, words: str) -> None:
    with pytest.raises(SourceError) as caught:
        read(text)
    assert words in str(caught.value)
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (FunctionStep(gaussian, sigma=None), "parameter 'sigma': TOML cannot hold None"),
        (FunctionStep(median, params={"radius": b"3"}), "TOML cannot hold b'3'"),
        (FunctionStep(median, params={"radius": {1: 2}}), "TOML cannot hold {1: 2}"),
    ],
)
def test_what_toml_cannot_hold_is_said(step: FunctionStep, words: str, tmp_path: Path) -> None:
    with pytest.raises(PipelineError) as caught:
        save_pipeline(Pipeline("p", [step]), tmp_path / "p.toml")
    assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_function_of_the_files_own_is_asked_to_move(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text(
        "from plateflow import FunctionStep, Pipeline\ndef mine(image): return image\n"
        "pipeline = Pipeline('p', [FunctionStep(mine)])\n"
    )
    with pytest.raises(PipelineError, match="step 'mine': function 'mine' stands in the pipeline's own file; move it"):
        save_pipeline(load_pipeline(path), tmp_path / "own.toml")


def test_functions_of_modules_beside_the_file_are_found(tmp_path: Path) -> None:
    (tmp_path / "beside_the_toml.py").write_text("def mine(image): return image\n")
    (tmp_path / "p.toml").write_text('name = "p"\n[[steps]]\nfunction = "beside_the_toml:mine"\n')
    from plateflow.pipeline.compile_steps import check_steps

    assert check_steps(load_pipeline(tmp_path / "p.toml"))[0].name == "mine"


def test_it_crosses_to_a_worker() -> None:
    import pickle

    pipeline = load_source(
        PipelineSource("/nowhere/p.toml", 'name = "p"\n[[steps]]\nfunction = "gaussian"\n'), ["gaussian.sigma=3"]
    )
    again: Any = pickle.loads(pickle.dumps(pipeline))
    assert again.steps[0].branches[None].params == {"sigma": 3}
    assert again.source == pipeline.source
