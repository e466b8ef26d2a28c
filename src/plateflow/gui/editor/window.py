"""The window of the pipeline editor: steps and library at the left, the form or the code at the right."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QEvent, Qt, QTimer, Signal
from qtpy.QtWidgets import QFileDialog, QMainWindow, QSplitter, QTabWidget, QToolBar, QVBoxLayout, QWidget

from plateflow.errors import UserError
from plateflow.gui.chosen_format import DETECTED
from plateflow.gui.editor import edits
from plateflow.gui.editor.actions import ACTIONS, make_actions
from plateflow.gui.editor.choices import names_before, new_step
from plateflow.gui.editor.code_view import CodeView
from plateflow.gui.editor.library_panel import LibraryPanel
from plateflow.gui.editor.pipeline_panel import PipelinePanel
from plateflow.gui.editor.problems import ProblemsPanel
from plateflow.gui.editor.session import Session
from plateflow.gui.editor.step_panel import StepPanel
from plateflow.gui.editor.step_parts import Shown
from plateflow.gui.editor.steps_panel import StepsPanel
from plateflow.gui.editor.widgets import Banner
from plateflow.gui.editor.words import problems_by_row, row_of_problem, step_rows, verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtGui import QCloseEvent

    from plateflow.gui.chosen_format import ChosenFormat
    from plateflow.gui.editor.session import Ask
    from plateflow.pipeline.forms import FunctionForm
    from plateflow.service.questions import Problem

LOOK_MS: Final = 2000
"""How often the file is looked at, whether somebody else has changed it."""
_FILTER: Final = "Pipelines (*.py)"
_STEP, _CODE = 0, 2


class PipelineEditor(QMainWindow):
    """Edits one pipeline file.

    Parameters
    ----------
    ask
        Asks a runner.
    plate
        Folder of the plate that the pipeline is checked against; "" for none.
    chosen_format
        How it is to be read.
    """

    chosen = Signal(str)
    """Path of a file that was saved, or opened by whoever looks at the window: the pipeline of the plates."""
    closed = Signal()

    def __init__(
        self, ask: Ask, plate: str = "", chosen_format: ChosenFormat = DETECTED, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.session = Session(ask, plate, chosen_format, self)
        self.actions_by_name = make_actions(self)
        self._branch = 0
        self._leaving = False
        self.leave_banner, self.disk_banner = Banner("Unsaved changes", self), Banner("File on disk", self)
        self.notice_banner, self.form_banner = Banner("Notice", self), Banner("Why there is no form", self)
        self.steps, self.library = StepsPanel(self.actions_by_name, self), LibraryPanel(self)
        self.step, self.pipeline, self.code = StepPanel(self), PipelinePanel(self), CodeView(self)
        self.problems = ProblemsPanel(self)
        self.tabs = self._make_tabs()
        self._lay_out()
        self._connect()
        self._look = QTimer(self)
        self._look.timeout.connect(self._look_at_disk)
        self._look.start(LOOK_MS)
        self.session.new()

    def open(self, path: str | Path) -> bool:
        """Edit a file; where it cannot be read, that is said. Return whether it could."""
        return self._try(lambda: self.session.open(Path(path)))

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802 - as Qt has it
        """Ask first, where something would be lost; never by a dialog that stops everything."""
        if event is not None and self.session.is_unsaved and not self._leaving:
            event.ignore()
            self._leave(self._close)
            return
        self._look.stop()
        self.session.close()
        super().closeEvent(event)
        self.closed.emit()

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - as Qt has it
        """Look at the file when somebody comes back to the window."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.ActivationChange and self.isActiveWindow():
            self._look_at_disk()

    def save(self) -> None:
        """Save into the file, or ask for one where there is none yet."""
        if self.session.file.data is None:
            self.save_as()
        elif not self._look_at_disk():
            self._save(None)

    def save_as(self) -> None:
        """Ask for a file, and save into it."""
        path, _ = QFileDialog.getSaveFileName(self, "Save the pipeline", str(self.session.file.path), _FILTER)
        if path:
            self._save(Path(path if path.endswith(".py") else f"{path}.py"))

    def add_step(self, function: FunctionForm) -> None:
        """Add a step of a function after the selected one, and select it."""
        row = self.steps.row + 1
        functions, channels = self.session.functions, self.session.channels
        self.session.change(
            lambda form: edits.add_step(form, row, new_step(form, row, function, functions, channels)),
            f"Add {function.name}",
        )
        self.steps.select(row)
        self.tabs.setCurrentIndex(_STEP)

    def _connect(self) -> None:
        does: dict[str, Callable[[], object]] = {
            "new": partial(self._leave, self.session.new),
            "open": partial(self._leave, self._choose_file),
            "save": self.save,
            "save_as": self.save_as,
            "undo": self.session.undo_stack.undo,
            "redo": self.session.undo_stack.redo,
            "check": self.session.check_now,
            "add": self.library.begin,
            "remove": lambda: self._change_step(edits.remove_step, "Remove the step"),
            "up": partial(self._move, -1),
            "down": partial(self._move, 1),
            "duplicate": self._duplicate,
            "enable": self._toggle,
        }
        for name, act in does.items():
            self.actions_by_name[name].triggered.connect(lambda _checked=False, act=act: act())
        self.steps.selected.connect(self._select)
        self.steps.model.enabled_wanted.connect(self._enable)
        self.steps.model.move_wanted.connect(self._move_to)
        self.library.chosen.connect(self.add_step)
        self.library.closed.connect(self._close_library)
        self.library.address_wanted.connect(lambda address: self.session.ask_function(address, self._take_function))
        for panel in (self.step, self.pipeline):
            panel.wanted.connect(self.session.change)
        self.step.branch_chosen.connect(self._show_branch)
        self.code.typed.connect(self.session.type_text)
        self.problems.chosen.connect(self._go_to)
        for name, changed in (
            ("undo", self.session.undo_stack.canUndoChanged),
            ("redo", self.session.undo_stack.canRedoChanged),
        ):
            self.actions_by_name[name].setEnabled(False)
            changed.connect(self.actions_by_name[name].setEnabled)
        self.session.changed.connect(self._show)
        self.session.checking_changed.connect(self._show_verdict)
        self.session.refused.connect(self._say)
        self.session.noted.connect(self._say)
        self.session.saved.connect(self.chosen)

    def _show(self) -> None:
        session = self.session
        document, form = session.document, session.document.form
        names = session.answer.step_names if session.answer is not None else ()
        self.setWindowTitle(
            f"{session.file.path.name}{' *' if session.is_unsaved else ''} – Pipeline editor – plateflow"
        )
        if not session.is_unsaved:
            self.leave_banner.hide()
        self.code.show_text(document.text)
        for widget in (self.steps, self.step, self.pipeline):
            widget.setEnabled(document.usable)
        self._tell_trouble(document.trouble)
        self.steps.show_rows(step_rows(form, session.problems, names) if form is not None else [])
        if form is not None:
            self.pipeline.show_form(form, [channel.told for channel in session.channels])
        self._show_step()
        known = [f for f in session.functions.values() if f.address.startswith(":") and f not in session.library]
        self.library.show_functions(
            [*session.library, *known], session.library_problem or "The functions are being read…"
        )
        self._allow()
        self._show_verdict()

    def _show_step(self) -> None:
        session, form, row = self.session, self.session.document.form, self.steps.row
        if form is None or not 0 <= row < len(form.steps):
            self.step.show_step(None)
            return
        self._branch = min(self._branch, len(form.steps[row].branches) - 1)
        names = session.answer.step_names if session.answer is not None else ()
        self.step.show_step(
            Shown(
                form,
                row,
                self._branch,
                session.functions,
                names_before(form, row, session.functions, session.channels),
                problems_by_row(form, session.problems, names).get(row, ()),
            )
        )

    def _show_verdict(self) -> None:
        session = self.session
        busy = session.checking.busy
        said = verdict(session.answer, session.problems, busy=busy, plate=session.plate)
        self.problems.show_problems(session.problems, said, slow=session.slow and busy)

    def _tell_trouble(self, trouble: str) -> None:
        if not trouble:
            self.form_banner.hide()
        elif self.form_banner.label.text() != trouble or self.form_banner.isHidden():
            to_code = ("Show the code", "Change the code by hand", lambda: self.tabs.setCurrentIndex(_CODE))
            self.form_banner.say(trouble, [to_code])

    def _allow(self) -> None:
        form, row, usable = self.session.document.form, self.steps.row, self.session.document.usable
        count = len(form.steps) if form is not None else 0
        chosen = usable and 0 <= row < count
        allowed = {"remove": chosen, "duplicate": chosen, "enable": chosen, "add": usable}
        allowed |= {"up": chosen and row > 0, "down": chosen and row < count - 1}
        for name, is_allowed in allowed.items():
            self.actions_by_name[name].setEnabled(is_allowed)

    def _select(self, _row: int) -> None:
        self._branch = 0
        self._show_step()
        self._allow()

    def _show_branch(self, branch: int) -> None:
        self._branch = branch
        self._show_step()

    def _change_step(self, change: Callable[..., object], words: str, **how: object) -> None:
        if self.steps.row >= 0:
            self.session.change(partial(change, row=self.steps.row, **how), words)  # type: ignore[arg-type] # of edits

    def _move(self, by: int) -> None:
        self._move_to(self.steps.row, self.steps.row + by)

    def _move_to(self, row: int, to: int) -> None:
        self.session.change(partial(edits.move_step, row=row, to=to), "Move the step")
        self.steps.select(to)

    def _duplicate(self) -> None:
        self._change_step(edits.duplicate_step, "Copy the step")
        self.steps.select(self.steps.row + 1)

    def _toggle(self) -> None:
        form = self.session.document.form
        if form is not None and self.steps.row >= 0:
            self._enable(self.steps.row, not form.steps[self.steps.row].enabled)

    def _enable(self, row: int, enabled: bool) -> None:
        self.session.change(partial(edits.change_step, row=row, enabled=enabled), "Turn the step on or off")

    def _take_function(self, function: FunctionForm | None, why: str) -> None:
        self.library.complain(why)
        if function is not None:
            self.add_step(function)

    def _close_library(self) -> None:
        self.library.hide()
        self.steps.view.setFocus()

    def _go_to(self, problem: Problem) -> None:
        form, answer = self.session.document.form, self.session.answer
        row = row_of_problem(form, problem, answer.step_names if answer else ()) if form is not None else None
        if row is not None:
            self.steps.select(row)
            self.tabs.setCurrentIndex(_STEP)
        elif problem.line:
            self.tabs.setCurrentIndex(_CODE)
            self.code.go_to(problem.line)

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a pipeline", str(self.session.file.path.parent), _FILTER)
        if path and self.open(path):
            self.chosen.emit(path)

    def _leave(self, then: Callable[[], object]) -> None:
        # Goes on at once where nothing would be lost.
        if not self.session.is_unsaved:
            then()
            return
        self.leave_banner.say(
            f"{self.session.file.path.name} has changes that are not saved.",
            [
                ("Save", "Save them, then go on", partial(self._save_and, then)),
                ("Discard", "Go on without them", then),
                ("Cancel", "Stay here", lambda: None),
            ],
        )
        self.raise_()
        self.activateWindow()

    def _save_and(self, then: Callable[[], object]) -> None:
        self.save()
        if not self.session.is_unsaved:
            then()

    def _close(self) -> None:
        self._leaving = True
        self.close()

    def _save(self, path: Path | None) -> None:
        self._try(lambda: self.session.save(path))

    def _look_at_disk(self) -> bool:
        changed = self.session.is_changed_on_disk()
        if not changed:
            self.disk_banner.hide()
        elif self.disk_banner.isHidden():
            self.disk_banner.say(
                f"{self.session.file.path.name} was changed on disk by something else.",
                [
                    ("Reload", "Take what is on disk; undo brings yours back", lambda: self._try(self.session.reload)),
                    ("Overwrite", "Save what is here over it", lambda: self._save(None)),
                ],
            )
        return changed

    def _try(self, act: Callable[[], object]) -> bool:
        try:
            act()
        except UserError as e:
            self._say(str(e))
            return False
        self.notice_banner.hide()
        return True

    def _say(self, why: str) -> None:
        self.notice_banner.say(why, [("Close", "Close this message", lambda: None)])

    def _make_tabs(self) -> QTabWidget:
        tabs = QTabWidget(self)
        tabs.setAccessibleName("Form or code")
        for title, tip, panel in (
            ("Step", "The form of the selected step", self.step),
            ("Pipeline", "What belongs to the pipeline as a whole", self.pipeline),
            ("Code", "The same as Python text", self.code),
        ):
            tabs.setTabToolTip(tabs.addTab(panel, title), tip)
        return tabs

    def _lay_out(self) -> None:
        bar = QToolBar("Pipeline", self)
        bar.setAccessibleName("Pipeline actions")
        bar.setMovable(False)
        for spec in ACTIONS:
            if spec.in_bar:
                bar.addAction(self.actions_by_name[spec.name])
        self.addToolBar(bar)
        left = QSplitter(Qt.Orientation.Vertical, self)
        left.addWidget(self.steps)
        left.addWidget(self.library)
        self.library.hide()
        across = QSplitter(Qt.Orientation.Horizontal, self)
        across.addWidget(left)
        across.addWidget(self.tabs)
        across.setStretchFactor(0, 2)
        across.setStretchFactor(1, 3)
        across.setSizes([420, 680])
        page = QWidget(self)
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for banner in (self.leave_banner, self.disk_banner, self.notice_banner, self.form_banner):
            column.addWidget(banner)
        column.addWidget(across, 1)
        column.addWidget(self.problems)
        self.setCentralWidget(page)
        self.resize(1100, 820)
