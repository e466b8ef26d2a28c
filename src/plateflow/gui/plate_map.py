"""The plate as a map of its wells, live: each filled as far as it is, to be walked and selected by mouse and keys."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QHelpEvent, QPainter
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from plateflow.gui.colouring import ColourBy, Scale, step_scale, time_scale, value_text
from plateflow.gui.map_legend import Legend, scale_entries, state_entries
from plateflow.gui.map_painter import MARGIN, MapGeometry, MapPainter
from plateflow.gui.texts import SEPARATOR
from plateflow.gui.theme import current_theme
from plateflow.gui.well_grid import NO_WELL, WellGrid, plate_shape, well_text
from plateflow.gui.well_times import WellTimes
from plateflow.progress.messages import ExecutionState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qtpy.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPaintEvent, QResizeEvent

    from plateflow.progress.state import ExecutionProgress

_STEPS: dict[int, tuple[int, int]] = {
    Qt.Key.Key_Left: (0, -1),
    Qt.Key.Key_Right: (0, 1),
    Qt.Key.Key_Up: (-1, 0),
    Qt.Key.Key_Down: (1, 0),
}
_DRAG = 4
"""Pixels that the mouse moves before a click is a rubber band."""


class PlateMap(QWidget):
    """Shows where every well of one plate stands.

    Click, drag, arrows and Shift with arrows select wells; Ctrl adds to what is selected; a double click and Enter
    activate the well under the cursor, Ctrl+A selects all wells, Escape none.
    """

    selection_changed = Signal(list)
    """Names of the wells that are selected, in plate order."""
    well_activated = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Plate map")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._progress: ExecutionProgress | None = None
        self._times = WellTimes()
        self._colour_by = ColourBy.STATE
        self._scale: Scale | None = None
        self._lost = False
        self._seq = -1
        self._laid_out = (0, 0, 0)  # what the grid was made of
        self._grid = WellGrid()
        self._painter: MapPainter | None = None
        self._selected: set[int] = set()
        self._kept: set[int] = set()  # selected before the drag or walk that goes on
        self._cursor: int | None = None
        self._anchor: int | None = None
        self._press: QPointF | None = None
        self._drag: QPointF | None = None
        self._describe()

    @property
    def colour_by(self) -> ColourBy:
        """By what wells are coloured."""
        return self._colour_by

    def set_colour_by(self, by: ColourBy) -> None:
        """Colour wells by something else."""
        self._colour_by = by
        self.refresh()

    def show_progress(
        self, progress: ExecutionProgress | None, times: WellTimes | None = None, *, lost: bool = False
    ) -> None:
        """Show this execution, or the same one as it is now; ``lost`` where what is known of it may be out of date."""
        self._times = times or WellTimes()
        seq = progress.seq if progress is not None else 0
        if progress is self._progress and (seq, lost) == (self._seq, self._lost):
            return
        self._seq, self._lost = seq, lost
        if progress is not self._progress:
            self._take(progress)
        self.refresh()

    def refresh(self, wells: Iterable[str] | None = None) -> None:
        """Show these wells as they are now, or all; costs about 0.3 us a well."""
        progress = self._progress
        if progress is not None:
            if (progress.rows, progress.columns, len(progress.axes)) != self._laid_out:
                self._take(progress)
                wells = None
            self._grid.refresh(progress, wells, lost=self._lost)
            self._scale = self._make_scale(progress)
            self._grid.colour(self._scale.levels if self._scale is not None else None)
        self._describe()
        self.update()

    def selected_wells(self) -> list[str]:
        """Return the names of the wells that are selected, in plate order."""
        return [self._grid.name(index) for index in sorted(self._selected)]

    def select_wells(self, wells: Iterable[str]) -> None:
        """Select these wells, of those that were imaged; the cursor goes to the first."""
        places = [self._grid.wells[name] for name in wells if name in self._grid.wells]
        if places:
            self._cursor = self._anchor = places[0]
        self._select(set(places))

    def cursor_well(self) -> str:
        """Return the name of the well under the cursor; "" where there is none."""
        return "" if self._cursor is None else self._grid.name(self._cursor)

    def well_at(self, position: QPointF) -> str:
        """Return the name of the well at a point of the widget; "" where there is none."""
        index = self._paint_tool().geometry.well_at(position)
        return "" if index is None else self._grid.name(index)

    def well_rect(self, well: str) -> QRectF:
        """Return where an imaged well is painted."""
        return self._paint_tool().geometry.rect(self._grid.wells[well])

    def text(self, well: str) -> str:
        """Return a well's state in words, as its tooltip and screen readers tell it."""
        value = value_text(self._colour_by, well, self._progress, self._times, self._now())
        return well_text(well, self._progress, lost=self._lost) + (f"{SEPARATOR}{value}" if value else "")

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return a size in which 384 wells are easily hit."""
        return QSize(600, 440)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return a size in which 1536 wells are still seen."""
        return QSize(280, 210)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Paint all of it: a picture scaled by Qt, and some lines."""
        painter = QPainter(self)
        if not self._grid.rows:
            self._paint_empty(painter)
            return
        legend = self._legend()
        tool = self._paint_tool(legend.lines)
        tool.paint(painter, self._grid)
        below = tool.geometry.plate.bottom() + MARGIN + 2
        legend.paint(painter, tool.geometry.left, below, current_theme())
        tool.paint_selection(painter, self._selected, self._cursor if self.hasFocus() or self._selected else None)
        if self._press is not None and self._drag is not None:
            tool.paint_rubber_band(painter, QRectF(self._press, self._drag).normalized())
        painter.end()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Lay the wells out anew."""
        self._painter = None

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Take another theme or font."""
        self._painter = None
        super().changeEvent(event)

    def event(self, event: QEvent | None) -> bool:
        """Tell the state of the well under the mouse."""
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            well = self.well_at(QPointF(event.pos())) if self._grid.rows else ""
            QToolTip.showText(event.globalPos(), self.text(well) if well else "", self)
            return True
        return super().event(event)

    def focusInEvent(self, event: QFocusEvent | None) -> None:  # noqa: N802
        """Show the cursor, on the first well where it was nowhere."""
        if self._cursor is None and self._grid.wells:
            self._cursor = self._anchor = min(self._grid.wells.values())
        self._describe()
        super().focusInEvent(event)
        self.update()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Move the cursor, select, or activate a well."""
        if event is None:
            return
        key, modifiers = event.key(), event.modifiers()
        if key in _STEPS and self._grid.rows:
            self._walk(*_STEPS[key], extend=bool(modifiers & Qt.KeyboardModifier.ShiftModifier))
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.cursor_well() in self._grid.wells:
            self.well_activated.emit(self.cursor_well())
        elif key == Qt.Key.Key_A and modifiers & Qt.KeyboardModifier.ControlModifier:
            self._select(set(self._grid.wells.values()))
        elif key == Qt.Key.Key_Escape and self._selected:
            self._select(set())
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Begin a click or a rubber band."""
        if event is None or event.button() != Qt.MouseButton.LeftButton or not self._grid.rows:
            return
        self._press, self._drag = event.position(), None
        adds = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        self._kept = set(self._selected) if adds else set()
        index = self._paint_tool().geometry.well_at(event.position())
        if index is None:
            self._select(set(self._kept))
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier and self._anchor is not None:
            self._cursor = index
            self._select_between(self._anchor, index)
        else:
            self._cursor = self._anchor = index
            self._select(self._kept ^ {index})

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Draw the rubber band, and select what it touches."""
        if event is None or self._press is None:
            return
        if self._drag is None and (event.position() - self._press).manhattanLength() < _DRAG:
            return
        self._drag = event.position()
        touched = self._paint_tool().geometry.wells_in(self._press, self._drag)
        self._select(self._kept | set(touched))
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """End the rubber band."""
        self._press = self._drag = None
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Activate the well under the mouse."""
        well = self.well_at(event.position()) if event is not None and self._grid.rows else ""
        if well in self._grid.wells:
            self.well_activated.emit(well)

    def _take(self, progress: ExecutionProgress | None) -> None:
        is_other = (progress and progress.plate_id) != (self._progress and self._progress.plate_id)
        self._progress = progress
        self._laid_out = (progress.rows, progress.columns, len(progress.axes)) if progress is not None else (0, 0, 0)
        rows, columns = plate_shape(progress)
        resized = (rows, columns) != (self._grid.rows, self._grid.columns)
        self._grid = WellGrid(rows, columns, progress.axes if progress is not None else ())
        if is_other or resized:
            self._painter = None
            self._cursor = self._anchor = self._press = self._drag = None
            self._select(set())

    def _walk(self, down: int, right: int, *, extend: bool) -> None:
        if self._cursor is None:
            self._cursor = self._anchor = min(self._grid.wells.values())
        row, column = divmod(self._cursor, self._grid.columns)
        row = min(self._grid.rows - 1, max(0, row + down))
        column = min(self._grid.columns - 1, max(0, column + right))
        self._cursor = row * self._grid.columns + column
        self._kept = set()
        if not extend or self._anchor is None:
            self._anchor = self._cursor
        self._select_between(self._anchor, self._cursor)

    def _select_between(self, one: int, other: int) -> None:
        geometry = self._paint_tool().geometry
        self._select(self._kept | set(geometry.wells_in(geometry.rect(one).center(), geometry.rect(other).center())))

    def _select(self, wells: set[int]) -> None:
        selected = {index for index in wells if self._grid.codes[index] != NO_WELL}
        changed, self._selected = selected != self._selected, selected
        self._describe()
        self.update()
        if changed:
            self.selection_changed.emit(self.selected_wells())

    def _describe(self) -> None:
        """Say in words what the cursor is on, or why nothing is seen."""
        well = self.cursor_well()
        summary = f"{_summary(self._grid)}; coloured by {self._colour_by}"
        text = self.text(well) if well else summary if self._grid.rows else _why_empty(self._progress)
        if len(self._selected) > 1:
            text += f" ({len(self._selected)} wells selected)"
        if text != self.accessibleDescription():
            self.setAccessibleDescription(text)

    def _paint_tool(self, legend_lines: int = 0) -> MapPainter:
        """Return what paints; where it was not told how many lines the legend takes, as it painted last."""
        if self._painter is None or legend_lines not in (0, self._painter.geometry.legend_lines):
            metrics, lines = self.fontMetrics(), legend_lines or self._legend().lines
            geometry = MapGeometry.fit(self._grid.rows, self._grid.columns, self.rect(), metrics, lines)
            self._painter = MapPainter(geometry, current_theme(), metrics)
        return self._painter

    def _legend(self) -> Legend:
        counts, theme, metrics = self._grid.count(), current_theme(), self.fontMetrics()
        entries = state_entries(counts, theme) if self._scale is None else scale_entries(self._scale, counts, theme)
        return Legend(entries, self.width() - 4 * MARGIN - metrics.horizontalAdvance("M"), metrics)

    def _make_scale(self, progress: ExecutionProgress) -> Scale | None:
        if self._colour_by is ColourBy.STATE:
            return None
        if self._colour_by is ColourBy.STEP:
            return step_scale(progress)
        return time_scale(progress, self._times, self._now())

    def _now(self) -> float:
        """Until when wells have been at work, in seconds since the epoch."""
        at_work = self._progress is not None and not self._progress.ended and not self._lost
        return time.time() if at_work else self._times.heard

    def _paint_empty(self, painter: QPainter) -> None:
        painter.setPen(QColor(current_theme().dimmed))
        box = self.rect().adjusted(24, 24, -24, -24)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, _why_empty(self._progress))


def _summary(grid: WellGrid) -> str:
    return f"{len(grid.wells)} wells: " + ", ".join(f"{count} {role}" for role, count in grid.count().items())


def _why_empty(progress: ExecutionProgress | None) -> str:
    if progress is None:
        return "No wells to show yet.\nThey appear once the plate is compiled or run."
    if progress.axes:
        return "The work on this plate is not split by wells, so there is no map of it."
    if progress.ended and progress.state is not ExecutionState.COMPLETED:
        return "It ended before its wells were known."
    return "The plate is being prepared.\nIts wells appear as soon as they are known."
