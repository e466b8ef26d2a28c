"""``plateflow heatmap`` on the results of a real run."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import polars as pl
import pytest
from tests.integration.cli.commands import Cli

from plateflow.plate.wells import well_name


@pytest.fixture(scope="module")
def results(served: Cli, small_plate: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("heat") / "out"
    run = served.run("run", served.pipeline(), small_plate, "--output", output)
    assert run.returncode == 0, run.stderr
    return output


def test_a_measurement_is_drawn_well_by_well(cli: Cli, results: Path) -> None:
    run = cli.run("heatmap", results, "Nuclei_Math_Ratio_GFP")
    assert run.returncode == 0, run.stderr
    path = Path(run.stdout.strip())
    assert path == results / "heat_maps" / "Mean_Nuclei_Math_Ratio_GFP.svg"
    drawn = [title.text for title in ET.parse(path).iter("{http://www.w3.org/2000/svg}title")]
    wells = pl.read_csv(results / "wells.csv")
    for well, value in wells.select("Metadata_Well", "Mean_Nuclei_Math_Ratio_GFP").iter_rows():
        assert f"{well}: {value:.6g}" in drawn


def test_the_whole_plate_is_drawn_whichever_wells_were_run(served: Cli, small_plate: Path, tmp_path: Path) -> None:
    output = tmp_path / "results"
    run = served.run("run", served.pipeline(), small_plate, "--output", output, "--wells", "A01")
    assert run.returncode == 0, run.stderr
    path = Path(served.run("heatmap", output, "Count_Nuclei").stdout.strip())
    plate = msgspec.json.decode((output / "run.json").read_bytes())
    labels = [text.text for text in ET.parse(path).iter("{http://www.w3.org/2000/svg}text")]
    assert well_name(plate["plate_rows"], 1)[0] in labels
    assert str(plate["plate_columns"]) in labels


def test_another_kind_of_picture_is_refused(cli: Cli, results: Path, tmp_path: Path) -> None:
    run = cli.run("heatmap", results, "Count_Nuclei", "--output", tmp_path / "hm.png")
    assert run.returncode == 2
    assert "hm.png: a heat map is an SVG" in run.stderr
    assert not (tmp_path / "hm.png").exists()


def test_without_a_feature_they_are_listed_and_json_gives_the_numbers(cli: Cli, results: Path, tmp_path: Path) -> None:
    listed = cli.run("heatmap", results).stdout.splitlines()
    assert {"Count_Nuclei", "Seconds", "Mean_Nuclei_Math_Ratio_GFP"} <= set(listed)
    assert not {"Metadata_Well", "Status", "Error"} & set(listed)
    told = json.loads(cli.run("heatmap", results, "Count_Nuclei", "--output", tmp_path / "n.svg", "--json").stdout)
    assert told["output"] == str(tmp_path / "n.svg")
    wells = pl.read_csv(results / "wells.csv")
    assert told["wells"] == dict(zip(wells["Metadata_Well"], wells["Count_Nuclei"], strict=True))


def test_a_name_that_there_is_not_is_answered_with_the_nearest(cli: Cli, results: Path) -> None:
    run = cli.run("heatmap", results, "Nuclei_Math_Ratio_GPF")
    assert run.returncode == 2
    assert "no well has 'Nuclei_Math_Ratio_GPF' (did you mean 'Nuclei_Math_Ratio_GFP'?)" in run.stderr
    run = cli.run("heatmap", results.parent, "x")
    assert run.returncode == 2
    assert "has no wells.csv; name the results folder of a run" in run.stderr


def test_profiles_hold_the_median_cell_of_each_well(results: Path) -> None:
    profiles = pl.read_parquet(results / "profiles.parquet")
    cells = pl.read_parquet(results / "tables" / "Nuclei" / "*.parquet")
    expected = cells.group_by("Metadata_Well").agg(pl.len(), pl.col("Nuclei_Math_Ratio_GFP").median())
    joined = profiles.join(expected, on="Metadata_Well")
    assert joined.height == profiles.height == 6
    assert joined["Nuclei_Math_Ratio_GFP"].to_list() == pytest.approx(joined["Nuclei_Math_Ratio_GFP_right"].to_list())
    assert joined["Metadata_Count_Nuclei"].to_list() == joined["len"].to_list()
    assert all(name.startswith(("Metadata_", "Nuclei_", "Cytoplasm_")) for name in profiles.columns)
