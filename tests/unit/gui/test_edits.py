"""Whatever people do to a form: its text, read by a runner, says the same form again."""

import sys
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plateflow.errors import PipelineError
from plateflow.gui.editor import edits
from plateflow.gui.editor.choices import new_step
from plateflow.gui.editor.document import Document, edited
from plateflow.pipeline.describe import describe_pipeline, list_library
from plateflow.pipeline.forms import BranchForm, PipelineForm, StepForm
from plateflow.pipeline.pipeline import MODULE, PipelineSource, load_source

LIBRARY = {function.address: function for function in list_library()}
FIND, RING = "plateflow.functions:find_nuclei", "plateflow.functions:ring_around"
Change = Callable[[PipelineForm, int, int], PipelineForm]

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(lambda name: name not in ("*", "Image"))
values = st.sampled_from(
    ["1", "1.0", "1e-9", "2 ** 3", "None", "True", '"li"', "'it''s'", "(1, [2.5])", "1099511627776", "{}"]
)
kinds = st.dictionaries(names, st.sampled_from(["image", "labels", "table", "record"]), min_size=1, max_size=2)
components = st.sampled_from(edits.COMPONENTS)


def read(text: str) -> PipelineForm:
    pipeline = load_source(PipelineSource("/nowhere/pipeline.py", text))
    return describe_pipeline(pipeline, vars(sys.modules[MODULE]))


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """One change; it is told which step and branch it is of."""
    address = draw(st.sampled_from(sorted(LIBRARY)))
    name, key, component, flag = draw(names), draw(names), draw(components), draw(st.booleans())
    inputs = draw(st.none() | st.tuples(names, st.lists(names, min_size=1, max_size=2).map(tuple)))
    outputs, stated, value = draw(st.lists(names | st.just(""), max_size=3)), draw(kinds), draw(st.none() | values)
    param = draw(st.sampled_from(["min_diameter", "name", "class", "no identifier"]))
    to = draw(st.integers(0, 5))
    make: dict[str, Change] = {
        "add": lambda form, row, _: edits.add_step(form, row, new_step(form, row, LIBRARY[address], LIBRARY)),
        "remove": lambda form, row, _: edits.remove_step(form, row),
        "move": lambda form, row, _: edits.move_step(form, row, to % len(form.steps)),
        "duplicate": lambda form, row, _: edits.duplicate_step(form, row),
        "rename": lambda form, row, _: edits.rename_step(form, row, name if flag else ""),
        "enable": lambda form, row, _: edits.change_step(form, row, enabled=flag),
        "keep": lambda form, row, _: edits.change_step(form, row, keep=flag if value else None),
        "inputs": lambda form, row, _: edits.change_step(form, row, inputs=inputs),
        "outputs": lambda form, row, _: edits.set_outputs(form, row, outputs),
        "state": lambda form, row, _: edits.state_outputs(form, row, stated),
        "variable": lambda form, row, _: edits.set_variable(form, row, component, variable=flag),
        "group": lambda form, row, _: edits.set_group_by(form, row, component if flag else None),
        "branch": lambda form, row, _: edits.add_branch(form, row, key) if form.steps[row].group_by else form,
        "unbranch": lambda form, row, branch: edits.remove_branch(form, row, branch),
        "function": lambda form, row, branch: edits.set_function(form, row, branch, address, [param]),
        "param": lambda form, row, branch: edits.set_param(form, row, branch, param, value, "8.0"),
        "channels": lambda form, row, _: edits.set_channels(form, {name: key}),
    }
    return make[draw(st.sampled_from(sorted(make)))]


def apply(form: PipelineForm, change: Change, row: int, branch: int) -> PipelineForm:
    if not form.steps:
        return form
    row %= len(form.steps)
    try:
        return change(form, row, branch % len(form.steps[row].branches))
    except ValueError:
        return form  # "2 ** 3" is no literal: the form stays as it is


def runs(form: PipelineForm) -> bool:
    """Whether the form is a pipeline at all: one step is enabled, and no output is without its name."""
    return any(step.enabled for step in form.steps) and not any("" in step.outputs for step in form.steps)


@pytest.mark.slow
@given(st.lists(st.tuples(changes(), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8))
@settings(deadline=None, max_examples=150)
def test_the_text_says_what_the_form_says_whatever_is_done(
    steps: list[tuple[Change, int, int]],
) -> None:
    document = edited(Document(""), START)
    for change, row, branch in steps:
        form = apply(document.form or START, change, row, branch)
        document = edited(document, form)
        if runs(form):
            assert read(document.text) == form
        else:
            with pytest.raises(PipelineError):
                read(document.text)


START = PipelineForm(
    name="p",
    channels={"DNA": "1"},
    steps=(
        StepForm(name="find_nuclei", branches=(BranchForm(function=FIND),), inputs=("DNA",), outputs=("Nuclei",)),
        StepForm(name="ring", branches=(BranchForm(function=RING),), inputs=("Nuclei",), outputs=("Ring",)),
    ),
)


def test_a_parameter_at_its_default_is_not_written() -> None:
    form = edits.set_param(START, 0, 0, "min_diameter", "9", "8.0")
    assert form.steps[0].branches[0].params == {"min_diameter": "9"}
    assert edits.set_param(form, 0, 0, "min_diameter", "8.0", "8.0") == START
    assert edits.set_param(form, 0, 0, "min_diameter", None, "8.0") == START
    assert edits.set_param(START, 0, 0, "declump", "None", "None") == START


def test_what_one_default_is_equal_to_but_is_not_stays() -> None:
    form = edits.set_param(START, 0, 0, "min_diameter", "8", "8.0")  # an int: the author's function may care
    assert form.steps[0].branches[0].params == {"min_diameter": "8"}


def test_a_copy_makes_things_of_its_own_name() -> None:
    form = edits.duplicate_step(START, 0)
    assert [step.outputs for step in form.steps] == [("Nuclei",), ("Nuclei2",), ("Ring",)]


def test_a_step_that_was_never_renamed_follows_its_function() -> None:
    form = edits.set_function(START, 0, 0, RING, ["gap"])
    assert form.steps[0].name == "ring_around"
    assert edits.set_function(START, 1, 0, FIND, []).steps[1].name == "ring"


def test_functions_by_value_come_and_go() -> None:
    form = edits.set_group_by(START, 0, "channel")
    form = edits.add_branch(edits.add_branch(form, 0, "DNA"), 0, "GFP")
    assert [branch.key for branch in form.steps[0].branches] == ["DNA", "GFP"]
    form = edits.remove_branch(edits.remove_branch(form, 0, 1), 0, 0)
    assert [branch.key for branch in form.steps[0].branches] == [None]
    both = edits.set_variable(form, 0, "channel", variable=True)
    assert (both.steps[0].group_by, both.steps[0].variable_components) == (None, ("channel",))
