"""One parameter of a function: its value as a widget that holds it exactly, its default, its doc."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import create_widget
from magicgui.widgets.bases import ValueWidget
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from plateflow.gui.editor.values import (
    NONE,
    first_value,
    largest_int,
    least_int,
    normal,
    plain,
    problem,
    spoken,
    told,
    widget_kind,
)
from plateflow.gui.editor.widgets import bold, button, guard_wheel, words
from plateflow.gui.panels.naming import named
from plateflow.gui.panels.rows_model import tip_html
from plateflow.pipeline.literals import literal, parse_literal

if TYPE_CHECKING:
    from plateflow.pipeline.forms import ParameterForm


class ParamField(QWidget):
    """Shows a parameter, and emits what people make of it; showing a value never changes it."""

    given = Signal(object)
    """A literal; None where the default is to hold again."""

    def __init__(self, parameter: ParameterForm, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.parameter = parameter
        self._literal: str | None = None
        self._kind = ""
        self.editor: ValueWidget[Any] | None = None
        self.set_box = named(QCheckBox("set"), f"{parameter.name} is set", "Unticked: None, as its doc tells")
        self.set_box.setVisible(parameter.type.optional)
        self.set_box.toggled.connect(self._toggle)
        self.reset = button("Reset", f"Back to the default of {parameter.name}", lambda: self.given.emit(None))
        self.reset.setAccessibleName(f"Reset {parameter.name}")
        self.wrong = bold(words("", f"What is wrong with {parameter.name}"))
        self.wrong.hide()
        self._row = QHBoxLayout()
        self._lay_out()
        self.show_value(None)

    def show_value(self, given: str | None) -> None:
        """Show a literal, or the default where none is given."""
        if self.wrong.text() and given == self._literal:
            return  # somebody is typing what is no value yet
        parameter = self.parameter
        shown = given if given is not None else parameter.default
        self._literal = given
        self.reset.setEnabled(given is not None)
        is_set = not (parameter.type.optional and shown == NONE)
        self.set_box.blockSignals(True)
        self.set_box.setChecked(is_set)
        self.set_box.blockSignals(False)
        self._show_editor(shown, is_set=is_set)

    def _show_editor(self, shown: str | None, *, is_set: bool) -> None:
        kind = widget_kind(self.parameter.type, shown)
        if kind != self._kind and not self._is_being_typed(shown):
            self._replace_editor(kind, shown)
        assert self.editor is not None
        native: QWidget = self.editor.native
        native.setVisible(is_set)
        if is_set and not self._is_shown(shown):
            with self.editor.changed.blocked():
                self.editor.value = _to_widget(self._kind, shown)
            self._complain("")

    def _is_being_typed(self, shown: str | None) -> bool:
        return self.editor is not None and self.editor.native.hasFocus() and self._is_shown(shown)

    def _is_shown(self, shown: str | None) -> bool:
        # What is typed may be spelt otherwise than it is written: 1e-9, 1e-09.
        try:
            current = self._typed()
        except ValueError:
            return False
        return current == shown

    def _typed(self) -> str | None:
        assert self.editor is not None
        value = self.editor.value
        if self._kind == "choice":
            return str(value)
        if self._kind == "literal":
            return normal(str(value)) if value else None
        return literal(value)

    def _replace_editor(self, kind: str, shown: str | None) -> None:
        if self.editor is not None:
            old: QWidget = self.editor.native
            self._row.removeWidget(old)
            old.hide()
            old.deleteLater()
        self._kind, self.editor = kind, _make_editor(self.parameter, kind, shown)
        native: QWidget = self.editor.native
        named(native, self.parameter.name, tip_html(f"{plain(self.parameter.doc)}\n\n{told(self.parameter)}".strip()))
        guard_wheel(native)
        native.setMinimumWidth(160)
        self._row.insertWidget(1, native)
        self.editor.changed.connect(self._take)

    def _take(self, _value: object) -> None:
        assert self.editor is not None
        text = str(self.editor.value) if self._kind in ("literal", "choice") else literal(self.editor.value)
        if self._kind == "literal" and not text.strip() and self.parameter.default is not None:
            self._complain("")
            self.given.emit(None)
            return
        wrong = problem(self.parameter.type, text)
        self._complain(wrong)
        if not wrong:
            self.given.emit(normal(text))

    def _toggle(self, ticked: bool) -> None:
        if ticked:
            self.given.emit(first_value(self.parameter))
        else:
            self.given.emit(None if self.parameter.default == NONE else NONE)

    def _complain(self, wrong: str) -> None:
        self.wrong.setText(f"Not taken: {wrong}" if wrong else "")
        self.wrong.setVisible(bool(wrong))

    def _lay_out(self) -> None:
        parameter = self.parameter
        name = QLabel(parameter.name)
        name.setMinimumWidth(150)
        name.setToolTip(tip_html(plain(parameter.doc) or parameter.name))
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.addWidget(self.set_box)
        self._row.addWidget(self.reset)
        self._row.addStretch(1)
        column = QVBoxLayout()
        column.setSpacing(2)
        column.addLayout(self._row)
        column.addWidget(self.wrong)
        column.addWidget(words(told(parameter), f"Default of {parameter.name}", dimmed=True))
        if parameter.doc:
            column.addWidget(words(plain(parameter.doc), f"About {parameter.name}", dimmed=True))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 8)
        layout.addWidget(name, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(column, 1)


def _make_editor(parameter: ParameterForm, kind: str, shown: str | None) -> ValueWidget[Any]:
    value = _to_widget(kind, shown)
    if kind == "bool":
        made = create_widget(value=value, annotation=bool, options={"text": "yes"})
    elif kind == "choice":
        choices = [(spoken(choice), choice) for choice in parameter.type.choices]
        made = create_widget(value=value, widget_type="ComboBox", options={"choices": choices})
    elif kind == "int":
        bounds = {"min": least_int(parameter.type), "max": largest_int(parameter.type)}
        made = create_widget(value=value, annotation=int, options=bounds)
    else:
        made = create_widget(value=value, widget_type="LineEdit")
    assert isinstance(made, ValueWidget)
    return made


def _to_widget(kind: str, shown: str | None) -> Any:
    if kind == "literal":
        return shown or ""
    return shown if kind == "choice" else parse_literal(str(shown))
