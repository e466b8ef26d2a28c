"""Going on in a results folder: what is done stays untouched, what is not is made, and the end is as undisturbed."""

import csv
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import polars as pl
import pytest
from tests.integration.conftest import HEAD

from plateflow.errors import OutputError
from plateflow.execution.orchestrator import Outcome
from plateflow.execution.resume import go_on
from plateflow.execution.steering import Steering
from plateflow.pipeline.compile import compile_plate
from plateflow.pipeline.pipeline import load_pipeline
from plateflow.pipeline.plan import PlatePlan
from plateflow.plate.open import open_plate
from plateflow.plate.synthetic import write_synthetic_plate
from plateflow.progress.messages import ExecutionKind, ExecutionMessage, ExecutionState, Skipped, decode_lines
from plateflow.runtime.jobs import Job
from plateflow.service.execute import RunOptions, ready_plan
from plateflow.service.job import JobSpec, describe_pipeline
from plateflow.service.run_plate import run_plate
from plateflow.service.work import JobWork, Worksite
from plateflow.storage.commit import read_committed
from plateflow.storage.output import CLAIM

PIPELINE = (
    HEAD
    + """
FAILS = ()
def check(image: Image) -> Image:
    if mark(image) in FAILS:
        raise ValueError("not this one")
    return image
pipeline = Pipeline("p", channels={"DNA": "1", "GFP": "2"}, steps=[
    FunctionStep(check, inputs="DNA"),
    FunctionStep(find_nuclei, inputs="DNA", outputs="Nuclei", min_diameter=4),
    FunctionStep(measure_intensity, inputs=("Nuclei", ["GFP"])),
])
"""
)


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    from tests.integration.conftest import mark_wells

    write_synthetic_plate(tmp_path / "plate", rows=2, columns=3, shape=(48, 48))
    mark_wells(open_plate(tmp_path / "plate"))
    return tmp_path / "plate"


class Lab:
    """One plate, one pipeline file, one results folder."""

    def __init__(self, folder: Path, plate: Path) -> None:
        self.plate = plate
        self.output = folder / "out"
        self.pipeline = folder / "pipeline.py"
        self.write(PIPELINE)

    def write(self, text: str) -> None:
        self.pipeline.write_text(text, encoding="utf-8")

    def plan(self) -> PlatePlan:
        return compile_plate(open_plate(self.plate), load_pipeline(self.pipeline))

    def run(self, output: Path | None = None, *, resume: bool = True) -> Outcome:
        return run_plate(self.plan(), output=output or self.output, resume=resume, workers=2)

    def ran(self) -> list[str]:
        """Return which wells ran, by the times of their records."""
        before = self.stamps()
        time.sleep(0.01)
        self.run()
        return [well for well, stamp in self.stamps().items() if before.get(well) != stamp]

    def stamps(self) -> dict[str, int]:
        return {path.stem: path.stat().st_mtime_ns for path in sorted((self.output / "wells").glob("*.json"))}

    def status(self) -> dict[str, str]:
        with (self.output / "wells.csv").open(newline="") as file:
            return {row["Metadata_Well"]: row["Status"] for row in csv.DictReader(file)}


@pytest.fixture
def lab(tmp_path: Path, plate: Path) -> Lab:
    return Lab(tmp_path, plate)


ALL = ["A01", "A02", "A03", "B01", "B02", "B03"]


def results(output: Path) -> dict[str, bytes]:
    """Return all pixels and tables."""
    files = [*(output / "plate.zarr").rglob("*"), *(output / "tables").rglob("*")]
    return {str(path.relative_to(output)): path.read_bytes() for path in files if path.is_file()}


def test_what_is_done_is_left_untouched(lab: Lab) -> None:
    lab.run()
    before = {path: path.stat().st_mtime_ns for path in (lab.output / "tables").rglob("*.parquet")}
    assert lab.ran() == []
    assert {path: path.stat().st_mtime_ns for path in (lab.output / "tables").rglob("*.parquet")} == before
    assert lab.status() == dict.fromkeys(ALL, "completed")


