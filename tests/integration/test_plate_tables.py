"""Steps over the wells' tables, for real: what they read and make, when they run, and what becomes of a failure."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.integration.conftest import HEAD, mark_wells

from plateflow import compile_plate, load_pipeline, open_plate
from plateflow.errors import OutputError, PlateStepError
from plateflow.execution.orchestrator import Outcome
from plateflow.execution.plate_tables import read_table_record
from plateflow.execution.steering import Steering
from plateflow.pipeline.plan import PlatePlan, make_topology
from plateflow.plate.synthetic import write_synthetic_plate
from plateflow.progress.messages import (
    ExecutionKind,
    ExecutionMessage,
    ExecutionState,
    WorkerMessage,
    WorkerState,
    decode_lines,
)
from plateflow.progress.state import AxisState, ExecutionProgress
from plateflow.progress.update import ProgressPhase, ProgressUpdate
from plateflow.service.execute import ExecutorName, RunOptions, execute_plan, ready_plan
from plateflow.service.run_plate import run_plate
from plateflow.settings import STEP_LIMIT
from plateflow.storage.output import claim_output

PIPELINE = (
    HEAD
    + """
import polars as pl
from pathlib import Path

FLAG = Path(__file__).with_suffix(".flag")
FAILS = ()

def check(image: Image) -> Image:
    if mark(image) in FAILS:
        raise ValueError("not this one")
    return image

def share(cells: Frame, images: Frame, info: Info, factor: float = 1.0) -> tuple[Frame, Frame]:
    ON_SHARE
    assert info.plate and not info.well
    wells = cells.group_by("Metadata_Well", maintain_order=True).agg(
        pl.len(), pl.col("Nuclei_Intensity_MeanIntensity_GFP").mean() * factor)
    return wells, images.select("Metadata_Well", "Metadata_Site", "Count_Nuclei")

def rank(wells: Frame) -> Frame:
    return wells.sort("len").with_row_index("Rank")

pipeline = Pipeline("p", channels={"DNA": "1", "GFP": "2"}, steps=[
    FunctionStep(check, inputs="DNA"),
    FunctionStep(find_nuclei, inputs="DNA", outputs="Nuclei", min_diameter=4),
    FunctionStep(measure_intensity, inputs=("Nuclei", ["GFP"])),
    FunctionStep(share, inputs=("Nuclei", "Image"), outputs=("Wells", "Counts"), variable_components="well"),
    FunctionStep(rank, inputs="Wells", outputs="Ranked", variable_components="well"),
])
"""
)
ALL = ["A01", "A02", "A03", "B01", "B02", "B03"]
TABLES = ["plate:share", "plate:rank"]
EXECUTION = "0123456789abcdef" * 2


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six wells of two sites."""
    folder = tmp_path_factory.mktemp("plates") / "plate"
    write_synthetic_plate(folder, rows=2, columns=3, sites=2, shape=(64, 64), seed=5)
    mark_wells(open_plate(folder))
    return folder


@dataclass
class Said:
    """What one run said, and how it ended."""

    plan: PlatePlan
    updates: list[ProgressUpdate] = field(default_factory=list)
    workers: list[WorkerMessage] = field(default_factory=list)
    outcome: Outcome | None = None
    error: str = ""

    @property
    def axes(self) -> list[str]:
        """Which axes ran, in the order in which they began."""
        return list(dict.fromkeys(update.axis_id for update in self.updates))

    def of(self, axis_id: str) -> list[ProgressUpdate]:
        return [update for update in self.updates if update.axis_id == axis_id]

    def remarks(self) -> dict[str, str]:
        said = [u for u in self.updates if u.axis_id in TABLES and u.phase is ProgressPhase.PATTERN_GROUP]
        return {update.axis_id: str(update.message) for update in said}

    def progress(self) -> ExecutionProgress:
        """Return the fold of it, from the topology on."""
        found = ExecutionProgress(execution_id=EXECUTION, plate_id=self.plan.plate.path)
        kind, state = ExecutionKind.RUN, ExecutionState.RUNNING
        topologies = [
            ExecutionMessage.now(EXECUTION, self.plan.plate.path, kind, state, topology=topology)
            for topology in make_topology(self.plan)
        ]
        found.apply_all([*topologies, *self.updates], 1)
        return found


