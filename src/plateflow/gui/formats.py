"""Choosing how plates are read: the dialog, who tells it which formats there are, and who learns of the choice."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from plateflow.service.questions import AskFormats, Failed, Formats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from plateflow.gui.consultant import Consultant
    from plateflow.gui.format_dialog import FormatDialog
    from plateflow.gui.plates import Plate
    from plateflow.service.questions import Answer


class FormatChooser(QObject):
    """Has somebody choose, for one selection of plates at a time.

    A runner is asked which formats there are: those of other packages are code, which the window never imports.
    """

    chosen = Signal(object, object)
    """Paths of plates, and their :class:`~plateflow.gui.chosen_format.ChosenFormat` from now on."""

    def __init__(self, consultant: Consultant, window: QWidget) -> None:
        super().__init__(window)
        self._consultant, self._window = consultant, window
        self.dialog: FormatDialog | None = None

    def choose(self, plates: Sequence[Plate]) -> None:
        """Offer what can be chosen for these plates; what the first one has is selected."""
        from plateflow.gui.format_dialog import FormatDialog  # it knows patterns, whose imports the first window saves

        self.close()
        dialog = self.dialog = FormatDialog([plate.name for plate in plates], plates[0].format, self._window)
        dialog.chosen.connect(partial(self.chosen.emit, [plate.path for plate in plates]))
        dialog.finished.connect(partial(self._forget, dialog))
        self._consultant.ask(AskFormats(), partial(self._offer, dialog))
        dialog.show()

    def close(self) -> None:
        """Close the dialog, if it is open; nothing is chosen."""
        if self.dialog is not None:
            self.dialog.reject()

    def _offer(self, dialog: FormatDialog, answer: Answer) -> None:
        if dialog is not self.dialog:
            return  # it was closed meanwhile
        if isinstance(answer, Formats):
            dialog.offer(answer.formats)
        elif isinstance(answer, Failed):
            dialog.offer((), answer.reason)

    def _forget(self, dialog: FormatDialog, _: int = 0) -> None:
        if dialog is self.dialog:
            self.dialog = None
        dialog.deleteLater()
