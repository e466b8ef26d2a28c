"""Pipeline files: loading, and the way to another process."""

import os
import pickle
import sys
from pathlib import Path

import pytest
from tests.broken_images import Break, sparse
from tests.unit.pipeline import functions as f

from plateflow.errors import PipelineError
from plateflow.pipeline.pipeline import Pipeline, load_pipeline
from plateflow.pipeline.step import FunctionStep
from plateflow.service.job import describe_pipeline

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
        (HEAD + "Pipeline('p', FunctionStep('a:b'))", ":2: pipeline 'p': steps= must be a list of steps"),
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


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(os.mkfifo, "not a regular file but a FIFO", id="fifo"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), "not a regular file but a device", id="device"),
        pytest.param(lambda path: path.symlink_to(path), "leads back to itself", id="loop"),
        pytest.param(lambda path: path.symlink_to("gone"), "is a link to gone", id="dangling"),
        pytest.param(Path.mkdir, "not a regular file but a folder", id="folder"),
        pytest.param(sparse(10**8), "is larger than the 4 MB", id="100_MB"),
    ],
)
def test_what_stands_in_place_of_a_file_is_told(tmp_path: Path, make: Break, words: str) -> None:
    path = tmp_path / "pipe.py"
    make(path)
    for read in (load_pipeline, describe_pipeline):
        with pytest.raises(PipelineError, match=words) as caught:
            read(path)
        assert str(caught.value).startswith(f"pipeline {path} cannot be read: ")


@pytest.mark.parametrize("name", ["a\0b.py", "x" * 300 + ".py"], ids=["nul", "long"])
def test_a_name_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    for read in (load_pipeline, describe_pipeline):
        with pytest.raises(PipelineError, match="cannot be read"):
            read(tmp_path / name)


@pytest.mark.parametrize("name", ["a b.py", "Zellko\u0308rper.py", "a\nb.py", "-c.py", "é" * 126 + ".py"], ids=ascii)
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FILE)
    assert load_pipeline(tmp_path / name).step_names == ("f",)
    assert describe_pipeline(tmp_path / name).path == str(tmp_path / name)


def test_a_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "pipe.py").write_bytes(b"\xef\xbb\xbf" + FILE.encode())
    assert load_pipeline(tmp_path / "pipe.py").step_names == ("f",)


def test_a_file_that_is_a_link_finds_the_modules_beside_what_it_links_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "beside_the_linked.py").write_text("def g(image):\n    return image\n")
    (tmp_path / "library" / "pipe.py").write_text(
        HEAD + "from beside_the_linked import g\npipeline = Pipeline('p', [FunctionStep(g)])\n"
    )
    (tmp_path / "link.py").symlink_to("library/pipe.py")
    assert load_pipeline(tmp_path / "link.py").step_names == ("g",)


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
