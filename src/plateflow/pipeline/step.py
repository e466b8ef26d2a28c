"""One step of a pipeline: a function, what goes in, what comes out, and how images are grouped for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from plateflow.errors import PipelineError
from plateflow.functions.kinds import Kind
from plateflow.pipeline.forms import SAMPLE
from plateflow.pipeline.nearest import did_you_mean

Function: TypeAlias = Callable[..., Any] | str
"""A function, or ``"package.module:function"``."""
FunctionWithParams: TypeAlias = Function | tuple[Function, Mapping[str, Any]]
Branches: TypeAlias = Mapping[Any, FunctionWithParams]
"""By the value of ``group_by``: a channel's name, the number of a site, plane or timepoint."""
Component: TypeAlias = Literal["site", "channel", "z", "timepoint"]
VariableComponent: TypeAlias = Literal["well", "site", "channel", "z", "timepoint"]
Input: TypeAlias = str | list[str]

COMPONENT_NAMES = ("site", "channel", "z", "timepoint")
WELL = "well"
"""Among the variable components of a step, it makes the step one over the whole plate."""
KEPT_FOR_LATER = ("where", "source")
"""Options that steps will have: a function's parameter of such a name is given in ``params=``."""
NAME_LIMIT = 200
"""Characters of a name; names travel in every update."""
RESERVED = frozenset({"*", "Image"})
"""Every channel, and the name of the table of images."""
PIXEL_KINDS = frozenset({Kind.IMAGE, Kind.STACK, Kind.LABELS, Kind.LABEL_STACK})


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
        Components that are stacked into one array, ``(N, Y, X)``. With ``"well"`` the step is done once, over the whole
        plate and before its wells: its function takes ``Planes`` of the acquired images.
    group_by
        The component by whose value the function is picked.
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
    keep: bool | None
    sample: int
    enabled: bool

    def __init__(
        self,
        func: FunctionWithParams | Branches,
        inputs: Input | tuple[Input, ...] | None = None,
        outputs: str | tuple[str, ...] | Mapping[str, str] | None = None,
        *,
        name: str | None = None,
        variable_components: VariableComponent | Iterable[VariableComponent] = (),
        group_by: Component | None = None,
        keep: bool | None = None,
        sample: int = SAMPLE,
        enabled: bool = True,
        params: Mapping[str, Any] | None = None,
        **parameters: Any,
    ) -> None:
        branches = _branches(func, _parameters(parameters, params), group_by)
        label = check_name("step", name or _label(next(iter(branches.values())).func))
        variable = (variable_components,) if isinstance(variable_components, str) else tuple(variable_components)
        _check_components(label, variable, group_by)
        values = {
            "name": label,
            "branches": branches,
            "inputs": inputs if inputs is None or isinstance(inputs, tuple) else (inputs,),
            "outputs": _output_names(label, outputs),
            "output_kinds": _output_kinds(label, outputs),
            "variable_components": variable,
            "group_by": group_by,
            "keep": keep,
            "sample": _check_sample(label, sample),
            "enabled": enabled,
        }
        for field, value in values.items():
            object.__setattr__(self, field, value)

    @property
    def is_plate_wide(self) -> bool:
        """Whether it is done once, over the whole plate."""
        return WELL in self.variable_components


def check_name(what: str, name: object) -> str:
    """Return a name that people gave, if it can be shown and carried.

    Raises
    ------
    PipelineError
        If it is no text, empty, too long, or holds what UTF-8 cannot carry.
    """
    if not isinstance(name, str) or not 0 < len(name) <= NAME_LIMIT or any("\ud800" <= c <= "\udfff" for c in name):
        raise PipelineError(f"{what} name {name!a:.80}: 1 to {NAME_LIMIT} characters of Unicode text are needed")
    return name


def _parameters(named: dict[str, Any], params: Mapping[str, Any] | None) -> dict[str, Any]:
    if params is not None and not isinstance(params, Mapping):
        raise PipelineError(f"params= must be a dict of parameters, not {params!r:.80}")
    for name in KEPT_FOR_LATER:
        if name in named:
            raise PipelineError(f"{name}= of a step is not supported yet; a function's parameter goes in params=")
    return {**named, **(params or {})}


def _branches(
    func: FunctionWithParams | Branches, params: dict[str, Any], group_by: str | None
) -> dict[str | None, Branch]:
    if isinstance(func, Mapping):
        if group_by is None or not func:
            raise PipelineError("a step with a dict of functions needs group_by= and at least one function")
        keys = [str(value) for value in func]
        if len(set(keys)) < len(keys):
            raise PipelineError(f"two functions are given for one value of group_by {group_by!r}: {', '.join(keys)}")
        return {key: _branch(one, params) for key, one in zip(keys, func.values(), strict=True)}
    return {None: _branch(func, params)}


def _branch(func: FunctionWithParams, params: dict[str, Any]) -> Branch:
    if isinstance(func, list):
        raise PipelineError("a chain of functions in one step is not supported yet; use one step each")
    if isinstance(func, tuple):
        if len(func) != 2 or not isinstance(func[1], Mapping):
            raise PipelineError(f"{func!r:.80} is not (function, {{parameter: value}})")
        function, own = func
        return Branch(function, {**params, **own})
    return Branch(func, params)


def _label(func: Function) -> str:
    return func.rpartition(":")[2] if isinstance(func, str) else str(getattr(func, "__name__", func))


def _check_components(label: str, variable: tuple[str, ...], group_by: str | None) -> None:
    for component in (*variable, *([group_by] if group_by else [])):
        known = (*COMPONENT_NAMES, WELL) if component in variable else COMPONENT_NAMES
        if component not in known:
            near = did_you_mean(str(component), known)
            raise PipelineError(f"step {label!r}: no component {component!r}{near}; there are {', '.join(known)}")
    if group_by in variable:
        raise PipelineError(f"step {label!r}: group_by {group_by!r} cannot be a variable component too")


def _check_sample(label: str, sample: object) -> int:
    if type(sample) is not int or sample < 1:
        raise PipelineError(f"step {label!r}: sample= must be a number of planes from 1, not {sample!r:.80}")
    return sample


def _output_names(label: str, outputs: str | tuple[str, ...] | Mapping[str, str] | None) -> tuple[str, ...]:
    # Tables and records bear no names of their own: theirs is that of the objects they measure.
    kinds = _output_kinds(label, outputs)
    named = (outputs,) if isinstance(outputs, str) else tuple(outputs or ())
    for name in named:
        check_name(f"step {label!r}: output", name)
        if name in RESERVED:
            raise PipelineError(f"step {label!r}: an output cannot be called {name!r}; choose another name")
    return tuple(name for name in named if kinds.get(name, Kind.IMAGE) in PIXEL_KINDS)


def _output_kinds(label: str, outputs: str | tuple[str, ...] | Mapping[str, str] | None) -> dict[str, Kind]:
    if not isinstance(outputs, Mapping):
        return {}
    try:
        return {name: Kind(kind) for name, kind in outputs.items()}
    except ValueError as e:
        kinds = ", ".join(kind.value for kind in Kind if kind is not Kind.IMAGES)
        raise PipelineError(f"step {label!r}: {e} as the kind of an output; there are {kinds}") from e
