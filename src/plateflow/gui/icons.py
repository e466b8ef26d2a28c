"""Signs as painter paths: fonts lack half of them, and a path has the colour and the size that is asked for."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPainterPath, QPainterPathStroker, QPalette, QPixmap

from plateflow.gui.palette import DARK

if TYPE_CHECKING:
    from collections.abc import Sequence

STROKE: Final = 0.14
"""Width of a line, of a sign as large as 1."""

_Line = tuple[tuple[float, float], ...]
_PLAY: Final = ((0.2, 0.08), (0.9, 0.5), (0.2, 0.92))
_SQUARE: Final = ((0.14, 0.14), (0.86, 0.14), (0.86, 0.86), (0.14, 0.86))
_FOLDER: Final = ((0.08, 0.82), (0.08, 0.2), (0.38, 0.2), (0.48, 0.32), (0.92, 0.32), (0.92, 0.82), (0.08, 0.82))
_PAGE: Final = ((0.2, 0.08), (0.62, 0.08), (0.8, 0.28), (0.8, 0.92), (0.2, 0.92), (0.2, 0.08))
_LINES: Final[dict[str, tuple[_Line, ...]]] = {
    "add": (((0.5, 0.12), (0.5, 0.88)), ((0.12, 0.5), (0.88, 0.5))),
    "remove": (((0.12, 0.5), (0.88, 0.5)),),
    "pipeline": (_PAGE, ((0.36, 0.48), (0.64, 0.48)), ((0.36, 0.68), (0.64, 0.68))),
    "format": (_FOLDER, ((0.24, 0.48), (0.76, 0.48)), ((0.24, 0.66), (0.58, 0.66))),
    "threads": tuple(((0.12, y), (0.34, y - 0.12), (0.66, y + 0.12), (0.88, y)) for y in (0.22, 0.5, 0.78)),
    "init": (_FOLDER,),
    "compile": (_PAGE, ((0.33, 0.6), (0.45, 0.74), (0.68, 0.44))),
    "results": (_FOLDER, ((0.5, 0.42), (0.5, 0.68)), ((0.38, 0.57), (0.5, 0.69), (0.62, 0.57))),
    "recent_plates": (((0.5, 0.28), (0.5, 0.52), (0.68, 0.62)),),
    "recent_pipelines": (((0.5, 0.28), (0.5, 0.52), (0.68, 0.62)),),
    "notify": (((0.12, 0.74), (0.88, 0.74)), ((0.42, 0.9), (0.58, 0.9))),
    "filter": (((0.1, 0.14), (0.9, 0.14), (0.6, 0.5), (0.6, 0.86), (0.4, 0.76), (0.4, 0.5), (0.1, 0.14)),),
    "✓": (((0.14, 0.54), (0.40, 0.80), (0.88, 0.22)),),
    "✕": (((0.18, 0.18), (0.82, 0.82)), ((0.82, 0.18), (0.18, 0.82))),
    "–": (((0.14, 0.5), (0.86, 0.5)),),
    "⏳": (((0.16, 0.08), (0.84, 0.08)), ((0.16, 0.92), (0.84, 0.92))),
}
_AREAS: Final[dict[str, tuple[_Line, ...]]] = {
    "run": (_PLAY,),
    "pause": (
        ((0.18, 0.12), (0.4, 0.12), (0.4, 0.88), (0.18, 0.88)),
        ((0.6, 0.12), (0.82, 0.12), (0.82, 0.88), (0.6, 0.88)),
    ),
    "stop": (_SQUARE,),
    "retry": (((0.62, 0.02), (0.96, 0.2), (0.66, 0.42)),),
    "colour": (
        ((0.08, 0.08), (0.44, 0.08), (0.44, 0.44), (0.08, 0.44)),
        ((0.56, 0.56), (0.92, 0.56), (0.92, 0.92), (0.56, 0.92)),
    ),
    "▶": (_PLAY,),
    "■": (_SQUARE,),
    "⏳": (((0.24, 0.08), (0.76, 0.08), (0.54, 0.5), (0.76, 0.92), (0.24, 0.92), (0.46, 0.5)),),
}
_WELLS_OF_ICON: Final = ("done",) * 5 + ("failed", "done", "running", "running", "queued", "queued", "queued")
_ARCS: Final[dict[str, tuple[tuple[float, float, float, float, float, float], ...]]] = {
    "retry": ((0.14, 0.2, 0.7, 0.7, 60, -300),),
    "recent_plates": ((0.1, 0.1, 0.8, 0.8, 0, 360),),
    "recent_pipelines": ((0.1, 0.1, 0.8, 0.8, 0, 360),),
    "notify": ((0.24, 0.12, 0.52, 0.9, 0, 180),),
    "theme": ((0.1, 0.1, 0.8, 0.8, 0, 360),),
    "colour": ((0.56, 0.08, 0.36, 0.36, 0, 360), (0.08, 0.56, 0.36, 0.36, 0, 360)),
}
"""Left, top, width and height of an ellipse, and degrees where the arc begins and how far it goes."""
SIGNS: Final = (*dict.fromkeys([*_LINES, *_AREAS, *_ARCS]), "?")
"""Every sign that can be painted: those of states by their glyph, those of actions by their name."""


@lru_cache(maxsize=64)
def sign_path(sign: str) -> QPainterPath:
    """Return the outline of one of :data:`SIGNS`, to be filled; it lies within (0, 0)..(1, 1).

    Raises
    ------
    KeyError
        For any other.
    """
    path = QPainterPath()
    path.setFillRule(Qt.FillRule.WindingFill)
    for corners in _AREAS.get(sign, ()):
        path.addPath(_through(corners, closed=True))
    for points in _LINES.get(sign, ()):
        path.addPath(_stroked(_through(points)))
    for left, top, width, height, start, span in _ARCS.get(sign, ()):
        path.addPath(_stroked(_arc(QRectF(left, top, width, height), start, span)))
    if sign == "theme":  # half of it dark
        path.moveTo(0.5, 0.1)
        path.arcTo(QRectF(0.1, 0.1, 0.8, 0.8), 90, 180)
        path.closeSubpath()
    if sign == "?":
        path.addPath(_stroked(_question()))
        path.addEllipse(QPointF(0.5, 0.9), 0.09, 0.09)
    if path.isEmpty():
        raise KeyError(sign)
    return path


def paint_sign(painter: QPainter, sign: str, rect: QRectF, colour: QColor) -> None:
    """Paint one of :data:`SIGNS` as large as fits into the middle of a rectangle."""
    side = min(rect.width(), rect.height())
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(rect.center().x() - side / 2, rect.center().y() - side / 2)
    painter.scale(side, side)
    painter.fillPath(sign_path(sign), colour)
    painter.restore()


def action_icon(name: str, palette: QPalette) -> QIcon:
    """Return an action's sign in the colours of a palette, also as it looks while the action is disabled."""
    icon = QIcon()
    groups = ((QIcon.Mode.Normal, QPalette.ColorGroup.Active), (QIcon.Mode.Disabled, QPalette.ColorGroup.Disabled))
    for mode, group in groups:
        for side in (16, 24, 32, 48):
            pixmap = QPixmap(side, side)
            pixmap.fill(QColor(Qt.GlobalColor.transparent))
            painter = QPainter(pixmap)
            colour = palette.color(group, QPalette.ColorRole.ButtonText)
            paint_sign(painter, name, QRectF(0, 0, side, side).adjusted(1, 1, -1, -1), colour)
            painter.end()
            icon.addPixmap(pixmap, mode)
    return icon


