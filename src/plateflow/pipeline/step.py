"""One step of a pipeline: a function, what goes in, what comes out, and how images are grouped for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from plateflow.errors import PipelineError
from plateflow.functions.kinds import Kind

Function: TypeAlias = Callable[..., Any] | str
"""A function, or ``"package.module:function"``."""
FunctionWithParams: TypeAlias = Function | tuple[Function, Mapping[str, Any]]
Component: TypeAlias = Literal["site", "channel", "z", "timepoint"]
Input: TypeAlias = str | list[str]

COMPONENT_NAMES = ("site", "channel", "z", "timepoint")
KEPT_FOR_LATER = ("well", "where", "source")


@dataclass(frozen=True, slots=True)
class Branch:
    """One function of a step with its parameters."""

    func: Function
    params: dict[str, Any]


@dataclass(frozen=True, slots=True, init=False)
class FunctionStep:
    """Calls a function once for each of its pattern groups.

    Parameters
    ----------
    func
        A function, ``"package.module:function"``, ``(function, {parameter: value})``, or with `group_by` a dict of
        component value to any of these; values without a key pass through and are not counted.
    inputs
        What the function's data parameters get, in their order: the name of an image or of objects, a list of image
        names for an ``Images`` parameter. None or ``"*"``: every channel, one by one.
    outputs
        Names of what comes out. An image without a name replaces what the step read; labels need a name.
        ``{"Nuclei": "labels"}`` states the kind of a function without hints.
    name
        Shown to people; the function's name by default.
    variable_components
        Components that are stacked into one array, ``(N, Y, X)``.
    group_by
        The component by whose value the function is picked.
    keep
        Whether an image that comes out is written with the results; None: if no later step reads it.
    params
        Parameters whose names clash with those above.
    **parameters
        The function's own parameters.

    Raises
    ------
    PipelineError
        If the step makes no sense by itself.
    """

    name: str
    branches: dict[str | None, Branch]
    """By group_by value; ``{None: ...}`` without group_by."""
    inputs: tuple[Input, ...] | None
    outputs: tuple[str, ...]
    output_kinds: dict[str, Kind]
    variable_components: tuple[Component, ...]
    group_by: Component | None
    keep: bool | None

    def __init__(
        self,
        func: FunctionWithParams | Mapping[str, FunctionWithParams],
        inputs: Input | tuple[Input, ...] | None = None,
        outputs: str | tuple[str, ...] | Mapping[str, str] | None = None,
        *,
        name: str | None = None,
        variable_components: Component | Iterable[Component] = (),
        group_by: Component | None = None,
        keep: bool | None = None,
        params: Mapping[str, Any] | None = None,
        **parameters: Any,
    ) -> None:
        branches = _branches(func, {**parameters, **(params or {})}, group_by)
        label = name or _label(next(iter(branches.values())).func)
        variable = (variable_components,) if isinstance(variable_components, str) else tuple(variable_components)
        _check_components(label, variable, group_by)
        values = {
            "name": label,
            "branches": branches,
            "inputs": inputs if inputs is None or isinstance(inputs, tuple) else (inputs,),
            "outputs": _output_names(outputs),
            "output_kinds": _output_kinds(label, outputs),
            "variable_components": variable,
            "group_by": group_by,
            "keep": keep,
        }
        for field, value in values.items():
            object.__setattr__(self, field, value)


def _branches(
    func: FunctionWithParams | Mapping[str, FunctionWithParams], params: dict[str, Any], group_by: str | None
) -> dict[str | None, Branch]:
    if isinstance(func, Mapping):
        if group_by is None or not func:
            raise PipelineError("a step with a dict of functions needs group_by= and at least one function")
        return {str(value): _branch(one, params) for value, one in func.items()}
    return {None: _branch(func, params)}


def _branch(func: FunctionWithParams, params: dict[str, Any]) -> Branch:
    if isinstance(func, list):
        raise PipelineError("a chain of functions in one step is not supported yet; use one step each")
    if isinstance(func, tuple):
        function, own = func
        return Branch(function, {**params, **own})
    return Branch(func, params)


def _label(func: Function) -> str:
    return func.rpartition(":")[2] if isinstance(func, str) else str(getattr(func, "__name__", func))


def _check_components(label: str, variable: tuple[str, ...], group_by: str | None) -> None:
    for component in (*variable, *([group_by] if group_by else [])):
        if component == "well":
            raise PipelineError(f"step {label!r}: plate-wide steps (component 'well') are not supported yet")
        if component not in COMPONENT_NAMES:
            raise PipelineError(f"step {label!r}: no component {component!r}; there are {', '.join(COMPONENT_NAMES)}")
    if group_by in variable:
        raise PipelineError(f"step {label!r}: group_by {group_by!r} cannot be a variable component too")


def _output_names(outputs: str | tuple[str, ...] | Mapping[str, str] | None) -> tuple[str, ...]:
    if outputs is None:
        return ()
    return (outputs,) if isinstance(outputs, str) else tuple(outputs)


def _output_kinds(label: str, outputs: str | tuple[str, ...] | Mapping[str, str] | None) -> dict[str, Kind]:
    if not isinstance(outputs, Mapping):
        return {}
    try:
        return {name: Kind(kind) for name, kind in outputs.items()}
    except ValueError as e:
        kinds = ", ".join(kind.value for kind in Kind)
        raise PipelineError(f"step {label!r}: {e} as the kind of an output; there are {kinds}") from e
