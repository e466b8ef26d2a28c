"""One pipeline being edited: its document, its file, its history, and what a runner says of it."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtGui import QUndoCommand, QUndoStack

from plateflow.errors import PipelineError
from plateflow.gui.chosen_format import DETECTED
from plateflow.gui.editor.checking import Checking
from plateflow.gui.editor.choices import PlateChannel
from plateflow.gui.editor.document import Document, edited, loses, read, typed, unanswered
from plateflow.gui.editor.files import File, changed_on_disk, read_file, write_file
from plateflow.pipeline.code import write_code
from plateflow.pipeline.forms import BranchForm, PipelineForm, StepForm
from plateflow.service.questions import (
    AskFunctions,
    AskImages,
    AskPipeline,
    Failed,
    Functions,
    Images,
    PipelineRead,
    Problem,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from plateflow.gui.chosen_format import ChosenFormat
    from plateflow.pipeline.forms import FunctionForm
    from plateflow.service.questions import Answer, Question

    Ask: TypeAlias = Callable[[Question, Callable[[Answer], object]], None]
    """Asks; the answer is handed over later, in the window's thread."""

PAUSE_MS: Final = 500
"""A text is checked once nothing has changed for so long."""
SLOW_MS: Final = 1000
"""A check that takes longer is told to be under way."""
MERGE_S: Final = 1.0
"""Changes of one field are undone together where no more than this lies between them."""
REWRITTEN: Final = (
    "The form writes the lines of 'pipeline = …' anew: comments in them are gone, and names stand as their values. "
    "Undo brings them back."
)
NEW_NAME: Final = "untitled.py"
_FIRST: Final = StepForm(name="gaussian", branches=(BranchForm(function="plateflow.functions:gaussian"),))
NEW: Final = PipelineForm(name="pipeline", steps=(_FIRST,))
"""What a new pipeline begins with: it fits every plate."""


