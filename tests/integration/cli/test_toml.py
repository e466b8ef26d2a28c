"""A TOML pipeline by command, and parameters that are set for one run."""

import json
from pathlib import Path

import polars as pl
import pytest
from tests.integration.cli.commands import Cli

TOML = """
name = "counted"
channels = { DNA = "1" }

[[steps]]
function = "find_nuclei"
inputs = "DNA"
outputs = "Nuclei"
"""


@pytest.mark.slow
def test_a_toml_pipeline_runs_and_takes_settings(cli: Cli, small_plate: Path) -> None:
    path = cli.pipeline(TOML, "counted.toml")
    counts = []
    for name, options in (("as_it_is", []), ("large_only", ["--set", "find_nuclei.min_diameter=30"])):
        run = cli.run("run", path, small_plate, "--output", cli.folder / name, "--wells", "A01,B02", *options)
        assert run.returncode == 0, run.stderr
        counts.append(pl.read_csv(cli.folder / name / "wells.csv")["Count_Nuclei"].sum())
        record = json.loads((cli.folder / name / "run.json").read_text())
        assert record["pipeline"]["source"] == TOML
        assert record["steps"][0]["parameters"]["min_diameter"] == (30 if options else 8.0)
    assert counts[0] > counts[1] == 0


@pytest.mark.slow
def test_resume_knows_what_was_set(cli: Cli, small_plate: Path) -> None:
    path = cli.pipeline(TOML, "counted.toml")
    run = ["run", path, small_plate, "--output", cli.folder / "out", "--json"]
    assert cli.run(*run).returncode == 0
    assert '"phase":"axis_started"' not in cli.run(*run, "--resume").stdout
    assert '"phase":"axis_started"' in cli.run(*run, "--resume", "--set", "find_nuclei.smoothing=2").stdout


@pytest.mark.slow
def test_mistakes_are_one_line(cli: Cli, small_plate: Path) -> None:
    path = cli.pipeline(TOML.replace("outputs", "output"), "wrong.toml")
    run = cli.run("compile", path, small_plate)
    assert run.returncode == 2
    assert f"{path}:5: [[steps]] number 1: a step has no 'output' (did you mean 'outputs'?)" in run.stderr
    path = cli.pipeline(TOML, "counted.toml")
    run = cli.run("compile", path, small_plate, "--set", "find_nuclie.method=li")
    assert run.returncode == 2
    assert "no step is called 'find_nuclie' (did you mean 'find_nuclei'?)" in run.stderr
