"""Steps over the whole plate, for real: in threads and processes, failing, dying, resumed, and by command."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tifffile
import zarr
from tests.integration.cli.commands import Cli

from plateflow import compile_plate, load_pipeline, open_plate, run_plate
from plateflow.errors import PlateflowError, PlateStepError
from plateflow.execution.plate_images import read_record
from plateflow.plate.synthetic import write_synthetic_plate
from plateflow.progress.messages import WorkerMessage, WorkerState
from plateflow.progress.update import ProgressPhase, ProgressUpdate
from plateflow.service.execute import ExecutorName, RunOptions, ready_plan
from plateflow.storage.tiff import read_plane, write_plane

PIPELINE = """
import os, signal
from pathlib import Path
from typing import Any
from plateflow import FunctionStep, Pipeline
from plateflow.functions import correct_illumination, estimate_illumination, find_nuclei, measure_intensity
from plateflow.functions.kinds import Image, Planes

FLAG = Path(__file__).with_suffix(".flag")

def estimate(planes: Planes) -> Image:
    ON_ESTIMATE
    return estimate_illumination(planes, smoothing=8)

pipeline = Pipeline("flat", channels={"DNA": "1", "GFP": "2"}, steps=[
    FunctionStep(estimate, outputs="Illumination", variable_components=("well", "site"), sample=20),
    FunctionStep(correct_illumination, inputs=("*", "Illumination")),
    FunctionStep(find_nuclei, inputs="DNA", outputs="Nuclei"),
    FunctionStep(measure_intensity, inputs=("Nuclei", ["DNA", "GFP"])),
])
"""


def light() -> Any:
    y, x = np.mgrid[:96, :96] / 96 - 0.5
    return 1.25 - 1.5 * (y**2 + x**2)


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve wells of two sites, lit unevenly."""
    folder = tmp_path_factory.mktemp("plates") / "uneven"
    write_synthetic_plate(folder, rows=3, columns=4, sites=2, shape=(96, 96), seed=3)
    for records in open_plate(folder).wells.values():
        for record in records:
            bright = 2000.0 + read_plane(record.path)  # the ground is lit too, and there is more of it than of cells
            write_plane(record.path, np.rint(bright * light()).astype(np.uint16))
    return folder


def pipeline(folder: Path, on_estimate: str = "pass") -> Path:
    path = folder / "flat.py"
    path.write_text(PIPELINE.replace("ON_ESTIMATE", on_estimate))
    return path


def run(
    plate: Path, path: Path, output: Path | None, executor: ExecutorName = "threads", *, resume: bool = False
) -> list[ProgressUpdate | WorkerMessage]:
    said: list[ProgressUpdate | WorkerMessage] = []
    plan = compile_plate(open_plate(plate), load_pipeline(path))
    keep = lambda message: said.append(message) if isinstance(message, ProgressUpdate | WorkerMessage) else None  # noqa: E731
    outcome = run_plate(plan, output=output, executor=executor, workers=2, on_progress=keep, resume=resume)
    assert outcome.errors == {}
    return said


def multiset(said: list[ProgressUpdate | WorkerMessage]) -> Counter[tuple[object, ...]]:
    updates = [message for message in said if isinstance(message, ProgressUpdate)]
    return Counter((u.axis_id, u.step_name, u.phase, u.status, u.completed, u.total, u.pattern) for u in updates)


def test_threads_and_processes_agree_and_the_light_is_taken_out(plate: Path, tmp_path: Path) -> None:
    path = pipeline(tmp_path)
    by_threads = run(plate, path, tmp_path / "threads")
    by_processes = run(plate, path, tmp_path / "processes", "processes")
    assert multiset(by_threads) == multiset(by_processes)
    axes = [message.axis_id for message in by_threads if isinstance(message, ProgressUpdate)]
    assert "plate:estimate" not in axes[axes.count("plate:estimate") :], "all wells wait for it"
    for output in (tmp_path / "threads", tmp_path / "processes"):
        found = tifffile.imread(output / "plate_images" / "Illumination_DNA_z1_t1.tif")
        assert found.dtype == np.float32
        assert np.corrcoef(found.ravel(), light().ravel())[0, 1] > 0.9
        record = read_record(output / "plate_images", "plate:estimate")
        assert record is not None
        assert {image.planes for image in record.images.values()} == {20}
        assert record.unreadable == ()
        told = json.loads((output / "run.json").read_text())
        assert dict(told["seconds_per_step"])["estimate"] == record.seconds > 0
        assert pl.read_csv(output / "wells.csv")["Metadata_Well"].len() == 12
    tables = [pl.read_parquet(tmp_path / name / "tables/Nuclei/*.parquet") for name in ("threads", "processes")]
    assert tables[0].equals(tables[1])
    assert sorted(file.name for file in (tmp_path / "threads" / "plate_images").iterdir() if file.suffix == ".tif") == [
        "Illumination_DNA_z1_t1.tif", "Illumination_GFP_z1_t1.tif"
    ]  # fmt: skip