@dataclass
class Lab:
    """One plate, one pipeline file, one results folder."""

    folder: Path
    plate: Path

    @property
    def output(self) -> Path:
        return self.folder / "out"

    def write(self, **changes: str) -> None:
        text = PIPELINE
        for old, new in changes.items():
            found = {"fails": "FAILS = ()", "on_share": "ON_SHARE", "function": "* factor)"}.get(old, old)
            assert found in text
            text = text.replace(found, new)
        (self.folder / "pipeline.py").write_text(text.replace("ON_SHARE", "pass"))

    def run(
        self,
        executor: ExecutorName = "threads",
        *,
        wells: list[str] | None = None,
        settings: tuple[str, ...] = (),
        cancelled: Callable[[Said], bool] = lambda said: False,
        drained: Callable[[Said], bool] = lambda said: False,
        step_limit: float = STEP_LIMIT,
        **how: Any,
    ) -> Said:
        pipeline = load_pipeline(self.folder / "pipeline.py", settings)
        plan = compile_plate(open_plate(self.plate, metadata="plate_map.csv"), pipeline, wells=wells)
        options = RunOptions(executor, 2, step_limit, **how)

        def take(body: bytes) -> None:
            for message in decode_lines(body):
                if isinstance(message, ProgressUpdate):
                    said.updates.append(message)
                elif isinstance(message, WorkerMessage):
                    said.workers.append(message)

        class Asked(Steering):
            @property
            def cancelled(self) -> bool:
                if cancelled(said):
                    self.cancel()
                return super().cancelled

            @property
            def draining(self) -> bool:
                if drained(said):
                    self.drain()
                return super().draining

        goes_on = bool(options.resume or options.rerun)
        with claim_output(self.output, EXECUTION, resume=goes_on) as claimed:
            said = Said(ready_plan(plan, claimed.path, options))
            try:
                said.outcome = execute_plan(said.plan, EXECUTION, options, take, Asked(), output=claimed)
            except PlateStepError as e:
                said.error = str(e)
        return said

    def table(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(self.output / "plate_tables" / f"{name}.parquet")

    def tables(self) -> list[str]:
        return sorted(path.stem for path in (self.output / "plate_tables").glob("*.parquet"))

    def status(self) -> list[str]:
        return pl.read_csv(self.output / "wells.csv")["Status"].to_list()


@pytest.fixture
def lab(tmp_path: Path, plate: Path) -> Lab:
    lab = Lab(tmp_path, plate)
    lab.write()
    return lab


def assert_as_predicted(said: Said, *but: str) -> None:
    for axis in said.plan.runnable:
        if axis.axis_id not in but:
            assert len(said.of(axis.axis_id)) == said.plan.updates(axis), axis.axis_id


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_after_all_wells_and_exactly_as_predicted(lab: Lab, executor: ExecutorName) -> None:
    said = lab.run(executor)
    assert not said.error
    assert_as_predicted(said)
    assert len(said.updates) == 6 * (2 + 4 + 4 + 4) + 2 * 5
    order = [update.axis_id for update in said.updates]
    last_of_wells = max(index for index, axis in enumerate(order) if axis in ALL)
    assert order.index("plate:share") > last_of_wells
    assert order[-10:] == ["plate:share"] * 5 + ["plate:rank"] * 5
    progress = said.progress()
    assert progress.groups_done == progress.groups_planned == 6 * 6 + 2
    assert [step.completed for step in progress.steps] == [6, 6, 6, 1, 1]
    assert progress.counts[AxisState.COMPLETED] == 8
    assert said.remarks() == dict.fromkeys(TABLES, "read the tables of 6 of 6 wells")


def test_threads_and_processes_make_the_same(lab: Lab, tmp_path: Path, plate: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Lab(tmp_path / "other", plate)
    other.write()

    def told(said: Said) -> Counter[tuple[object, ...]]:
        return Counter(
            (u.axis_id, u.step_name, u.phase, u.completed, u.total, u.pattern, u.message) for u in said.updates
        )

    assert told(lab.run("threads")) == told(other.run("processes"))
    assert lab.tables() == ["Counts", "Ranked", "Wells"]
    for name in lab.tables():
        assert lab.table(name).equals(other.table(name))


def test_it_reads_the_tables_of_all_wells_and_where_they_are_from(lab: Lab) -> None:
    lab.write(**{"return wells, images": "return cells, images"})
    lab.run()
    parts = [pl.read_parquet(lab.output / "tables" / "Nuclei" / f"{well}.parquet") for well in ALL]
    assert lab.table("Wells").equals(pl.concat(parts))
    assert lab.table("Wells")["Metadata_Dose"].dtype == pl.Float64
    assert lab.table("Counts")["Metadata_Well"].to_list() == [well for well in ALL for _ in range(2)]


def test_the_record_of_the_run_has_it(lab: Lab) -> None:
    lab.run()
    told = json.loads((lab.output / "run.json").read_text())
    assert [step["name"] for step in told["steps"]][-2:] == ["share", "rank"]
    assert told["steps"][-2]["parameters"] == {"factor": 1.0}
    record = read_table_record(lab.output, "plate:share")
    assert record is not None
    assert dict(told["seconds_per_step"])["share"] == record.seconds > 0
    assert record.wells == tuple(ALL)
    before = told["fingerprint"]
    lab.run(resume=True, settings=("share.factor=2.0",))
    assert json.loads((lab.output / "run.json").read_text())["fingerprint"] != before


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_wells_that_failed_are_left_out_and_counted(lab: Lab, executor: ExecutorName) -> None:
    lab.write(fails="FAILS = (1, 4)")
    said = lab.run(executor)
    assert not said.error
    assert said.outcome is not None
    assert sorted(said.outcome.errors) == ["A02", "B02"]
    assert said.remarks()["plate:share"] == "read the tables of 4 of 6 wells"
    assert lab.table("Wells")["Metadata_Well"].to_list() == ["A01", "A03", "B01", "B03"]


def test_where_no_well_is_done_it_fails_and_says_so(lab: Lab) -> None:
    lab.write(fails="FAILS = range(6)")
    said = lab.run()
    assert "step 'share' over the whole plate: none of the plate's 6 wells is done" in said.error
    assert lab.status() == ["failed"] * 6


def test_a_well_that_wrote_and_then_failed_is_not_read(lab: Lab) -> None:
    lab.run()
    (lab.output / "wells" / "A02.json").rename(lab.folder / "A02.json")
    commits = "__import__('shutil').copy(FLAG.with_name('A02.json'), FLAG.with_name('out') / 'wells')"
    lab.write(
        fails="FAILS = (1,)", **{'raise ValueError("not this one")': f"{commits}; raise ValueError('after its commit')"}
    )
    said = lab.run(resume=True, settings=("find_nuclei.min_diameter=5",))
    assert said.outcome is not None
    assert list(said.outcome.errors) == ["A02"]
    assert said.remarks()["plate:share"] == "read the tables of 5 of 6 wells"
    assert "A02" not in lab.table("Counts")["Metadata_Well"].to_list()
    assert lab.run(resume=True, settings=("find_nuclei.min_diameter=5",)).axes == ["A02", *TABLES]


def test_with_wells_it_reads_those_that_are_done(lab: Lab) -> None:
    said = lab.run(wells=["B02", "A01"])
    assert said.remarks()["plate:share"] == "read the tables of 2 of 6 wells"
    assert_as_predicted(said)
    said = lab.run(wells=["A03"], resume=True)
    assert said.axes == ["A03", *TABLES]
    assert said.remarks()["plate:share"] == "read the tables of 3 of 6 wells"
    assert lab.table("Wells")["Metadata_Well"].to_list() == ["A01", "A03", "B02"]


def test_with_other_wells_done_than_it_had_read_it_runs_again(lab: Lab) -> None:
    lab.run()
    (lab.output / "wells" / "A02.json").unlink()
    said = lab.run(wells=["A01"], resume=True)
    assert said.axes == TABLES
    assert said.remarks()["plate:share"] == "read the tables of 5 of 6 wells"
    assert lab.run(wells=["A01"], resume=True).axes == []


@pytest.mark.parametrize(
    ("function", "wrong", "there"),
    [
        ("normalise_to_controls", {"control_column": "Metadata_Nope"}, "Metadata_Plate, Metadata_Well, Metadata_Row"),
        ("score_assay", {"feature": "Nuclei_Nope"}, "Nuclei_Intensity_"),
        ("score_assay", {"control_column": "Metadata_Well", "positive": "Z99"}, "'A01', 'A02', 'A03'"),
    ],
)
def test_a_wrong_column_of_the_library_is_one_line(lab: Lab, function: str, wrong: dict[str, str], there: str) -> None:
    params = "".join(f", {name}={value!r}" for name, value in wrong.items())
    wells = PIPELINE.partition("    FunctionStep(share")[0]
    step = f"FunctionStep({function}, 'Nuclei', 'New', variable_components='well'{params})"
    (lab.folder / "pipeline.py").write_text(f"from plateflow.functions import {function}\n{wells}{step}])\n")
    said = lab.run()
    assert said.error.startswith(f"step {function!r} over the whole plate: no ")
    assert list(wrong.values())[-1] in said.error
    assert f"; there are: {there}" in said.error
    failed = [update for update in said.of(f"plate:{function}") if isinstance(update.error, str)]
    assert failed
    assert not [update for update in failed if isinstance(update.traceback, str)]


def test_its_failure_leaves_the_wells_and_resume_runs_it_alone(lab: Lab) -> None:
    lab.write(on_share="raise ValueError('no controls')")
    said = lab.run()
    assert said.error == "step 'share' over the whole plate: ValueError: no controls"
    assert lab.status() == ["completed"] * 6
    assert said.axes[6:] == ["plate:share"]
    assert [u.phase for u in said.of("plate:share")][-3:] == [
        ProgressPhase.PATTERN_GROUP, ProgressPhase.STEP_COMPLETED, ProgressPhase.AXIS_COMPLETED
    ]  # fmt: skip
    assert (lab.output / "plate.zarr" / "zarr.json").exists()
    assert lab.tables() == []
    lab.write()  # mended, in the same file
    said = lab.run(resume=True)
    assert not said.error
    assert said.axes == TABLES
    assert_as_predicted(said)
    progress = said.progress()
    assert progress.groups_done == progress.groups_planned
    assert [step.completed for step in progress.steps] == [6, 6, 6, 1, 1]


CHANGES: dict[str, tuple[Callable[[Lab], object], list[str]]] = {
    "nothing": (lambda lab: None, []),
    "a comment": (lambda lab: lab.write(**{"FAILS = ()": "FAILS = ()  # none"}), []),
    "its code": (lambda lab: lab.write(function="* factor * 2)"), TABLES),
    "its inputs": (lambda lab: lab.write(**{'inputs="Wells"': 'inputs="Counts"', '"len"': '"Count_Nuclei"'}), TABLES),
    "a table that is gone": (lambda lab: (lab.output / "plate_tables" / "Ranked.parquet").unlink(), ["plate:rank"]),
    "a table that is cut": (lambda lab: (lab.output / "plate_tables" / "Wells.parquet").write_bytes(b"PAR1"), TABLES),
    "a well that is gone": (lambda lab: (lab.output / "wells" / "A02.json").unlink(), ["A02", *TABLES]),
    "the wells' code": (lambda lab: lab.write(**{"return image\n": "return image + 0\n"}), [*ALL, *TABLES]),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("what", CHANGES)
def test_resume_runs_it_where_something_changed(lab: Lab, what: str) -> None:
    lab.run()
    change, expected = CHANGES[what]
    change(lab)
    said = lab.run(resume=True)
    assert not said.error
    assert sorted(said.axes) == sorted(expected)
    assert lab.tables() == ["Counts", "Ranked", "Wells"]
    progress = said.progress()
    assert progress.groups_done == progress.groups_planned
    assert [step.completed for step in progress.steps] == [6, 6, 6, 1, 1]


def test_a_parameter_for_one_run_runs_it_alone(lab: Lab) -> None:
    lab.run()
    before = lab.table("Wells")
    assert lab.run(resume=True, settings=("share.factor=3.0",)).axes == TABLES
    column = "Nuclei_Intensity_MeanIntensity_GFP"
    assert lab.table("Wells")[column].to_list() == (before[column] * 3.0).to_list()


def test_rerun_of_failed_wells_runs_it_too(lab: Lab) -> None:
    lab.write(fails="FAILS = (1,)")
    lab.run()
    lab.write()
    assert sorted(lab.run(rerun="failed").axes) == ["A02", "plate:rank", "plate:share"]
    assert lab.table("Wells").height == 6


def test_what_it_will_make_again_is_gone_at_once(lab: Lab) -> None:
    lab.run()
    (lab.output / "wells" / "A02.json").unlink()
    plan = compile_plate(open_plate(lab.plate, metadata="plate_map.csv"), load_pipeline(lab.folder / "pipeline.py"))
    ready_plan(plan, lab.output, RunOptions(resume=True))
    assert list((lab.output / "plate_tables").iterdir()) == []


def test_a_table_of_a_step_that_is_no_more_goes(lab: Lab) -> None:
    lab.run()
    lab.write(**{'    FunctionStep(rank, inputs="Wells", outputs="Ranked", variable_components="well"),\n': ""})
    assert lab.run(resume=True).axes == ["plate:share"]
    assert lab.tables() == ["Counts", "Wells"]


@pytest.mark.parametrize("executor", ["threads", "processes"])
@pytest.mark.parametrize("how", ["cancelled", "drained"])
def test_a_cancel_before_it_means_it_never_runs(lab: Lab, executor: ExecutorName, how: str) -> None:
    def wells_are_at_work(said: Said) -> bool:
        return any(u.phase is ProgressPhase.AXIS_STARTED for u in said.updates)

    def never(said: Said) -> bool:
        return False

    by_cancel = how == "cancelled"
    said = lab.run(
        executor, cancelled=wells_are_at_work if by_cancel else never, drained=never if by_cancel else wells_are_at_work
    )
    assert said.outcome is not None
    assert said.outcome.cancelled
    assert not set(said.axes) & set(TABLES)
    assert lab.tables() == []


def test_a_drain_while_the_last_wells_end_is_before_it(lab: Lab) -> None:
    said = lab.run(drained=lambda said: len({u.axis_id for u in said.updates}) == 6)
    assert said.outcome is not None
    assert said.outcome.cancelled
    assert not set(said.axes) & set(TABLES)


def test_a_cancel_within_it_ends_it(lab: Lab) -> None:
    lab.write(on_share="time.sleep(60)")
    said = lab.run("processes", cancelled=lambda said: bool(said.of("plate:share")))
    assert said.outcome is not None
    assert said.outcome.cancelled
    assert not said.error
    assert lab.status() == ["completed"] * 6
    lab.write()
    assert lab.run(resume=True).axes == TABLES


def test_a_worker_that_dies_in_it_begins_once_more(lab: Lab) -> None:
    lab.write(on_share="if not FLAG.exists(): FLAG.touch(); os.kill(os.getpid(), signal.SIGKILL)")
    said = lab.run("processes")
    assert not said.error
    (died,) = [message for message in said.workers if message.state is WorkerState.DIED]
    assert (died.axis_id, died.step_name) == ("plate:share", "share")
    assert [u.phase for u in said.of("plate:share")].count(ProgressPhase.AXIS_STARTED) == 2
    assert lab.tables() == ["Counts", "Ranked", "Wells"]


@pytest.mark.slow
def test_a_step_limit_is_its_too(lab: Lab) -> None:
    lab.write(on_share="time.sleep(60)")
    said = lab.run("processes", step_limit=3.0)
    assert "step 'share' over the whole plate: step 'share' took longer than its limit of 3 s" in said.error
    assert said.of("plate:share")[-1].total == 1


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ("wells.lazy(), images", "returned a LazyFrame, not a polars DataFrame"),
        ("pl.DataFrame(), images", "returned a table without columns"),
        ("wells", "returned 1 things, not the 2 declared"),
        ("pl.DataFrame({'a': pl.Series([object()], dtype=pl.Object)}), images", "cannot be written as Parquet"),
    ],
)
def test_what_is_no_table_is_refused_and_nothing_is_left(lab: Lab, returned: str, words: str) -> None:
    old = 'return wells, images.select("Metadata_Well", "Metadata_Site", "Count_Nuclei")'
    lab.write(**{old: f"return {returned}"})
    assert words in lab.run().error
    assert lab.tables() == []


def test_a_table_that_cannot_be_written_is_named(lab: Lab) -> None:
    lab.write(on_share="(FLAG.with_name('out') / 'plate_tables' / 'Counts.parquet').mkdir(parents=True)")
    said = lab.run()
    assert "Counts.parquet cannot be" in said.error
    assert "go on with --resume" in said.error
    assert "Wells" not in lab.tables(), "the step wrote one and then failed"
    assert lab.status() == ["completed"] * 6


def test_columns_of_some_wells_are_null_in_the_others(lab: Lab) -> None:
    step = '    FunctionStep(measure_shape, inputs="Nuclei", where={"well": ["A01"]}),\n    FunctionStep(share'
    lab.write(
        **{"    FunctionStep(share": step, "return wells, images": "return cells, images", 'sort("len")': "head(2)"}
    )
    assert not lab.run().error
    area = lab.table("Wells").select("Metadata_Well", "Nuclei_AreaShape_Area")
    assert area.filter(pl.col("Nuclei_AreaShape_Area").is_not_null())["Metadata_Well"].unique().to_list() == ["A01"]


def test_without_a_results_folder_it_is_refused_at_once(lab: Lab) -> None:
    plan = compile_plate(open_plate(lab.plate), load_pipeline(lab.folder / "pipeline.py"))
    with pytest.raises(OutputError, match="step 'share' reads the tables of all wells, but none are written; name a"):
        run_plate(plan)


def test_a_link_in_place_of_its_folder_is_refused(lab: Lab) -> None:
    lab.run()
    (lab.output / "plate_tables").rename(lab.folder / "elsewhere")
    (lab.output / "plate_tables").symlink_to(lab.folder / "elsewhere")
    with pytest.raises(OutputError, match="plate_tables is a link"):
        lab.run(resume=True)
