"""The editor as people use it: form and code say the same, problems stand where they are, nothing is lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QMimeData, QModelIndex, QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QFileDialog,
    QLineEdit,
    QListWidget,
    QMessageBox,
    QTabBar,
    QWidget,
)
from tests.gui.editor.answering import TIMEOUT, Runner, press_key, settle, type_keys

from plateflow.gui.editor.actions import ACTIONS
from plateflow.gui.editor.param_field import ParamField
from plateflow.gui.editor.widgets import Picker
from plateflow.gui.editor.window import PipelineEditor
from plateflow.gui.palette import DARK, LIGHT
from plateflow.gui.panels.naming import given
from plateflow.gui.theme import apply_theme
from plateflow.pipeline.forms import PipelineForm
from plateflow.service.questions import AskPipeline

EXAMPLES = Path(__file__).parents[3] / "examples"
OWN = '''"""A pipeline of one's own."""

from typing import Annotated, Literal, Optional

import msgspec
import numpy as np
from plateflow import FunctionStep, Pipeline
from plateflow.functions import find_nuclei, gaussian, measure_intensity
from plateflow.functions.kinds import Image, Labels


def mine(
    image: Image,
    count: int = 3,
    most: Optional[int] = None,
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.5,
    mode: Literal["fast", "slow"] = "fast",
    twice: bool = False,
    label: str = "a",
    shape: tuple[int, ...] = (1, 2),
) -> Image:
    """Do what I need.

    Parameters
    ----------
    count : int
        How often.
    """
    return image  # kept


