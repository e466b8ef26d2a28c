"""Paints the plate map: where each well lies, and how it looks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from qtpy.QtCore import QPointF, QRect, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter, QPainterPath, QPen, QPixmap

from plateflow.gui.colouring import LEVELS
from plateflow.gui.palette import WELL_ROLES
from plateflow.plate.wells import split_well, well_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from plateflow.gui.palette import Theme
    from plateflow.gui.well_grid import WellGrid

LARGEST_CELL: Final = 64
SMALLEST_CELL: Final = 3
SMALLEST_MARKED: Final = 9
"""Wells of fewer pixels have no marks but the cross."""
MARGIN: Final = 6


@dataclass(frozen=True, slots=True)
class MapGeometry:
    """Where the wells of a plate lie in a widget; a well is given by its place, counted row by row."""

    rows: int
    columns: int
    left: int
    top: int
    cell: int
    """Side of a well with its gap, in pixels."""
    legend_lines: int = 1
    """Below the plate."""

    @classmethod
    def fit(cls, rows: int, columns: int, area: QRect, metrics: QFontMetrics, lines: int = 1) -> MapGeometry:
        """Make wells as large as they fit between the labels and the lines of the legend."""
        left = area.left() + MARGIN + metrics.horizontalAdvance("AA" if rows > 26 else "M") + MARGIN
        top = area.top() + MARGIN + metrics.height() + 2
        width = area.right() - MARGIN - left
        height = area.bottom() - 2 * MARGIN - lines * metrics.height() - top
        cell = min(LARGEST_CELL, width // max(1, columns), height // max(1, rows))
        return cls(rows, columns, left, top, max(SMALLEST_CELL, cell), lines)

    @property
    def plate(self) -> QRect:
        """All wells."""
        return QRect(self.left, self.top, self.columns * self.cell, self.rows * self.cell)

    @property
    def gap(self) -> int:
        """Pixels between two wells."""
        return 2 if self.cell >= 14 else 1

    @property
    def lead(self) -> int:
        """Pixels of the gap that lie above and left of a well; few below, where the first of a filled well is seen."""
        return (self.gap + 1) // 2

    def rect(self, index: int) -> QRectF:
        """Return a well, without its gap."""
        row, column = divmod(index, self.columns)
        side, lead = self.cell - self.gap, self.lead
        return QRectF(self.left + column * self.cell + lead, self.top + row * self.cell + lead, side, side)

    def well_at(self, point: QPointF) -> int | None:
        """Return the well under a point."""
        column, row = self._place(point)
        return row * self.columns + column if 0 <= row < self.rows and 0 <= column < self.columns else None

    def wells_in(self, one: QPointF, other: QPointF) -> list[int]:
        """Return the wells that a rectangle between two corners touches."""
        columns, rows = zip(self._place(one), self._place(other), strict=True)
        return [
            row * self.columns + column
            for row in range(max(0, min(rows)), min(self.rows - 1, max(rows)) + 1)
            for column in range(max(0, min(columns)), min(self.columns - 1, max(columns)) + 1)
        ]

    def _place(self, point: QPointF) -> tuple[int, int]:
        return math.floor((point.x() - self.left) / self.cell), math.floor((point.y() - self.top) / self.cell)


class MapPainter:
    """Paints one plate in one theme; made anew when either changes, or the widget's size does."""

    def __init__(self, geometry: MapGeometry, theme: Theme, metrics: QFontMetrics) -> None:
        self.geometry, self.theme = geometry, theme
        self._metrics = metrics
        codes = [theme.base, *theme.by_role().values(), theme.idle, *(theme.ink(role) for role in WELL_ROLES)]
        codes += [theme.ramp_colour(level / (LEVELS - 1)) for level in range(LEVELS)]
        self._colours: npt.NDArray[np.uint32] = np.array([QColor(colour).rgb() for colour in codes], np.uint32)
        self._centres = [geometry.rect(index).center() for index in range(geometry.rows * geometry.columns)]
        self._frame: QPixmap | None = None  # what stays as it is, painted once

    def paint(self, painter: QPainter, grid: WellGrid) -> None:
        """Paint the plate and its labels."""
        painter.drawImage(self.geometry.plate, self.picture(grid))
        painter.drawPixmap(0, 0, self._frame_for(painter))
        self._paint_crosses(painter, grid.having("failed"), rimmed=grid.tells_numbers)

    def _frame_for(self, painter: QPainter) -> QPixmap:
        device = painter.device()
        ratio = device.devicePixelRatioF() if device is not None else 1.0
        if self._frame is None or self._frame.devicePixelRatioF() != ratio:
            area = self.geometry.plate.adjusted(0, 0, MARGIN, MARGIN)
            self._frame = QPixmap(math.ceil(ratio * area.right()), math.ceil(ratio * area.bottom()))
            self._frame.setDevicePixelRatio(ratio)
            self._frame.fill(Qt.GlobalColor.transparent)
            self._paint_frame(self._frame, painter.font())
        return self._frame

    def _paint_frame(self, frame: QPixmap, font: QFont) -> None:
        painter = QPainter(frame)
        painter.setFont(font)
        base = QColor(self.theme.base)
        for gap in _gaps(self.geometry):
            painter.fillRect(gap, base)
        painter.setPen(QColor(self.theme.border))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(self.geometry.plate.adjusted(-2, -2, 1, 1))
        self._paint_labels(painter)
        painter.end()

    def picture(self, grid: WellGrid) -> QImage:
        """Return the wells as a picture of a few pixels each."""
        pixels = grid.picture(self._colours, marked=self.geometry.cell >= SMALLEST_MARKED)
        height, width = pixels.shape
        return QImage(pixels.tobytes(), width, height, 4 * width, QImage.Format.Format_RGB32).copy()

    def paint_selection(self, painter: QPainter, selected: set[int], cursor: int | None) -> None:
        """Paint a line around selected wells, and a frame on the cursor."""
        width = 1 if self.geometry.cell < SMALLEST_MARKED else 2 if self.geometry.cell < 30 else 3
        colour = QColor(self.theme.text)
        for edge in self._outline(selected, width):
            painter.fillRect(edge, colour)
        if cursor is not None:
            rect = self.geometry.rect(cursor)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(_mitred(self.theme.base, 1))
            painter.drawRect(rect.adjusted(1.5, 1.5, -1.5, -1.5))
            painter.setPen(_mitred(self.theme.text, width + 1))
            painter.drawRect(rect.adjusted(-1, -1, 1, 1))

    def paint_rubber_band(self, painter: QPainter, band: QRectF) -> None:
        """Paint the rectangle that is being drawn."""
        fill = QColor(self.theme.running)
        fill.setAlphaF(0.25)
        painter.setPen(QColor(self.theme.running))
        painter.setBrush(fill)
        painter.drawRect(band)

    def _outline(self, wells: set[int], width: int) -> Iterable[QRect]:
        geometry, cell, columns = self.geometry, self.geometry.cell, self.geometry.columns
        for index in wells:
            row, column = divmod(index, columns)
            x = geometry.left + column * cell - width // 2
            y = geometry.top + row * cell - width // 2
            if index - columns not in wells:
                yield QRect(x, y, cell + width, width)
            if index + columns not in wells:
                yield QRect(x, y + cell, cell + width, width)
            if column == 0 or index - 1 not in wells:
                yield QRect(x, y, width, cell + width)
            if column == columns - 1 or index + 1 not in wells:
                yield QRect(x + cell, y, width, cell + width)

    def _paint_crosses(self, painter: QPainter, wells: list[int], *, rimmed: bool) -> None:
        cell, path = self.geometry.cell, QPainterPath()
        arm = 0.27 * cell
        for index in wells:
            x, y = self._centres[index].x(), self._centres[index].y()
            path.moveTo(x - arm, y - arm)
            path.lineTo(x + arm, y + arm)
            path.moveTo(x - arm, y + arm)
            path.lineTo(x + arm, y - arm)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width = max(1.2, cell / 11)
        if rimmed:  # white on the upper end of the ramp is not seen
            painter.strokePath(path, QPen(QColor("#000000"), width + 2))
        painter.strokePath(path, QPen(QColor(self.theme.mark), width))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)

    def _paint_labels(self, painter: QPainter) -> None:
        geometry, metrics = self.geometry, self._metrics
        painter.setPen(QColor(self.theme.dimmed))
        every = math.ceil((metrics.horizontalAdvance("00") + 3) / geometry.cell)
        for column in range(0, geometry.columns, every):
            x = geometry.left + column * geometry.cell - geometry.cell * (every - 1) // 2
            box = QRect(x, geometry.top - 4 - metrics.height(), geometry.cell * every - geometry.gap, metrics.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(column + 1))
        every = math.ceil((metrics.height() - 2) / geometry.cell)
        for row in range(0, geometry.rows, every):
            y = geometry.top + row * geometry.cell + (geometry.cell - geometry.gap - metrics.height()) // 2
            box = QRect(0, y, geometry.left - MARGIN, metrics.height())
            letters = split_well(well_name(row + 1, 1))[0]
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, letters)


def _gaps(geometry: MapGeometry) -> Iterable[QRect]:
    plate, gap, cell = geometry.plate, geometry.gap, geometry.cell
    trail = gap - geometry.lead
    for column in range(geometry.columns + 1):
        yield QRect(plate.left() + column * cell - trail, plate.top(), gap, plate.height())
    for row in range(geometry.rows + 1):
        yield QRect(plate.left(), plate.top() + row * cell - trail, plate.width(), gap)


def _mitred(colour: str, width: float) -> QPen:
    pen = QPen(QColor(colour), width)
    pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
    return pen
