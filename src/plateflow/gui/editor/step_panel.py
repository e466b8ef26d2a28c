"""The form of the selected step."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QApplication, QFrame, QScrollArea, QVBoxLayout, QWidget

from plateflow.gui.editor import edits
from plateflow.gui.editor.branches import FunctionPart, Parameters, parameters_of
from plateflow.gui.editor.step_parts import Grouping, Makes, Reads, Shown, count_outputs
from plateflow.gui.editor.widgets import bold, line, words

if TYPE_CHECKING:
    from collections.abc import Hashable


class StepPanel(QScrollArea):
    """Shows one step; parts are made anew only where another part is needed, so that a field keeps the keyboard."""

    wanted = Signal(object, str, str)
    """A function from the form to the next, words for undo, and a key: see :mod:`.step_parts`."""
    branch_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._made_for: Hashable = None

    def show_step(self, shown: Shown | None) -> None:
        """Show a step; None where there is none."""
        made_for = None if shown is None else _parts_key(shown)
        if made_for != self._made_for or self.widget() is None:
            self._make(shown)
            self._made_for = made_for
        elif shown is not None:
            self._refresh(shown)

    def _make(self, shown: Shown | None) -> None:
        focused = QApplication.focusWidget()
        inside = focused is not None and self.isAncestorOf(focused)
        name = focused.accessibleName() if focused is not None and inside else ""
        place = self.verticalScrollBar().value() if inside else 0  # type: ignore[union-attr] # always there
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(12, 8, 12, 8)
        if shown is None:
            column.addWidget(words("No step is selected. Add one, or choose one in the list.", "Selected step"))
        else:
            self._fill(column, shown)
        column.addStretch(1)
        old = self.takeWidget()
        self.setWidget(page)
        if old is not None:
            old.hide()
            old.deleteLater()  # not at once: what is done may be the work of one of its fields
        again = [each for each in page.findChildren(QWidget) if name and each.accessibleName() == name]
        if again:
            again[0].setFocus()
            self.verticalScrollBar().setValue(place)  # type: ignore[union-attr] # always there

    def _fill(self, column: QVBoxLayout, shown: Shown) -> None:
        self._problems = bold(words("", "What is wrong with the step"))
        self._name = line(
            shown.step.name, "Name of the step", "What runs and results call it", partial(self._rename, shown.row)
        )
        column.addWidget(self._problems)
        column.addWidget(words("Name of the step", "Name of the step", dimmed=True))
        column.addWidget(self._name)
        parts: list[Any] = [FunctionPart(shown)]
        parts[0].branch_chosen.connect(self.branch_chosen)
        main = shown.functions.get(shown.step.branches[0].function)
        if main is not None:
            parts.append(Reads(shown, main))
        self._makes = Makes(shown, main)
        self._parameters = Parameters(shown)
        parts += [self._makes, self._parameters, Grouping(shown)]
        for part in parts:
            part.wanted.connect(self.wanted)
            column.addWidget(part)
        self._refresh(shown)

    def _refresh(self, shown: Shown) -> None:
        self._problems.setText("\n".join(shown.problems))
        self._problems.setVisible(bool(shown.problems))
        if self._name.text() != shown.step.name and not (self._name.hasFocus() and not self._name.text()):
            self._name.setText(shown.step.name)
        self._makes.show_step(shown.step)
        self._parameters.show_params(shown.step.branches[shown.branch].params)

    def _rename(self, row: int, name: str) -> None:
        self.wanted.emit(partial(edits.rename_step, row=row, name=name), "Rename the step", f"name{row}")


def _parts_key(shown: Shown) -> Hashable:
    # Everything but what the parts can show without being made anew: names, and values of parameters.
    step = shown.step
    return (
        shown.row,
        shown.branch,
        tuple((branch.key, branch.function) for branch in step.branches),
        shown.function,
        tuple(parameter.name for parameter in parameters_of(shown)),
        tuple(shown.functions),
        shown.names,
        step.inputs,
        count_outputs(shown),
        tuple(step.output_kinds.values()),
        step.variable_components,
        step.group_by,
        step.keep,
    )
