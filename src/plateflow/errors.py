"""The errors that cross packages; the few of one package alone (a refused request, the journal's) stand there.

::

    PlateflowError
    ├── UserError            the user can mend it: one line, exit code 2, never a traceback
    │   ├── PlateError       a plate folder that cannot be opened
    │   ├── PipelineError    a pipeline file that cannot be loaded, or a step that makes no sense
    │   ├── CompileError     a pipeline that does not fit a plate
    │   ├── InputError       what a function of the library refuses: its well's error, or its step's
    │   └── OutputError      a results folder that cannot be written
    ├── PlateStepError       a step over the whole plate failed, before the wells or after them
    ├── ImageError           an image that is not what the plate declares: its well's error
    ├── SchemaError          a message that breaks the progress schema (also a ValueError)
    └── ServerError          the server is not there, does not answer or refused
"""

from typing import Final

_MOST_LISTED: Final = 8


class PlateflowError(Exception):
    """Base of all; the message says what, which value, and what to do."""


class UserError(PlateflowError):
    """The user can mend it: shown as one line, exit code 2."""


class PlateError(UserError):
    """A plate folder cannot be opened, or its files contradict each other."""


class PipelineError(UserError):
    """A pipeline file cannot be loaded, or one of its steps makes no sense by itself."""


def _listed(problems: tuple[str, ...]) -> str:
    listed = "; ".join(f"({number}) {problem}" for number, problem in enumerate(problems[:_MOST_LISTED], 1))
    left = len(problems) - _MOST_LISTED
    return f"{len(problems)} problems: {listed}" + (f"; and {left} more" if left > 0 else "")


class CompileError(UserError):
    """A pipeline does not fit a plate.

    Attributes
    ----------
    problems : tuple of str
        Every problem found, each naming its step and, where it is one well's, the well.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__(problems[0] if len(problems) == 1 else _listed(problems))


class InputError(UserError):
    """A function of the library refuses what it is given; its text says what to do, so it is told without frames."""


class OutputError(UserError):
    """A results folder cannot be written, or already holds results."""


class PlateStepError(PlateflowError):
    """A step over the whole plate failed, so nothing after it was begun; names the step."""


class ImageError(PlateflowError):
    """An image is unreadable or not of the shape and dtype that the plate declares."""


class SchemaError(PlateflowError, ValueError):
    """A message breaks the progress schema.

    Attributes
    ----------
    field : str
        The field that breaks it; ``""`` where the whole message does (no JSON at all).
    """

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        super().__init__(f"{field}: {reason}" if field else reason)


class ServerError(PlateflowError):
    """The server is not there, does not answer, or refused a request."""