def window_icon() -> QIcon:
    """Return the application's own sign: a plate whose wells are done, at work and waiting."""
    icon = QIcon()
    for side in (16, 24, 32, 48, 64, 128, 256):
        icon.addPixmap(_plate_picture(side))
    return icon


def _plate_picture(side: int) -> QPixmap:
    pixmap = QPixmap(side, side)
    pixmap.fill(QColor(Qt.GlobalColor.transparent))
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(side, side)
    plate = QPainterPath()
    plate.addRoundedRect(QRectF(0.03, 0.13, 0.94, 0.74), 0.1, 0.1)
    painter.fillPath(plate, QColor(DARK.base))
    for place, role in enumerate(_WELLS_OF_ICON):
        row, column = divmod(place, 4)
        well = QPainterPath()
        well.addEllipse(QPointF(0.18 + 0.213 * column, 0.29 + 0.21 * row), 0.085, 0.085)
        painter.fillPath(well, QColor(DARK.colour(role)))
    painter.end()
    return pixmap


def _through(points: Sequence[tuple[float, float]], *, closed: bool = False) -> QPainterPath:
    path = QPainterPath(QPointF(*points[0]))
    for point in points[1:]:
        path.lineTo(QPointF(*point))
    if closed:
        path.closeSubpath()
    return path


def _stroked(path: QPainterPath) -> QPainterPath:
    stroker = QPainterPathStroker()
    stroker.setWidth(STROKE)
    stroker.setCapStyle(Qt.PenCapStyle.RoundCap)
    stroker.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    stroker.setCurveThreshold(0.002)
    return stroker.createStroke(path)


def _arc(rect: QRectF, start: float, span: float) -> QPainterPath:
    path = QPainterPath()
    path.arcMoveTo(rect, start)
    path.arcTo(rect, start, span)
    return path


def _question() -> QPainterPath:
    path = _arc(QRectF(0.26, 0.08, 0.48, 0.44), 180, -240)
    path.quadTo(QPointF(0.5, 0.54), QPointF(0.5, 0.68))
    return path
