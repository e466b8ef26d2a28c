"""What of a pipeline's file the wells depend on: a step over their tables is changed without them."""

from pathlib import Path

import pytest

from plateflow.execution.pipeline_text import code_text
from plateflow.pipeline.pipeline import PipelineSource, load_source

FILE = """
from plateflow import FunctionStep, Pipeline
from plateflow.functions import find_nuclei, gaussian as blur
from plateflow.functions.kinds import *

def share(cells):
    return cells.height / 100

def summarise(cells: Frame) -> Frame:
    return cells.head(int(share(cells)))

def brighter(image: Image, by: int = 1) -> Image:
    return blur(image + 1)

pipeline = Pipeline("p", steps=[
    FunctionStep(brighter, inputs="1"),
    FunctionStep(find_nuclei, inputs="1", outputs="Nuclei"),
    FunctionStep(summarise, inputs="Nuclei", outputs="Summary", variable_components="well"),
])
"""


def texts(folder: Path, text: str, name: str = "p.py") -> tuple[str, str]:
    """Return what wells and what tables depend on."""
    pipeline = load_source(PipelineSource(str(folder / name), text))
    assert pipeline.source is not None
    return code_text(pipeline, pipeline.source, tables=False), code_text(pipeline, pipeline.source, tables=True)


STEP = '    FunctionStep(summarise, inputs="Nuclei", outputs="Summary", variable_components="well"),\n'
MORE = """    FunctionStep(
        normalise_to_controls, "Nuclei", "N", variable_components="well", control_column="A", control_values=1
    ),
"""
NO_WELLS = {
    "an option": ('outputs="Summary"', 'outputs="Brief"'),
    "its function": ("cells.head(", "cells.tail("),
    "a helper of its function": ("height / 100", "height / 50"),
    "a module of its function's": ("\nfrom plateflow import", "\nimport polars as pl\nfrom plateflow import"),
    "a function that nothing names": ("def summarise", "def idle(x: Frame):\n    return x\n\ndef summarise"),
    "another step, which its own entry tells": ('outputs="Nuclei"', 'outputs="Nuclei", min_diameter=4'),
    "the step, commented out": (STEP, ""),
    "one more, with its import": (
        "import find_nuclei,",
        "import find_nuclei, normalise_to_controls,",
        STEP,
        STEP + MORE,
    ),
}
ALSO_WELLS = {
    "another function": ("image + 1", "image + 2"),
    "an import": ("from plateflow.functions.kinds", "import tests\nfrom plateflow.functions.kinds"),
    "where a name that is used is from": ("gaussian as", "median as"),
}


def changed(*pairs: str) -> str:
    text = FILE
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("change", NO_WELLS.values(), ids=NO_WELLS)
def test_what_changes_no_well(tmp_path: Path, change: tuple[str, ...]) -> None:
    assert texts(tmp_path, FILE)[0] == texts(tmp_path, changed(*change))[0]


@pytest.mark.parametrize("change", ALSO_WELLS.values(), ids=ALSO_WELLS)
def test_what_changes_wells(tmp_path: Path, change: tuple[str, ...]) -> None:
    assert texts(tmp_path, FILE)[0] != texts(tmp_path, changed(*change))[0]


def test_its_function_is_the_tables_own(tmp_path: Path) -> None:
    assert texts(tmp_path, FILE)[1] != texts(tmp_path, changed("cells.head(", "cells.tail("))[1]


def test_a_function_over_tables_that_a_wells_function_uses_is_the_wells_too(tmp_path: Path) -> None:
    used = changed("image + 1", "image + summarise(image)")
    assert texts(tmp_path, used)[0] != texts(tmp_path, used.replace("cells.head(", "cells.tail("))[0]


@pytest.mark.parametrize("made", ["lambda image: image + {}", "make({})", "functools.partial(brighter, by={})"])
def test_a_function_that_is_made_as_the_step_is(tmp_path: Path, made: str) -> None:
    maker = (
        "import functools\n\ndef make(by):\n    def add(image):\n        return image + by\n    return add\n\npipeline"
    )
    first, second = (
        changed("FunctionStep(brighter,", f"FunctionStep({made.format(by)}, name='b',", "\npipeline", "\n" + maker)
        for by in (3, 4)
    )
    assert texts(tmp_path, first)[0] != texts(tmp_path, second)[0]


def test_a_comment_changes_nothing(tmp_path: Path) -> None:
    assert texts(tmp_path, FILE) == texts(tmp_path, "# so\n" + FILE + "\n# and so\n")
