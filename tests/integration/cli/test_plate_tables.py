"""Steps over the tables of the plate by command, and on a real plate: BBBC013's Z' from its own controls."""

from pathlib import Path

import polars as pl
import pytest
from tests.integration.cli.commands import Cli, messages
from tests.integration.test_plate_tables import ALL, PIPELINE, TABLES

from plateflow.plate.synthetic import write_synthetic_plate

pytestmark = pytest.mark.slow
EXAMPLE = Path(__file__).parents[3] / "examples" / "translocation.py"
SCORED = """
import importlib.util
import polars as pl
from plateflow import FunctionStep, Pipeline
from plateflow.functions import normalise_to_controls, score_assay
from plateflow.functions.kinds import Frame

spec = importlib.util.spec_from_file_location("translocation", {example!r})
example = importlib.util.module_from_spec(spec)
spec.loader.exec_module(example)

def of_drugs(cells: Frame) -> Frame:
    drug = pl.when(pl.col("Metadata_Row").is_in(list("ABCD"))).then(pl.lit("wortmannin")).otherwise(pl.lit("LY294002"))
    return cells.with_columns(Metadata_Drug=drug)

pipeline = Pipeline("scored", channels=example.pipeline.channels, filenames=example.pipeline.filenames,
    metadata=example.pipeline.metadata, steps=[
        *example.pipeline.steps,
        FunctionStep([of_drugs, (score_assay, dict(control_column="Metadata_SBS_Controls", positive=1, negative=-1,
            feature="Nuclei_Math_Ratio_GFP", by=["Metadata_Drug"]))], name="score", inputs="Nuclei", outputs="Scores",
            variable_components="well"),
        FunctionStep(normalise_to_controls, inputs="Nuclei", outputs="Normalised", variable_components="well",
            control_column="Metadata_SBS_Controls", control_values=-1, method="mad_robustize"),
    ])
"""


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    write_synthetic_plate(tmp_path / "plate", rows=2, columns=3, sites=2, shape=(64, 64), seed=5)
    return tmp_path / "plate"


def write(folder: Path, on_share: str = "pass") -> Path:
    path = folder / "pipeline.py"
    path.write_text(PIPELINE.replace("ON_SHARE", on_share))
    return path


def test_its_failure_ends_the_run_with_2_and_resume_runs_it_alone(cli: Cli, plate: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    failed = cli.run("run", write(tmp_path, "raise ValueError('no controls')"), plate, "--output", output)
    assert failed.returncode == 2, failed.stderr
    assert "step 'share' over the whole plate: ValueError: no controls" in failed.stderr
    assert "6 done" in failed.stderr
    assert pl.read_csv(output / "wells.csv")["Status"].to_list() == ["completed"] * 6
    again = cli.run("run", write(tmp_path), plate, "--output", output, "--resume", "--json")
    assert again.returncode == 0, again.stderr
    axes = [update["axis_id"] for update in messages(again.stdout, "progress") if update["phase"] == "axis_started"]
    assert axes == TABLES
    assert pl.read_parquet(output / "plate_tables" / "Counts.parquet")["Metadata_Well"].unique().sort().to_list() == ALL


def test_failed_wells_with_it_done_are_3(cli: Cli, plate: Path, tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text().replace("mark(image) in FAILS", "info.well == 'B02'"))
    path.write_text(path.read_text().replace("def check(image: Image)", "def check(image: Image, info: Info)"))
    done = cli.run("run", path, plate, "--output", tmp_path / "out", "--json")
    assert done.returncode == 3, done.stderr
    said = [update["message"] for update in messages(done.stdout, "progress") if "message" in update]
    assert said[-2:] == ["read the tables of 5 of 6 wells"] * 2


def test_the_scores_of_a_real_plate(cli: Cli, test_data: Path, tmp_path: Path) -> None:
    path = tmp_path / "scored.py"
    path.write_text(SCORED.format(example=str(EXAMPLE)))
    run = cli.run("run", path, test_data / "sbs_bbbc013", "--output", tmp_path / "out")
    assert run.returncode == 0, run.stderr
    scores = pl.read_parquet(tmp_path / "out" / "plate_tables" / "Scores.parquet")
    assert scores["Wells_Positive"].to_list() == [4, 4]
    assert scores["Wells_Negative"].to_list() == [8, 8]
    found = dict(scores.select("Metadata_Drug", "ZPrime").iter_rows())
    assert 0.76 <= found["wortmannin"] <= 0.92
    assert 0.49 <= found["LY294002"] <= 0.75
    cells = pl.read_parquet(tmp_path / "out" / "plate_tables" / "Normalised.parquet")
    controls = cells.filter(pl.col("Metadata_SBS_Controls") == -1)["Nuclei_Math_Ratio_GFP"]
    assert controls.median() == pytest.approx(0, abs=1e-9)
    treated = cells.filter(pl.col("Metadata_SBS_Controls") == 1)["Nuclei_Math_Ratio_GFP"].median()
    assert isinstance(treated, float)
    assert treated > 5
