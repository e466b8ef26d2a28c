"""What the server has executed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal

from plateflow.gui.panels.contents import HISTORY_COLUMNS, history_rows
from plateflow.gui.panels.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from plateflow.runtime.control import Summary


class HistoryPanel(Table):
    """Executions, the newest first; Enter chooses one."""

    execution_chosen = Signal(str)
    """Its whole id."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            HISTORY_COLUMNS, stretched=3, name="executions", open_words="Show this execution", parent=parent
        )
        self.setAccessibleName("History")
        self.opened.connect(self.execution_chosen)
        self.show_history([])

    def show_history(self, summaries: Sequence[Summary]) -> None:
        """Show executions, which come in the order of their submission."""
        self.show_rows(
            history_rows(summaries, time.time()), "Nothing has been executed yet: init, compile or run a plate."
        )
