"""The libraries behind a pipeline: those that its code names, with their versions, at little cost."""

import importlib.metadata
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from plateflow.execution import libraries
from plateflow.execution.fingerprint import with_fingerprints
from plateflow.execution.libraries import library_versions
from plateflow.pipeline.compile import compile_plate
from plateflow.pipeline.pipeline import Pipeline, load_pipeline
from plateflow.plate.open import open_plate
from plateflow.plate.synthetic import write_synthetic_plate

ALWAYS = {"python", "plateflow", "numpy", "scipy", "scikit-image", "polars", "tifffile", "imagecodecs", "msgspec"}
HEAD = """
from plateflow import FunctionStep, Pipeline
from plateflow.functions import find_nuclei, measure_granularity
from plateflow.functions.kinds import Image
"""
OWN = """
def own(image: Image) -> Image:
    BODY
    return image
pipeline = Pipeline("p", channels={"DNA": "1"}, steps=[FunctionStep(own, inputs="DNA")])
"""
LIBRARY = """
pipeline = Pipeline("p", channels={"DNA": "1"}, steps=[
    FunctionStep(find_nuclei, inputs="DNA", outputs="Nuclei"),
    FunctionStep(measure_granularity, inputs=("Nuclei", ["DNA"])),
])
"""
TOML = """
name = "p"
channels = {DNA = "1"}
[[steps]]
function = "zarr:open"
inputs = "DNA"
"""


def written(folder: Path, text: str, name: str = "p.py") -> Pipeline:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return load_pipeline(path)


def extra(pipeline: Pipeline) -> set[str]:
    versions = library_versions(pipeline)
    assert versions.keys() >= ALWAYS
    assert versions["numpy"] == np.__version__
    assert all(versions[name] == version(name) for name in versions.keys() - {"python"})
    return versions.keys() - ALWAYS


CODE = {
    "nothing else": ("pass", set()),
    "a library": ("import zarr", {"zarr"}),
    "a part of one": ("from zarr.core import array", {"zarr"}),
    "a library called otherwise": ("import zmq", {"pyzmq"}),
    "part of python": ("import json, os.path", set()),
    "what is not installed": ("import cellpose_that_is_not_there", set()),
    "one that all results depend on": ("import skimage.filters", set()),
}


@pytest.mark.parametrize("case", CODE)
def test_what_the_pipelines_code_imports(tmp_path: Path, case: str) -> None:
    body, expected = CODE[case]
    assert extra(written(tmp_path, HEAD + OWN.replace("BODY", body))) == expected


def test_what_the_built_in_functions_import_when_called(tmp_path: Path) -> None:
    assert extra(written(tmp_path, HEAD + LIBRARY)) == {"cp-measure"}


def test_what_a_module_beside_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "beside_libraries", raising=False)
    (tmp_path / "beside_libraries.py").write_text("import threading\ndef f():\n    import zarr\n", encoding="utf-8")
    assert extra(written(tmp_path, HEAD + "import beside_libraries\n" + OWN.replace("BODY", "pass"))) == {"zarr"}


def test_where_a_function_comes_from(tmp_path: Path) -> None:
    assert "zarr" in extra(written(tmp_path, TOML, "p.toml"))


def test_another_version_of_cp_measure_is_another_fingerprint_where_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_synthetic_plate(tmp_path / "plate", rows=1, columns=1, shape=(48, 48))
    plate = open_plate(tmp_path / "plate")
    pipelines = [written(tmp_path, HEAD + text) for text in (LIBRARY, OWN.replace("BODY", "pass"))]

    def fingerprints() -> list[str]:
        plans = [with_fingerprints(compile_plate(plate, pipeline), preview=False) for pipeline in pipelines]
        return [plan.axes[0].fingerprint for plan in plans]

    before = fingerprints()
    monkeypatch.setattr(libraries, "_version", lambda name: "99" if "cp" in name else importlib.metadata.version(name))
    after = fingerprints()
    assert (before[0] != after[0], before[1] == after[1]) == (True, True)


def test_it_is_cheap_where_no_library_is_called_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = written(tmp_path, HEAD + LIBRARY)
    libraries._distributions.cache_clear()
    monkeypatch.setattr(libraries, "_by_module", lambda: pytest.fail("reads the files of all that is installed"))
    assert library_versions(pipeline).keys() >= ALWAYS
