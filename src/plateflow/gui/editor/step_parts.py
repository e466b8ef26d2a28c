"""The parts of a step's form: what it reads, what it makes, how images are grouped for it.

Each shows a part of the form as it is and emits what is wanted: a function from the form to the next, words for undo,
and a key by which quick changes of one field are undone together.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLineEdit, QListWidget, QListWidgetItem, QWidget

from plateflow.gui.editor import edits
from plateflow.gui.editor.choices import EVERY_CHANNEL, FRAME, OBJECT_KINDS, Names, named_kinds
from plateflow.gui.editor.library import kind_word
from plateflow.gui.editor.widgets import Picker, Section, guard_wheel, line, words
from plateflow.gui.panels.naming import named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plateflow.pipeline.forms import DataForm, FunctionForm, PipelineForm, StepForm

    Input = str | tuple[str, ...]

_EACH: Final = "every channel, one by one"
_ALL: Final = "every channel"
_COMPONENT_WORDS: Final = {"site": "sites", "channel": "channels", "z": "z planes", "timepoint": "timepoints"}
_EACH_WORDS: Final = {
    "site": "each site",
    "channel": "each channel",
    "z": "each z plane",
    "timepoint": "each timepoint",
}
_MAKES: Final = ("image", "labels", "stack", "label_stack", "table", "record")
_KEEP: Final = (("if no later step reads it", None), ("always", True), ("never", False))


class Shown(NamedTuple):
    """What a step's form needs to know."""

    form: PipelineForm
    row: int
    branch: int
    functions: Mapping[str, FunctionForm]
    names: Names
    """What the step may read."""
    problems: tuple[str, ...]

    @property
    def step(self) -> StepForm:
        """The step."""
        return self.form.steps[self.row]

    @property
    def function(self) -> FunctionForm | None:
        """The function of the shown branch; None where nothing is known of it."""
        return self.functions.get(self.step.branches[self.branch].function)


class Reads(Section):
    """An editor for each data parameter."""

    wanted = Signal(object, str, str)

    def __init__(self, shown: Shown, function: FunctionForm, parent: QWidget | None = None) -> None:
        super().__init__("Reads", "", parent)
        self._row, self._step, self._count = shown.row, shown.step, len(function.data)
        for at, data in enumerate(function.data):
            kind = kind_word(data.kind)
            label = kind if data.name in kind else f"{data.name} ({kind})"
            self.add_row(label, self._editor(at, data, shown.names.of(data.kind)))

    def _editor(self, at: int, data: DataForm, names: tuple[str, ...]) -> QWidget:
        given = self._given(at)
        together = data.kind == "images" or (data.kind == "stack" and "channel" in self._step.variable_components)
        if together:
            return named(
                _Several(names, given, partial(self._give, at)),
                f"Images for {data.name}",
                "Tick the images that the function gets together",
            )
        choices: list[tuple[str, object]] = [(name, name) for name in names]
        if data.kind not in OBJECT_KINDS | {FRAME}:
            choices.append((_EACH, EVERY_CHANNEL))
        told = "choose…" if not given else f"{given if isinstance(given, str) else ', '.join(given)} (not known here)"
        picker = Picker(choices, given, told, partial(self._give, at))
        return named(picker, f"Input {data.name}", f"Which {kind_word(data.kind)} the function gets as {data.name}")

    def _given(self, at: int) -> Input:
        inputs = self._step.inputs
        if inputs is None:
            return EVERY_CHANNEL if self._count == 1 else ""
        return inputs[at] if at < len(inputs) else ""

    def _give(self, at: int, value: object) -> None:
        inputs = tuple(value if n == at else self._given(n) for n in range(self._count))
        self.wanted.emit(partial(edits.change_step, row=self._row, inputs=inputs), "Choose an input", "")


