"""Parameters that are set for one run, beside the pipeline's file: ``find_nuclei.min_diameter=10``."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from plateflow.errors import PipelineError
from plateflow.pipeline.literals import parse_literal
from plateflow.pipeline.nearest import did_you_mean
from plateflow.pipeline.signature import read_signature, resolve_function

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plateflow.pipeline.step import Branch, FunctionStep

Setting = tuple[str, str, Any]
"""Name of a step, of a parameter, and its value."""


def parse_setting(text: str) -> Setting:
    """Read ``STEP.PARAMETER=VALUE``: a Python literal, or else a text.

    Raises
    ------
    PipelineError
        If it is not of that form.
    """
    where, equals, value = text.partition("=")
    step, dot, parameter = (part.strip() for part in where.rpartition("."))
    if not (equals and dot and step and parameter):
        raise PipelineError(f"{text!r:.80} sets no parameter; write it as STEP.PARAMETER=VALUE")
    try:
        return step, parameter, parse_literal(value)
    except ValueError:
        return step, parameter, value.strip()


def set_parameters(
    names: tuple[str, ...], steps: tuple[FunctionStep, ...], settings: Iterable[str]
) -> list[FunctionStep]:
    """Return steps with parameters set anew; of several functions those get it that take it.

    Parameters
    ----------
    names
        Of the steps, each once.
    steps
        Those that run.
    settings
        ``STEP.PARAMETER=VALUE`` each; of two for one parameter the last counts.

    Raises
    ------
    PipelineError
        For a step that there is not; names the nearest. A parameter that there is not is found when steps are checked.
    """
    found = list(steps)
    for text in settings:
        name, parameter, value = parse_setting(text)
        if name not in names:
            raise PipelineError(
                f"{text!r:.80}: no step is called {name!r}{did_you_mean(name, names)}; there are: {', '.join(names)}"
            )
        index = names.index(name)
        found[index] = _set(found[index], parameter, value)
    return found


def _set(step: FunctionStep, parameter: str, value: Any) -> FunctionStep:
    links = [link for branch in step.branches.values() for link in branch.chain]
    takers = [link for link in links if _takes(link, parameter)] or links
    changed = copy.copy(step)
    branches = {key: _set_branch(branch, takers, {parameter: value}) for key, branch in step.branches.items()}
    object.__setattr__(changed, "branches", branches)
    return changed


def _set_branch(branch: Branch, takers: list[Branch], params: dict[str, Any]) -> Branch:
    then = tuple(_set_branch(link, takers, params) for link in branch.then)
    own = {**branch.params, **params} if any(link is branch for link in takers) else branch.params
    return replace(branch, params=own, then=then)


def _takes(link: Branch, parameter: str) -> bool:
    signature = read_signature(resolve_function(link.func))
    return parameter in signature.parameters or signature.takes_any
