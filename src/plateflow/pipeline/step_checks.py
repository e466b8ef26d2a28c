"""What a step is checked for when it is made, before there is a plate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plateflow.errors import PipelineError, PlateError
from plateflow.functions.kinds import Kind
from plateflow.pipeline.nearest import did_you_mean
from plateflow.plate.wells import canonical_well

COMPONENT_NAMES = ("site", "channel", "z", "timepoint")
WELL = "well"
"""Among the variable components of a step, it makes the step one over the whole plate."""
NAME_LIMIT = 200
"""Characters of a name; names travel in every update."""
IMAGE_TABLE = "Image"
"""The table of one row a site."""
RESERVED = frozenset({"*", IMAGE_TABLE})
"""Every channel, and the name of the table of images."""
NAMED_KINDS = frozenset({Kind.IMAGE, Kind.STACK, Kind.LABELS, Kind.LABEL_STACK, Kind.FRAME})
"""What bears a name of its own when it comes out of a step."""
Where = dict[str, tuple[str | int, ...]]
"""By component, the values of it that a step is for."""


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


def check_components(label: str, variable: tuple[str, ...], group_by: str | None) -> None:
    """Refuse components that there are not, or that do not go together.

    Raises
    ------
    PipelineError
        Names the component, and the nearest that there is.
    """
    for component in (*variable, *([] if group_by is None else [group_by])):
        known = (*COMPONENT_NAMES, WELL) if component in variable else COMPONENT_NAMES
        if component not in known:
            near = did_you_mean(str(component), known)
            raise PipelineError(f"step {label!r}: no component {component!r}{near}; there are {', '.join(known)}")
    if group_by in variable:
        raise PipelineError(f"step {label!r}: group_by {group_by!r} cannot be a variable component too")


def output_names(label: str, outputs: str | tuple[str, ...] | Mapping[str, str] | None) -> tuple[str, ...]:
    """Return the names of the images, objects and tables of the plate that a step makes.

    Raises
    ------
    PipelineError
        For a name that cannot be one.
    """
    # Measurements of objects and sites bear no names of their own: theirs is that of the objects they measure.
    kinds = output_kinds(label, outputs)
    named = (outputs,) if isinstance(outputs, str) else tuple(outputs or ())
    for name in named:
        check_name(f"step {label!r}: output", name)
        if name in RESERVED:
            raise PipelineError(f"step {label!r}: an output cannot be called {name!r}; choose another name")
    return tuple(name for name in named if kinds.get(name, Kind.IMAGE) in NAMED_KINDS)


def output_kinds(label: str, outputs: str | tuple[str, ...] | Mapping[str, str] | None) -> dict[str, Kind]:
    """Return the kinds of what a step makes, where it states them.

    Raises
    ------
    PipelineError
        For a kind that there is not.
    """
    if not isinstance(outputs, Mapping):
        return {}
    try:
        return {name: Kind(kind) for name, kind in outputs.items()}
    except ValueError as e:
        kinds = ", ".join(kind.value for kind in Kind if kind is not Kind.IMAGES)
        raise PipelineError(f"step {label!r}: {e} as the kind of an output; there are {kinds}") from e


def read_where(label: str, where: Mapping[str, Any]) -> Where:
    """Return which wells, sites, channels, planes and timepoints a step is for; any where it does not say.

    Raises
    ------
    PipelineError
        For a component that there is not, or a value that it cannot have.
    """
    known = (WELL, *COMPONENT_NAMES)
    found: Where = {}
    for component, given in where.items():
        if component not in known:
            near = did_you_mean(str(component), known)
            raise PipelineError(f"step {label!r}: where= has no component {component!r}{near}; {', '.join(known)}")
        values = tuple(given) if isinstance(given, list | tuple | set | frozenset) else (given,)
        if not values:
            raise PipelineError(f"step {label!r}: where= names no {component}; leave it out for all")
        found[component] = tuple(dict.fromkeys(_where_value(label, component, value) for value in values))
    return found


def _where_value(label: str, component: str, value: Any) -> str | int:
    if component == WELL and isinstance(value, str):
        try:
            return canonical_well(value)
        except PlateError as e:
            raise PipelineError(f"step {label!r}: where= {e}") from e
    if component == "channel" and isinstance(value, str):
        return check_name(f"step {label!r}: where= channel", value)
    if component not in (WELL, "channel") and type(value) is int:
        return value
    wanted = "a text" if component in (WELL, "channel") else "a whole number"
    raise PipelineError(f"step {label!r}: where= {component} must be {wanted}, not {value!r:.80}")
