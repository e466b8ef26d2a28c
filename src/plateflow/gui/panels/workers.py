"""The processes that do the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plateflow.gui.panels.contents import WORKER_COLUMNS, worker_rows, workers_absent
from plateflow.gui.panels.table import Table

if TYPE_CHECKING:
    from qtpy.QtGui import QShowEvent
    from qtpy.QtWidgets import QWidget

    from plateflow.progress.state import ExecutionProgress


class WorkersPanel(Table):
    """What each worker is doing; one that died, or has not been heard of, is called so."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(WORKER_COLUMNS, stretched=4, name="workers", parent=parent)
        self.setAccessibleName("Workers")
        self._progress: ExecutionProgress | None = None
        self._now = 0.0

    def show_progress(self, progress: ExecutionProgress | None, now: float) -> None:
        """Show the workers as they are ``now``, in seconds since the epoch; while nobody sees it, only remember it."""
        self._progress, self._now = progress, now
        if self.isVisible():
            self._refresh()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - as Qt has it
        """Catch up."""
        super().showEvent(event)
        self._refresh()

    def _refresh(self) -> None:
        self.show_rows(worker_rows(self._progress, self._now), workers_absent(self._progress))