@pytest.mark.slow
def test_what_is_gone_or_damaged_is_made_again(lab: Lab) -> None:
    lab.run(lab.output.with_name("undisturbed"))
    lab.run()
    (lab.output / "wells" / "A02.json").unlink()
    [part] = (lab.output / "tables" / "Nuclei").glob("B01.parquet")
    part.write_bytes(part.read_bytes()[:-1])
    assert lab.ran() == ["A02", "B01"]
    assert results(lab.output) == results(lab.output.with_name("undisturbed"))


def touch(lab: Lab) -> None:
    record = open_plate(lab.plate).wells["B02"][0]
    os.utime(record.path, ns=(1, 1))


def change_parameter(lab: Lab) -> None:
    lab.write(PIPELINE.replace("min_diameter=4", "min_diameter=5"))


def change_code(lab: Lab) -> None:
    lab.write(PIPELINE.replace("    return image", "    return image + 0"))


def comment(lab: Lab) -> None:
    lab.write("# a comment\n" + PIPELINE + "\n# another\n")


def change_module_beside(lab: Lab) -> None:
    (lab.pipeline.parent / "beside.py").write_text("VALUE = 2\n")


CHANGES: dict[str, tuple[Callable[[Lab], None], list[str]]] = {
    "an input": (touch, ["B02"]),
    "a parameter": (change_parameter, ALL),
    "a function's code": (change_code, ALL),
    "a comment": (comment, []),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_would_be_others_now_is_made_again(lab: Lab, what: str) -> None:
    lab.run()
    change, wells = CHANGES[what]
    change(lab)
    assert lab.ran() == wells


def test_what_will_be_made_again_is_gone_at_once(lab: Lab) -> None:
    lab.run()
    change_parameter(lab)
    ready_plan(lab.plan(), lab.output, RunOptions(resume=True))
    assert not (lab.output / "plate.zarr" / "zarr.json").exists()  # or it would list wells that are not there
    left = [*(lab.output / "wells").iterdir(), *(lab.output / "tables").rglob("*.parquet")]
    assert left + [path for path in (lab.output / "plate.zarr").rglob("*") if path.parent.name == "A"] == [
        lab.output / "plate.zarr" / "A" / "zarr.json"
    ]


def test_failed_wells_are_tried_again_and_leave_nothing_behind(lab: Lab) -> None:
    lab.write(PIPELINE.replace("FAILS = ()", "FAILS = (1, 4)"))
    outcome = lab.run()
    assert sorted(outcome.errors) == ["A02", "B02"]
    assert not list((lab.output / "tables").rglob("A02.parquet"))
    assert lab.ran() == []  # tried, and failed again
    assert [lab.status()[well] for well in ("A02", "B02")] == ["failed", "failed"]


def test_rerun_runs_what_it_names_and_nothing_else(lab: Lab) -> None:
    lab.write(PIPELINE.replace("FAILS = ()", "FAILS = (1, 4)"))
    lab.run()
    (lab.output / "wells" / "A03.json").unlink()
    with (lab.output / "wells.csv").open() as file:
        text = file.read()
    rows = [line.replace(",completed,", ",cancelled,") if ",A03," in line else line for line in text.splitlines()]
    (lab.output / "wells.csv").write_text("\n".join(rows) + "\n")
    lab.write(PIPELINE)  # changed since: rerun does not mind

    def chosen(options: RunOptions) -> tuple[list[str], dict[str, Skipped]]:
        plan = ready_plan(lab.plan(), lab.output, options)
        return [axis.axis_id for axis in plan.runnable], {a.axis_id: a.skipped for a in plan.axes if a.skipped}

    done = dict.fromkeys(["A01", "B01", "B03"], Skipped.COMPLETED)
    failed, cancelled = Skipped.FAILED, Skipped.CANCELLED
    assert chosen(RunOptions(rerun="failed")) == (["A02", "B02"], {**done, "A03": cancelled})
    assert chosen(RunOptions(rerun="cancelled")) == (["A03"], {**done, "A02": failed, "B02": failed})
    only = RunOptions(rerun="failed", only=("b2",))
    assert chosen(only) == (["B02"], {**done, "A02": failed, "A03": cancelled})
    assert chosen(RunOptions(rerun="missing")) == (["A02", "A03", "B02"], done)


def test_wells_that_stay_from_another_pipeline_do_not_stop_its_end(lab: Lab) -> None:
    lab.run()
    lab.write(PIPELINE.replace('inputs=("Nuclei", ["GFP"])', 'inputs=("Nuclei", ["GFP"]), name="measure"'))
    plan = compile_plate(open_plate(lab.plate), load_pipeline(lab.pipeline), wells=["A01"])
    assert run_plate(plan, output=lab.output, resume=True).completed == ["A01"]
    seconds = dict(json.loads((lab.output / "run.json").read_text())["seconds_per_step"])
    assert list(seconds) == ["check", "find_nuclei", "measure"]
    assert seconds["measure"] > 0


def test_rerun_of_a_run_that_did_not_end_says_what_to_do(lab: Lab) -> None:
    lab.run()
    (lab.output / "wells.csv").unlink()
    with pytest.raises(OutputError, match="go on in it with --resume"):
        go_on(lab.plan(), lab.output, "failed")


def test_a_folder_of_somebody_elses_is_refused(lab: Lab) -> None:
    lab.output.mkdir()
    (lab.output / "thesis.docx").write_bytes(b"")
    with pytest.raises(OutputError, match="no results of plateflow"):
        lab.run()
    assert os.listdir(lab.output) == ["thesis.docx"]


def test_without_resume_a_used_folder_is_refused_and_says_how(lab: Lab) -> None:
    lab.run()
    with pytest.raises(OutputError, match="--resume"):
        lab.run(resume=False)


def test_what_a_killed_writer_left_is_swept(lab: Lab) -> None:
    lab.run()
    left = [lab.output / "wells" / ".tmp-dead", lab.output / "plate.zarr" / "A" / "01" / ".tmp-dead2" / "0" / "c"]
    left[1].mkdir(parents=True)
    left[0].write_bytes(b"half")
    lab.run()
    assert not left[0].exists()
    assert not left[1].parents[1].exists()


def test_the_table_of_wells_tells_of_all(lab: Lab) -> None:
    lab.run()
    (lab.output / "wells" / "A02.json").unlink()
    lab.run()
    wells = pl.read_csv(lab.output / "wells.csv")
    assert wells["Metadata_Well"].to_list() == ALL
    assert wells["Status"].to_list() == ["completed"] * 6
    assert read_committed(lab.output).keys() == set(ALL)


@pytest.mark.parametrize("name", ["run.json", "plate.zarr/zarr.json"])
def test_what_cannot_be_written_for_the_whole_plate_is_named_and_the_wells_stay(lab: Lab, name: str) -> None:
    lab.run()
    (lab.output / "wells" / "A02.json").unlink()
    obstacle = lab.output / name
    obstacle.unlink()
    obstacle.mkdir()
    with pytest.raises(OutputError, match=f"{obstacle} cannot be .*go on with --resume; 1 wells are done, and stay so"):
        lab.run()
    assert list(read_committed(lab.output)) == ALL
    obstacle.rmdir()
    assert lab.ran() == []
    assert lab.status() == dict.fromkeys(ALL, "completed")


def test_a_cancelled_run_that_cannot_be_closed_is_cancelled_and_says_why(lab: Lab) -> None:
    (lab.output / "run.json").mkdir(parents=True)
    (lab.output / CLAIM).write_bytes(b"{}")
    job = JobSpec(
        plate=str(lab.plate),
        pipeline=describe_pipeline(lab.pipeline),
        output=str(lab.output),
        executor="threads",
        resume=True,
    )
    said: list[bytes] = []
    steering = Steering()
    steering.drain()
    payload = msgspec.Raw(msgspec.json.encode(job))
    order = Job(execution_id="e" * 32, plate_id=job.plate, kind=ExecutionKind.RUN, payload=payload)
    JobWork(order, Worksite(said.append, steering, None)).run()
    last = decode_lines(b"".join(said))[-1]
    assert isinstance(last, ExecutionMessage)
    assert last.state is ExecutionState.CANCELLED
    assert str(last.reason).startswith(f"{lab.output / 'run.json'} cannot be")