class _Several(QListWidget):
    """Ticks for several names; those that are ticked keep their order."""

    def __init__(
        self, names: tuple[str, ...], given: Input, then: partial[None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._then = then
        chosen = (given,) if isinstance(given, str) else given
        self._ticked = [name for name in chosen if name]
        for name in dict.fromkeys([EVERY_CHANNEL, *self._ticked, *names]):
            known = name == EVERY_CHANNEL or name in names
            item = QListWidgetItem(_ALL if name == EVERY_CHANNEL else name if known else f"{name} (not known here)")
            item.setData(Qt.ItemDataRole.UserRole, name)
            item.setCheckState(Qt.CheckState.Checked if name in self._ticked else Qt.CheckState.Unchecked)
            self.addItem(item)
        self.setFixedHeight(min(self.count(), 6) * (self.sizeHintForRow(0) + 2) + 8)
        self.setMinimumWidth(220)
        self.itemChanged.connect(self._take)
        guard_wheel(self)

    def _take(self, item: QListWidgetItem) -> None:
        name = item.data(Qt.ItemDataRole.UserRole)
        if item.checkState() != Qt.CheckState.Checked:
            self._ticked = [each for each in self._ticked if each != name]
        elif name == EVERY_CHANNEL:
            self._ticked = [name]
        else:
            self._ticked = [*(each for each in self._ticked if each != EVERY_CHANNEL), name]
        self._then(EVERY_CHANNEL if self._ticked == [EVERY_CHANNEL] else tuple(self._ticked))


class Makes(Section):
    """A name for each thing that comes out."""

    wanted = Signal(object, str, str)

    def __init__(self, shown: Shown, function: FunctionForm | None, parent: QWidget | None = None) -> None:
        super().__init__("Makes", "", parent)
        self._row, self._step = shown.row, shown.step
        self._edits: list[QLineEdit] = []
        if function is None or not function.returns or self._step.output_kinds:
            self._state(function)
            return
        kinds = named_kinds(function)
        self._edits = [
            self._name_editor(at, kinds[at] if at < len(kinds) else "nothing") for at in range(count_outputs(shown))
        ]
        for kind in function.returns:
            if kind not in edits.NAMED_KINDS:
                self.box.addWidget(words(_measured(kind, self._step), "What is measured", dimmed=True))

    def show_step(self, step: StepForm) -> None:
        """Show names that changed elsewhere."""
        self._step = step
        names = [*step.output_kinds] or [*step.outputs]
        for at, edit in enumerate(self._edits):
            name = names[at] if at < len(names) else ""
            if edit.text() != name:
                edit.setText(name)

    def _name_editor(self, at: int, kind: str) -> QLineEdit:
        name = self._step.outputs[at] if at < len(self._step.outputs) else ""
        edit = line(name, f"Name of output {at + 1}", f"What later steps call it ({kind_word(kind)})", self._name)
        needs_one = kind in OBJECT_KINDS | {FRAME}
        edit.setPlaceholderText("needs a name" if needs_one else "no name: takes the place of what was read")
        edit.setMinimumWidth(280)
        self.add_row(kind_word(kind), edit)
        return edit

    def _name(self, _text: str) -> None:
        names = [edit.text() for edit in self._edits]
        self.wanted.emit(partial(edits.set_outputs, row=self._row, names=names), "Name outputs", f"outputs{self._row}")

    def _state(self, function: FunctionForm | None) -> None:
        # Its hints do not tell, or the pipeline states it: name and kind of each are to be given.
        kinds = dict(self._step.output_kinds) or dict.fromkeys(self._step.outputs or ("",), "image")
        if function is not None and not function.returns:
            self.box.addWidget(words("The function does not tell what it returns.", "About its outputs", dimmed=True))
        for at, (name, kind) in enumerate(kinds.items()):
            edit = line(name, f"Name of output {at + 1}", "What later steps call it", self._name_stated)
            edit.setPlaceholderText("no name: takes the place of what was read")
            edit.setMinimumWidth(220)
            picker = Picker([(kind_word(each), each) for each in _MAKES], kind, kind, partial(self._state_kind, at))
            self.add_row("", edit, named(picker, f"Kind of output {at + 1}", "What the function returns"))
            self._edits.append(edit)

    def _name_stated(self, _text: str) -> None:
        self._emit_stated(list(self._step.output_kinds.values()))

    def _state_kind(self, at: int, kind: object) -> None:
        kinds = list(self._step.output_kinds.values()) or ["image"] * len(self._edits)
        kinds[at] = str(kind)
        self._emit_stated(kinds)

    def _emit_stated(self, kinds: list[str]) -> None:
        names = [edit.text() for edit in self._edits]
        if not kinds:
            make = partial(edits.set_outputs, row=self._row, names=names)
        else:
            stated = {name or "Result": kind for name, kind in zip(names, kinds, strict=True)}
            make = partial(edits.state_outputs, row=self._row, kinds=stated)
        self.wanted.emit(make, "Name outputs", f"outputs{self._row}")


class Grouping(Section):
    """Components that are stacked, the one that picks the function, and what is kept."""

    wanted = Signal(object, str, str)

    def __init__(self, shown: Shown, parent: QWidget | None = None) -> None:
        super().__init__("Grouping", "Which images the function gets in one call, and what is kept of them.", parent)
        self._row, step = shown.row, shown.step
        boxes = QWidget()
        row = QHBoxLayout(boxes)
        row.setContentsMargins(0, 0, 0, 0)
        for component in edits.COMPONENTS:
            box = named(
                QCheckBox(_COMPONENT_WORDS[component]),
                f"Stack {_COMPONENT_WORDS[component]}",
                f"The function gets all {_COMPONENT_WORDS[component]} at once, as one stack",
            )
            box.setChecked(component in step.variable_components)
            box.toggled.connect(partial(self._vary, component))
            row.addWidget(box)
        self.add_row("stacked together", boxes)
        groups: list[tuple[str, object]] = [("everything", None), *((_EACH_WORDS[c], c) for c in edits.COMPONENTS)]
        group_by = Picker(groups, step.group_by, "", self._group)
        self.add_row(
            "one function for", named(group_by, "One function for", "Other functions or parameters for each value")
        )
        keep = Picker(_KEEP, step.keep, "", self._keep)
        self.add_row("write the images", named(keep, "Keep images", "Whether an image that comes out is written"))

    def _vary(self, component: str, ticked: bool) -> None:
        make = partial(edits.set_variable, row=self._row, component=component, variable=ticked)
        self.wanted.emit(make, "Choose components", "")

    def _group(self, component: object) -> None:
        given = None if component is None else str(component)
        self.wanted.emit(partial(edits.set_group_by, row=self._row, component=given), "Choose components", "")

    def _keep(self, keep: object) -> None:
        self.wanted.emit(partial(edits.change_step, row=self._row, keep=keep), "Choose what is written", "")


def count_outputs(shown: Shown) -> int:
    """Return how many things that come out have a field for their name."""
    function = shown.functions.get(shown.step.branches[0].function)
    made = len(named_kinds(function)) if function is not None else 1
    return max(made, len(shown.step.outputs))


def _measured(kind: str, step: StepForm) -> str:
    first = next((given for given in step.inputs or () if isinstance(given, str) and given), "its objects")
    return f"{kind_word(kind)}: into the table of {first}" if kind == "table" else kind_word(kind)
