"""The look of the whole application: Fusion with a palette of ours, for no platform's own is the same everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtGui import QColor, QPainter, QPalette
from qtpy.QtWidgets import QApplication, QProxyStyle, QStyle, QStyleOption, QToolTip, QWidget

from plateflow.gui.palette import DARK, THEMES, Theme

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROPERTY = "plateflow_theme"


def apply_theme(app: QApplication, theme: Theme) -> None:
    """Give every widget of the application this look; those that are open repaint themselves."""
    app.setProperty(_PROPERTY, theme.name)
    app.setStyle(_Outlined("Fusion"))
    palette = make_palette(theme)
    app.setPalette(palette)
    QToolTip.setPalette(palette)


class _Outlined(QProxyStyle):
    """Fusion draws a tick box's outline darker than the window, where a dark window lets nobody see it."""

    def drawPrimitive(  # noqa: N802 - as Qt has it
        self,
        element: QStyle.PrimitiveElement,
        option: QStyleOption | None,
        painter: QPainter | None,
        widget: QWidget | None = None,
    ) -> None:
        """Draw a part of a widget; around a tick box an outline."""
        super().drawPrimitive(element, option, painter, widget)
        if element in _TICK_BOXES and option is not None and painter is not None:
            painter.setPen(option.palette.color(QPalette.ColorRole.PlaceholderText))
            painter.drawRect(option.rect.adjusted(0, 0, -1, -1))


_TICK_BOXES = (
    QStyle.PrimitiveElement.PE_IndicatorCheckBox,
    QStyle.PrimitiveElement.PE_IndicatorItemViewItemCheck,
)


def current_theme() -> Theme:
    """Return the theme that was applied last; dark where none was."""
    app = QApplication.instance()
    name = app.property(_PROPERTY) if app is not None else None
    return THEMES[name] if isinstance(name, str) else DARK


def make_palette(theme: Theme) -> QPalette:
    """Return Qt's roles in the colours of a theme."""
    role = QPalette.ColorRole
    colours: Mapping[QPalette.ColorRole, str] = {
        role.Window: theme.window,
        role.WindowText: theme.text,
        role.Base: theme.base,
        role.AlternateBase: theme.window,
        role.Text: theme.text,
        role.PlaceholderText: theme.dimmed,
        role.Button: _between(theme.window, theme.border, 0.25),
        role.ButtonText: theme.text,
        role.BrightText: theme.mark,
        role.ToolTipBase: theme.base,
        role.ToolTipText: theme.text,
        role.Highlight: theme.highlight,
        role.HighlightedText: theme.text,
        role.Accent: theme.running,
        role.Link: theme.link,
        role.LinkVisited: theme.link,
        role.Light: _between(theme.window, theme.border, 0.5),
        role.Midlight: _between(theme.window, theme.border, 0.35),
        role.Mid: theme.border,
        role.Dark: _between(theme.border, "#000000", 0.3),
        role.Shadow: _between(theme.border, "#000000", 0.6),
    }
    palette = QPalette()
    for key, colour in colours.items():
        palette.setColor(key, QColor(colour))
    disabled = QColor(_between(theme.window, theme.dimmed, 0.6))
    for key in (role.WindowText, role.Text, role.ButtonText, role.HighlightedText, role.PlaceholderText):
        palette.setColor(QPalette.ColorGroup.Disabled, key, disabled)
    return palette


def _between(one: str, other: str, share: float) -> str:
    start, end = QColor(one), QColor(other)
    parts = zip((start.red(), start.green(), start.blue()), (end.red(), end.green(), end.blue()), strict=True)
    return QColor(*(round(a + (b - a) * share) for a, b in parts)).name()
