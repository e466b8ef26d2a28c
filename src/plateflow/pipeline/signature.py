"""What a function takes and returns, read from its type hints: no decorator, no base class."""

from __future__ import annotations

import functools
import importlib
import inspect
import typing
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated, Any, get_args, get_origin

import msgspec
import polars

from plateflow.errors import PipelineError
from plateflow.functions import kinds
from plateflow.functions.kinds import Info, Kind
from plateflow.pipeline.lengths import LengthError, in_pixels, is_said_otherwise
from plateflow.pipeline.nearest import did_you_mean

if typing.TYPE_CHECKING:
    from collections.abc import Callable

OBJECT_KINDS = frozenset({Kind.LABELS, Kind.LABEL_STACK})
STACK_KINDS = frozenset({Kind.STACK, Kind.LABEL_STACK})
OF_OBJECTS = OBJECT_KINDS | {Kind.TABLE}
"""Kinds of data parameters that are given objects by name; all others are given images."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One function as the compiler sees it."""

    data: dict[str, Kind]
    """Data parameters in order; without hints the first parameter, an image."""
    parameters: dict[str, inspect.Parameter]
    """Every other one, with its resolved annotation."""
    returns: tuple[Kind, ...]
    """One kind for each thing returned; () where hints do not tell."""
    takes_any: bool
    """Whether ``**kwargs`` takes parameters that cannot be checked."""
    hinted: bool
    """Whether hints say which parameters are data."""
    info: tuple[str, ...] = ()
    """Parameters that are told where the images are from."""


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
    except (Exception, SystemExit) as e:  # the boundary of loading a user's code
        raise PipelineError(f"function {func!r} cannot be imported: {type(e).__name__}: {e}") from e
    if not callable(found):
        raise PipelineError(f"function {func!r}: {found!r:.80} is not a function")
    resolved: Callable[..., Any] = found
    return resolved


def function_name(func: Callable[..., Any]) -> str:
    """Return ``package.module:name``, for people and for provenance."""
    return f"{func.__module__}:{func.__qualname__}" if inspect.isfunction(func) else repr(func)


def read_signature(func: Callable[..., Any]) -> Signature:
    """Read what a function takes and returns.

    Raises
    ------
    PipelineError
        If it takes nothing, takes or returns what no step can, or has no signature to read.
    """
    try:
        signature = inspect.signature(func)
    except (ValueError, TypeError) as e:
        raise PipelineError(f"function {func!r} has no signature to read; wrap it in a def of your own") from e
    parameters = signature.parameters
    hints = _type_hints(func, signature)
    named = {n: p.replace(annotation=hints.get(n, p.empty)) for n, p in parameters.items() if p.kind not in _VARIADIC}
    data = {name: kind for name in named if (kind := _kind_of(hints.get(name)))}
    hinted = bool(data)
    if not hinted:
        if not named:
            raise PipelineError(f"function {function_name(func)} takes no image")
        data = {next(iter(named)): Kind.IMAGE}
    untold = [] if hinted else list(data)  # beside data that hints tell, one may be a parameter
    _check_frames(func, {name: hints.get(name) for name in [*untold, "return"]})
    returns = _returned_kinds(hints.get("return"))
    _check_kinds(func, data, returns)
    return Signature(
        data=data,
        parameters={n: p for n, p in named.items() if n not in data and hints.get(n) is not Info},
        returns=returns,
        takes_any=any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()),
        hinted=hinted,
        info=tuple(name for name in named if hints.get(name) is Info),
    )


def convert_parameters(signature: Signature, given: dict[str, Any], pixel_size_um: float | None) -> dict[str, Any]:
    """Return checked parameters as the function's hints want them: the Enum of a text, pixels of micrometres."""
    return {
        name: _convert(signature.parameters[name].annotation, value, pixel_size_um)
        if name in signature.parameters
        else value
        for name, value in given.items()
    }


def check_lengths(signature: Signature, given: dict[str, Any], pixel_size_um: float | None) -> list[str]:
    """Return what is wrong with lengths on a plate of this pixel size; None where it is not known."""
    problems = []
    for name, value in given.items():
        if name in signature.parameters and is_said_otherwise(
            annotation := signature.parameters[name].annotation, value
        ):
            try:
                _convert(annotation, value, pixel_size_um)
            except LengthError as e:
                problems.append(f"parameter {name!r}: {e}")
            except msgspec.ValidationError as e:
                pixels = in_pixels(value, pixel_size_um)
                problems.append(f"parameter {name!r}: {e}, got {value!r}, which is {pixels:g} pixels on this plate")
    return problems