class Session(QObject):
    """All of it in the window's thread.

    Parameters
    ----------
    ask
        Asks a runner.
    plate
        Folder of the plate that the pipeline is checked against; "" for none.
    chosen
        How it is to be read.
    """

    changed = Signal()
    """The document, its file, or what is known of it."""
    checking_changed = Signal()
    saved = Signal(str)
    """Path of a file that was saved."""
    refused = Signal(str)
    """Why the last change was not made."""
    noted = Signal(str)
    """What the last change did beside what was wanted."""

    def __init__(
        self, ask: Ask, plate: str = "", chosen: ChosenFormat = DETECTED, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._ask = ask
        self.plate = plate
        self.format = chosen
        self.document = Document("")
        self.file = File(Path.cwd() / NEW_NAME, "")
        self.answer: PipelineRead | None = None
        """The newest, perhaps of an older text."""
        self.failure = ""
        """Why the newest question has no answer."""
        self.library: tuple[FunctionForm, ...] = ()
        self.library_problem = ""
        self.functions: dict[str, FunctionForm] = {}
        """All that are known, by address."""
        self.channels: tuple[PlateChannel, ...] = ()
        """Of the plate; none where they are not known."""
        self._channels_by: tuple[str | None, ...] | None = None
        self.undo_stack = QUndoStack(self)
        self.checking = Checking()
        self.slow = False
        """Whether the check takes so long that people should be told."""
        self._closed = False
        self._pause = _timer(self, PAUSE_MS, self._begin)
        self._slow = _timer(self, SLOW_MS, self._tell_slow)
        self.ask_library()

    @property
    def is_unsaved(self) -> bool:
        """Whether closing now would lose something."""
        return self.document.text != self.file.text

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong, as far as is known."""
        if self.failure:
            return (Problem(text=self.failure),)
        return self.answer.problems if self.answer is not None else ()

    def close(self) -> None:
        """Take no more answers."""
        self._closed = True
        self._pause.stop()
        self._slow.stop()

    def new(self) -> None:
        """Begin a pipeline that has no file yet."""
        self._start(File(Path.cwd() / NEW_NAME, ""), Document(write_code(NEW), NEW, ""))

    def open(self, path: Path) -> None:
        """Read a file.

        Raises
        ------
        UserError
            If that cannot be; what is edited stays.
        """
        file = read_file(path)
        self._start(file, Document(file.text))

    def reload(self) -> None:
        """Read the file again; what was changed can be had back by undo.

        Raises
        ------
        UserError
            If that cannot be.
        """
        self.file = read_file(self.file.path)
        self._push(Document(self.file.text), "Reload", "")
        self.check_now()

    def save(self, path: Path | None = None) -> None:
        """Write the text into its file, or into another one from now on.

        Raises
        ------
        UserError
            If it cannot be written; nothing is lost.
        """
        file = self.file if path is None or path == self.file.path else File(path, "", self.file.newline)
        self.file = write_file(file, self.document.text)
        self.saved.emit(str(self.file.path))
        self.changed.emit()
        if path is not None:
            self.check_now()  # modules beside the file are others now

    def is_changed_on_disk(self) -> bool:
        """Tell whether somebody else has written the file since."""
        return self.file.data is not None and changed_on_disk(self.file)

    def change(self, make: Callable[[PipelineForm], PipelineForm], words: str, key: str = "") -> None:
        """Change the form, and with it the text.

        Parameters
        ----------
        make
            Gives the form that is to be.
        words
            What was done, for undo.
        key
            Of the field; quick changes of one field are undone together.
        """
        if self.document.form is None or not self.document.usable:
            return
        try:
            after = edited(self.document, make(self.document.form))
        except (PipelineError, ValueError) as e:
            self.refused.emit(str(e))
            self.changed.emit()  # so that the form shows again what holds
            return
        if self.document.text == self.file.text and loses(self.document, after):
            self.noted.emit(REWRITTEN)
        self._push(after, words, key)

    def type_text(self, text: str) -> None:
        """Take a text as somebody typed it."""
        self._push(typed(self.document, text), "Type", "code")

    def check_now(self) -> None:
        """Check the text without waiting for a pause."""
        self.checking.want(self.document.text)
        self._begin()

    def set_format(self, chosen: ChosenFormat) -> None:
        """Have the plate read in another way."""
        self.format = chosen
        self.check_now()

    def ask_library(self) -> None:
        """Ask which functions there are."""
        self._ask(AskFunctions(), self._take_library)

    def ask_function(self, address: str, then: Callable[[FunctionForm | None, str], object]) -> None:
        """Ask about a function that is not in the library; `then` gets it, or None and why."""

        def take(answer: Answer) -> None:
            if self._closed:
                return
            if isinstance(answer, Functions) and answer.functions:
                self._know(answer.functions)
                then(answer.functions[0], "")
            else:
                then(None, answer.reason if isinstance(answer, Failed) else "There is no such function")

        self._ask(AskFunctions(addresses=(address,)), take)

    def apply(self, document: Document) -> None:
        """Make this the document; what undo and redo do."""
        self.document = document
        self.checking.want(document.text)
        self._pause.start()
        self.changed.emit()
        self.checking_changed.emit()

    def _start(self, file: File, document: Document) -> None:
        self.undo_stack.clear()
        self.file, self.answer, self.failure = file, None, ""
        self.document = document
        self.changed.emit()
        self.check_now()

    def _push(self, after: Document, words: str, key: str) -> None:
        if after != self.document:
            self.undo_stack.push(_Change(self, after, words, key))

    def _begin(self) -> None:
        text = self.checking.begin()
        if text is not None:
            path, plate = str(self.file.path), self.plate or None
            self._slow.start()
            filenames, layout = self.format.filenames, self.format.layout
            question = AskPipeline(path=path, text=text, plate=plate, filenames=filenames, layout=layout)
            self._ask(question, partial(self._take, text))
        self.checking_changed.emit()

    def _take(self, text: str, answer: Answer) -> None:
        if self._closed:
            return
        self.checking.finish()
        self._slow.stop()
        self.slow = False
        if isinstance(answer, PipelineRead):
            self.answer, self.failure = answer, ""
            self._know(answer.functions)
            self.document = read(self.document, text, answer)
        else:
            self.failure = answer.reason if isinstance(answer, Failed) else "The answer is to another question"
            self.document = unanswered(self.document, text, self.failure)
        self._ask_channels()
        self.changed.emit()
        if self._pause.isActive():  # somebody still types
            self.checking_changed.emit()
        else:
            self._begin()

    def _ask_channels(self) -> None:
        # They depend on how the plate is read, as chosen or as the pipeline says; else they are its once and for all.
        form = self.document.form
        if form is None or not self.plate:
            return
        layout, by_name = self.format.layout, self.format.filenames
        filenames = by_name if layout or by_name else form.filenames
        if self._channels_by == (layout, filenames, form.metadata):
            return
        self._channels_by = (layout, filenames, form.metadata)
        question = AskImages(plate=self.plate, filenames=filenames, metadata=form.metadata, layout=layout)
        self._ask(question, self._take_channels)

    def _take_channels(self, answer: Answer) -> None:
        if self._closed:
            return
        images = answer.images if isinstance(answer, Images) else ()  # why there are none, the check says
        self.channels = tuple(dict.fromkeys(PlateChannel(image.channel, image.label) for image in images))
        self.changed.emit()

    def _take_library(self, answer: Answer) -> None:
        if self._closed:
            return
        if isinstance(answer, Functions):
            self.library, self.library_problem = answer.functions, ""
            self._know(answer.functions)
        else:
            self.library_problem = answer.reason if isinstance(answer, Failed) else ""
        self.changed.emit()

    def _know(self, functions: tuple[FunctionForm, ...]) -> None:
        self.functions = {**self.functions, **{function.address: function for function in functions}}

    def _tell_slow(self) -> None:
        self.slow = True
        self.checking_changed.emit()


class _Change(QUndoCommand):
    """One step of the history: the whole document before and after, which share all that did not change."""

    def __init__(self, session: Session, after: Document, words: str, key: str) -> None:
        super().__init__(words)
        self._session, self._before, self.after, self.key = session, session.document, after, key
        self.time = time.monotonic()

    def id(self) -> int:
        """Return that neighbours may be merged."""
        return 1

    def mergeWith(self, other: QUndoCommand | None) -> bool:  # noqa: N802 - as Qt has it
        """Take in a later change of the same field."""
        if not isinstance(other, _Change) or not self.key or other.key != self.key or other.time - self.time > MERGE_S:
            return False
        self.after, self.time = other.after, other.time
        return True

    def undo(self) -> None:
        """Go back."""
        self._session.apply(self._before)

    def redo(self) -> None:
        """Make the change."""
        self._session.apply(self.after)


def _timer(parent: QObject, milliseconds: int, then: Callable[[], object]) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.timeout.connect(then)
    return timer
