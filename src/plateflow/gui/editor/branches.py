"""The functions of a step, one for each value of its ``group_by``, and the parameters of the one that is shown."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLineEdit, QWidget

from plateflow.gui.editor import edits
from plateflow.gui.editor.param_field import ParamField
from plateflow.gui.editor.values import spoken
from plateflow.gui.editor.widgets import Picker, Section, button, words
from plateflow.gui.panels.naming import named
from plateflow.pipeline.forms import ParameterForm, ValueType

if TYPE_CHECKING:
    from plateflow.gui.editor.step_parts import Shown
    from plateflow.pipeline.forms import FunctionForm

_ANY = ValueType(kind="literal", told="")


class FunctionPart(Section):
    """Which function is called, and for which values."""

    wanted = Signal(object, str, str)
    branch_chosen = Signal(int)

    def __init__(self, shown: Shown, parent: QWidget | None = None) -> None:
        super().__init__("Function", "", parent)
        self._shown = shown
        step = shown.step
        if step.group_by is not None:
            self._add_values()
        address = step.branches[shown.branch].function
        choices: list[tuple[str, object]] = [(each.name, each.address) for each in _alike(shown)]
        picker = Picker(choices, address, edits.function_name(address), self._choose)
        self.add_row("calls", named(picker, "Function", "What is called; parameters it takes too are kept"))
        function = shown.function
        told = function.summary if function is not None else f"Nothing is known of {address} yet"
        self.box.addWidget(words(told, "About the function", dimmed=True))

    def _add_values(self) -> None:
        shown, component = self._shown, str(self._shown.step.group_by)
        keys: list[tuple[str, object]] = [
            ("every value" if branch.key is None else branch.key, at) for at, branch in enumerate(shown.step.branches)
        ]
        picker = Picker(keys, shown.branch, "", lambda at: self.branch_chosen.emit(at))
        remove = button("Remove", f"Values of {component} without a function pass by", self._remove)
        remove.setEnabled(shown.step.branches[0].key is not None)
        remove.setAccessibleName("Remove this value")
        self.add_row(f"for {component}", named(picker, f"Value of {component}", "Whose function is shown"), remove)
        self._key = named(QLineEdit(), f"Another value of {component}", f"A value of {component} that gets a function")
        self._key.setPlaceholderText("another value")
        self._key.returnPressed.connect(self._add)
        add = button("Add", f"Give this value of {component} a function of its own (Enter)", self._add)
        add.setAccessibleName("Add this value")
        self.add_row("", self._key, add)

    def _add(self) -> None:
        if key := self._key.text().strip():
            make = partial(edits.add_branch, row=self._shown.row, key=key)
            self.wanted.emit(make, "Add a value", "")

    def _remove(self) -> None:
        make = partial(edits.remove_branch, row=self._shown.row, branch=self._shown.branch)
        self.wanted.emit(make, "Remove a value", "")

    def _choose(self, address: object) -> None:
        function = self._shown.functions[str(address)]
        make = partial(
            edits.set_function,
            row=self._shown.row,
            branch=self._shown.branch,
            address=function.address,
            takes=[parameter.name for parameter in function.parameters],
        )
        self.wanted.emit(make, "Choose a function", "")


class Parameters(Section):
    """A field for each parameter; also for those that are given but that the function does not name."""

    wanted = Signal(object, str, str)

    def __init__(self, shown: Shown, parent: QWidget | None = None) -> None:
        super().__init__("Parameters", "", parent)
        self._row, self._branch = shown.row, shown.branch
        self.fields: dict[str, ParamField] = {}
        for parameter in parameters_of(shown):
            field = ParamField(parameter)
            field.given.connect(partial(self._give, parameter))
            self.fields[parameter.name] = field
            self.box.addWidget(field)
        if not self.fields:
            self.box.addWidget(words("It takes none.", "About its parameters", dimmed=True))
        self.show_params(shown.step.branches[shown.branch].params)

    def show_params(self, params: dict[str, str]) -> None:
        """Show what is given."""
        for name, field in self.fields.items():
            field.show_value(params.get(name))

    def _give(self, parameter: ParameterForm, text: str | None) -> None:
        make = partial(
            edits.set_param,
            row=self._row,
            branch=self._branch,
            name=parameter.name,
            text=text,
            default=parameter.default,
        )
        what = f"Set {parameter.name}" if text is None else f"Set {parameter.name} to {spoken(text)}"
        self.wanted.emit(make, what, f"param{self._row}:{self._branch}:{parameter.name}")


def parameters_of(shown: Shown) -> list[ParameterForm]:
    """Return the parameters of the shown function, then those that are given beyond them."""
    known = list(shown.function.parameters) if shown.function is not None else []
    names = {parameter.name for parameter in known}
    given = [name for name in shown.step.branches[shown.branch].params if name not in names]
    takes_any = shown.function is None or shown.function.takes_any
    why = "" if takes_any else "The function takes no such parameter; Reset removes it."
    return [*known, *(ParameterForm(name=name, type=_ANY, doc=why) for name in given)]


def _alike(shown: Shown) -> list[FunctionForm]:
    # What takes and returns the same can stand in its place without anything else changing.
    function = shown.function
    if function is None:
        return []
    kinds = [data.kind for data in function.data], function.returns
    found = [each for each in shown.functions.values() if ([d.kind for d in each.data], each.returns) == kinds]
    return sorted(found, key=lambda each: each.name)
