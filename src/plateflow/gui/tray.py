"""Notes on the desktop, where it has a tray to show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QSystemTrayIcon

if TYPE_CHECKING:
    from qtpy.QtGui import QIcon

SHOWN_MS = 10_000


class Tray(QObject):
    """An icon in the desktop's tray; where there is none, nothing is shown and nothing fails."""

    def __init__(self, icon: QIcon, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._icon = QSystemTrayIcon(icon, self) if QSystemTrayIcon.isSystemTrayAvailable() else None

    def show_note(self, title: str, text: str) -> None:
        """Have the desktop show a note for some seconds."""
        if self._icon is not None:
            self._icon.show()
            self._icon.showMessage(title, text, self._icon.icon(), SHOWN_MS)

    def close(self) -> None:
        """Take the icon away."""
        if self._icon is not None:
            self._icon.hide()
