"""Menus of recent plates and pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QMenu

from plateflow.gui.panels.naming import given

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget


class RecentMenu(QMenu):
    """Lists paths, the latest first; one that is not there now is listed too, but cannot be chosen."""

    chosen = Signal(str)

    def __init__(self, title: str, parent: QWidget) -> None:
        super().__init__(title, parent)
        self.setAccessibleName(title)
        self.setToolTipsVisible(True)
        self.paths: tuple[str, ...] = ()
        """What is listed; looked for when the menu is opened."""
        self.aboutToShow.connect(self.fill)

    def fill(self) -> None:
        """List the paths as they are now."""
        self.clear()
        for path in self.paths:
            self._list(Path(path))
        if not self.paths:
            given(self.addAction("None yet")).setEnabled(False)

    def _list(self, path: Path) -> None:
        is_there = path.exists()
        text = f"{path.name}  ({path.parent})".replace("&", "&&")
        action = given(self.addAction(text if is_there else f"{text}, not there now"))
        action.setToolTip(str(path))
        action.setEnabled(is_there)
        action.triggered.connect(lambda _checked=False: self.chosen.emit(str(path)))
