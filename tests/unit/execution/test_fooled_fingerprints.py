"""Changes of a pipeline's file that a well's fingerprint may not overlook, however they are written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import pytest
from tests.unit.pipeline.plates import write_plate

from plateflow.execution.fingerprint import with_fingerprints
from plateflow.pipeline.compile import compile_plate
from plateflow.pipeline.pipeline import PipelineSource, load_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plateflow.plate.model import Plate

HEAD: Final = """
import functools
from plateflow import FunctionStep, Pipeline
from plateflow.functions import gaussian, median
from plateflow.functions.kinds import Frame, Image
"""
SMOOTH: Final = 'pipeline = Pipeline("p", steps=[FunctionStep(smooth, inputs="1")])\n'
APPLY: Final = "def apply(image: Image, by: object = None) -> Image:\n    return image\n"
TIMES: Final = """
def times(k):
    def decorate(f):
        @functools.wraps(f)
        def inner(image: Image) -> Image:
            return image * k
        return inner
    return decorate
def same(image: Image) -> Image:
    return image
"""
BUILD: Final = """
SIGMA = 1
def smooth(image: Image) -> Image:
    return image * SIGMA
def build(sigma):
    global SIGMA
    SIGMA = sigma
    return Pipeline("p", steps=[FunctionStep(smooth, inputs="1")])
"""
MODELS: Final = """
from dataclasses import dataclass
@dataclass
class Gauss:
    s: int
@dataclass
class Median:
    s: int
class Quiet:
    def __init__(self, s):
        self.s = s
    def __repr__(self):
        return "Quiet()"
"""


def step(parameter: str) -> str:
    return f'pipeline = Pipeline("p", steps=[FunctionStep(apply, inputs="1", by={parameter})])\n'


FRAME_CLASS: Final = (
    "class Frame: pass\ndef smooth(image: Image, frame: Frame = None) -> Image:\n    return image * {}\n" + SMOOTH
)
CHANGES: Final = {
    "a wrapped function": (TIMES + 'pipeline = Pipeline("p", [FunctionStep(times({})(same), "1")])\n', "3", "5"),
    "a builder": (BUILD + "pipeline = build({})\n", "3", "5"),
    "a class of its own called Frame": (FRAME_CLASS, "3", "5"),
    "another name of Image": (
        "Frame = Image\ndef smooth(image: Frame) -> Image:\n    return image * {}\n" + SMOOTH,
        "3",
        "5",
    ),
    "the type of a parameter": (MODELS + APPLY + step("{}(1)"), "Gauss", "Median"),
    "what a repr leaves out": (MODELS + APPLY + step("Quiet({})"), "3", "5"),
    "infinite or none": (APPLY + step("{}"), 'float("inf")', "None"),
    "infinite of either sign": (APPLY + step("{}"), "1e999", "-1e999"),
    "the type of an array": ("import numpy as np\n" + APPLY + step('np.array([200], "{}")'), "uint8", "uint16"),
    "the middle of a long table": (
        "import polars as pl\n" + APPLY + step('pl.DataFrame({{"a": [0] * 50 + [{}] + [0] * 50}})'),
        "3",
        "5",
    ),
    "a function that is looked up": (
        "def helper(cells: Frame):\n    return {}\ndef smooth(image: Image) -> Image:\n"
        '    return image * globals()["helper"](None)\n' + SMOOTH,
        "3",
        "5",
    ),
    "a decorator that keeps something": (
        "K = []\ndef keep(k):\n    K.append(k)\n    return lambda f: f\n@keep({})\ndef idle(cells: Frame):\n"
        "    return cells\ndef smooth(image: Image) -> Image:\n    return image * K[0]\n" + SMOOTH,
        "3",
        "5",
    ),
    "a default that binds a name": (
        "def idle(cells: Frame, k=(K := {})):\n    return k\ndef smooth(image: Image) -> Image:\n    return image * K\n"
        + SMOOTH,
        "3",
        "5",
    ),
    "a value that binds a name": (APPLY + step("len(str(K := {}))"), "3", "5"),
    "a default": (APPLY.replace("None", "{}") + 'pipeline = Pipeline("p", [FunctionStep(apply, "1")])\n', "3", "5"),
}


@pytest.fixture(autouse=True)
def modules() -> Iterator[None]:
    """Forget what was imported from beside a pipeline's file."""
    before, path = dict(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for name in sys.modules.keys() - before.keys():
        del sys.modules[name]


@pytest.fixture
def plate(tmp_path: Path) -> Plate:
    return write_plate(tmp_path / "plate")


def fingerprint(plate: Plate, folder: Path, text: str) -> str:
    pipeline = load_source(PipelineSource(str(folder / "p.py"), HEAD + text))
    [well] = with_fingerprints(compile_plate(plate, pipeline), preview=False).wells
    return well.fingerprint


@pytest.mark.parametrize(("text", "first", "second"), CHANGES.values(), ids=CHANGES)
def test_a_change_that_matters_is_seen(plate: Plate, tmp_path: Path, text: str, first: str, second: str) -> None:
    made = fingerprint(plate, tmp_path, text.format(first))
    assert made == fingerprint(plate, tmp_path, text.format(first))
    assert made != fingerprint(plate, tmp_path, text.format(second))


UNCHANGED: Final = {
    "a function": "def f(i):\n    return i\n" + APPLY + step("f"),
    "a set of texts": APPLY + step('{"a", "b", "c", "d"}'),
}


@pytest.mark.slow
@pytest.mark.parametrize("text", UNCHANGED.values(), ids=UNCHANGED)
def test_the_same_is_the_same_in_another_process(plate: Plate, tmp_path: Path, text: str) -> None:
    program = (
        "import sys; from pathlib import Path; import msgspec; from plateflow.plate.model import Plate\n"
        "from tests.unit.execution.test_fooled_fingerprints import fingerprint\n"
        "print(fingerprint(msgspec.json.decode(sys.argv[1], type=Plate), Path(sys.argv[2]), sys.argv[3]))"
    )
    arguments = (msgspec.json.encode(plate).decode(), str(tmp_path), text)
    told = {
        subprocess.run(
            [sys.executable, "-c", program, *arguments], env={**os.environ, "PYTHONHASHSEED": seed}, check=True,
            capture_output=True, text=True, cwd=Path(__file__).parents[3],
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(told) == 1


IMPORTS: Final = {
    "inside a function": (
        "def smooth(image: Image) -> Image:\n    import beside\n    return beside.f(image)\n",
        "beside.py",
    ),
    "of a package": (
        "from pack.seg import f\ndef smooth(image: Image) -> Image:\n    return f(image)\n",
        "pack/seg.py",
    ),
    "of what that imports": (
        "from pack.seg import f\ndef smooth(image: Image) -> Image:\n    return f(image)\n",
        "pack/k.py",
    ),
}


@pytest.mark.parametrize(("text", "file"), IMPORTS.values(), ids=IMPORTS)
def test_a_module_beside_is_seen_wherever_it_is_imported(plate: Plate, tmp_path: Path, text: str, file: str) -> None:
    (tmp_path / "pack").mkdir()
    for name in ("pack/__init__.py", "pack/seg.py", "pack/k.py", "beside.py"):
        (tmp_path / name).write_text("def f(image):\n    return image\n")
    made = fingerprint(plate, tmp_path, text + SMOOTH)
    (tmp_path / file).write_text("def f(image):\n    return image + 1\n")
    assert made != fingerprint(plate, tmp_path, text + SMOOTH)
