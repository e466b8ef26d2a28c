"""What may be asked of a runner without running anything: one JSON object each way, strict; opaque to the server.

A runner that answers imports the user's code and then ends, so that who asks (a window) never does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

from plateflow.errors import UserError
from plateflow.pipeline.forms import FunctionForm, PipelineForm
from plateflow.storage.zarr_chunks import ArrayPlane

if TYPE_CHECKING:
    from collections.abc import Callable

    from plateflow.runtime.client import ExecutionClient


class _Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="ask"):
    pass


class AskFunctions(_Question, frozen=True, tag="functions"):
    """Which functions the library has, or what these take."""

    addresses: tuple[str, ...] = ()
    """``package.module:name`` each; empty for the whole library."""


class AskFormats(_Question, frozen=True, tag="formats"):
    """Which readers of plates there are."""


class AskPipeline(_Question, frozen=True, tag="pipeline"):
    """What a pipeline file says, saved or not, and whether it fits a plate."""

    path: str
    """Absolute; modules beside it can be imported by it."""
    text: str | None = None
    """Read instead of the file, which need not exist then."""
    plate: str | None = None
    """Compiled against this plate too."""
    filenames: str | None = None
    """Wins over the pipeline's."""
    metadata: str | None = None
    layout: str | None = None
    """Name of the reader that is to open the plate; None: the one that knows it."""


class AskImages(_Question, frozen=True, tag="images"):
    """Which image files a well has."""

    plate: str
    well: str = ""
    """The plate's first where none is named: it has the channels that all have."""
    pipeline: str | None = None
    """Path of the file that says how the plate's files are called, where no vendor reader knows."""
    filenames: str | None = None
    metadata: str | None = None
    layout: str | None = None


Question: TypeAlias = AskFunctions | AskFormats | AskPipeline | AskImages


class _Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="answer"):
    pass


class Failed(_Answer, frozen=True, tag="failed"):
    """The question cannot be answered; a mistake that the user can mend."""

    reason: str


class Functions(_Answer, frozen=True, tag="functions"):
    """In the order of their names."""

    functions: tuple[FunctionForm, ...]


class FormatWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One reader of plates."""

    name: str
    """What a job's ``layout`` takes."""
    looks_for: str
    """What marks such a plate, in words."""


class Formats(_Answer, frozen=True, tag="formats"):
    """In the order in which they are asked whether they know a folder."""

    formats: tuple[FormatWords, ...]


class Problem(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that is wrong with a pipeline."""

    text: str
    step: str = ""
    """The step's name, as its execution would say it; "" where it is no step's."""
    line: int = 0
    """In the file, from 1; 0 where it is no line's."""


class PipelineRead(_Answer, frozen=True, tag="pipeline"):
    """A pipeline, and all that is wrong with it."""

    form: PipelineForm | None
    """None where the file does not run, or says what has no form."""
    functions: tuple[FunctionForm, ...]
    """Those of its steps, and those with hints that its file defines."""
    problems: tuple[Problem, ...]
    code_only: str = ""
    """Why it can be changed as code only; "" where it can be changed as a form too."""
    told: str = ""
    """What it comes to on the plate: wells, steps and pattern groups."""
    step_names: tuple[str, ...] = ()
    """Of the steps that run, each once, as an execution says them."""


class WellImage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One image file of a well."""

    channel: str
    """As the plate calls it."""
    label: str
    """What the vendor says is in the channel; "" where nothing."""
    site: int
    z: int
    """0 for a projection that the microscope made."""
    timepoint: int
    path: str
    missing: bool
    """Whether it is declared but not on disk."""
    part: ArrayPlane | None = None
    """Which part of the Zarr array in the folder `path` it is; None where the path is its own file."""


class Images(_Answer, frozen=True, tag="images"):
    """In acquisition order."""

    images: tuple[WellImage, ...]


Answer: TypeAlias = Failed | Functions | Formats | PipelineRead | Images

_questions: msgspec.json.Decoder[Question] = msgspec.json.Decoder(Question)
_answers: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


def consult(client: ExecutionClient, question: Question, *, give_up: Callable[[], bool] = lambda: False) -> Answer:
    """Have a runner of the server answer a question; waits for that, at most about a minute.

    Parameters
    ----------
    client
        Of the server.
    question
        What to ask.
    give_up
        Asked every quarter of a second: whether nobody wants the answer any more.

    Raises
    ------
    ServerError
        If the server is gone, its runner ended before it answered, or it was given up.
    """
    return decode_answer(client.inquire(question, give_up=give_up))


def decode_question(data: bytes) -> Question:
    """Decode a question.

    Raises
    ------
    UserError
        If it is none; names the field.
    """
    try:
        return _questions.decode(data)
    except msgspec.MsgspecError as e:
        raise UserError(f"the question cannot be understood: {e}") from e


def decode_answer(data: bytes) -> Answer:
    """Decode an answer.

    Raises
    ------
    UserError
        If it is none; names the field.
    """
    try:
        return _answers.decode(data)
    except msgspec.MsgspecError as e:
        raise UserError(f"the answer cannot be understood ({e}); is the server another version of plateflow?") from e
