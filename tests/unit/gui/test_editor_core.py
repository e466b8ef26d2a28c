"""The editor without a window: values, names, search, documents, checks and files."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plateflow.errors import UserError
from plateflow.gui.editor.checking import Checking
from plateflow.gui.editor.choices import Names, PlateChannel, names_before, new_step
from plateflow.gui.editor.document import READING, Document, edited, read, typed, unanswered
from plateflow.gui.editor.edits import add_step, change_step
from plateflow.gui.editor.files import changed_on_disk, read_file, write_file
from plateflow.gui.editor.library import flow, search
from plateflow.gui.editor.values import first_value, least_int, normal, problem, told, widget_kind
from plateflow.gui.editor.words import problem_line, problems_by_row, step_rows, verdict
from plateflow.pipeline.code import CodeError
from plateflow.pipeline.describe import describe_function, list_library
from plateflow.pipeline.forms import BranchForm, ParameterForm, PipelineForm, StepForm, ValueKind, ValueType
from plateflow.service.questions import PipelineRead, Problem

LIBRARY = {function.address: function for function in list_library()}
CORE = "plateflow.functions:"
EMPTY = PipelineForm(name="p", channels={"DNA": "2", "GFP": "1"}, steps=())


def value_type(kind: ValueKind, **more: object) -> ValueType:
    return ValueType(kind=kind, told=kind, **more)  # type: ignore[arg-type] # of a table of cases


@pytest.mark.parametrize(
    ("kind", "text", "widget"),
    [
        (value_type("int"), "3", "int"),
        (value_type("int"), str(2**40), "int"),
        (value_type("int"), "3.0", "literal"),
        (value_type("int"), "True", "literal"),
        (value_type("int"), "None", "literal"),
        (value_type("int", ge=5), "3", "literal"),
        (value_type("int"), None, "literal"),
        (value_type("float"), "1e-09", "literal"),
        (value_type("bool"), "True", "bool"),
        (value_type("bool"), "1", "literal"),
        (value_type("text"), '"a"', "text"),
        (value_type("text"), '"a\\nb"', "literal"),
        (value_type("choice", choices=('"a"', "2")), "2", "choice"),
        (value_type("choice", choices=('"a"', "2")), '"b"', "literal"),
    ],
)
def test_a_widget_is_used_only_where_it_holds_the_value(kind: ValueType, text: str | None, widget: str) -> None:
    assert widget_kind(kind, text) == widget


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        (value_type("float", gt=0), "1e-300", ""),
        (value_type("float", gt=0), "0", "> 0"),
        (value_type("float"), "1,5", "a number"),
        (value_type("float"), "wide", "no value"),
        (value_type("float"), "", "such as 1.5"),
        (value_type("int", ge=1, le=9), "10", "<= 9"),
        (value_type("int"), "1.0", "whole number"),
        (value_type("float", optional=True), "None", ""),
        (value_type("float"), "None", "should be"),
        (value_type("choice", choices=('"a"',)), "'a'", ""),
        (value_type("choice", choices=('"a"',)), "'b'", "should be"),
        (value_type("literal"), "[1, (2,)]", ""),
        (value_type("literal"), "{1, 2}", "no value"),
    ],
)
def test_what_is_wrong_with_a_value_is_said(kind: ValueType, text: str, words: str) -> None:
    said = problem(kind, text)
    assert words in said
    assert bool(words) == bool(said)


bound = st.none() | st.floats(-50, 50, allow_nan=False)


@given(st.sampled_from(["int", "float"]), st.floats(-50, 50), st.floats(3, 9), st.booleans(), st.booleans())
def test_a_value_begins_within_its_bounds(kind: ValueKind, low: float, width: float, closed: bool, upper: bool) -> None:
    bounds = {"ge" if closed else "gt": low, **({"le" if closed else "lt": low + width} if upper else {})}
    parameter = ParameterForm(name="x", type=value_type(kind, optional=True, **bounds), default="None")
    assert problem(parameter.type, first_value(parameter)) == ""


def test_numbers_keep_their_digits() -> None:
    assert normal("1e-9") == "1e-09"
    assert normal(str(2**40)) == "1099511627776"
    assert normal("0.1000000000000000055") == "0.1"
    assert least_int(value_type("int", gt=2.5)) == 3


def test_a_default_is_told() -> None:
    optional = ParameterForm(name="x", type=ValueType(kind="int", told="int, or None", optional=True), default="None")
    assert told(optional) == "default not set · whole number, or None"
    assert told(ParameterForm(name="x", type=value_type("text"))) == "needed · text"


def test_a_new_step_reads_and_makes_what_is_meant() -> None:
    form = EMPTY
    for name in ("find_nuclei", "ring_around", "ratio", "measure_intensity", "gaussian"):
        row = len(form.steps)
        form = add_step(form, row, new_step(form, row, LIBRARY[CORE + name], LIBRARY))
    assert [(step.inputs, step.outputs) for step in form.steps] == [
        (("DNA",), ("Nuclei",)),
        (("Nuclei",), ("RingAround",)),
        (("Nuclei", "RingAround", "DNA"), ()),
        (("RingAround", ("DNA", "GFP")), ()),
        (("DNA",), ()),
    ]
    again = new_step(form, 5, LIBRARY[CORE + "find_nuclei"], LIBRARY)
    assert again.outputs == ("Nuclei2",)
    stacked = new_step(form, 5, LIBRARY[CORE + "composite"], LIBRARY)
    assert (stacked.inputs, stacked.variable_components, stacked.outputs) == (("*",), ("channel",), ("Composite",))


def test_a_step_over_tables_of_the_plate_reads_the_objects_and_says_so() -> None:
    form = add_step(EMPTY, 0, new_step(EMPTY, 0, LIBRARY[CORE + "find_nuclei"], LIBRARY))
    step = new_step(form, 1, LIBRARY[CORE + "normalise_to_controls"], LIBRARY)
    assert (step.inputs, step.variable_components) == (("Nuclei",), ("well",))
    (made,) = step.outputs
    form = add_step(form, 1, step)
    names = names_before(form, 2, LIBRARY)
    assert names.of("frame") == ("Nuclei", "Image", made)
    assert made not in (*names.of("image"), *names.of("labels"))
    assert new_step(EMPTY, 0, LIBRARY[CORE + "score_assay"], LIBRARY).inputs == ("Image",)


def test_what_does_not_run_makes_nothing() -> None:
    find = new_step(EMPTY, 0, LIBRARY[CORE + "find_nuclei"], LIBRARY)
    form = add_step(EMPTY, 0, find)
    assert names_before(
        form, 1, LIBRARY, [PlateChannel("1"), PlateChannel("9", "2"), PlateChannel("3", "w3")]
    ) == Names(("DNA", "GFP", "3"), ("Nuclei",))
    assert names_before(change_step(form, 0, enabled=False), 1, LIBRARY).objects == ()
    assert names_before(form, 1, {}).objects == ("Nuclei",)  # of a function that is not known yet


def test_the_search_looks_into_names_summaries_and_docstrings() -> None:
    found = [function.name for function in search(LIBRARY.values(), "nuclei")]
    assert found[0] == "find_nuclei"
    assert [f.name for f in search(LIBRARY.values(), "WATERSHED threshold")] == ["find_nuclei", "grow_cells"]
    assert len(search(LIBRARY.values(), "")) == len(LIBRARY)
    assert search(LIBRARY.values(), "no such words") == []
    assert flow(LIBRARY[CORE + "measure_intensity"]) == "objects, images → measurements of objects"


FORM = add_step(EMPTY, 0, new_step(EMPTY, 0, LIBRARY[CORE + "find_nuclei"], LIBRARY))


def answered(form: PipelineForm | None, code_only: str = "", *problems: Problem) -> PipelineRead:
    return PipelineRead(form=form, functions=(), problems=problems, code_only=code_only)


def test_text_and_form_never_contradict_each_other() -> None:
    document = edited(Document(""), FORM)
    assert document.usable
    other = typed(document, document.text.replace('"p"', '"q"'))
    assert (other.usable, other.trouble) == (False, READING)
    assert typed(document, document.text) is document
    assert read(other, document.text, answered(FORM)) is other  # an answer to an older text
    understood = read(other, other.text, answered(EMPTY))
    assert (understood.usable, understood.form) == (True, EMPTY)


def test_a_form_that_does_not_run_can_be_mended_where_it_was_made() -> None:
    document = edited(Document(""), change_step(FORM, 0, enabled=False))
    broken = answered(None, "", Problem(text="needs at least one step", line=3))
    assert read(document, document.text, broken).usable
    assert unanswered(document, document.text, "gone").usable
    by_hand = typed(document, document.text + "\n1/0\n")
    assert read(by_hand, by_hand.text, broken).trouble == "The code does not run: line 3: needs at least one step"
    assert "gone" in unanswered(by_hand, by_hand.text, "gone").trouble


def test_code_that_no_form_can_hold_or_write_says_why() -> None:
    document = Document("pipeline = make()\n")
    assert read(document, document.text, answered(None, "a lambda")).trouble == "a lambda"
    odd = Document("if True:\n    pipeline = 3\n")
    assert "by hand" in read(odd, odd.text, answered(FORM)).trouble
    with pytest.raises(CodeError):
        edited(odd, FORM)


def test_only_the_newest_text_is_asked_about_and_one_at_a_time() -> None:
    checking = Checking()
    assert checking.begin() is None
    checking.want("1")
    assert checking.begin() == "1"
    checking.want("2")
    checking.want("3")
    assert checking.begin() is None
    assert checking.busy
    checking.finish()
    assert checking.begin() == "3"
    checking.finish()
    assert not checking.busy
    assert checking.begin() is None


def test_a_file_keeps_its_lines_its_permissions_and_its_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.py", tmp_path / "link.py"
    real.write_bytes(b"a = 1\r\nb = 2\r\n")
    real.chmod(0o640)
    link.symlink_to(real)
    file = read_file(link)
    assert file.text == "a = 1\nb = 2\n"
    file = write_file(file, "a = 3\nb = 2\n")
    assert real.read_bytes() == b"a = 3\r\nb = 2\r\n"
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert not changed_on_disk(file)
    real.write_bytes(b"other")
    assert changed_on_disk(file)
    assert sorted(os.listdir(tmp_path)) == ["link.py", "real.py"]


def test_what_cannot_be_written_or_read_says_so(tmp_path: Path) -> None:
    path = tmp_path / "p.py"
    path.write_text("a = 1\n")
    file = read_file(path)
    path.chmod(0o440)
    with pytest.raises(UserError, match=r"p\.py cannot be saved: it is write-protected"):
        write_file(file, "b")
    assert path.read_text() == "a = 1\n"
    with pytest.raises(UserError, match="cannot be read"):
        read_file(tmp_path / "none.py")
    (tmp_path / "image.py").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not UTF-8"):
        read_file(tmp_path / "image.py")


def test_problems_stand_at_their_step() -> None:
    twice = PipelineForm(
        name="p",
        steps=tuple(
            StepForm(name="blur", branches=(BranchForm(function="m:blur"),), enabled=enabled)
            for enabled in (True, False, True)
        ),
    )
    problem = Problem(text="step 'blur_2': no image called 'X'", step="blur_2")
    assert problems_by_row(twice, [problem, Problem(text="else")], ("blur", "blur_2")) == {2: ("no image called 'X'",)}
    rows = step_rows(twice, [problem], ("blur", "blur_2"))
    assert [row.problems != () for row in rows] == [False, False, True]
    assert "Problem: no image called 'X'" in rows[2].told
    assert "not enabled" in rows[1].told
    assert problem_line(problem) == "Step blur_2: no image called 'X'"
    assert problem_line(Problem(text="bad", line=3)) == "Line 3: bad"


def test_the_verdict_claims_no_more_than_is_known() -> None:
    answer = PipelineRead(form=FORM, functions=(), problems=(), told="96 wells")
    assert verdict(answer, (), busy=True, plate="x") == "Checking…"
    assert verdict(answer, (), busy=False, plate="x") == "No problems · 96 wells"
    assert verdict(None, (), busy=False, plate="x") == ""
    assert "no plate" in verdict(PipelineRead(form=FORM, functions=(), problems=()), (), busy=False, plate="")
    assert verdict(answer, (Problem(text="a"),), busy=False, plate="x") == "1 problem"


def test_a_function_without_hints_makes_an_image() -> None:
    median = describe_function("skimage.filters:median")
    assert new_step(EMPTY, 0, median, {}).outputs == ()
