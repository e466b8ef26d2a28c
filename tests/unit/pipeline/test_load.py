"""Pipeline files: loading, and the way to another process."""

import pickle
import sys
from pathlib import Path

import pytest
from tests.unit.pipeline import functions as f

from plateflow.errors import PipelineError
from plateflow.pipeline.pipeline import Pipeline, load_pipeline
from plateflow.pipeline.step import FunctionStep

HEAD = "from plateflow import FunctionStep, Pipeline\n"
FILE = HEAD + "def f(image):\n    return image\npipeline = Pipeline('p', [FunctionStep(f)], filenames='x')\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pipeline = 3", "sets 'pipeline' to a int"),
        ("x = 1", "sets no 'pipeline'"),
        ("x = (", ":1:"),
        ("\nraise SystemExit(3)", ":2: SystemExit: 3"),
        ("\n\n1 / 0", ":3: ZeroDivisionError"),
        ("import nowhere_at_all", ":1: ModuleNotFoundError"),
        (HEAD + "Pipeline('p', [])", ":2: pipeline 'p' needs at least one step"),
        (HEAD + "Pipeline('p', FunctionStep('a:b'))", ":2: TypeError"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_named_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "pipe.py"
    path.write_text(text)
    with pytest.raises(PipelineError) as caught:
        load_pipeline(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="cannot be read: No such file"):
        load_pipeline(tmp_path / "none.py")
    (tmp_path / "binary.py").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PipelineError, match="not UTF-8"):
        load_pipeline(tmp_path / "binary.py")


def test_a_file_crosses_as_its_text_even_when_the_file_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "pipe.py"
    path.write_text(FILE)
    pipeline = load_pipeline(path)
    path.unlink()
    again: Pipeline = pickle.loads(pickle.dumps(pipeline))
    assert (again.name, again.filenames, again.source) == (pipeline.name, pipeline.filenames, pipeline.source)
    assert len(pickle.dumps(pipeline)) < len(FILE) + 500


def test_a_pipeline_of_importable_functions_crosses_as_it_is() -> None:
    step = FunctionStep(f.halves, "DNA", "Nuclei", name="halves")
    pipeline = Pipeline("p", [step], channels={"DNA": "1"}, metadata="m.csv")
    again: Pipeline = pickle.loads(pickle.dumps(pipeline))
    assert again == pipeline


def test_modules_beside_a_file_can_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "beside_the_pipeline.py").write_text("def g(image):\n    return image\n")
    path = tmp_path / "pipe.py"
    path.write_text(HEAD + "import beside_the_pipeline as b\npipeline = Pipeline('p', [FunctionStep(b.g)])\n")
    assert load_pipeline(path).step_names == ("g",)
