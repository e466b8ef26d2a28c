"""What of a pipeline's file the wells depend on: a step over their tables is changed without them."""

from pathlib import Path

import pytest

from plateflow.execution.pipeline_text import text_of_wells, whole_text
from plateflow.pipeline.pipeline import PipelineSource, load_source

FILE = """
from plateflow import FunctionStep, Pipeline
from plateflow.functions import find_nuclei, measure_intensity
from plateflow.functions.kinds import *

def share(cells):
    return cells.height / 100

def summarise(cells: Frame) -> Frame:
    return cells.head(int(share(cells)))

def brighter(image: Image) -> Image:
    return image + 1

pipeline = Pipeline("p", steps=[
    FunctionStep(brighter, inputs="1"),
    FunctionStep(find_nuclei, inputs="1", outputs="Nuclei"),
    FunctionStep(summarise, inputs="Nuclei", outputs="Summary", variable_components="well"),
])
"""
TOML = """
name = "p"
[[steps]]
function = "find_nuclei"
inputs = "1"
outputs = "Nuclei"
[[steps]]
function = "score_assay"
inputs = "Nuclei"
outputs = "Scores"
variable_components = ["well"]
params = { feature = "F", control_column = "C", positive = 1, negative = -1 }
"""


def texts(folder: Path, text: str, name: str = "p.py") -> tuple[str, str]:
    """Return what wells and what tables depend on."""
    pipeline = load_source(PipelineSource(str(folder / name), text))
    assert pipeline.source is not None
    return text_of_wells(pipeline, pipeline.source), whole_text(pipeline.source)


STEP = '    FunctionStep(summarise, inputs="Nuclei", outputs="Summary", variable_components="well"),\n'
ITS_OWN = {
    "an option": ('outputs="Summary"', 'outputs="Brief"'),
    "its function": ("cells.head(", "cells.tail("),
    "a helper of its function": ("height / 100", "height / 50"),
    "whether it is enabled": ('variable_components="well"', 'variable_components="well", enabled=False'),
    "the step, commented out": (STEP, ""),
    "one more, with its import": (
        "import find_nuclei, measure_intensity\n",
        "import find_nuclei, measure_intensity, normalise_to_controls\n",
    ),
}
OF_WELLS = {
    "another function": ("image + 1", "image + 2"),
    "another step": ('outputs="Nuclei"', 'outputs="Nuclei", min_diameter=4'),
    "an import": ("from plateflow.functions.kinds", "import os\nfrom plateflow.functions.kinds"),
}


@pytest.mark.parametrize("what", ITS_OWN)
def test_what_is_its_own_changes_no_well(tmp_path: Path, what: str) -> None:
    changed = FILE.replace(*ITS_OWN[what])
    if "import" in what:
        new = "    FunctionStep(normalise_to_controls, inputs='Nuclei', outputs='N', variable_components='well',\n"
        changed = changed.replace(STEP, STEP + new + "        control_column='A', control_values=1),\n")
    assert changed != FILE
    before, after = texts(tmp_path, FILE), texts(tmp_path, changed)
    assert before[0] == after[0]
    assert before[1] != after[1]


@pytest.mark.parametrize("what", OF_WELLS)
def test_what_wells_may_depend_on_changes_them(tmp_path: Path, what: str) -> None:
    changed = FILE.replace(*OF_WELLS[what])
    assert changed != FILE
    assert texts(tmp_path, FILE)[0] != texts(tmp_path, changed)[0]


def test_a_helper_that_wells_use_too_is_theirs(tmp_path: Path) -> None:
    shared = FILE.replace("image + 1", "image + share(image)")
    assert texts(tmp_path, shared)[0] != texts(tmp_path, shared.replace("/ 100", "/ 50"))[0]


def test_a_name_that_is_bound_twice_is_not_left_out(tmp_path: Path) -> None:
    first = (
        "def summarise(image: Image) -> Image:\n    return image * 2\n\nearly = [FunctionStep(summarise, inputs='1')]\n"
    )
    twice = FILE.replace("def summarise", first + "\ndef summarise").replace("steps=[", "steps=[*early,")
    assert texts(tmp_path, twice)[0] != texts(tmp_path, twice.replace("image * 2", "image * 3"))[0]


def test_all_of_it_can_be_added_later(tmp_path: Path) -> None:
    functions = FILE[FILE.index("def share") : FILE.index("def brighter")]
    assert texts(tmp_path, FILE.replace(STEP, "").replace(functions, ""))[0] == texts(tmp_path, FILE)[0]


def test_a_comment_changes_nothing(tmp_path: Path) -> None:
    assert texts(tmp_path, FILE) == texts(tmp_path, "# so\n" + FILE + "\n# and so\n")


def test_toml_alike(tmp_path: Path) -> None:
    before = texts(tmp_path, TOML, "p.toml")
    own = texts(tmp_path, TOML.replace("positive = 1", "positive = 2"), "p.toml")
    other = texts(tmp_path, TOML.replace('outputs = "Nuclei"', 'outputs = "Nuclei"\nkeep = true'), "p.toml")
    assert before[0] == own[0] != other[0]
    assert before[1] != own[1]
