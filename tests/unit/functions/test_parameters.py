"""The annotations of the library are what a compiler needs: kinds for data, checkable types for all the rest."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
import pytest

from plateflow import functions
from plateflow.functions.kinds import Info, Kind
from plateflow.pipeline.describe import list_library
from plateflow.pipeline.signature import read_signature

if TYPE_CHECKING:
    from collections.abc import Callable

    from plateflow.pipeline.forms import FunctionForm

SEEN: set[str] = set()
FUNCTIONS: list[Callable[..., Any]] = [getattr(functions, name) for name in functions.__all__]


def kind_of(hint: object) -> Kind | None:
    notes = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return next((note for note in notes if isinstance(note, Kind)), None)


def parameters_of(function: Callable[..., Any]) -> dict[str, Any]:
    hints = get_type_hints(function, include_extras=True)
    return {
        name: hint for name, hint in hints.items() if name != "return" and hint is not Info and kind_of(hint) is None
    }


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
        ("median", ["image"], "image"),
        ("white_tophat", ["image"], "image"),
        ("subtract_background", ["image"], "image"),
        ("difference_of_gaussians", ["image"], "image"),
        ("unsharp_mask", ["image"], "image"),
        ("estimate_illumination", ["planes"], "image"),
        ("correct_illumination", ["image", "image"], "image"),
        ("project_max", ["stack"], "image"),
        ("stitch", ["stack"], "image"),
        ("project_min", ["stack"], "image"),
        ("project_mean", ["stack"], "image"),
        ("project_sum", ["stack"], "image"),
        ("project_focus", ["stack"], "image"),
        ("find_spots", ["image"], "labels"),
        ("grow_cells", ["labels", "image"], "labels"),
        ("expand", ["labels"], "labels"),
        ("subtract", ["labels", "labels"], "labels"),
        ("keep_inside", ["labels"], "labels"),
        ("keep_same", ["labels", "labels"], "labels"),
        ("filter_objects", ["labels", "table"], "labels"),
        ("relate", ["labels", "labels"], "table + table"),
        ("measure_shape", ["labels"], "table"),
        ("measure_texture", ["labels", "images"], "table"),
        ("measure_granularity", ["labels", "images"], "table"),
        ("measure_radial_distribution", ["labels", "images"], "table"),
        ("measure_image_quality", ["image"], "record"),
        ("measure_threshold", ["image"], "record"),
        ("normalise_to_controls", ["frame"], "frame"),
        ("score_assay", ["frame"], "frame"),
    ],
)
def test_kinds(function: str, takes: list[str], returns: str) -> None:
    SEEN.add(function)
    signature = read_signature(getattr(functions, function))
    assert " + ".join(kind.value for kind in signature.returns) == returns
    assert [kind.value for kind in signature.data.values()] == takes


def test_every_function_of_the_library_has_its_kinds_tested() -> None:
    assert set(functions.__all__) == SEEN


@pytest.mark.parametrize("form", list_library(), ids=lambda form: form.name)
def test_every_function_tells_all_that_a_user_needs(form: FunctionForm) -> None:
    assert form.summary
    assert form.result
    assert form.references
    assert all(parameter.doc and parameter.default is not None for parameter in form.parameters)
    assert all(parameter.unit == "pixels" for parameter in form.parameters if parameter.type.kind == "length")
    units = {parameter.unit for parameter in form.parameters}
    assert units <= {"", "pixels", "grey values", "percent"}


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
