"""The wells that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal

from plateflow.gui.panels.contents import FAILURE_COLUMNS, failure_rows, failures_absent
from plateflow.gui.panels.table import Table

if TYPE_CHECKING:
    from qtpy.QtGui import QShowEvent
    from qtpy.QtWidgets import QWidget

    from plateflow.progress.state import ExecutionProgress


class FailuresPanel(Table):
    """Failed wells, the latest first, each with its step and its error; Enter asks for the traceback."""

    traceback_wanted = Signal(str)
    """The well."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            FAILURE_COLUMNS, stretched=2, name="failed wells", open_words="Show the traceback", parent=parent
        )
        self.setAccessibleName("Failures")
        self.opened.connect(self.traceback_wanted)
        self._progress: ExecutionProgress | None = None
        self.show_progress(None)

    def show_progress(self, progress: ExecutionProgress | None) -> None:
        """Show what failed; while nobody sees it, only remember it."""
        self._progress = progress
        if self.isVisible():
            self._refresh()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - as Qt has it
        """Catch up."""
        super().showEvent(event)
        self._refresh()

    def _refresh(self) -> None:
        self.show_rows(failure_rows(self._progress), failures_absent(self._progress))
