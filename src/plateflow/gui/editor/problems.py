"""What is wrong with the pipeline, and whether that is known yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QListWidget, QProgressBar, QVBoxLayout, QWidget

from plateflow.gui.editor.widgets import words
from plateflow.gui.editor.words import problem_line
from plateflow.gui.panels.naming import named
from plateflow.gui.panels.rows_model import tip_html

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plateflow.service.questions import Problem

_LINES = 4


class ProblemsPanel(QWidget):
    """A list that is there only while there are problems, and a line that says how it stands."""

    chosen = Signal(object)
    """A :class:`~plateflow.service.questions.Problem`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._problems: tuple[Problem, ...] = ()
        self.list = named(QListWidget(self), "Problems", "Enter or a click goes to the step or the line")
        self.list.setWordWrap(True)
        self.list.itemClicked.connect(lambda _: self._choose())
        self.list.itemActivated.connect(lambda _: self._choose())
        self.list.hide()
        self.verdict = words("", "Check of the pipeline")
        self.progress = named(QProgressBar(self), "Check under way", "The pipeline is being checked")
        self.progress.setRange(0, 0)
        self.progress.setFixedWidth(120)
        self.progress.setTextVisible(False)
        self.progress.hide()
        foot = QHBoxLayout()
        foot.addWidget(self.verdict, 1)
        foot.addWidget(self.progress)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.addWidget(self.list)
        layout.addLayout(foot)

    def show_problems(self, problems: Sequence[Problem], verdict: str, *, slow: bool) -> None:
        """Show problems, how it stands in words, and whether a check takes long."""
        self.verdict.setText(verdict)
        self.progress.setVisible(slow)
        if tuple(problems) == self._problems:
            return
        self._problems = tuple(problems)
        self.list.clear()
        self.list.addItems([problem_line(problem) for problem in problems])
        for at, problem in enumerate(problems):
            self.list.item(at).setToolTip(tip_html(problem_line(problem)))  # type: ignore[union-attr] # it is there
        lines = min(len(problems) + 1, _LINES)  # one more, for a text that wraps
        self.list.setFixedHeight(lines * (self.list.fontMetrics().height() + 4) + 8)
        self.list.setVisible(bool(problems))

    def _choose(self) -> None:
        if 0 <= self.list.currentRow() < len(self._problems):
            self.chosen.emit(self._problems[self.list.currentRow()])
