"""A pipeline as text and as a form, which never contradict each other; no Qt.

The text is what counts. A form is written into it at once; a text that was typed has no form until a runner has read
it.
"""

from __future__ import annotations

import ast
import io
import tokenize
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from plateflow.pipeline.code import CodeError, write_code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plateflow.pipeline.forms import PipelineForm
    from plateflow.service.questions import PipelineRead, Problem

READING: Final = "The code is being read"


@dataclass(frozen=True, slots=True)
class Document:
    """What the editor holds at one moment."""

    text: str
    form: PipelineForm | None = None
    """The last one that was understood; None before the first."""
    trouble: str = READING
    """Why the form is not what the text says, or cannot be written back; "" where it can be used."""

    @property
    def usable(self) -> bool:
        """Whether the form says what the text says, and can be changed."""
        return self.form is not None and not self.trouble


def edited(document: Document, form: PipelineForm) -> Document:
    """Return the document with another form, and the text that says the same.

    Raises
    ------
    CodeError
        If that cannot be written into the text.
    """
    return Document(write_code(form, document.text), form, "")


def loses(document: Document, after: Document) -> bool:
    """Tell whether a form that is written takes comments or names out of the text: what its author called things."""
    return bool(_said(document.text) - _said(after.text))


def typed(document: Document, text: str) -> Document:
    """Return the document with a text that somebody typed."""
    return document if text == document.text else replace(document, text=text, trouble=READING)


def read(document: Document, text: str, answer: PipelineRead) -> Document:
    """Return the document after a runner has read a text: of an older text nothing is taken."""
    if text != document.text:
        return document
    if answer.form is not None:
        return Document(text, answer.form, answer.code_only or _unwritable(answer.form, text))
    if answer.code_only:
        return replace(document, trouble=answer.code_only)
    if document.usable:
        return document  # the form wrote a pipeline that does not run: it can be mended there
    return replace(document, trouble=_why(answer.problems))


def unanswered(document: Document, text: str, reason: str) -> Document:
    """Return the document after a text could not be read: a form that wrote it stays."""
    if text != document.text or document.usable:
        return document
    return replace(document, trouble=f"The code could not be read: {reason}")


def _said(text: str) -> set[str]:
    comments = {
        each.string for each in tokenize.generate_tokens(io.StringIO(text).readline) if each.type == tokenize.COMMENT
    }
    return comments | {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}


def _unwritable(form: PipelineForm, text: str) -> str:
    try:
        write_code(form, text)
    except CodeError as e:
        return str(e)
    return ""


def _why(problems: Sequence[Problem]) -> str:
    if not problems:
        return "The code gives no pipeline"
    at = f"line {problems[0].line}: " if problems[0].line else ""
    return f"The code does not run: {at}{problems[0].text}"
