"""The editors that are open over a window's plates, and who answers them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from plateflow.gui.chosen_format import DETECTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from plateflow.gui.chosen_format import ChosenFormat
    from plateflow.gui.editor.window import PipelineEditor
    from plateflow.gui.manager import Manager
    from plateflow.gui.plates import Plate


class Editors(QObject):
    """Opens one editor for each pipeline file; all of them close with the window.

    Parameters
    ----------
    manager
        Gets the pipelines that are saved or chosen.
    window
        The main window.
    """

    given = Signal(str)
    """A pipeline file that plates got."""

    def __init__(self, manager: Manager, window: QWidget) -> None:
        super().__init__(window)
        self._manager, self._window = manager, window
        self.open: list[PipelineEditor] = []

    def edit(self, plates: Sequence[Plate]) -> None:
        """Edit the pipeline of some plates, or a new one for them; that of the first where they have several."""
        path = plates[0].pipeline if plates else ""
        editor = next((each for each in self.open if path and str(each.session.file.path) == path), None)
        if editor is None:
            editor = self._make(plates, path)
        editor.show()
        editor.raise_()
        editor.activateWindow()

    def set_format(self, paths: Sequence[str], chosen: ChosenFormat) -> None:
        """Check what is edited for these plates against them as they are read now."""
        for editor in self.open:
            if editor.session.plate in paths:
                editor.session.set_format(chosen)

    def close(self) -> bool:
        """Close all editors; return whether none had changes that are not saved."""
        for editor in list(self.open):
            editor.close()
        return not self.open

    def _make(self, plates: Sequence[Plate], path: str) -> PipelineEditor:
        from plateflow.gui.editor.window import (
            PipelineEditor,  # forms take 0.2 s to import, which the first window saves
        )

        paths = [plate.path for plate in plates]
        first, chosen = (paths[0], plates[0].format) if plates else ("", DETECTED)
        editor = PipelineEditor(self._manager.consultant.ask, first, chosen, self._window)
        if path:
            editor.open(path)
        editor.chosen.connect(partial(self._give, paths))
        editor.closed.connect(partial(self._forget, editor))
        self.open.append(editor)
        return editor

    def _give(self, paths: list[str], pipeline: str) -> None:
        # Others that have this file too: what was compiled for them is not what would run now.
        plates = self._manager.store.plates.values()
        self._manager.set_pipeline([p.path for p in plates if p.path in paths or p.pipeline == pipeline], pipeline)
        self.given.emit(pipeline)

    def _forget(self, editor: PipelineEditor) -> None:
        self.open.remove(editor)
        editor.deleteLater()
