"""``plateflow init`` as people and programs meet it."""

from __future__ import annotations

import csv
import json
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.cli.commands import Cli


def test_prints_what_there_is_and_what_is_missing(cli: Cli, small_plate: Path, tmp_path: Path) -> None:
    plate = tmp_path / "plate"
    shutil.copytree(small_plate, plate)
    lost = sorted(plate.glob("TimePoint_1/*_B02_s2_w1.*"))[0]
    lost.unlink()
    init = cli.run("init", plate, "--metadata", plate / "plate_map.csv")
    assert init.returncode == 0, init.stderr
    lines = init.stdout.splitlines()
    assert lines[0] == "plate       plate (imagexpress-htd)"
    assert f"missing     B02 s2 c=1 z1 t1: TimePoint_1/{lost.name}" in lines
    assert "  A ###" in lines
    assert "  B #+#" in lines


@pytest.mark.slow
def test_json_is_one_object_and_nothing_else(cli: Cli, small_plate: Path) -> None:
    init = cli.run("init", small_plate, "--json")
    assert init.returncode == 0, init.stderr
    summary = json.loads(init.stdout)
    assert (summary["format"], summary["rows"], summary["columns"]) == ("imagexpress-htd", 2, 3)
    assert list(summary["wells"]) == ["A01", "A02", "A03", "B01", "B02", "B03"]
    assert next((channel["name"], channel["label"]) for channel in summary["channels"]) == ("1", "DNA")
    assert (summary["missing"], summary["missing_images"], summary["notes"]) == (0, [], [])


@pytest.mark.slow
def test_what_cannot_be_opened_is_a_users_mistake(cli: Cli, small_plate: Path) -> None:
    for arguments in (("--format", "opera-phenix"), ("--format", "no-such"), ("--format", "filenames")):
        init = cli.run("init", small_plate, "--json", *arguments)
        assert (init.returncode, init.stdout) == (2, "")
        assert arguments[1] in init.stderr
        assert "Traceback" not in init.stderr


@pytest.mark.slow
def test_writes_a_load_data_table(cli: Cli, small_plate: Path, tmp_path: Path) -> None:
    table = tmp_path / "new" / "load_data.csv"
    table.parent.mkdir()
    init = cli.run("init", small_plate, "--load-data", table)
    assert init.returncode == 0, init.stderr
    assert f"wrote 12 rows to {table}" in init.stdout
    with open(table, newline="") as file:
        assert [row["Metadata_Well"] for row in csv.DictReader(file)][:3] == ["A01", "A01", "A02"]
    opened = cli.run("init", table.parent, "--json")
    assert json.loads(opened.stdout)["format"] == "load-data"


def test_a_table_inside_the_plate_is_refused(cli: Cli, small_plate: Path) -> None:
    init = cli.run("init", small_plate, "--load-data", small_plate / "load_data.csv")
    assert init.returncode == 2
    assert "is inside the plate's folder, which is never written to" in init.stderr
    assert not (small_plate / "load_data.csv").exists()


@pytest.mark.slow
def test_a_pipeline_runs_on_the_format_that_is_chosen(cli: Cli, small_plate: Path, tmp_path: Path) -> None:
    """Both readers know the folder, so one must be chosen; the other's images are the same."""
    plate = tmp_path / "plate"
    shutil.copytree(small_plate, plate)
    first = cli.run("init", plate, "--load-data", tmp_path / "load_data.csv")
    assert first.returncode == 0, first.stderr
    shutil.copy(tmp_path / "load_data.csv", plate)
    summary = json.loads(cli.run("init", plate, "--format", "load-data", "--json").stdout)
    assert (summary["format"], summary["images"]) == ("load-data", 24)
    compiled = cli.run("compile", cli.pipeline(), plate, "--format", "load-data")
    assert "which plate 'plate' lacks; it has DNA" in compiled.stderr + compiled.stdout
