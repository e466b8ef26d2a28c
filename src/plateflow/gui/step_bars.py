"""The steps of a plate over all its wells: a bar each, of what is done, at work and failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QRect, QSize, Qt, QTimer
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QAbstractScrollArea, QFrame, QScrollBar, QSizePolicy, QWidget

from plateflow.gui.colouring import seconds_text
from plateflow.gui.theme import current_theme
from plateflow.progress.wells import count_wells, is_plate_step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QPaintEvent, QResizeEvent

    from plateflow.gui.palette import Theme
    from plateflow.gui.well_times import WellTimes
    from plateflow.progress.state import ExecutionProgress

LEAST_PIXELS: Final = 3
"""A share that is not nothing is never painted smaller: one failed well among 1536 must be seen."""
GAP: Final = 10
BAR_HEIGHT: Final = 10
DESCRIBE_EVERY: Final = 1000
"""Milliseconds between two descriptions for screen readers."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a bar."""

    role: str
    """Of the palette."""
    share: float
    """Of the whole bar, 0..1."""


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step as it is shown; all but the number count wells."""

    number: int
    """Counted from 1."""
    name: str
    done: int
    running: int
    failed: int
    total: int
    stopped: bool
    """Whether what is at work was stopped."""
    seconds: float | None = None
    """Mean of a well; None where none was seen to do the step."""
    of_plate: bool = False
    """Whether it is done once, over the whole plate."""

    @property
    def text(self) -> str:
        """The step in words."""
        parts = [f"{self.number} {self.name}: {self.done} of {self.total} {'plate' if self.of_plate else 'wells'} done"]
        parts += [f"{self.running} {'not finished' if self.stopped else 'running'}"] if self.running else []
        parts += [f"{self.failed} failed"] if self.failed else []
        parts += [f"{seconds_text(self.seconds)} per well"] if self.seconds is not None else []
        return ", ".join(parts)

    @property
    def parts(self) -> list[Part]:
        """What its bar is made of."""
        counts = (
            ("done", self.done),
            ("cancelled" if self.stopped else "running", self.running),
            ("failed", self.failed),
        )
        return [Part(role, count / max(1, self.total)) for role, count in counts if count]


def step_rows(progress: ExecutionProgress | None, times: WellTimes | None = None) -> list[StepRow]:
    """Return all steps in order; a plate-wide one counts the plate, once."""
    if progress is None:
        return []
    wells = sum(count_wells(progress).values())
    return [
        _step_row(number, index, progress, wells, times)
        for number, index in enumerate(sorted(progress.steps_by_index), 1)
    ]


def _step_row(number: int, index: int, progress: ExecutionProgress, wells: int, times: WellTimes | None) -> StepRow:
    step = progress.steps_by_index[index]
    of_plate = is_plate_step(progress, step.name)
    seconds = times.per_well(index) if times is not None else None
    return StepRow(
        number,
        step.name,
        step.completed,
        step.running,
        step.failed,
        1 if of_plate else wells,
        progress.ended,
        seconds,
        of_plate,
    )


def paint_bar(painter: QPainter, rect: QRect, parts: Sequence[Part], theme: Theme) -> None:
    """Paint a bar from the left; what is left of it is idle."""
    painter.fillRect(rect, QColor(theme.idle))
    left = rect.left()
    for part, width in zip(parts, _widths(parts, rect.width()), strict=True):
        painter.fillRect(left, rect.top(), width, rect.height(), QColor(theme.colour(part.role)))
        left += width


def _widths(parts: Sequence[Part], width: int) -> list[int]:
    """Return the pixels of each part: floored, so that a full bar is all of it; the largest gives what is too much."""
    widths = [max(LEAST_PIXELS, int(part.share * width + 1e-6)) for part in parts]
    if widths and (excess := sum(widths) - width) > 0:
        widths[widths.index(max(widths))] -= excess
    return widths


class StepBars(QAbstractScrollArea):
    """Shows every step of one execution."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Steps")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._view.setAutoFillBackground(False)  # on the window, like a label
        self._rows: list[StepRow] = []
        self._say = QTimer(self)
        self._say.setSingleShot(True)
        self._say.setInterval(DESCRIBE_EVERY)
        self._say.timeout.connect(self._describe)
        self._describe()

    @property
    def rows(self) -> list[StepRow]:
        """What is shown."""
        return list(self._rows)

    def show_progress(self, progress: ExecutionProgress | None, times: WellTimes | None = None) -> None:
        """Show the steps of this execution as they are now, and how long they take."""
        rows = step_rows(progress, times)
        if rows == self._rows:
            return
        if len(rows) != len(self._rows):
            self._describe_soon(0)
        self._rows = rows
        self._describe_soon(DESCRIBE_EVERY)
        self._lay_out()
        self._view.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return a size in which seven steps are seen whole."""
        return QSize(360, 8 * self._row_height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return a size in which a bar is still seen."""
        return QSize(180, 3 * self._row_height())

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Paint the rows that are seen."""
        theme, metrics, area = current_theme(), self.fontMetrics(), self._view.rect()
        painter = QPainter(self._view)
        if not self._rows:
            painter.setPen(QColor(theme.dimmed))
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, _EMPTY)
            painter.end()
            return
        height = self._row_height()
        names = max(metrics.horizontalAdvance(_title(row)) for row in self._rows)
        name_width = min(names + 2, area.width() * 2 // 5)
        seconds_width = max(metrics.horizontalAdvance(_seconds(row)) for row in self._rows)
        seconds_width += GAP if seconds_width else 0
        count_width = max(metrics.horizontalAdvance(_counts(row)) for row in self._rows) + 2
        bar_width = area.width() - name_width - count_width - seconds_width - 2 * GAP
        top = -self._scroll_bar.value()
        for number, row in enumerate(self._rows):
            line = QRect(0, top + number * height, area.width(), height)
            if not line.intersects(area):
                continue
            painter.setPen(QColor(theme.text))
            title = metrics.elidedText(_title(row), Qt.TextElideMode.ElideMiddle, name_width)
            painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, title)
            painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, _seconds(row))
            counts = line.adjusted(0, 0, -seconds_width, 0)
            painter.drawText(counts, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, _counts(row))
            bar = QRect(name_width + GAP, line.top() + (height - BAR_HEIGHT) // 2, bar_width, BAR_HEIGHT)
            if bar_width > LEAST_PIXELS * 4:
                paint_bar(painter, bar, row.parts, theme)
        painter.end()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Make room."""
        super().resizeEvent(event)
        self._lay_out()

    @property
    def _view(self) -> QWidget:
        view = self.viewport()
        assert view is not None  # PyQt's types allow it
        return view

    @property
    def _scroll_bar(self) -> QScrollBar:
        scroll_bar = self.verticalScrollBar()
        assert scroll_bar is not None
        return scroll_bar

    def _row_height(self) -> int:
        return self.fontMetrics().height() + 8

    def _lay_out(self) -> None:
        height, whole = self._view.height(), len(self._rows) * self._row_height()
        self._scroll_bar.setRange(0, max(0, whole - height))
        self._scroll_bar.setPageStep(height)
        self._scroll_bar.setSingleStep(self._row_height())

    def _describe_soon(self, milliseconds: int) -> None:
        if not self._say.isActive():
            self._say.start(milliseconds)

    def _describe(self) -> None:
        self.setAccessibleDescription("; ".join(row.text for row in self._rows) or _EMPTY)


_EMPTY = "No steps to show yet: they are known once the plate is compiled."


def _title(row: StepRow) -> str:
    return f"{row.number} {row.name}"


def _counts(row: StepRow) -> str:
    return f"{row.done}/{row.total}"


def _seconds(row: StepRow) -> str:
    return f"{seconds_text(row.seconds)}/well" if row.seconds is not None else ""