def test_without_a_results_folder_wells_get_it_too(plate: Path, tmp_path: Path) -> None:
    said = run(plate, pipeline(tmp_path), None, "processes")
    ended = [m for m in said if isinstance(m, ProgressUpdate) and m.phase is ProgressPhase.AXIS_COMPLETED]
    assert len(ended) == 13
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flat.py"]


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_its_failure_is_the_runs_and_no_well_is_begun(plate: Path, tmp_path: Path, executor: ExecutorName) -> None:
    path = pipeline(tmp_path, "raise ValueError('the lamp is off')")
    said: list[str] = []
    plan = compile_plate(open_plate(plate), load_pipeline(path))
    keep = lambda message: said.append(message.axis_id) if isinstance(message, ProgressUpdate) else None  # noqa: E731
    with pytest.raises(PlateStepError, match="step 'estimate' over the whole plate: ValueError: the lamp is off"):
        run_plate(plan, output=tmp_path / "out", executor=executor, workers=2, on_progress=keep)
    assert set(said) == {"plate:estimate"}
    wells = pl.read_csv(tmp_path / "out" / "wells.csv")
    assert wells["Status"].to_list() == ["cancelled"] * 12


def test_a_worker_that_dies_in_it_begins_once_more(plate: Path, tmp_path: Path) -> None:
    path = pipeline(tmp_path, "if not FLAG.exists(): FLAG.touch(); os.kill(os.getpid(), signal.SIGKILL)")
    said = run(plate, path, tmp_path / "out", "processes")
    (died,) = [m for m in said if isinstance(m, WorkerMessage) and m.state is WorkerState.DIED]
    assert (died.axis_id, died.step_name, died.signal) == ("plate:estimate", "estimate", "SIGKILL")
    begun = [m for m in said if isinstance(m, ProgressUpdate) and m.phase is ProgressPhase.AXIS_STARTED]
    assert Counter(update.axis_id for update in begun)["plate:estimate"] == 2
    assert len(begun) == 14


