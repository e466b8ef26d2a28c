"""Lengths in micrometres: on plates that tell the size of a pixel, and on those that do not."""

import math
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plateflow.errors import CompileError
from plateflow.functions.kinds import Image, Length, PositiveLength
from plateflow.pipeline.compile import compile_plate
from plateflow.pipeline.lengths import LengthError, in_pixels, is_length
from plateflow.pipeline.pipeline import Pipeline
from plateflow.pipeline.step import FunctionStep
from plateflow.plate.model import Plate
from plateflow.plate.open import open_plate
from plateflow.plate.synthetic import write_synthetic_plate
from plateflow.service.run_plate import run_plate


@pytest.mark.parametrize(
    ("text", "pixels"),
    [
        ("8 px", 8),
        ("8", 8),
        ("2.6 um", 4),
        (" 2.6um ", 4),
        ("2.6 \N{MICRO SIGN}m", 4),
        ("2.6 \N{GREEK SMALL LETTER MU}m", 4),
        ("2600 nm", 4),
        ("2.6e-3 mm", 4),
        (".65 um", 1),
        ("-1 px", -1),
    ],
)
def test_texts(text: str, pixels: float) -> None:
    assert in_pixels(text, 0.65) == pytest.approx(pixels)


@pytest.mark.parametrize("text", ["", "um", "8 cm", "8 um 3", "1,5 um", "8 um/px", "eight", "nan um", "inf"])
def test_texts_that_are_no_length(text: str) -> None:
    with pytest.raises(LengthError, match=r"is no length; say it like 8, '8 px' or '2.6 um'"):
        in_pixels(text, 0.65)


def test_micrometres_need_the_size_of_a_pixel() -> None:
    assert in_pixels("8 px", None) == 8
    with pytest.raises(LengthError, match="needs the size of a pixel"):
        in_pixels("8 um", None)


@given(st.floats(min_value=1e-6, max_value=1e6), st.floats(min_value=1e-3, max_value=1e3))
def test_any_number_of_micrometres(length: float, pixel: float) -> None:
    assert math.isclose(in_pixels(f"{length!r} um", pixel), length / pixel, rel_tol=1e-12)


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (Length, True),
        (PositiveLength | None, True),
        (Annotated[Length, "more"], True),
        (float, False),
        (Annotated[float, msgspec.Meta(ge=0)], False),
        (float | None, False),
        (str, False),
    ],
)
def test_which_hints_are_lengths(hint: Any, expected: bool) -> None:
    assert is_length(hint) is expected


def paint(image: Image, size: PositiveLength, other: Length | None = None) -> Image:
    return np.full(image.shape, size, np.float32)


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Plate:
    folder = tmp_path_factory.mktemp("plates") / "plate"
    write_synthetic_plate(folder, rows=1, columns=1)
    return open_plate(folder)


def pipeline(**params: Any) -> Pipeline:
    return Pipeline("p", [FunctionStep(paint, inputs="1", outputs="Painted", **params)])


def test_a_function_gets_pixels(plate: Plate, tmp_path: Path) -> None:
    plate = msgspec.structs.replace(plate, pixel_size_um=0.5)
    outcome = run_plate(compile_plate(plate, pipeline(size="3 um", other="4 px")), output=tmp_path / "out")
    assert outcome.errors == {}
    zarr = pytest.importorskip("zarr")
    assert (zarr.open_array(tmp_path / "out/plate.zarr/A/01/1xPainted/0", mode="r")[:] == 6).all()
    again = msgspec.structs.replace(plate, pixel_size_um=0.25)
    first, second = (compile_fingerprint(p, tmp_path) for p in (plate, again))
    assert first != second, "another pixel size is another result"


def compile_fingerprint(plate: Plate, tmp_path: Path) -> str:
    from plateflow.execution.fingerprint import with_fingerprints

    plan = with_fingerprints(compile_plate(plate, pipeline(size="3 um")), preview=False)
    return plan.axes[0].fingerprint


@pytest.mark.parametrize(
    ("pixel", "params", "problem"),
    [
        (None, {"size": "3 um"}, "step 'paint': parameter 'size': '3 um' needs the size of a pixel"),
        (0.5, {"size": "3 parsec"}, "step 'paint': parameter 'size': '3 parsec' is no length"),
        (
            0.5,
            {"size": "0 um"},
            "step 'paint': parameter 'size': Expected `float` > 0.0, got '0 um', which is 0 pixels",
        ),
        (0.5, {"size": -1}, "step 'paint': parameter 'size': Expected `float` > 0.0, got -1"),
        (0.5, {"siez": "3 um", "size": 1}, "unknown parameter 'siez' (did you mean 'size'?); the function takes: size"),
    ],
)
def test_wrong_lengths_are_compiles_errors(
    plate: Plate, pixel: float | None, params: dict[str, Any], problem: str
) -> None:
    with pytest.raises(CompileError) as caught:
        compile_plate(msgspec.structs.replace(plate, pixel_size_um=pixel), pipeline(**params))
    assert problem in caught.value.problems[0]
