"""One line at the top of the window that stays until it is closed: how a run ended, or why nothing is heard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QRectF, Qt, Signal
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from plateflow.gui.icons import paint_sign
from plateflow.gui.notices import SIGNS
from plateflow.gui.panels.naming import named
from plateflow.gui.panels.rows_model import tip_html
from plateflow.gui.theme import current_theme

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent

    from plateflow.gui.notices import Notice

STRIP: Final = 6
"""Width of the strip of the role's colour at the left."""
SIGN: Final = 16


class Banner(QWidget):
    """Shows the last notice; never in the way: it takes no focus, and what is below goes on."""

    results_wanted = Signal(str)
    """The results folder that should be opened."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Notice")
        self._notice: Notice | None = None
        self.label = named(QLabel(), "Notice", "What has happened")
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.label.setWordWrap(True)
        self.label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)  # a long path widens nothing
        self.results_button = named(QPushButton("Resul&ts"), "Results of this run", "Open the results folder")
        self.results_button.clicked.connect(self._want_results)
        self.close_button = named(QPushButton("Cl&ose"), "Close the notice", "Close this line (Esc)")
        self.close_button.clicked.connect(self.dismiss)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(STRIP + SIGN + 16, 4, 6, 4)
        layout.addWidget(self.label, 1)
        layout.addWidget(self.results_button)
        layout.addWidget(self.close_button)
        self.hide()

    @property
    def notice(self) -> Notice | None:
        """What is shown now."""
        return self._notice

    def tell(self, notice: Notice) -> None:
        """Show a notice, in place of the one before."""
        self._notice = notice
        self.label.setText(notice.text)
        self.label.setToolTip(tip_html(notice.text))
        self.setAccessibleDescription(notice.text)
        self.results_button.setVisible(bool(notice.results))
        self.setVisible(True)
        self.update()

    def dismiss(self) -> None:
        """Show nothing."""
        self._notice = None
        self.hide()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Paint what is behind the words, and the sign before them."""
        if self._notice is None:
            return
        theme, area = current_theme(), self.rect()
        colour = QColor(theme.colour(self._notice.role))
        painter = QPainter(self)
        painter.fillRect(area, QColor(theme.base))
        painter.fillRect(0, 0, STRIP, area.height(), colour)
        painter.fillRect(0, area.bottom(), area.width(), 1, QColor(theme.border))
        sign = QRectF(STRIP + 8, (area.height() - SIGN) / 2, SIGN, SIGN)
        paint_sign(painter, SIGNS[self._notice.role], sign, QColor(theme.text))
        painter.end()

    def _want_results(self) -> None:
        if self._notice is not None:
            self.results_wanted.emit(self._notice.results)
