"""The annotations of the library are what a compiler needs: kinds for data, checkable types for all the rest."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
import pytest

from plateflow import functions
from plateflow.functions.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

FUNCTIONS: list[Callable[..., Any]] = [getattr(functions, name) for name in functions.__all__]


def kind_of(hint: object) -> Kind | None:
    notes = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return next((note for note in notes if isinstance(note, Kind)), None)


def parameters_of(function: Callable[..., Any]) -> dict[str, Any]:
    hints = get_type_hints(function, include_extras=True)
    return {name: hint for name, hint in hints.items() if name != "return" and kind_of(hint) is None}


@pytest.mark.parametrize(
    ("function", "takes", "returns"),
    [
        ("gaussian", ["image"], "image"),
        ("normalise", ["image"], "image"),
        ("composite", ["stack"], "image"),
        ("find_nuclei", ["image"], "labels"),
        ("ring_around", ["labels"], "labels"),
        ("measure_intensity", ["labels", "images"], "table"),
        ("ratio", ["labels", "labels", "image"], "table"),
    ],
)
def test_kinds(function: str, takes: list[str], returns: str) -> None:
    hints = get_type_hints(getattr(functions, function), include_extras=True)
    kinds = {name: kind.value for name, hint in hints.items() if (kind := kind_of(hint))}
    assert kinds.pop("return") == returns
    assert list(kinds.values()) == takes


def test_every_function_of_the_library_has_its_kinds_tested() -> None:
    assert len(FUNCTIONS) == 7


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_every_parameter_has_a_default_of_its_own_type(function: Callable[..., Any]) -> None:
    for name, hint in parameters_of(function).items():
        default = inspect.signature(function).parameters[name].default
        assert msgspec.convert(default, hint) == default


@pytest.mark.parametrize(
    ("function", "parameter", "value"),
    [
        ("gaussian", "sigma", -1),
        ("normalise", "high", 101),
        ("composite", "weights", [1, "a"]),
        ("find_nuclei", "min_diameter", 0),
        ("find_nuclei", "method", "ostu"),
        ("find_nuclei", "split_by", "colour"),
        ("find_nuclei", "split_at", 0.5),
        ("find_nuclei", "drop_border", "no"),
        ("ring_around", "gap", -1),
        ("ring_around", "width", 0),
    ],
)
def test_a_wrong_value_is_refused(function: str, parameter: str, value: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(value, parameters_of(getattr(functions, function))[parameter])
