"""Questions to a real runner: functions, pipelines and images, without the asking process importing anything."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.runtime.processes import wait_for_server

from plateflow.cli.demo import PIPELINE
from plateflow.plate.detect import known_formats
from plateflow.plate.synthetic import write_synthetic_plate
from plateflow.runtime.client import ExecutionClient, RefusedError
from plateflow.service.questions import (
    AskFormats,
    AskFunctions,
    AskImages,
    AskPipeline,
    Failed,
    Formats,
    Functions,
    Images,
    PipelineRead,
    consult,
)
from plateflow.settings import RUNTIME_VARIABLE


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plate = tmp_path_factory.mktemp("plates") / "small"
    write_synthetic_plate(plate, rows=2, columns=3)
    return plate


@pytest.fixture(scope="module")
def client() -> Iterator[ExecutionClient]:
    with TemporaryDirectory(prefix="pf") as name:  # a socket's path must be short
        environment = os.environ | {RUNTIME_VARIABLE: name}
        server = subprocess.Popen(
            [sys.executable, "-m", "plateflow", "serve"], env=environment, stdout=subprocess.DEVNULL
        )
        wait_for_server(Path(name))
        with ExecutionClient(Path(name)) as client:
            yield client
            client.shutdown()
        server.wait(10)


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    path = tmp_path / "pipeline.py"
    path.write_text(PIPELINE, encoding="utf-8")
    return path


def test_the_library(client: ExecutionClient) -> None:
    answer = consult(client, AskFunctions())
    assert isinstance(answer, Functions)
    assert "plateflow.functions:find_nuclei" in [function.address for function in answer.functions]
    assert all(function.summary and function.doc and function.returns for function in answer.functions)
    assert all(parameter.doc for function in answer.functions for parameter in function.parameters)


@pytest.mark.slow
def test_a_function_that_there_is_not(client: ExecutionClient) -> None:
    answer = consult(client, AskFunctions(addresses=("scipy.nowhere:f",)))
    assert isinstance(answer, Failed)
    assert "'scipy.nowhere:f' cannot be imported" in answer.reason


def test_a_pipeline_that_fits(client: ExecutionClient, pipeline: Path, plate: Path) -> None:
    answer = consult(client, AskPipeline(path=str(pipeline), plate=str(plate)))
    assert isinstance(answer, PipelineRead)
    assert answer.form is not None
    assert answer.problems == ()
    assert answer.told.startswith("6 wells, ")
    assert {branch.function for step in answer.form.steps for branch in step.branches} <= {
        function.address for function in answer.functions
    }


CHANGED: dict[str, tuple[str, str, str, str]] = {
    "no Python": ("pipeline =", "x = ; pipeline =", "invalid syntax", ""),
    "unknown parameter": ("min_diameter=", "min_diametr=", "unknown parameter 'min_diametr'", "find_nuclei"),
    "unknown channel": ('"DNA": "1"', '"DNA": "9"', "channel 'DNA' is '9'", "find_nuclei"),
}


@pytest.mark.parametrize("case", CHANGED)
def test_a_text_that_is_not_saved_says_what_is_wrong_and_where(
    client: ExecutionClient, pipeline: Path, plate: Path, case: str
) -> None:
    old, new, words, step = CHANGED[case]
    text = PIPELINE.replace(old, new)
    assert text != PIPELINE
    answer = consult(client, AskPipeline(path=str(pipeline), text=text, plate=str(plate)))
    assert isinstance(answer, PipelineRead)
    [problem] = answer.problems
    assert words in problem.text
    assert problem.step == step
    assert bool(problem.line) is (case == "no Python")


@pytest.mark.slow
def test_a_plate_that_cannot_be_opened_is_a_problem(client: ExecutionClient, pipeline: Path, tmp_path: Path) -> None:
    answer = consult(client, AskPipeline(path=str(pipeline), plate=str(tmp_path)))
    assert isinstance(answer, PipelineRead)
    assert answer.form is not None
    assert str(tmp_path) in answer.problems[0].text


@pytest.mark.slow
def test_a_pipeline_that_ends_its_process_is_told_of(client: ExecutionClient, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="before it answered"):
        consult(client, AskPipeline(path=str(tmp_path / "p.py"), text="import os; os._exit(3)"))
    assert isinstance(consult(client, AskFunctions()), Functions)


@pytest.mark.slow
def test_what_the_file_prints_is_not_in_the_way(client: ExecutionClient, tmp_path: Path) -> None:
    text = "print('{}', flush=True)\n" + PIPELINE
    answer = consult(client, AskPipeline(path=str(tmp_path / "p.py"), text=text))
    assert isinstance(answer, PipelineRead)
    assert answer.problems == ()


def test_the_images_of_a_well(client: ExecutionClient, plate: Path) -> None:
    answer = consult(client, AskImages(plate=str(plate), well="b3"))
    assert isinstance(answer, Images)
    assert {image.channel for image in answer.images} == {"1", "2"}
    assert all(Path(image.path).is_file() and not image.missing for image in answer.images)


@pytest.mark.slow
def test_a_well_that_there_is_not(client: ExecutionClient, plate: Path) -> None:
    answer = consult(client, AskImages(plate=str(plate), well="H12"))
    assert answer == Failed(reason="plate 'small' has no well 'H12'")


def test_who_asks_imports_no_function_library() -> None:
    code = "import sys; import plateflow.service.questions; print('skimage' in sys.modules, 'scipy' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False False\n"


def test_the_readers_of_plates(client: ExecutionClient) -> None:
    answer = consult(client, AskFormats())
    assert isinstance(answer, Formats)
    told = [(each.name, each.looks_for) for each in answer.formats]
    assert told == [(each.name, each.looks_for) for each in known_formats()]


@pytest.mark.slow
def test_a_reader_that_is_named_wins_over_the_file_names_of_the_pipeline(
    client: ExecutionClient, tmp_path: Path
) -> None:
    plate, pipeline = tmp_path / "two", tmp_path / "pipeline.py"
    plate.mkdir()
    (plate / "AS_09125_050116030001_D03f00d0.tif").touch()
    (plate / "Channel1-01-A-01.tif").touch()
    pipeline.write_text(PIPELINE.replace('metadata="plate_map.csv"', r'filenames=r"(?P<well>x)\.tif"'))
    wells = {}
    for layout in ("cellomics", "sbs-names"):
        answer = consult(client, AskImages(plate=str(plate), pipeline=str(pipeline), layout=layout))
        assert isinstance(answer, Images)
        wells[layout] = [Path(image.path).name[:4] for image in answer.images]
        read = consult(client, AskPipeline(path=str(pipeline), plate=str(plate), layout=layout))
        assert isinstance(read, PipelineRead)
        assert not [problem for problem in read.problems if "readers" in problem.text or "matches" in problem.text]
    assert wells == {"cellomics": ["AS_0"], "sbs-names": ["Chan"]}
    answer = consult(client, AskImages(plate=str(plate), pipeline=str(pipeline)))
    assert isinstance(answer, Failed)
    assert "none of 2 files matches" in answer.reason
