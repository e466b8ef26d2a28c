"""What a function takes and returns, read from its type hints: no decorator, no base class."""

from __future__ import annotations

import importlib
import inspect
import typing
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

import msgspec

from plateflow.errors import PipelineError
from plateflow.functions.kinds import Kind

if typing.TYPE_CHECKING:
    from collections.abc import Callable

OBJECT_KINDS = frozenset({Kind.LABELS, Kind.LABEL_STACK})
STACK_KINDS = frozenset({Kind.STACK, Kind.LABEL_STACK})


@dataclass(frozen=True, slots=True)
class Signature:
    """One function as the compiler sees it."""

    data: dict[str, Kind]
    """Data parameters in order; without hints the first parameter, an image."""
    parameters: dict[str, inspect.Parameter]
    """Every other one, with its resolved annotation."""
    returns: tuple[Kind, ...]
    """One kind for each thing returned; without hints one image."""
    takes_any: bool
    """Whether ``**kwargs`` takes parameters that cannot be checked."""
    hinted: bool
    """Whether hints say which parameters are data."""


def resolve_function(func: Callable[..., Any] | str) -> Callable[..., Any]:
    """Return the function that ``"package.module:name"`` names, or the function itself.

    Raises
    ------
    PipelineError
        If it cannot be imported or is not callable.
    """
    if not isinstance(func, str):
        if not callable(func):
            raise PipelineError(f"{func!r} is not a function; give a function or 'package.module:function'")
        return func
    module_name, colon, name = func.partition(":")
    if not (module_name and colon and name):
        raise PipelineError(f"function {func!r} is not of the form 'package.module:function'")
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as e:
        raise PipelineError(f"function {func!r} cannot be imported: {e}") from e
    return resolve_function(found)


def function_name(func: Callable[..., Any]) -> str:
    """Return ``package.module:name``, for people and for provenance."""
    return f"{func.__module__}:{func.__qualname__}" if inspect.isfunction(func) else repr(func)


def read_signature(func: Callable[..., Any]) -> Signature:
    """Read what a function takes and returns.

    Raises
    ------
    PipelineError
        If it takes nothing, or has no signature to read.
    """
    try:
        parameters = inspect.signature(func).parameters
    except (ValueError, TypeError) as e:
        raise PipelineError(f"function {func!r} has no signature to read; wrap it in a def of your own") from e
    hints = _type_hints(func)
    named = {n: p.replace(annotation=hints.get(n, p.empty)) for n, p in parameters.items() if p.kind not in _VARIADIC}
    data = {name: kind for name in named if (kind := _kind_of(hints.get(name)))}
    hinted = bool(data)
    if not hinted:
        if not named:
            raise PipelineError(f"function {function_name(func)} takes no image")
        data = {next(iter(named)): Kind.IMAGE}
    return Signature(
        data=data,
        parameters={n: p for n, p in named.items() if n not in data},
        returns=_returned_kinds(hints.get("return")),
        takes_any=any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()),
        hinted=hinted,
    )


def check_parameters(signature: Signature, given: dict[str, Any]) -> list[str]:
    """Return what is wrong with a step's parameters: unknown, missing or mistyped ones."""
    problems = []
    for name, value in given.items():
        if name in signature.data:
            problems.append(f"parameter {name!r} is filled by the step's inputs; it cannot be given")
        elif name not in signature.parameters:
            if not signature.takes_any:
                known = ", ".join(signature.parameters) or "none"
                problems.append(f"unknown parameter {name!r}; the function takes: {known}")
        elif wrong := _mistyped(signature.parameters[name].annotation, value):
            problems.append(f"parameter {name!r}: {wrong}, got {value!r}")
    for name, parameter in signature.parameters.items():
        if parameter.default is parameter.empty and name not in given:
            problems.append(f"parameter {name!r} is missing; the function has no default for it")
    return problems


_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _type_hints(func: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(func, include_extras=True)
    except (NameError, TypeError):
        return {}  # a third-party function whose hints name types that exist only for its type checker


def _kind_of(hint: Any) -> Kind | None:
    if get_origin(hint) is Annotated:
        return next((note for note in get_args(hint)[1:] if isinstance(note, Kind)), None)
    return None


def _returned_kinds(hint: Any) -> tuple[Kind, ...]:
    if get_origin(hint) is tuple:
        kinds = tuple(kind for part in get_args(hint) if (kind := _kind_of(part)))
    else:
        kinds = tuple(kind for kind in [_kind_of(hint)] if kind)
    return kinds or (Kind.IMAGE,)


def _mistyped(annotation: Any, value: object) -> str:
    if annotation is inspect.Parameter.empty or annotation is Any:
        return ""
    try:
        msgspec.convert(value, annotation)
    except msgspec.ValidationError as e:
        return str(e)
    except TypeError:
        return ""  # a type that msgspec does not know: nothing to check against
    return ""
