"""Of what type each option of a step and of a pipeline must be: the one place that tells, whoever writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from plateflow.errors import PipelineError


@dataclass(frozen=True, slots=True)
class Option:
    """What may stand there."""

    fits: Callable[[Any], bool]
    needed: str
    """The same in words, after "must be"."""


def check_options(owner: str, options: Mapping[str, Option], given: Mapping[str, object]) -> None:
    """Refuse an option whose value is of another type; what it says is looked at by others.

    Parameters
    ----------
    owner
        ``"step 'median'"``, as the error names it.
    options
        :data:`STEP` or :data:`PIPELINE`.
    given
        The value of each of them.

    Raises
    ------
    PipelineError
        Names the owner, the first such option, its value, and what is needed.
    """
    for name, option in options.items():
        if not option.fits(given[name]):
            raise PipelineError(f"{owner}: {name}= must be {option.needed}, not {given[name]!r:.80}")


def is_params(value: object) -> bool:
    """Tell whether something can be the parameters of a function."""
    return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)


def _optional(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_several(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | bytearray | Mapping)


def _is_input(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(name, str) for name in value))


def _is_inputs(value: object) -> bool:
    return _is_input(value) or (isinstance(value, tuple) and all(map(_is_input, value)))


def _is_outputs(value: object) -> bool:
    return isinstance(value, str | tuple | list | Mapping)


def _is_text_or_several(value: object) -> bool:
    return isinstance(value, str) or _is_several(value)


def _is_sample(value: object) -> bool:
    return type(value) is int and value >= 1


def _is_channels(value: object) -> bool:
    return isinstance(value, Mapping) and all(type(channel) in (str, int) for channel in value.values())


STEP = {
    "name": Option(_optional(_is_text), "a text"),
    "inputs": Option(_optional(_is_inputs), "a name, a list of names, or a tuple of such"),
    "outputs": Option(_optional(_is_outputs), "a name, a tuple of names, or a dict of name and kind"),
    "variable_components": Option(_is_text_or_several, "a component or several"),
    "group_by": Option(_optional(_is_text), "a component"),
    "where": Option(_optional(lambda value: isinstance(value, Mapping)), "a dict of component and values"),
    "source": Option(lambda value: value in ("previous", "start"), "'previous' or 'start'"),
    "keep": Option(_optional(_is_flag), "true or false"),
    "sample": Option(_is_sample, "a number of planes from 1"),
    "enabled": Option(_is_flag, "true or false"),
    "params": Option(_optional(is_params), "a dict of parameter and value"),
}
"""Of a :class:`~plateflow.pipeline.step.FunctionStep`."""

PIPELINE = {
    "steps": Option(_is_several, "a list of steps"),
    "channels": Option(_optional(_is_channels), "a dict of name and the plate's channel"),
    "filenames": Option(_optional(_is_text), "a text, a regular expression"),
    "metadata": Option(_optional(_is_text), "a text, the path of a CSV"),
    "sequential": Option(_is_text_or_several, "a component or several"),
}
"""Of a :class:`~plateflow.pipeline.pipeline.Pipeline`."""
