"""Hand a file to the desktop, or its path to the clipboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices, QGuiApplication

from plateflow.gui.panels.naming import given

if TYPE_CHECKING:
    from pathlib import Path


def open_path(path: Path) -> str:
    """Open a file or folder with what the desktop has for it; return what became of that, in words."""
    if QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
        return f"Opened {path.name}"
    copy_text(str(path))
    return f"Nothing on this desktop opens {path.name}; its path is on the clipboard instead"


def copy_text(text: str) -> None:
    """Put text on the clipboard."""
    given(QGuiApplication.clipboard()).setText(text)
