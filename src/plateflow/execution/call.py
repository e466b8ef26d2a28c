"""Call a step's function on arrays and check what it returns."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from plateflow import functions as library
from plateflow.errors import InputError
from plateflow.functions.kinds import Kind
from plateflow.pipeline.signature import convert_parameters, function_name, read_signature, resolve_function

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from plateflow.functions.kinds import Info
    from plateflow.pipeline.pipeline import Pipeline
    from plateflow.pipeline.step import Branch

NUMBERS = "biuf"
"""Kinds of dtype that pixels and columns may have."""

_LIBRARY = f"{library.__name__}."

Calls = tuple[dict[str | None, "Call"], ...]
"""For each step, its function by group_by value."""


@dataclass(frozen=True, slots=True)
class Call:
    """One function with its parameters."""

    func: Callable[..., Any]
    data: tuple[str, ...]
    """Names of the data parameters, in the order of a group's inputs."""
    params: dict[str, Any]
    info: tuple[str, ...] = ()
    """Parameters that are told where the images are from."""
    then: tuple[Call, ...] = ()
    """Each takes what the one before returned."""

    def __call__(self, arrays: list[Any], kinds: tuple[Kind, ...], info: Info) -> list[Any]:
        """Call it and return what it returned, one checked thing for each kind.

        Raises
        ------
        ValueError
            If it returned something else.
        InputError
            If it is one of the library and refuses its input: the text says what to do, and needs no traceback.
        """
        returned = self._returned(arrays, info)
        things = list(returned) if isinstance(returned, tuple) and len(kinds) > 1 else [returned]
        if len(things) != len(kinds):
            raise ValueError(f"{function_name(self.func)} returned {len(things)} things, not the {len(kinds)} declared")
        return [_CHECKS[kind](thing) for kind, thing in zip(kinds, things, strict=True)]

    def _returned(self, arrays: list[Any], info: Info) -> Any:
        told = dict.fromkeys(self.info, info)
        try:
            returned = self.func(**dict(zip(self.data, arrays, strict=True)), **told, **self.params)
        except ValueError as e:
            if _is_refusal(e):
                raise InputError(str(e)) from e
            raise
        for call in self.then:
            several = isinstance(returned, tuple) and len(call.data) > 1
            returned = call._returned(list(returned) if several else [returned], info)  # noqa: SLF001 - its own class
        return returned


def make_calls(pipeline: Pipeline, pixel_size_um: float | None) -> Calls:
    """Resolve every function of a pipeline for plates of this pixel size, once for each worker."""
    return tuple(
        {
            value: replace(first, then=tuple(then))
            for value, branch in step.branches.items()
            for first, *then in [[_make_call(link, pixel_size_um) for link in branch.chain]]
        }
        for step in pipeline.steps
    )


def _make_call(link: Branch, pixel_size_um: float | None) -> Call:
    func = resolve_function(link.func)
    signature = read_signature(func)
    params = convert_parameters(signature, link.params, pixel_size_um)
    return Call(func, tuple(signature.data), params, signature.info)


def _is_refusal(error: ValueError) -> bool:
    # Of the library alone: what numpy raises within it, or a user's function, is told with the place that it is from.
    modules = [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)][1:]
    return bool(modules) and all(f"{module}.".startswith(_LIBRARY) for module in (modules[0], modules[-1]))


def _check_image(thing: Any) -> NDArray[Any]:
    return _pixels(thing, 2, "an image (Y, X)")


def _check_stack(thing: Any) -> NDArray[Any]:
    return _pixels(thing, 3, "a stack (N, Y, X)")


def _check_labels(thing: Any) -> NDArray[np.int32]:
    return _as_labels(_pixels(thing, 2, "labels (Y, X)"))


def _check_label_stack(thing: Any) -> NDArray[np.int32]:
    return _as_labels(_pixels(thing, 3, "labels (N, Y, X)"))


def _pixels(thing: Any, dims: int, what: str) -> NDArray[Any]:
    if not isinstance(thing, np.ndarray) or thing.ndim != dims:
        found = f"an array of shape {thing.shape}" if isinstance(thing, np.ndarray) else f"a {type(thing).__name__}"
        raise ValueError(f"returned {found}, not {what}")
    if thing.dtype.kind not in NUMBERS or not thing.size:
        raise ValueError(f"returned an array of shape {thing.shape} and dtype {thing.dtype}, not {what} of numbers")
    return thing


def _as_labels(array: NDArray[Any]) -> NDArray[np.int32]:
    if array.dtype.kind not in "iub":
        raise ValueError(f"returned labels of dtype {array.dtype}, not integers")
    if array.size and (int(array.max()) > np.iinfo(np.int32).max or int(array.min()) < 0):
        raise ValueError("returned labels outside 0..2**31-1")
    return array.astype(np.int32, copy=False)


def _check_table(thing: Any) -> dict[str, NDArray[Any]]:
    if not isinstance(thing, dict):
        raise ValueError(f"returned a {type(thing).__name__}, not a table {{column: values}}")
    table = {str(column): np.atleast_1d(np.asarray(values)) for column, values in thing.items()}
    for column, values in table.items():
        if values.size and values.dtype.kind not in NUMBERS:
            raise ValueError(f"returned a table whose column {column!r} is {values.dtype}, not numbers")
    return table


def _check_record(thing: Any) -> dict[str, float]:
    if not isinstance(thing, dict):
        raise ValueError(f"returned a {type(thing).__name__}, not a record {{column: number}}")
    return {str(column): _number(column, value) for column, value in thing.items()}


def _number(column: object, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as e:
        raise ValueError(f"returned a record whose column {column!r} is {value!r:.80}, not a number") from e


def _check_frame(thing: Any) -> pl.DataFrame:
    if not isinstance(thing, pl.DataFrame):
        raise ValueError(f"returned a {type(thing).__name__}, not a polars DataFrame; collect or convert it")
    if not thing.width:
        raise ValueError("returned a table without columns")
    return thing


_CHECKS: dict[Kind, Callable[[Any], Any]] = {
    Kind.IMAGE: _check_image,
    Kind.STACK: _check_stack,
    Kind.LABELS: _check_labels,
    Kind.LABEL_STACK: _check_label_stack,
    Kind.TABLE: _check_table,
    Kind.RECORD: _check_record,
    Kind.FRAME: _check_frame,
}