pipeline = Pipeline(
    "own",
    channels={"DNA": "1", "GFP": "2"},
    steps=[
        FunctionStep(mine, inputs="DNA", count=2**40, most=None, share=1e-9, mode="slow", label="a\\nb", shape=[7, ()]),
        FunctionStep(mine, name="odd", count=2.5, share=True, mode="neither", twice=1, label=None, unknown=3),
        FunctionStep({"DNA": (gaussian, {"sigma": 1}), "GFP": gaussian}, group_by="channel", keep=False),
        FunctionStep(find_nuclei, inputs="DNA", outputs="Nuclei", variable_components=(), enabled=False),
        FunctionStep(find_nuclei, inputs="Cy5", outputs="Others", declump=None),
        FunctionStep(measure_intensity, inputs=("Nowhere", ["DNA", "RFP"])),
        FunctionStep("skimage.filters:median", inputs="DNA", outputs={"Median": "image"}),
    ],
)
'''


GONE = OWN.replace("\n    ],", '\n        FunctionStep("nowhere:nothing", inputs=("DNA", "GFP"), size=3),\n    ],')
"""A step of it calls what is not installed here."""


def form_of(editor: PipelineEditor) -> PipelineForm:
    form = editor.session.document.form
    assert form is not None
    return form


def field(editor: PipelineEditor, name: str) -> ParamField:
    return editor.step._parameters.fields[name]


def press(editor: PipelineEditor, name: str) -> None:
    assert editor.actions_by_name[name].isEnabled(), name
    editor.actions_by_name[name].trigger()


@pytest.fixture
def own(qtbot: QtBot, editor: PipelineEditor, tmp_path: Path) -> PipelineEditor:
    return open_text(qtbot, editor, tmp_path / "own.py", OWN)


def open_text(qtbot: QtBot, editor: PipelineEditor, path: Path, text: str) -> PipelineEditor:
    path.write_text(text, encoding="utf-8")
    assert editor.open(path)
    settle(qtbot, editor)
    return editor


def visit_all(editor: PipelineEditor) -> None:
    for tab in range(editor.tabs.count()):
        editor.tabs.setCurrentIndex(tab)
        for row in range(editor.steps.model.rowCount()):
            editor.steps.select(row)
            for branch in range(len(form_of(editor).steps[row].branches)):
                editor._show_branch(branch)
                QApplication.processEvents()


@pytest.mark.parametrize("text", [OWN, GONE], ids=["own", "gone"])
def test_showing_a_pipeline_never_changes_it(qtbot: QtBot, editor: PipelineEditor, tmp_path: Path, text: str) -> None:
    open_text(qtbot, editor, tmp_path / "own.py", text)
    before = editor.session.document
    assert before.usable
    visit_all(editor)
    assert editor.session.document == before
    assert editor.session.document.text == text
    assert not editor.session.is_unsaved
    assert editor.session.undo_stack.count() == 0


def test_the_examples_open_and_stay_as_they_are(qtbot: QtBot, editor: PipelineEditor) -> None:
    path = EXAMPLES / "translocation.py"
    editor.open(path)
    settle(qtbot, editor)
    visit_all(editor)
    assert editor.session.document.text == path.read_text(encoding="utf-8")
    assert editor.session.problems == ()
    assert "no plate is selected" in editor.problems.verdict.text()
    assert [row.title for row in editor.steps.model.rows][:2] == ["1  find_nuclei", "2  ring_around"]


def test_a_real_plate_is_checked_against(
    qtbot: QtBot, runner: Runner, test_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    editor = PipelineEditor(runner.ask, str(test_data / "sbs_bbbc013"))
    qtbot.addWidget(editor)
    editor.open(EXAMPLES / "translocation.py")
    settle(qtbot, editor)
    assert editor.problems.verdict.text() == "No problems · 96 wells, 5 steps, 480 pattern groups"
    editor.close()


def test_a_change_in_the_form_is_in_the_text_at_once_and_can_be_undone(qtbot: QtBot, own: PipelineEditor) -> None:
    own.steps.select(0)
    field(own, "count").editor.value = 5  # type: ignore[union-attr] # it is there
    assert "count=5, most=None, share=1e-09" in own.code.toPlainText().replace("\n            ", " ")
    assert "return image  # kept" in own.code.toPlainText()
    assert own.windowTitle().startswith("own.py *")
    assert own.notice_banner.isHidden()  # nothing is lost
    press(own, "undo")
    assert own.code.toPlainText() == OWN
    assert field(own, "count").editor.value == 2**40  # type: ignore[union-attr] # it is there
    assert not own.session.is_unsaved
    press(own, "redo")
    settle(qtbot, own)
    assert form_of(own).steps[0].branches[0].params["count"] == "5"


def test_what_a_rewrite_takes_away_is_said(qtbot: QtBot, editor: PipelineEditor, tmp_path: Path) -> None:
    open_text(qtbot, editor, tmp_path / "own.py", OWN.replace('"own",', '"own",  # mine'))
    press(editor, "down")
    assert "comments in them are gone" in editor.notice_banner.label.text()
    assert editor.notice_banner.isVisibleTo(editor)
    assert "# mine" not in editor.code.toPlainText()
    press(editor, "undo")
    assert "# mine" in editor.code.toPlainText()
    banner_button(editor.notice_banner, "Close").click()
    assert editor.notice_banner.isHidden()


def test_what_the_form_wrote_reads_back_the_same(qtbot: QtBot, own: PipelineEditor) -> None:
    own.steps.select(0)
    field(own, "share").editor.value = "2.5e-3"  # type: ignore[union-attr] # it is there
    before = form_of(own)
    settle(qtbot, own)
    assert own.session.answer is not None
    assert own.session.answer.form == before == form_of(own)


def test_none_stays_none_until_somebody_sets_it(qtbot: QtBot, own: PipelineEditor) -> None:
    own.steps.select(1)
    most = field(own, "most")
    assert not most.set_box.isChecked()
    assert "most" not in form_of(own).steps[1].branches[0].params
    most.set_box.click()
    assert form_of(own).steps[1].branches[0].params["most"] == "1"
    assert most.editor is not None
    assert most.editor.native.isVisibleTo(most)
    most.set_box.click()
    assert "most" not in form_of(own).steps[1].branches[0].params  # its default is None: not written
    own.steps.select(0)
    assert form_of(own).steps[0].branches[0].params["most"] == "None"  # written by the author: stays
    assert field(own, "most").reset.isEnabled()


def test_numbers_keep_every_digit(own: PipelineEditor) -> None:
    own.steps.select(0)
    assert field(own, "share").editor.value == "1e-09"  # type: ignore[union-attr] # it is there
    own.steps.select(1)
    count = field(own, "count")
    assert count.editor is not None
    assert count.editor.value == "2.5"  # no spin box could hold it
    count.reset.click()
    assert count.editor.value == 3
    count.editor.value = 2**50
    assert form_of(own).steps[1].branches[0].params["count"] == str(2**50)


def test_a_value_that_is_none_is_said_and_not_taken(qtbot: QtBot, own: PipelineEditor) -> None:
    own.steps.select(0)
    share = field(own, "share")
    assert share.editor is not None
    for typed, words in (("2", "<= 1"), ("0,5", "a number"), ("half", "no value"), ("1e-", "no value")):
        share.editor.value = typed
        assert words in share.wrong.text()
        assert share.wrong.isVisibleTo(share)
        assert form_of(own).steps[0].branches[0].params["share"] == "1e-09"
    own.session.check_now()
    settle(qtbot, own)
    assert share.editor.value == "1e-"  # an answer does not take away what is being typed
    share.editor.value = "1e-3"
    assert share.wrong.text() == ""
    assert form_of(own).steps[0].branches[0].params["share"] == "0.001"


def test_a_value_that_must_be_given_is_typed_without_losing_the_keyboard(
    qtbot: QtBot, editor: PipelineEditor, tmp_path: Path
) -> None:
    open_text(qtbot, editor, tmp_path / "own.py", OWN.replace("count: int = 3,", "count: int,"))
    editor.steps.select(2)
    press(editor, "add")
    editor.library.search_box.setText("mine")
    editor.library.choose()
    settle(qtbot, editor)
    with qtbot.waitActive(editor):
        editor.activateWindow()
    count = field(editor, "count")
    assert count.editor is not None
    native = count.editor.native
    native.setFocus()
    qtbot.waitUntil(native.hasFocus)
    type_keys(native, "12")
    assert count.editor.native is native  # a spin box holds it too, but not while somebody types
    assert native.hasFocus()
    assert form_of(editor).steps[editor.steps.row].branches[0].params == {"count": "12"}


def test_a_cleared_value_is_the_default_again(own: PipelineEditor) -> None:
    own.steps.select(0)
    shape = field(own, "shape")
    assert shape.editor is not None
    shape.editor.value = ""
    assert "shape" not in form_of(own).steps[0].branches[0].params


def test_the_wheel_scrolls_and_changes_no_value(own: PipelineEditor) -> None:
    own.steps.select(0)
    before = own.session.document
    boxes = [*own.step.findChildren(QComboBox), field(own, "count").editor.native]  # type: ignore[union-attr]
    for box in boxes:
        spot = QPointF(box.rect().center())
        wheel = QWheelEvent(
            spot,
            QPointF(box.mapToGlobal(QPoint(3, 3))),
            QPoint(0, -120),
            QPoint(0, -120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(box, wheel)
    assert own.session.document == before


def test_typing_in_a_field_is_undone_in_one_go(own: PipelineEditor, qtbot: QtBot) -> None:
    own.steps.select(0)
    name = own.step._name
    name.setFocus()
    name.selectAll()
    type_keys(name, "blur twice")
    assert form_of(own).steps[0].name == "blur twice"
    assert own.step._name is name  # the field kept the keyboard all the while
    assert own.session.undo_stack.count() == 1
    name.clear()
    name.textEdited.emit("")
    assert form_of(own).steps[0].name == "mine"


def test_code_that_is_typed_becomes_the_form_after_a_pause(qtbot: QtBot, own: PipelineEditor) -> None:
    own.code.setPlainText(OWN.replace('"own"', '"theirs"'))
    assert not own.step.isEnabled()
    assert own.form_banner.isVisibleTo(own)
    settle(qtbot, own)
    assert form_of(own).name == "theirs"
    assert own.step.isEnabled()
    assert own.form_banner.isHidden()
    press(own, "undo")
    assert own.code.toPlainText() == OWN


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pipeline = (", "The code does not run: line 1: "),
        ("x = 1 / 0\n", "ZeroDivisionError"),
        (OWN.replace("mine, inputs", "lambda image: image, inputs"), "no name in the file"),
        (OWN.replace("pipeline = Pipeline(", "if True:\n  pipeline = Pipeline("), "change its code by hand"),
    ],
)
def test_code_that_no_form_can_hold_says_why(qtbot: QtBot, own: PipelineEditor, text: str, words: str) -> None:
    own.code.setPlainText(text)
    settle(qtbot, own)
    assert words in own.form_banner.label.text()
    assert not own.step.isEnabled()
    assert not own.actions_by_name["add"].isEnabled()
    assert own.code.isEnabled()
    own.code.setPlainText(OWN)
    settle(qtbot, own)
    assert own.step.isEnabled()


def test_undo_in_the_code_is_the_windows(qtbot: QtBot, own: PipelineEditor) -> None:
    own.tabs.setCurrentIndex(2)
    own.code.setFocus()
    type_keys(own.code, "# hello")
    assert own.session.document.text.startswith("# hello")
    with qtbot.waitActive(own):
        own.activateWindow()
    press_key(own.code, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert own.code.toPlainText() == OWN


def test_characters_of_any_plane_survive_the_code_view(qtbot: QtBot, own: PipelineEditor) -> None:
    text = OWN.replace("# kept", "# a\u00a0b 🔬 kept")
    own.session.type_text(text)
    own.code.moveCursor(own.code.textCursor().MoveOperation.End)
    type_keys(own.code, "#")
    assert own.session.document.text == text + "#"
    press(own, "undo")
    assert own.session.document.text in (text, OWN)


def test_steps_are_added_from_the_library(qtbot: QtBot, editor: PipelineEditor) -> None:
    press(editor, "add")
    assert editor.library.isVisible()
    type_keys(editor.library.search_box, "watershed otsu3")
    assert editor.library.list.count() == 1
    press_key(editor.library.search_box, Qt.Key.Key_Return)
    editor.library.search_box.setText("ring")
    editor.library.list.itemActivated.emit(editor.library.list.item(0))
    assert [(s.name, s.inputs, s.outputs) for s in form_of(editor).steps] == [
        ("gaussian", None, ()),
        ("find_nuclei", ("*",), ("Nuclei",)),
        ("ring_around", ("Nuclei",), ("RingAround",)),
    ]
    assert editor.steps.row == 2
    editor.library.search_box.setText("no such thing")
    assert editor.library.content.words == "No function has all of these words"


def test_functions_of_the_file_can_be_steps_too(qtbot: QtBot, own: PipelineEditor) -> None:
    press(own, "add")
    own.library.search_box.setText("mine")
    assert "mine (in this file)" in own.library.list.item(0).text()  # type: ignore[union-attr] # it is there
    own.library.choose()
    assert form_of(own).steps[1].branches[0].function == ":mine"


def test_another_function_is_asked_for(qtbot: QtBot, editor: PipelineEditor) -> None:
    editor.library.begin()
    editor.library.address.setText("skimage.filters:no_such")
    editor.library.address.returnPressed.emit()
    qtbot.waitUntil(lambda: "no_such" in editor.library.wrong.text(), timeout=TIMEOUT)
    editor.library.address.setText("skimage.filters:median")
    editor.library.address.returnPressed.emit()
    qtbot.waitUntil(lambda: len(form_of(editor).steps) == 2, timeout=TIMEOUT)
    assert editor.library.wrong.isHidden()
    assert "from skimage.filters import median" in editor.code.toPlainText()


def test_steps_are_moved_copied_turned_off_and_removed(qtbot: QtBot, own: PipelineEditor) -> None:
    def names() -> list[str]:
        return [step.name for step in form_of(own).steps]

    before = names()
    own.steps.select(0)
    assert not own.actions_by_name["up"].isEnabled()
    press(own, "down")
    assert names()[:2] == ["odd", "mine"]
    assert own.steps.row == 1
    press(own, "up")
    press(own, "duplicate")
    assert names() == [before[0], *before]
    assert own.steps.row == 1
    press(own, "remove")
    assert names() == before
    own.steps.select(0)
    press(own, "enable")
    assert not form_of(own).steps[0].enabled
    assert "(off)" in own.steps.model.data(own.steps.model.index(0))
    model = own.steps.model
    model.setData(model.index(0), Qt.CheckState.Checked.value, Qt.ItemDataRole.CheckStateRole)
    assert form_of(own).steps[0].enabled
    for _ in range(own.session.undo_stack.count()):
        press(own, "undo")
    assert own.code.toPlainText() == OWN


@pytest.mark.parametrize(("moved", "before", "order"), [(0, 2, "bac"), (2, 0, "cab"), (0, 3, "bca"), (1, 1, "abc")])
def test_a_step_is_dropped_between_others(
    qtbot: QtBot, editor: PipelineEditor, moved: int, before: int, order: str
) -> None:
    text = editor.session.document.text.replace(
        "FunctionStep(gaussian),", " ".join(f'FunctionStep(gaussian, name="{name}"),' for name in "abc")
    )
    editor.session.type_text(text)
    settle(qtbot, editor)
    model = editor.steps.model
    data = model.mimeData([model.index(moved)])
    assert isinstance(data, QMimeData)
    model.dropMimeData(data, Qt.DropAction.MoveAction, before, 0, QModelIndex())
    assert "".join(step.name for step in form_of(editor).steps) == order
    assert model.rowCount() == 3


def test_inputs_outputs_and_components_are_chosen(qtbot: QtBot, own: PipelineEditor) -> None:
    def pick(name: str, text: str) -> None:
        [picker] = [each for each in own.step.findChildren(Picker) if each.accessibleName() == name]
        at = picker.findText(text)
        assert at >= 0, [picker.itemText(n) for n in range(picker.count())]
        picker.setCurrentIndex(at)
        picker.activated.emit(at)

    own.steps.select(4)
    step = form_of(own).steps[4]
    assert step.inputs == ("Cy5",)
    assert [p.currentText() for p in own.step.findChildren(Picker) if p.accessibleName() == "Input image"] == [
        "Cy5 (not known here)"
    ]
    pick("Input image", "GFP")
    pick("Keep images", "never")
    pick("One function for", "each site")
    [name] = [each for each in own.step.findChildren(QLineEdit) if each.accessibleName() == "Name of output 1"]
    name.setFocus()
    name.selectAll()
    type_keys(name, "Cells")
    step = form_of(own).steps[4]
    assert (step.inputs, step.keep, step.group_by, step.outputs) == (("GFP",), False, "site", ("Cells",))
    own.steps.select(5)
    [several] = [each for each in own.step.findChildren(QListWidget) if each.accessibleName() == "Images for images"]
    texts = [given(several.item(n)).text() for n in range(several.count())]
    assert texts == ["every channel", "DNA", "RFP (not known here)", "GFP"]
    given(several.item(texts.index("GFP"))).setCheckState(Qt.CheckState.Checked)
    assert form_of(own).steps[5].inputs == ("Nowhere", ("DNA", "RFP", "GFP"))


def test_each_value_has_its_function_and_parameters(qtbot: QtBot, own: PipelineEditor) -> None:
    own.steps.select(2)
    sigma = field(own, "sigma")
    assert sigma.editor is not None
    assert sigma.editor.value == "1"
    own.step.branch_chosen.emit(1)
    field(own, "sigma").editor.value = "2.5"  # type: ignore[union-attr] # it is there
    assert [branch.params for branch in form_of(own).steps[2].branches] == [{"sigma": "1"}, {"sigma": "2.5"}]
    assert '"GFP": (gaussian, {"sigma": 2.5})' in own.code.toPlainText()


def test_problems_stand_at_their_step_and_lead_there(qtbot: QtBot, own: PipelineEditor) -> None:
    texts = [own.problems.list.item(n).text() for n in range(own.problems.list.count())]  # type: ignore[union-attr]
    assert any(text.startswith("Step odd: ") for text in texts)
    assert "Problem: " in own.steps.model.data(own.steps.model.index(1), Qt.ItemDataRole.AccessibleTextRole)
    assert own.steps.model.rows[0].problems != ()  # label="a\\nb" is fine, shape is a list
    own.steps.select(3)
    own.tabs.setCurrentIndex(2)
    at = next(n for n, text in enumerate(texts) if text.startswith("Step odd: "))
    own.problems.list.setCurrentRow(at)
    own.problems.list.itemActivated.emit(own.problems.list.item(at))
    assert (own.steps.row, own.tabs.currentIndex()) == (1, 0)
    assert "count" in own.step._problems.text()


def test_a_problem_of_the_code_leads_to_its_line(qtbot: QtBot, own: PipelineEditor) -> None:
    own.code.setPlainText("a = 1\nb = 1 / 0\n")
    settle(qtbot, own)
    own.problems.list.setCurrentRow(0)
    own.problems.list.itemActivated.emit(own.problems.list.item(0))
    assert own.tabs.currentIndex() == 2
    assert own.code.textCursor().blockNumber() == 1


def test_one_question_at_a_time_and_only_about_the_newest_text(
    qtbot: QtBot, own: PipelineEditor, runner: Runner
) -> None:
    runner.held = True
    runner.asked.clear()
    own.steps.select(0)
    count = field(own, "count").editor
    assert count is not None
    for value in range(10, 14):
        count.value = value
        qtbot.wait(20)
    qtbot.waitUntil(lambda: len(runner.asked) == 1, timeout=TIMEOUT)
    for value in range(20, 24):
        count.value = value
    qtbot.wait(700)
    assert len(runner.asked) == 1
    assert own.problems.verdict.text() == "Checking…"
    qtbot.waitUntil(own.problems.progress.isVisible, timeout=TIMEOUT)
    runner.release()
    settle(qtbot, own)
    asked = [question.text or "" for question in runner.asked if isinstance(question, AskPipeline)]
    assert ["count=13" in asked[0], "count=23" in asked[1], len(asked)] == [True, True, 2]
    assert own.problems.progress.isHidden()
    assert form_of(own).steps[0].branches[0].params["count"] == "23"


def test_saving_keeps_the_file_and_tells_the_plates(qtbot: QtBot, own: PipelineEditor, tmp_path: Path) -> None:
    (tmp_path / "own.py").chmod(0o600)
    own.steps.select(0)
    field(own, "count").editor.value = 5  # type: ignore[union-attr] # it is there
    with qtbot.waitSignal(own.chosen) as told:
        press(own, "save")
    assert told.args == [str(tmp_path / "own.py")]
    assert (tmp_path / "own.py").read_text(encoding="utf-8") == own.code.toPlainText()
    assert (tmp_path / "own.py").stat().st_mode & 0o777 == 0o600
    assert "*" not in own.windowTitle()


def test_what_cannot_be_saved_is_not_lost(qtbot: QtBot, own: PipelineEditor, tmp_path: Path) -> None:
    own.steps.select(0)
    field(own, "count").editor.value = 5  # type: ignore[union-attr] # it is there
    (tmp_path / "own.py").chmod(0o400)
    press(own, "save")
    assert "write-protected" in own.notice_banner.label.text()
    assert own.session.is_unsaved
    (tmp_path / "own.py").chmod(0o600)
    press(own, "save")
    assert own.notice_banner.isHidden()


def test_a_file_that_somebody_else_changed_is_not_overwritten_unasked(
    qtbot: QtBot, own: PipelineEditor, tmp_path: Path
) -> None:
    path = tmp_path / "own.py"
    own.steps.select(0)
    field(own, "count").editor.value = 5  # type: ignore[union-attr] # it is there
    mine, theirs = own.session.document.text, OWN.replace('"own"', '"theirs"')
    path.write_text(theirs, encoding="utf-8")
    press(own, "save")
    assert own.disk_banner.isVisibleTo(own)
    assert path.read_text(encoding="utf-8") == theirs
    banner_button(own.disk_banner, "Reload").click()
    settle(qtbot, own)
    assert form_of(own).name == "theirs"
    assert not own.session.is_unsaved
    press(own, "undo")
    assert own.session.document.text == mine
    path.write_text(OWN, encoding="utf-8")
    qtbot.waitUntil(lambda: own.disk_banner.isVisibleTo(own), timeout=TIMEOUT)  # it looks by itself
    banner_button(own.disk_banner, "Overwrite").click()
    assert path.read_text(encoding="utf-8") == mine
    assert own.disk_banner.isHidden()


def banner_button(banner: QWidget, text: str) -> QAbstractButton:
    [found] = [each for each in banner.findChildren(QAbstractButton) if each.text() == text and not each.isHidden()]
    return found


def test_closing_asks_first_but_never_by_a_dialog(qtbot: QtBot, own: PipelineEditor, tmp_path: Path) -> None:
    own.steps.select(0)
    field(own, "count").editor.value = 5  # type: ignore[union-attr] # it is there
    for answer, is_open, is_saved in (("Cancel", True, False), ("Save", False, True)):
        own.close()
        assert own.isVisible()
        assert own.leave_banner.isVisibleTo(own)
        assert QApplication.activeModalWidget() is None
        banner_button(own.leave_banner, answer).click()
        assert own.isVisible() == is_open
        assert ((tmp_path / "own.py").read_text(encoding="utf-8") != OWN) == is_saved


def test_discarding_closes_without_saving(qtbot: QtBot, own: PipelineEditor, tmp_path: Path) -> None:
    own.code.setPlainText("other")
    own.close()
    with qtbot.waitSignal(own.closed):
        banner_button(own.leave_banner, "Discard").click()
    assert (tmp_path / "own.py").read_text(encoding="utf-8") == OWN


def test_a_new_pipeline_is_saved_where_it_is_told(
    qtbot: QtBot, own: PipelineEditor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    press(own, "new")
    settle(qtbot, own)
    assert own.windowTitle().startswith("untitled.py *")
    assert [step.name for step in form_of(own).steps] == ["gaussian"]
    assert own.session.problems == ()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "fresh"), ""))
    press(own, "save")
    assert (tmp_path / "fresh.py").is_file()
    assert own.windowTitle().startswith("fresh.py –")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "own.py"), ""))
    with qtbot.waitSignal(own.chosen) as told:
        press(own, "open")
    assert told.args == [str(tmp_path / "own.py")]


def test_what_cannot_be_opened_leaves_what_is_there(qtbot: QtBot, own: PipelineEditor, tmp_path: Path) -> None:
    assert not own.open(tmp_path / "none.py")
    assert "cannot be read" in own.notice_banner.label.text()
    assert own.code.toPlainText() == OWN


def test_pipeline_fields_are_written(qtbot: QtBot, own: PipelineEditor) -> None:
    panel = own.pipeline
    own.tabs.setCurrentIndex(1)
    panel.filenames.setFocus()
    type_keys(panel.filenames, r"a(?P<channel>\d)")
    panel.table.item(0, 1).setText("3")  # type: ignore[union-attr] # it is there
    form = form_of(own)
    assert (form.filenames, form.metadata, form.channels) == (r"a(?P<channel>\d)", None, {"DNA": "3", "GFP": "2"})
    panel.table.item(1, 0).setText("DNA")  # type: ignore[union-attr] # it is there
    assert "once" in panel.wrong.text()
    assert form_of(own).channels == {"DNA": "3", "GFP": "2"}
    panel.table.item(1, 0).setText("GFP2")  # type: ignore[union-attr] # it is there
    panel.table.setCurrentCell(0, 0)
    panel._remove()
    assert form_of(own).channels == {"GFP2": "2"}


def test_every_action_has_a_shortcut_a_tooltip_and_a_name(editor: PipelineEditor) -> None:
    shortcuts = [action.shortcut().toString() for action in editor.actions_by_name.values()]
    assert all(shortcuts)
    assert len(set(shortcuts)) == len(ACTIONS)
    for action in editor.actions_by_name.values():
        assert action.text()
        assert action.shortcut().toString() in action.toolTip()


def test_every_control_has_a_name_and_a_tip(qtbot: QtBot, own: PipelineEditor) -> None:
    own.library.begin()
    own.code.setPlainText(OWN + "\n")
    own.close()  # shows the banner
    settle(qtbot, own)
    for row in range(own.steps.model.rowCount()):
        own.steps.select(row)
        QApplication.processEvents()
        bad = [
            (type(widget).__name__, widget.accessibleName(), widget.toolTip())
            for widget in own.findChildren(QWidget)
            if widget.window() is own
            and not isinstance(widget.parent(), QTabBar)
            and widget.focusPolicy() != Qt.FocusPolicy.NoFocus
            and not widget.objectName().startswith("qt_")
            and not (
                widget.accessibleName() and (widget.toolTip() or not isinstance(widget, QAbstractButton | QLineEdit))
            )
        ]
        assert bad == []


def test_both_themes_are_taken_while_it_is_open(own: PipelineEditor) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    for theme in (LIGHT, DARK):
        apply_theme(app, theme)
        visit_all(own)
        assert not own.grab().isNull()


def test_no_dialog_is_ever_shown(own: PipelineEditor) -> None:
    assert not [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, QMessageBox)]


def test_the_editor_never_imports_what_runs_code() -> None:
    code = "import sys, plateflow.gui.editor.window; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    loaded = set(done.stdout.split())
    assert "plateflow.gui.editor.window" in loaded
    banned = {f"plateflow.pipeline.{name}" for name in ("pipeline", "step", "compile", "describe", "signature")}
    assert loaded & (banned | {"plateflow.functions", "plateflow.execution", "plateflow.service.consult"}) == set()