def check_parameters(signature: Signature, given: dict[str, Any]) -> list[str]:
    """Return what is wrong with a step's parameters, whatever the plate: unknown, missing or mistyped ones."""
    problems = []
    for name, value in given.items():
        if name in signature.info:
            problems.append(f"parameter {name!r} is told where the images are from; it cannot be given")
        elif name in signature.data:
            problems.append(f"parameter {name!r} is filled by the step's inputs; it cannot be given")
        elif name not in signature.parameters:
            if not signature.takes_any:
                problems.append(f"unknown parameter {name!r}{_known(name, signature)}")
        elif wrong := _mistyped(signature.parameters[name].annotation, value):
            problems.append(f"parameter {name!r}: {wrong}, got {value!r:.200}")
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.POSITIONAL_ONLY:
            problems.append(f"parameter {name!r} cannot be given by name; wrap the function in a def of your own")
        elif parameter.default is parameter.empty and name not in given:
            other = f"; {_WRITE_FRAME}" if _is_untold_frame(parameter.annotation) else ""
            problems.append(f"parameter {name!r} is missing; the function has no default for it{other}")
    return problems


_WRITE_FRAME = "for a table of the whole plate write Frame, from plateflow.functions.kinds"
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _type_hints(func: Callable[..., Any], signature: inspect.Signature) -> dict[str, Any]:
    # Kinds are known also to a file that imports them for its type checker only.
    names = {**vars(kinds), **_globals(func)}
    hints = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    hints["return"] = signature.return_annotation
    return {name: _resolve(hint, names) for name, hint in hints.items() if hint is not inspect.Parameter.empty}


def _globals(func: Callable[..., Any]) -> dict[str, Any]:
    inner = inspect.unwrap(func)
    while isinstance(inner, functools.partial):
        inner = inspect.unwrap(inner.func)
    return inner.__globals__ if inspect.isfunction(inner) else {}


def _resolve(hint: Any, names: dict[str, Any]) -> Any:
    try:
        holder = SimpleNamespace(__annotations__={"hint": hint})
        return typing.get_type_hints(holder, globalns=names, include_extras=True)["hint"]
    except (NameError, TypeError, AttributeError, SyntaxError):
        return inspect.Parameter.empty  # it names what exists for its author's type checker only


def _check_kinds(func: Callable[..., Any], data: dict[str, Kind], returns: tuple[Kind, ...]) -> None:
    for name, kind in data.items():
        if kind is Kind.RECORD:
            raise PipelineError(f"parameter {name!r} of {function_name(func)} takes a {kind.value}; no step gives one")
    if Kind.IMAGES in returns:
        raise PipelineError(f"function {function_name(func)} returns images by name; return a tuple of Image")
    if Kind.PLANES in returns:
        raise PipelineError(f"function {function_name(func)} returns planes of the plate; return an Image")


def _check_frames(func: Callable[..., Any], hints: dict[str, Any]) -> None:
    for name, hint in hints.items():
        if _is_untold_frame(hint):
            what = "what it returns" if name == "return" else f"parameter {name!r}"
            raise PipelineError(f"function {function_name(func)}: {what} has the hint DataFrame; {_WRITE_FRAME}")


def _is_untold_frame(hint: Any) -> bool:
    return any(part is polars.DataFrame for part in (hint, *get_args(hint))) and _kind_of(hint) is None


def _kind_of(hint: Any) -> Kind | None:
    if get_origin(hint) is Annotated:
        return next((note for note in get_args(hint)[1:] if isinstance(note, Kind)), None)
    return None


def _returned_kinds(hint: Any) -> tuple[Kind, ...]:
    parts = get_args(hint) if get_origin(hint) is tuple else (hint,)
    return tuple(kind for part in parts if (kind := _kind_of(part)))


def _known(name: str, signature: Signature) -> str:
    known = ", ".join(signature.parameters) or "none"
    return f"{did_you_mean(name, signature.parameters)}; the function takes: {known}"


def _mistyped(annotation: Any, value: object) -> str:
    try:
        if is_said_otherwise(annotation, value):
            in_pixels(value, 1.0)  # bounds are those of pixels, which only a plate can tell
        else:
            _convert(annotation, value, None)
    except (msgspec.ValidationError, LengthError) as e:
        return str(e)
    return ""


def _convert(annotation: Any, value: Any, pixel_size_um: float | None) -> Any:
    if annotation is inspect.Parameter.empty:
        return value
    if is_said_otherwise(annotation, value):
        value = in_pixels(value, pixel_size_um)
    try:
        return msgspec.convert(value, annotation)
    except TypeError:
        return value  # a type that msgspec does not know: nothing to check against
