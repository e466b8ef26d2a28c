"""One step of a pipeline: a function, what goes in, what comes out, and how images are grouped for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from plateflow.errors import PipelineError
from plateflow.pipeline.forms import SAMPLE
from plateflow.pipeline.options import STEP, check_options, is_params
from plateflow.pipeline.step_checks import (
    WELL,
    Where,
    check_components,
    check_name,
    output_kinds,
    output_names,
    read_where,
)

if TYPE_CHECKING:
    from plateflow.functions.kinds import Kind

Function: TypeAlias = Callable[..., Any] | str
"""A function, or ``"package.module:function"``."""
FunctionWithParams: TypeAlias = Function | tuple[Function, Mapping[str, Any]]
Chain: TypeAlias = list[Any]
"""Functions, or ``(function, {parameter: value})``, that each take what the one before returned."""
Branches: TypeAlias = Mapping[Any, FunctionWithParams | Chain]
"""By the value of ``group_by``: a channel's name, the number of a site, plane or timepoint."""
Component: TypeAlias = Literal["site", "channel", "z", "timepoint"]
VariableComponent: TypeAlias = Literal["well", "site", "channel", "z", "timepoint"]
Input: TypeAlias = str | list[str]
Source: TypeAlias = Literal["previous", "start"]


@dataclass(frozen=True, slots=True)
class Branch:
    """One function of a step with its parameters, or a chain of them."""

    func: Function
    params: dict[str, Any]
    then: tuple[Branch, ...] = ()
    """Functions that each take what the one before returned."""

    @property
    def chain(self) -> tuple[Branch, ...]:
        """All functions in their order, this one first."""
        return (self, *self.then)


@dataclass(frozen=True, slots=True, init=False)
class FunctionStep:
    """Calls a function once for each of its pattern groups.

    Parameters
    ----------
    func
        A function, ``"package.module:function"``, ``(function, {parameter: value})``, a list of these, of which each
        takes what the one before returned, or with `group_by` a dict of component value to any of these; values without
        a key pass through and are not counted.
    inputs
        What the function's data parameters get, in their order: the name of an image or of objects, a list of image
        names for an ``Images`` parameter; for a ``Frame`` that of objects, ``"Image"``, or what such a step made. None
        or ``"*"``: every channel, one by one.
    outputs
        Names of what comes out. An image without a name replaces what the step read; labels and frames need a name.
        ``{"Nuclei": "labels"}`` states the kind of a function without hints.
    name
        Shown to people; the function's name by default.
    variable_components
        Components that are stacked into one array, ``(N, Y, X)``. With ``"well"`` the step is done once, over the whole
        plate: before its wells where its function takes ``Planes`` of the acquired images, after them where it takes
        ``Frame``, tables of all wells (then ``"well"`` stands alone).
    group_by
        The component by whose value the function is picked.
    where
        What it is for: ``{"well": ["A01", "B02"], "site": 1, "channel": ["DNA"], "z": [2, 3]}``; all else passes
        through and is not counted. Planes that it leaves out are not stacked either.
    source
        ``"start"``: read channels as they were acquired, whatever earlier steps made of them.
    keep
        Whether an image that comes out is written with the results; None: if no later step reads it.
    sample
        Of a step over the whole plate: how many planes each call gets at most, spread evenly over the wells.
    enabled
        Whether it runs; a step that does not is as if it were not there.
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
    variable_components: tuple[VariableComponent, ...]
    group_by: Component | None
    where: Where
    source: Source
    keep: bool | None
    sample: int
    enabled: bool

    def __init__(
        self,
        func: FunctionWithParams | Chain | Branches,
        inputs: Input | tuple[Input, ...] | None = None,
        outputs: str | tuple[str, ...] | Mapping[str, str] | None = None,
        *,
        name: str | None = None,
        variable_components: VariableComponent | Iterable[VariableComponent] = (),
        group_by: Component | None = None,
        where: Mapping[str, Any] | None = None,
        source: Source = "previous",
        keep: bool | None = None,
        sample: int = SAMPLE,
        enabled: bool = True,
        params: Mapping[str, Any] | None = None,
        **parameters: Any,
    ) -> None:
        given = {
            "name": name,
            "inputs": inputs,
            "outputs": outputs,
            "variable_components": variable_components,
            "group_by": group_by,
            "where": where,
            "source": source,
            "keep": keep,
            "sample": sample,
            "enabled": enabled,
            "params": params,
        }
        label = check_name("step", (isinstance(name, str) and name) or _label(_first(func)))
        check_options(f"step {label!r}", STEP, given)
        variable = (variable_components,) if isinstance(variable_components, str) else tuple(variable_components)
        check_components(label, variable, group_by)
        values = {
            **given,
            "name": label,
            "branches": _branches(label, func, {**parameters, **(params or {})}, group_by),
            "inputs": inputs if inputs is None or isinstance(inputs, tuple) else (inputs,),
            "outputs": output_names(label, outputs),
            "output_kinds": output_kinds(label, outputs),
            "variable_components": variable,
            "where": read_where(label, where or {}),
        }
        for field in fields(self):
            object.__setattr__(self, field.name, values[field.name])

    @property
    def is_plate_wide(self) -> bool:
        """Whether it is done once, over the whole plate."""
        return WELL in self.variable_components


def _first(func: FunctionWithParams | Chain | Branches) -> Any:
    # The function that a step without a name is called by; what is none is refused once there is something to call it.
    found: Any = next(iter(func.values()), func) if isinstance(func, Mapping) else func
    while isinstance(found, list | tuple) and found:
        found = found[0]
    return found


def _branches(
    label: str, func: FunctionWithParams | Chain | Branches, params: dict[str, Any], group_by: str | None
) -> dict[str | None, Branch]:
    try:
        if not isinstance(func, Mapping):
            return {None: _branch(func, params)}
        if group_by is None or not func:
            raise PipelineError("a dict of functions needs group_by= and at least one function")
        keys = [str(value) for value in func]
        if len(set(keys)) < len(keys):
            raise PipelineError(f"two functions are given for one value of group_by {group_by!r}: {', '.join(keys)}")
        return {key: _branch(one, params) for key, one in zip(keys, func.values(), strict=True)}
    except PipelineError as e:
        raise PipelineError(f"step {label!r}: {e}") from e


def _branch(func: FunctionWithParams | Chain, params: dict[str, Any]) -> Branch:
    if isinstance(func, list):
        if not func or params:
            reason = "give each function's parameters with it: (function, {parameter: value})" if func else "name some"
            raise PipelineError(f"a chain of functions: {reason}")
        if any(isinstance(each, list) for each in func):
            raise PipelineError("a chain of functions holds another one; make them one list")
        first, *then = (_branch(each, {}) for each in func)
        return Branch(first.func, first.params, tuple(then))
    if isinstance(func, tuple):
        if len(func) != 2 or not is_params(func[1]):
            raise PipelineError(f"{func!r:.80} is not (function, {{parameter: value}})")
        function, own = func
        return Branch(function, {**params, **own})
    return Branch(func, params)


def _label(func: Any) -> str:
    return func.rpartition(":")[2] if isinstance(func, str) else str(getattr(func, "__name__", func))
