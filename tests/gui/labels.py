"""Records what a row says, frame by frame."""

import re
from collections.abc import Iterable

from plateflow.gui.manager import Manager
from plateflow.gui.states import LOOKS
from plateflow.gui.texts import state_text

WORDS = {f"{look.glyph} {look.word}".strip() for look in LOOKS.values()}
COUNTS = re.compile(r" (#\d+|\d+ %|(· )?[\d,]+ files( found)?|\d+/\d+)$")


class Labels:
    """What the rows of a manager said, without repetitions; counts are left out."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self.said: dict[str, list[str]] = {}
        self.raw: list[str] = []
        manager.rows_changed.connect(self.look)

    def look(self, paths: Iterable[str]) -> None:
        for path in paths:
            text = state_text(self._manager.store.plates[path])
            self.raw.append(text)
            word = COUNTS.sub("", text)
            assert word in WORDS, f"{text!r} is not in the table of states"
            said = self.said.setdefault(path, [])
            if not said or said[-1] != word:
                said.append(word)