def test_a_worker_that_always_dies_in_it_ends_the_run(plate: Path, tmp_path: Path) -> None:
    plan = compile_plate(open_plate(plate), load_pipeline(pipeline(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")))
    said: list[ProgressUpdate] = []
    keep = lambda message: said.append(message) if isinstance(message, ProgressUpdate) else None  # noqa: E731
    with pytest.raises(PlateStepError, match=r"died in both attempts.*SIGKILL"):
        run_plate(plan, executor="processes", workers=2, on_progress=keep)
    assert (said[-1].axis_id, said[-1].phase, said[-1].total) == ("plate:estimate", ProgressPhase.AXIS_COMPLETED, 1)


def axes_of(said: list[ProgressUpdate | WorkerMessage]) -> set[str]:
    return {message.axis_id for message in said if isinstance(message, ProgressUpdate)}


def test_resume_runs_it_only_where_a_well_needs_it(plate: Path, tmp_path: Path) -> None:
    path = pipeline(tmp_path)
    run(plate, path, tmp_path / "out")
    assert axes_of(run(plate, path, tmp_path / "out", resume=True)) == set()
    (tmp_path / "out" / "tables" / "Nuclei" / "B02.parquet").unlink()
    again = axes_of(run(plate, path, tmp_path / "out", resume=True))
    assert again == {"plate:estimate", "B02"}


def test_another_estimate_has_all_wells_run_again(plate: Path, tmp_path: Path) -> None:
    run(plate, pipeline(tmp_path), tmp_path / "out")
    path = pipeline(tmp_path)
    path.write_text(path.read_text().replace("sample=20", "sample=10"))
    assert len(axes_of(run(plate, path, tmp_path / "out", resume=True))) == 13


@pytest.mark.slow
def test_by_command(cli: Cli, plate: Path, tmp_path: Path) -> None:
    path = pipeline(tmp_path)
    compiled = cli.run("compile", path, plate)
    assert "12 wells, 4 steps, 98 pattern groups" in compiled.stdout
    done = cli.run("run", path, plate, "--output", tmp_path / "out", "--wells", "B02,C01")
    assert done.returncode == 0, done.stderr
    assert "2 wells" in done.stderr
    pixels = zarr.open_group(tmp_path / "out" / "plate.zarr" / "B" / "02" / "1", mode="r")
    assert np.asarray(pixels["labels/Nuclei/0"]).any()


@pytest.mark.slow
def test_by_command_its_failure_is_told(cli: Cli, plate: Path, tmp_path: Path) -> None:
    path = pipeline(tmp_path, "raise ValueError('the lamp is off')")
    failed = cli.run("run", path, plate, "--output", tmp_path / "out")
    assert failed.returncode == 2
    assert "step 'estimate' over the whole plate: ValueError: the lamp is off" in failed.stderr


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 4
    path.write_bytes(data)


def swap(path: Path) -> None:
    other = path.with_name(path.name.replace("DNA", "GFP"))
    aside = path.with_name("aside")
    path.rename(aside), other.rename(path), aside.rename(other)


def block(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "cut": cut, "a bit flipped": flip, "gone": Path.unlink, "swapped with another": swap, "a FIFO in its place": block,
}  # fmt: skip
IMAGE = "Illumination_DNA_z1_t1.tif"


def images_of(output: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (output / "plate_images").glob("*.tif")}


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_image_of_it_is_made_again_by_a_resume(plate: Path, tmp_path: Path, damage: str) -> None:
    path = pipeline(tmp_path)
    run(plate, path, tmp_path / "out")
    good = images_of(tmp_path / "out")
    DAMAGES[damage](tmp_path / "out" / "plate_images" / IMAGE)
    assert axes_of(run(plate, path, tmp_path / "out", resume=True)) == {"plate:estimate"}
    assert images_of(tmp_path / "out") == good
    assert axes_of(run(plate, path, tmp_path / "out", resume=True)) == set()


@pytest.mark.parametrize("record", [b"", b"{}", b"\xff\xfe", None], ids=["empty", "no record", "no text", "gone"])
def test_without_its_record_it_runs_again(plate: Path, tmp_path: Path, record: bytes | None) -> None:
    path = pipeline(tmp_path)
    run(plate, path, tmp_path / "out")
    (found,) = (tmp_path / "out" / "plate_images").glob("*.json")
    found.unlink() if record is None else found.write_bytes(record)
    assert axes_of(run(plate, path, tmp_path / "out", resume=True)) == {"plate:estimate"}


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["threads", "processes"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_well_does_not_believe_a_damaged_image(
    plate: Path, tmp_path: Path, executor: ExecutorName, damage: str
) -> None:
    path = pipeline(tmp_path)
    run(plate, path, tmp_path / "undisturbed")
    image = tmp_path / "out" / "plate_images" / IMAGE

    def harm(message: object) -> None:
        if isinstance(message, ProgressUpdate) and message.phase is ProgressPhase.AXIS_COMPLETED and not harmed:
            DAMAGES[damage](image)
            harmed.append(message.axis_id)

    harmed: list[str] = []
    plan = compile_plate(open_plate(plate), load_pipeline(path))
    outcome = run_plate(plan, output=tmp_path / "out", executor=executor, workers=2, on_progress=harm)
    assert harmed == ["plate:estimate"]
    assert len(outcome.errors) == 12
    for error in outcome.errors.values():
        assert error == (
            f"{image}: is gone, damaged or replaced since a step over the whole plate made it; "
            "go on with --resume, which makes it again"
        )
    assert len(axes_of(run(plate, path, tmp_path / "out", executor, resume=True))) == 13
    assert images_of(tmp_path / "out") == images_of(tmp_path / "undisturbed")


@pytest.mark.slow
def test_nothing_that_an_earlier_pipeline_made_is_left_for_wells(plate: Path, tmp_path: Path) -> None:
    path = pipeline(tmp_path)
    run(plate, path, tmp_path / "out")
    path.write_text(path.read_text().replace("(estimate, outputs", "(estimate, name='again', sample=4, outputs"))
    path.write_text(path.read_text().replace(", sample=20", ""))
    run(plate, path, tmp_path / "out", resume=True)
    assert sorted(file.suffix for file in (tmp_path / "out" / "plate_images").iterdir()) == [".json", ".tif", ".tif"]


def test_rerun_of_failed_wells_leaves_a_damaged_image_alone(plate: Path, tmp_path: Path) -> None:
    path = pipeline(tmp_path)
    run(plate, path, tmp_path / "out")
    (tmp_path / "out" / "plate_images" / IMAGE).unlink()
    plan = compile_plate(open_plate(plate), load_pipeline(path))
    assert not ready_plan(plan, tmp_path / "out", RunOptions(rerun="failed")).runnable


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_link_in_the_place_of_its_folder_is_refused(plate: Path, tmp_path: Path, when: str) -> None:
    elsewhere, output = tmp_path / "elsewhere", tmp_path / "out"
    link = f"p = Path({str(output / 'plate_images')!r}); p.exists() or p.symlink_to({str(elsewhere)!r})"
    path = pipeline(tmp_path, link)
    elsewhere.mkdir()
    if when == "before":
        run(plate, pipeline(tmp_path), output)
        shutil.rmtree(output / "plate_images")
        (output / "plate_images").symlink_to(elsewhere)
    plan = compile_plate(open_plate(plate), load_pipeline(path))
    with pytest.raises(PlateflowError, match=f"plate_images is a link to {elsewhere}"):
        run_plate(plan, output=output, executor="threads", workers=2, resume=when == "before")
    assert not list(elsewhere.iterdir())
