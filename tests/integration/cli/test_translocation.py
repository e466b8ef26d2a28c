"""The main job on a real plate: examples/translocation.py on BBBC013, alone and without further options."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import jsonschema
import numpy as np
import polars as pl
import pytest
import zarr
from scipy import stats
from tests.integration.cli.commands import Cli, messages

from plateflow import ProgressUpdate, compile_plate, load_pipeline, open_plate
from plateflow.progress.update import encode

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "translocation.py"
HALVES = {"wortmannin": "ABCD", "LY294002": "EFGH"}
VOLATILE = ("timestamp", "execution_id")


@dataclass(frozen=True)
class Run:
    output: Path
    stdout: str
    stderr: str

    @property
    def updates(self) -> list[dict[str, Any]]:
        return messages(self.stdout, "progress")


@pytest.fixture(scope="session")
def plate(test_data: Path) -> Path:
    return test_data / "sbs_bbbc013"


@pytest.fixture(scope="session")
def by_processes(served: Cli, plate: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_example(served, plate, tmp_path_factory.mktemp("processes") / "out")


@pytest.fixture(scope="session")
def by_threads(served: Cli, plate: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_example(served, plate, tmp_path_factory.mktemp("threads") / "out", "--executor", "threads")


@pytest.fixture(params=["by_processes", "by_threads"])
def either(served: Cli, request: pytest.FixtureRequest) -> Run:
    run: Run = request.getfixturevalue(request.param)
    return run


def run_example(cli: Cli, plate: Path, output: Path, *more: str) -> Run:
    run = cli.run("run", EXAMPLE, plate, "--output", output, "--json", *more)
    assert run.returncode == 0, run.stderr
    return Run(output, run.stdout, run.stderr)


def wells_of(run: Run) -> pl.DataFrame:
    return pl.read_csv(run.output / "wells.csv")


def test_the_ratio_rises_with_dose(either: Run) -> None:
    wells = wells_of(either)
    assert wells.height == 96
    for rows in HALVES.values():
        half = wells.filter(pl.col("Metadata_Row").is_in(list(rows)))
        assert half.height == 48
        rho = stats.spearmanr(half["Metadata_SBS_Doses"], half["Mean_Nuclei_Math_Ratio_GFP"]).statistic
        assert rho >= 0.88
        assert z_prime(half) > 0.5
    assert 15_000 <= wells["Count_Nuclei"].sum() <= 20_000


def z_prime(half: pl.DataFrame) -> float:
    column = "Mean_Nuclei_Math_Ratio_GFP"
    positive = half.filter(pl.col("Metadata_SBS_Controls") == 1)[column].to_numpy()
    negative = half.filter(pl.col("Metadata_SBS_Controls") == -1)[column].to_numpy()
    assert (len(positive), len(negative)) == (4, 8)
    spread = positive.std(ddof=1) + negative.std(ddof=1)
    return float(1 - 3 * spread / abs(positive.mean() - negative.mean()))


def test_the_means_are_those_of_the_cells(either: Run) -> None:
    cells = pl.read_parquet(either.output / "tables" / "Nuclei" / "*.parquet")
    by_well = cells.group_by("Metadata_Well").agg(pl.len(), pl.col("Nuclei_Math_Ratio_GFP").mean())
    joined = wells_of(either).join(by_well, on="Metadata_Well", how="left")
    assert (joined["Count_Nuclei"] == joined["len"]).all()
    assert np.allclose(joined["Mean_Nuclei_Math_Ratio_GFP"], joined["Nuclei_Math_Ratio_GFP"], rtol=1e-12)


def test_labels_and_tables_agree(either: Run) -> None:
    cells = pl.read_parquet(either.output / "tables" / "Nuclei" / "C07.parquet")
    group = zarr.open_group(either.output / "plate.zarr" / "C" / "07" / "1", mode="r")
    labels = np.asarray(group["labels/Nuclei/0"])
    numbers = np.unique(labels)
    assert numbers[numbers > 0].tolist() == cells["Metadata_ObjectNumber"].to_list()
    image = np.asarray(group["0"])
    channels: Any = group.attrs["ome"]
    gfp = image[[channel["label"] for channel in channels["omero"]["channels"]].index("GFP")]
    first = int(numbers[1])
    assert cells["Nuclei_Intensity_MeanIntensity_GFP"][0] == pytest.approx(gfp[labels == first].mean())


def test_every_line_is_one_of_the_three_messages(either: Run) -> None:
    schema = json.loads((ROOT / "docs" / "progress.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    lines = either.stdout.splitlines()
    assert len(lines) > 1632
    for line in lines:
        validator.validate(json.loads(line))
    assert {message["type"] for message in messages(either.stdout)} <= {"progress", "execution", "worker"}


def test_exactly_the_updates_that_the_plan_predicts(either: Run, plate: Path) -> None:
    pipeline = load_pipeline(EXAMPLE)
    told: list[ProgressUpdate] = []
    opened = open_plate(plate, filenames=pipeline.filenames, metadata=pipeline.metadata)
    plan = compile_plate(opened, pipeline, report=told.append)
    by_axis = Counter(u["axis_id"] for u in either.updates if u["phase"] not in ("init", "compile"))
    # So none was coalesced, and test_threads_and_processes_agree may compare multisets: nothing else drops an update.
    assert by_axis == {axis.axis_id: plan.updates(axis) for axis in plan.axes}
    compiled = [u for u in either.updates if u["phase"] == "compile"]
    assert len(compiled) == 98
    assert Counter(map(stable, compiled)) == Counter(stable(json.loads(encode(update))) for update in told)
    phases = Counter(u["phase"] for u in either.updates if u["phase"] not in ("init", "compile"))
    assert phases == {
        "axis_started": 96,
        "step_started": 480,
        "pattern_group": 480,
        "step_completed": 480,
        "axis_completed": 96,
    }


def test_the_recorded_text_names_well_step_and_percent_for_every_step(either: Run) -> None:
    steps = load_pipeline(EXAMPLE).step_names
    said = set(re.findall(r"^([A-H]\d\d)  step (\d)/5 (\w+)  100%$", either.stderr, re.MULTILINE))
    wells = [f"{row}{column:02d}" for row in "ABCDEFGH" for column in range(1, 13)]
    assert said == {(well, str(i), name) for well in wells for i, name in enumerate(steps, start=1)}


def test_threads_and_processes_agree(by_threads: Run, by_processes: Run) -> None:
    assert multiset(by_threads) == multiset(by_processes)
    parts = sorted(path.relative_to(by_threads.output) for path in by_threads.output.glob("tables/*/*.parquet"))
    assert len(parts) == 3 * 96
    for part in parts:
        assert pl.read_parquet(by_threads.output / part).equals(pl.read_parquet(by_processes.output / part)), part
    pixels = sorted(p.relative_to(by_threads.output) for p in by_threads.output.glob("plate.zarr/*/*/**/c/**/*"))
    assert pixels
    for path in pixels:
        if (by_threads.output / path).is_file():
            assert (by_threads.output / path).read_bytes() == (by_processes.output / path).read_bytes(), path
    assert wells_of(by_threads).drop("Seconds").equals(wells_of(by_processes).drop("Seconds"))


def multiset(run: Run) -> Counter[str]:
    return Counter(stable(update) for update in run.updates if update["phase"] != "init")


def stable(update: dict[str, Any]) -> str:
    """Return an update without what differs from run to run."""
    return json.dumps({k: v for k, v in update.items() if k not in VOLATILE}, sort_keys=True)


def test_preview_draws_outlines(served: Cli, plate: Path, tmp_path: Path) -> None:
    run = run_example(served, plate, tmp_path / "out", "--wells", "B02,C07", "--preview")
    pictures = sorted((run.output / "preview").iterdir())
    assert [picture.name for picture in pictures] == ["B02_s1_z1_t1.png", "C07_s1_z1_t1.png"]
    for picture in pictures:
        pixels = imagecodecs.png_decode(picture.read_bytes())
        assert pixels.shape == (640, 640, 3)
        coloured = (pixels.max(axis=2) != pixels.min(axis=2)).mean()
        assert 0.02 < coloured < 0.3  # outlines, on a grey picture
    assert wells_of(run)["Metadata_Well"].to_list() == ["B02", "C07"]


def test_one_corrupt_tiff_is_that_wells_error(served: Cli, plate: Path, tmp_path: Path) -> None:
    copy = tmp_path / "plate"
    shutil.copytree(plate, copy, copy_function=shutil.copyfile)
    copy.chmod(0o755)
    damaged = next((copy / "images").glob("Channel2-*-C-05.tif"))
    damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])
    run = served.run("run", EXAMPLE, copy, "--output", tmp_path / "out", "--wells", "C04,C05,C06,D01", "--json")
    assert run.returncode == 3, run.stderr
    wells = pl.read_csv(tmp_path / "out" / "wells.csv")
    assert dict(zip(wells["Metadata_Well"], wells["Status"], strict=True)) == {
        "C04": "completed",
        "C05": "failed",
        "C06": "completed",
        "D01": "completed",
    }
    assert damaged.name in wells.filter(pl.col("Metadata_Well") == "C05")["Error"][0]
    assert damaged.name in run.stderr


def test_the_example_draws_its_plot(either: Run, tmp_path: Path) -> None:
    plot = tmp_path / "dose_response.svg"
    drawn = subprocess.run(
        [sys.executable, EXAMPLE, either.output, plot], capture_output=True, text=True, check=True, timeout=60
    )
    assert drawn.stdout.count("Spearman 0.9") == 2
    assert "<svg" in plot.read_text()
