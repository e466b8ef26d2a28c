"""What the user can do in the editor: one table of actions, each with a shortcut, a tooltip and a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from qtpy.QtCore import Qt
from qtpy.QtGui import QAction, QKeySequence

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget


class EditorAction(NamedTuple):
    """One action."""

    name: str
    text: str
    shortcut: str
    tip: str
    in_bar: bool = False
    """Whether it has its place in the window's bar; else beside the list of steps."""


ACTIONS: tuple[EditorAction, ...] = (
    EditorAction("new", "New", "Ctrl+N", "Begin a new pipeline", in_bar=True),
    EditorAction("open", "Open…", "Ctrl+O", "Open a pipeline file, and give it to the selected plates", in_bar=True),
    EditorAction("save", "Save", "Ctrl+S", "Save, and give the selected plates this pipeline", in_bar=True),
    EditorAction("save_as", "Save as…", "Ctrl+Shift+S", "Save under another name", in_bar=True),
    EditorAction("undo", "Undo", "Ctrl+Z", "Take the last change back", in_bar=True),
    EditorAction("redo", "Redo", "Ctrl+Shift+Z", "Make it again", in_bar=True),
    EditorAction("check", "Check again", "F4", "Check the pipeline once more, against the plate", in_bar=True),
    EditorAction("add", "Add…", "Ctrl+L", "Add a step from the list of functions"),
    EditorAction("remove", "Remove", "Ctrl+Del", "Remove the selected step"),
    EditorAction("up", "Up", "Alt+Up", "Move the selected step up"),
    EditorAction("down", "Down", "Alt+Down", "Move the selected step down"),
    EditorAction("duplicate", "Duplicate", "Ctrl+D", "Copy the selected step"),
    EditorAction("enable", "On/off", "Ctrl+E", "Turn the selected step on or off; one that is off does not run"),
)


def make_actions(parent: QWidget) -> dict[str, QAction]:
    """Make the actions of an editor, by name."""
    actions = {}
    for spec in ACTIONS:
        action = QAction(spec.text, parent)
        action.setShortcut(QKeySequence(spec.shortcut))
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.setToolTip(f"{spec.tip} ({spec.shortcut})")
        parent.addAction(action)
        actions[spec.name] = action
    return actions
