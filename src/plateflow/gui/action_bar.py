"""The bar of actions at the top of the window, and the menu of those that are rare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QMenu, QToolBar, QToolButton

from plateflow.gui.actions import ACTIONS
from plateflow.gui.panels.naming import named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qtpy.QtGui import QAction
    from qtpy.QtWidgets import QWidget


def make_bar(window: QWidget, actions: Mapping[str, QAction], menus: Mapping[str, QMenu]) -> QToolBar:
    """Make the bar.

    Parameters
    ----------
    window
        Its parent.
    actions
        All, by name.
    menus
        What else the buttons of some actions offer, by the action's name.
    """
    bar = QToolBar("Actions", window)
    bar.setAccessibleName("Actions")
    bar.setMovable(False)
    bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    bar.setIconSize(QSize(16, 16))
    more = QMenu("More", window)
    more.setToolTipsVisible(True)
    for spec in ACTIONS:
        (bar if spec.on_bar else more).addAction(actions[spec.name])
        if spec.ends_group:
            bar.addSeparator()
    bar.addWidget(_make_more(bar, more))
    for name, menu in menus.items():
        button = bar.widgetForAction(actions[name])
        assert isinstance(button, QToolButton)
        button.setMenu(menu)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
    return bar


def _make_more(bar: QToolBar, menu: QMenu) -> QToolButton:
    button = named(QToolButton(bar), "More actions", "What else can be done")
    button.setText("More")
    button.setMenu(menu)
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
