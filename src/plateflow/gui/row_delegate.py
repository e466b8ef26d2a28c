"""Paints a row of the plates list: name and state, step and failures, and a bar, in one cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from qtpy.QtCore import QModelIndex, QObject, QPoint, QRect, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFont, QFontMetrics, QPainter, QPixmap
from qtpy.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from plateflow.gui.icons import paint_sign
from plateflow.gui.plates import Plate
from plateflow.gui.states import LOOKS, Look, PlateState
from plateflow.gui.step_bars import Part, paint_bar
from plateflow.gui.texts import state_words, step_text
from plateflow.gui.theme import current_theme
from plateflow.gui.well_grid import well_roles
from plateflow.progress.messages import ExecutionKind
from plateflow.progress.state import AxisState
from plateflow.progress.wells import count_wells

if TYPE_CHECKING:
    from plateflow.gui.palette import Theme

HEIGHT: Final = 64
STRIP: Final = 4
"""Width of the strip of the state's colour at the left."""
MARGIN: Final = 10
BAR_HEIGHT: Final = 5
PICTURES: Final = 32
"""Rows that are kept as pictures, of some 100 kB each: more than a screen shows."""
FAILED_SIGN: Final = LOOKS[PlateState.FAILED].glyph


class PlateRowDelegate(QStyledItemDelegate):
    """Paints items whose ``Qt.UserRole`` is a :class:`~plateflow.gui.plates.Plate`.

    A view paints all rows between the first and the last that have changed: a row that has not is a picture by then.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pictures: dict[_Look, QPixmap] = {}

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # noqa: N802
        """Return the same height for all, so that a view need not ask for each."""
        return QSize(220, max(HEIGHT, 2 * option.fontMetrics.height() + BAR_HEIGHT + 22))

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Paint one row."""
        plate = index.data(Qt.ItemDataRole.UserRole)
        if painter is None or not isinstance(plate, Plate):
            super().paint(painter, option, index)
            return
        painter.save()
        _paint_background(painter, option)
        device = painter.device()
        ratio = device.devicePixelRatioF() if device is not None else 1.0
        shown = _Look(row_content(plate), current_theme(), option.rect.size(), option.font.key(), ratio)
        painter.drawPixmap(option.rect.topLeft(), self._picture(shown, option))
        painter.restore()

    def _picture(self, shown: _Look, option: QStyleOptionViewItem) -> QPixmap:
        picture = self._pictures.pop(shown, None) or _paint_picture(shown, option)
        self._pictures[shown] = picture  # as the newest
        if len(self._pictures) > PICTURES:
            del self._pictures[next(iter(self._pictures))]
        return picture


class RowContent(NamedTuple):
    """All that a row shows, so that it is painted when that is another, and only then."""

    name: str
    look: Look
    words: str
    """The state, without its glyph."""
    second: str
    failed: int
    parts: tuple[Part, ...]


class _Look(NamedTuple):
    """Of what a row's picture is made."""

    content: RowContent
    theme: Theme
    size: QSize
    font: str
    ratio: float
    """Pixels of the screen to one of the window."""

    def __hash__(self) -> int:
        return hash((self.content, self.font))


def row_content(plate: Plate) -> RowContent:
    """Return what a plate's row shows now."""
    look = LOOKS[plate.state]
    second = step_text(plate).partition("\n")[0]
    return RowContent(plate.name, look, state_words(plate), second, failures(plate), tuple(bar_parts(plate)))


def failures(plate: Plate) -> int:
    """Return how many wells of a plate failed in its last compile or run."""
    return count_wells(plate.details)[AxisState.FAILED] if plate.details is not None else 0


def bar_parts(plate: Plate) -> list[Part]:
    """Return what a plate's bar is made of: its files while it is opened, later its wells."""
    progress = plate.progress
    if progress is None:
        return []
    if progress.kind is not ExecutionKind.RUN:
        phase = progress.init if plate.state is PlateState.INIT else progress.compile
        is_busy = plate.state in (PlateState.INIT, PlateState.COMPILE) and phase is not None and phase.total
        return [Part("pending", phase.completed / phase.total)] if is_busy and phase is not None else []
    counts = count_wells(progress)
    wells = sum(counts.values())
    roles = well_roles(progress, lost=plate.lost)
    shown = (AxisState.COMPLETED, AxisState.RUNNING, AxisState.FAILED)
    return [Part(roles[state], counts[state] / wells) for state in shown if counts[state]]


def _paint_background(painter: QPainter, option: QStyleOptionViewItem) -> None:
    style = option.widget.style() if option.widget is not None else QApplication.style()
    if style is not None:
        style.drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter, option.widget)


def _paint_picture(shown: _Look, option: QStyleOptionViewItem) -> QPixmap:
    picture = QPixmap(shown.size * shown.ratio)
    picture.setDevicePixelRatio(shown.ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    _paint_row(painter, QRect(QPoint(), shown.size), option, shown.content, shown.theme)
    painter.end()
    return picture


def _paint_row(painter: QPainter, row: QRect, option: QStyleOptionViewItem, content: RowContent, theme: Theme) -> None:
    look = content.look
    colour = QColor(theme.colour(look.role))
    sign_colour = colour if look.role == "failed" else QColor(theme.text)  # some colours are too pale for a thin line
    painter.fillRect(row.left(), row.top() + 2, STRIP, row.height() - 4, colour)
    inner = row.adjusted(STRIP + MARGIN, 8, -MARGIN, -8)
    bar = QRect(inner.left(), inner.bottom() + 1 - BAR_HEIGHT, inner.width(), BAR_HEIGHT)
    paint_bar(painter, bar, content.parts, theme)
    line = QRect(inner.left(), inner.top(), inner.width(), option.fontMetrics.height())
    words, second = content.words, content.second
    bold = QFont(option.font)
    bold.setBold(True)
    height = option.fontMetrics.height()
    needed = QFontMetrics(bold).horizontalAdvance(content.name) + option.fontMetrics.horizontalAdvance(words) + height
    below = not second and needed + MARGIN > line.width()  # a name is worth more than its place
    lower = line.translated(0, height + 2)
    used = _paint_right(
        painter, lower if below else line, look.glyph, words, option.fontMetrics, theme.text, sign_colour
    )
    painter.setFont(bold)
    _paint_left(painter, line.adjusted(0, 0, 0 if below else -used, 0), content.name, QFontMetrics(bold), theme.text)
    painter.setFont(option.font)
    lower.adjust(0, 0, -used if below else 0, 0)
    used = 0
    if content.failed:
        red = QColor(theme.failed)
        used = _paint_right(painter, lower, FAILED_SIGN, str(content.failed), option.fontMetrics, theme.text, red)
    _paint_left(painter, lower.adjusted(0, 0, -used, 0), second, option.fontMetrics, theme.dimmed)


def _paint_left(painter: QPainter, line: QRect, text: str, metrics: QFontMetrics, colour: str) -> None:
    painter.setPen(QColor(colour))
    elided = metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(0, line.width()))
    painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, elided)


def _paint_right(
    painter: QPainter, line: QRect, sign: str, words: str, metrics: QFontMetrics, text_colour: str, colour: QColor
) -> int:
    """Paint words at the right end, a sign before them; return the pixels they take, a gap included."""
    painter.setPen(QColor(text_colour))
    painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)
    width = metrics.horizontalAdvance(words)
    if sign:
        side = metrics.ascent()
        top = line.top() + (line.height() - side) / 2
        paint_sign(painter, sign, QRectF(line.right() + 1 - width - side - 4, top, side, side), colour)
        width += side + 4
    return width + MARGIN
