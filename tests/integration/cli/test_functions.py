"""``plateflow functions`` as people and programs use it."""

import json

import pytest
from tests.integration.cli.commands import Cli

from plateflow import functions


def test_the_list_has_every_function(cli: Cli) -> None:
    run = cli.run("functions")
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert [line.split()[0] for line in lines] == sorted(functions.__all__)
    assert "image -> labels" in next(line for line in lines if line.startswith("find_nuclei"))


def test_one_function_is_explained(cli: Cli) -> None:
    run = cli.run("functions", "find_spots")
    assert run.stdout.splitlines()[0] == "plateflow.functions:find_spots  image -> labels"
    for text in (
        "  diameter: length > 0, in pixels; default 4.0",
        "  lowest_contrast: float >= 0, in grey values; default 0.0",
        "source      Lindeberg 1998",
        "inputs      image (image)",
    ):
        assert text in run.stdout
    assert max(map(len, run.stdout.splitlines())) <= 100


@pytest.mark.slow
def test_words_are_searched_for(cli: Cli) -> None:
    run = cli.run("functions", "Rolling ball")
    assert run.stdout.splitlines()[0] == "plateflow.functions:subtract_background  image -> image"
    run = cli.run("functions", "projection")
    assert {line.split()[0] for line in run.stdout.splitlines()} >= {"project_max", "project_mean"}


def test_json_has_one_object_a_function(cli: Cli) -> None:
    run = cli.run("functions", "--json")
    forms = [json.loads(line) for line in run.stdout.splitlines()]
    assert [form["address"] for form in forms] == [f"plateflow.functions:{name}" for name in sorted(functions.__all__)]
    (spots,) = (form for form in forms if form["address"].endswith(":find_spots"))
    assert spots["parameters"][0] == {
        "name": "diameter",
        "type": {"kind": "length", "told": "length > 0", "gt": 0.0},
        "default": "4.0",
        "unit": "pixels",
        "doc": "Of a spot, about; half and double of it are still found.",
    }
    assert run.stderr == ""


def test_an_unknown_name_is_answered_with_the_nearest(cli: Cli) -> None:
    run = cli.run("functions", "find_nuclie")
    assert (run.returncode, run.stdout) == (2, "")
    said = "plateflow: no function of the library is called 'find_nuclie', and none speaks of it; "
    assert run.stderr == said + "did you mean find_nuclei?\n"


@pytest.mark.slow
def test_any_importable_function_is_explained_by_a_runner(cli: Cli) -> None:
    run = cli.run("functions", "skimage.filters:sobel")
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(
        "skimage.filters:sobel  image -> image\n\nFind edges in an image using the Sobel filter."
    )
    wrong = cli.run("functions", "skimage.filters:nothing")
    assert wrong.returncode == 2
    assert "'skimage.filters:nothing' cannot be imported" in wrong.stderr
