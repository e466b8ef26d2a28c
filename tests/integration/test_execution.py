"""Plates run over threads and worker processes, with everything that user code can do to them."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
import tifffile
import zarr
from tests.integration.conftest import HEAD, Bench, Run
from tests.unit.pipeline.plates import grey, write_plate

from plateflow.errors import OutputError, PipelineError, SchemaError, UserError
from plateflow.execution import threads
from plateflow.execution.axis import AxisRunner
from plateflow.execution.executor import Died, Finished, TaskResult, Work, result_line
from plateflow.execution.processes import ProcessExecutor
from plateflow.execution.threads import ThreadExecutor
from plateflow.functions import find_nuclei, gaussian
from plateflow.pipeline.compile import compile_plate
from plateflow.pipeline.pipeline import Pipeline, load_pipeline
from plateflow.pipeline.step import FunctionStep
from plateflow.progress.messages import WorkerState
from plateflow.progress.strict import LINE_LIMIT
from plateflow.progress.update import ProgressPhase, ProgressStatus
from plateflow.service.execute import ExecutorName
from plateflow.service.run_plate import run_plate
from plateflow.storage.commit import read_committed
from plateflow.storage.tables import read_tables
from plateflow.storage.tiff import read_plane

EXECUTORS: tuple[ExecutorName, ...] = ("threads", "processes")

TRANSLOCATION = """
def focus(image: Image) -> Record:
    return {"Focus_{image}": float(image.std())}

steps = [
    FunctionStep(focus),
    FunctionStep(gaussian, inputs="GFP", outputs="Smooth", keep=True),
    FunctionStep(find_nuclei, inputs="DNA", outputs="Nuclei", lowest_threshold=600.0, drop_border=False),
    FunctionStep(ring_around, inputs="Nuclei", outputs="Ring"),
    FunctionStep(measure_intensity, inputs=("Nuclei", ["DNA", "GFP", "Smooth"])),
    FunctionStep(ratio, inputs=("Nuclei", "Ring", "*")),
]
"""


def arrays_of(run: Run) -> dict[str, Any]:
    """Read every array of a plate with zarr-python."""
    root = zarr.open_group(run.output / "plate.zarr", mode="r")
    return {path: node[:] for path, node in root.members(max_depth=None) if isinstance(node, zarr.Array)}


def tables_of(run: Run) -> dict[str, pl.DataFrame]:
    return {folder.name: read_tables(folder) for folder in sorted((run.output / "tables").iterdir())}


def wells_of(run: Run) -> list[dict[str, str]]:
    with (run.output / "wells.csv").open(newline="") as file:
        return [dict(row) for row in csv.DictReader(file)]


def test_threads_and_processes_do_and_say_the_same(cells: Bench) -> None:
    threads, processes = (cells.run(TRANSLOCATION, executor) for executor in EXECUTORS)
    for run in (threads, processes):
        run.assert_good(*cells.plate.wells)
        # Exactly as many as predicted: nothing but coalescing drops an update, so there was none in thread or process,
        # and multisets may be compared.
        assert len(run.updates) == sum(run.plan.updates(axis) for axis in run.plan.axes)
    assert threads.multiset() == processes.multiset()
    ours, theirs = arrays_of(threads), arrays_of(processes)
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(array, theirs[path]) for path, array in ours.items())
    tables, again = tables_of(threads), tables_of(processes)
    assert list(tables) == list(again) == ["Image", "Nuclei", "Ring"]
    assert all(tables[name].equals(again[name]) for name in tables)
    assert [{**row, "Seconds": ""} for row in wells_of(threads)] == [
        {**row, "Seconds": ""} for row in wells_of(processes)
    ]


def test_what_is_written_is_what_was_computed(cells: Bench) -> None:
    run = cells.run(TRANSLOCATION, "threads", preview=True)
    arrays = arrays_of(run)
    for well, row, column in (("A01", "A", "01"), ("B02", "B", "02")):
        for site in (1, 2):
            planes = [read_plane(r.path) for r in cells.plate.wells[well] if r.site == site]
            field = f"{row}/{column}/{site}"
            assert np.array_equal(arrays[f"{field}/0"], np.stack(planes))
            nuclei = find_nuclei(planes[0], lowest_threshold=600.0, drop_border=False)
            assert np.array_equal(arrays[f"{field}/labels/Nuclei/0"], nuclei)
            assert np.array_equal(arrays[f"{field}xSmooth/0"][0], gaussian(planes[1]))
    assert len(arrays) == 6 * 2 * 4  # per site: channels, two label images, one kept image
    nuclei_table = tables_of(run)["Nuclei"]
    assert nuclei_table.columns[:7] == [
        "Metadata_Plate", "Metadata_Well", "Metadata_Row", "Metadata_Column", "Metadata_Site", "Metadata_Dose",
        "Metadata_ObjectNumber",
    ]  # fmt: skip
    assert nuclei_table.columns[7:12] == [
        f"Nuclei_Intensity_{name}_DNA"
        for name in ("IntegratedIntensity", "MeanIntensity", "StdIntensity", "MinIntensity", "MaxIntensity")
    ]
    assert nuclei_table.columns[-2:] == ["Nuclei_Math_Ratio_DNA", "Nuclei_Math_Ratio_GFP"]
    assert nuclei_table.schema["Metadata_ObjectNumber"] == pl.Int64
    assert set(nuclei_table.dtypes[7:]) == {pl.Float64}
    for (well, site), rows in nuclei_table.group_by("Metadata_Well", "Metadata_Site"):
        labels = arrays[f"{str(well)[0]}/{str(well)[1:]}/{site}/labels/Nuclei/0"]
        assert sorted(rows["Metadata_ObjectNumber"]) == sorted(set(np.unique(labels)) - {0})
    pictures = sorted(path.name for path in (run.output / "preview").iterdir())
    assert pictures == [f"{well}_s{site}_z1_t1.png" for well in cells.plate.wells for site in (1, 2)]
    committed = read_committed(run.output)
    assert committed.keys() == cells.plate.wells.keys()
    assert all((run.output / file.path).stat().st_size == file.size for r in committed.values() for file in r.files)
    assert not list(run.output.rglob(".tmp-*"))


def test_a_well_without_objects_has_the_tables_of_all_others(cells: Bench) -> None:
    run = cells.run(TRANSLOCATION, "threads")
    parts = [pl.read_parquet(run.output / "tables" / "Nuclei" / f"{well}.parquet") for well in ("B03", "A03")]
    assert parts[0].schema == parts[1].schema
    assert (len(parts[0]), len(parts[1]) > 0) == (0, True)
    row = wells_of(run)[-1]
    assert (row["Metadata_Well"], row["Status"], row["Count_Nuclei"]) == ("B03", "completed", "0")
    assert row["Mean_Nuclei_Math_Ratio_GFP"] == ""


def test_a_measurement_without_columns_where_there_is_nothing_ends_the_run_well(cells: Bench) -> None:
    run = cells.run(
        """
def area(objects: Labels) -> Table:
    return {"Area": np.bincount(objects[objects > 0])[1:]} if objects.any() else {}
steps = [FunctionStep(find_nuclei, "DNA", "Nuclei", lowest_threshold=600.0), FunctionStep(area, "Nuclei")]
""",
        "threads",
    )
    assert [row["Mean_Nuclei_Area"] == "" for row in wells_of(run)][-1]
    assert json.loads((run.output / "run.json").read_text())["wells_completed"] == list(cells.plate.wells)


def test_run_json_tells_what_was_done(cells: Bench) -> None:
    run = cells.run(
        """
def odd(image: Image, weights: dict = None, text: str = "\\ud800", factor: float = 2.5) -> Image:
    return image
steps = [FunctionStep(odd, "DNA", params={"weights": {("a", "b"): 2**70}})]
""",
        "threads",
    )
    record = json.loads((run.output / "run.json").read_text())
    assert (record["plate"], record["executor"], record["workers"]) == (str(cells.plate.path), "threads", 2)
    assert record["pipeline"]["name"] == "p"
    assert "def odd" in record["pipeline"]["source"]
    [step] = record["steps"]
    assert step["parameters"] == {"weights": {"('a', 'b')": 2**70}, "text": r"'\ud800'", "factor": 2.5}
    assert (step["name"], step["inputs"], step["function"]) == ("odd", ["DNA"], "plateflow_pipeline:odd")
    assert record["intensity_scale"] == 65535.0
    assert record["wells_completed"] == list(cells.plate.wells)
    assert [name for name, _ in record["seconds_per_step"]] == ["odd"]


def test_stacks_of_planes_are_written_as_they_lie(tmp_path: Path) -> None:
    plate = write_plate(tmp_path / "deep", zs=3, timepoints=2, sites=2)
    steps = [
        FunctionStep("tests.unit.pipeline.functions:halves", inputs="2", outputs="Halves"),
        FunctionStep("tests.unit.pipeline.functions:mean", inputs=("Halves", "2")),
        FunctionStep("tests.unit.pipeline.functions:highest", inputs="1", outputs="Top", variable_components="z"),
    ]
    plan = compile_plate(plate, Pipeline("p", steps))
    outcome = run_plate(plan, output=tmp_path / "out", executor="processes", workers=1)
    assert outcome.errors == {}
    field = zarr.open_group(tmp_path / "out" / "plate.zarr" / "A" / "01" / "2", mode="r")
    image, labels = np.asarray(field["0"]), np.asarray(field["labels/Halves/0"])
    assert (image.shape, labels.shape) == ((2, 2, 3, 8, 10), (2, 3, 8, 10))  # TCZYX; both channels were read
    values = [[[int(image[t, c, z, 0, 0]) for z in range(3)] for c in range(2)] for t in range(2)]
    assert values == [[[grey(2, c, z, t) for z in (1, 2, 3)] for c in "12"] for t in (1, 2)]
    top = zarr.open_array(tmp_path / "out" / "plate.zarr" / "A" / "01" / "2xTop" / "0", mode="r")
    assert (top.shape, top[1, 0, 0, 0, 0]) == ((2, 1, 1, 8, 10), grey(2, "1", 3, 2))
    table = read_tables(tmp_path / "out" / "tables" / "Halves")
    assert len(table) == 2 * 3 * 2 * 2
    assert table["Metadata_Z"].unique().to_list() == [1, 2, 3]
    assert table["Metadata_T"].unique().to_list() == [1, 2]


def test_labels_of_a_projection_are_shown_on_one(tmp_path: Path) -> None:
    plate = write_plate(tmp_path / "deep", zs=3)
    functions = "tests.unit.pipeline.functions:"
    steps = [
        FunctionStep(functions + "halves_of", inputs="1", outputs="Halves", variable_components="z"),
        FunctionStep(functions + "depth", inputs="2", variable_components="z"),
        FunctionStep(functions + "brightness", inputs="2"),
    ]
    outcome = run_plate(compile_plate(plate, Pipeline("p", steps)), output=tmp_path / "out", workers=1)
    assert outcome.errors == {}
    field = zarr.open_group(tmp_path / "out" / "plate.zarr" / "A" / "01" / "1", mode="r")
    assert np.array_equal(np.asarray(field["0"]), np.full((1, 8, 10), grey(1, "1", 3, 1)))
    table = read_tables(tmp_path / "out" / "tables" / "Image")
    assert table.select("Metadata_Z", "Count_Halves", "Depth_2", "Brightness_2").rows() == [
        (None, 2, 3.0, None),
        *((z, None, None, float(grey(1, "2", z, 1))) for z in (1, 2, 3)),
    ]


def test_wells_of_fewer_planes_have_the_columns_of_all_others(tmp_path: Path) -> None:
    plate = write_plate(tmp_path / "deep", wells=("A01", "A02"), zs=2)
    shallow = tuple(record for record in plate.wells["A02"] if record.z == 1)
    plate = msgspec.structs.replace(plate, wells={**plate.wells, "A02": shallow})
    functions = "tests.unit.pipeline.functions:"
    steps = [
        FunctionStep(functions + "halves", inputs="1", outputs="Halves"),
        FunctionStep(functions + "area", inputs="Halves"),
        FunctionStep(functions + "brightness", inputs="2"),
    ]
    outcome = run_plate(compile_plate(plate, Pipeline("p", steps)), output=tmp_path / "out", workers=1)
    assert outcome.errors == {}
    assert len(read_tables(tmp_path / "out" / "tables" / "Halves")) == 2 * 2 + 2  # refuses parts that differ
    assert read_tables(tmp_path / "out" / "tables" / "Image")["Metadata_Z"].to_list() == [1, 2, 1]


# A well fails alone.

RAISES = """
class TwoArguments(Exception):
    def __init__(self, what, why):
        super().__init__(what + why)
class BrokenText(Exception):
    def __str__(self):
        raise RuntimeError
class Held(Exception):
    def __init__(self):
        self.hold = lambda: None
def recurse():
    recurse()
def exhaust():
    raise MemoryError
def huge():
    raise ValueError("x" * 100_000_000)
def throw(error):
    raise error
FAULTS = [lambda: None, lambda: throw(TwoArguments("a", "b")), lambda: throw(BrokenText()), lambda: throw(Held()),
          recurse, exhaust, lambda: sys.exit(3), huge]
def fault(image: Image) -> Image:
    FAULTS[mark(image)]()
    return image
steps = [FunctionStep(gaussian, "DNA", "Smooth"), FunctionStep(fault, "DNA"), FunctionStep(gaussian, "GFP")]
"""


@pytest.mark.parametrize("executor", EXECUTORS)
def test_what_a_function_raises_is_its_wells_error(bench: Bench, executor: ExecutorName) -> None:
    run = bench.run(RAISES, executor)
    wells = list(bench.plate.wells)
    assert run.outcome.completed == wells[:1]
    run.assert_good(wells[0])
    expected = ["TwoArguments: ab", "BrokenText: <exception str() failed>", "Held", "RecursionError", "MemoryError"]
    for well, words in zip(wells[1:], [*expected, "SystemExit: 3", "ValueError: xxx"], strict=True):
        assert words in run.outcome.errors[well]
        group, step, axis = run.of(well)[-3:]
        assert [(u.phase.value, u.status.value) for u in (group, step, axis)] == [
            ("pattern_group", "error"), ("step_completed", "error"), ("axis_completed", "error"),
        ]  # fmt: skip
        assert {(u.step_name, u.error) for u in (group, step, axis)} == {("fault", run.outcome.errors[well])}
        assert "in fault" in str(group.traceback)
        assert len(run.of(well)) == 1 + 3 + 1 + 3
    assert run.longest < LINE_LIMIT
    assert not [w for w in run.workers if w.state is WorkerState.DIED]
    rows = wells_of(run)
    assert [row["Status"] for row in rows] == ["completed"] + ["failed"] * 7
    assert "\n" not in "".join(row["Error"] for row in rows)
    assert json.loads((run.output / "run.json").read_text())["wells_failed"] == wells[1:]


def test_pixels_that_cannot_be_read_are_their_wells_error(bench: Bench) -> None:
    [record] = [r for r in bench.plate.wells["A02"] if r.channel == "2"]
    tifffile.imwrite(record.path, read_plane(record.path), compression="zlib", metadata=None)
    with tifffile.TiffFile(record.path) as tiff:
        offset = tiff.pages.first.dataoffsets[0]
    with open(record.path, "r+b") as file:
        file.seek(offset)
        file.write(b"garbage!")
    run = bench.run('steps = [FunctionStep(gaussian, "DNA"), FunctionStep(gaussian, "GFP")]', "threads")
    assert list(run.outcome.errors) == ["A02"]
    assert record.path in run.outcome.errors["A02"]
    assert [u.step_name for u in run.of("A02") if u.status is ProgressStatus.ERROR] == ["gaussian_2"] * 3


def test_a_file_that_vanishes_during_the_run_costs_one_well(bench: Bench) -> None:
    [gone] = [r.path for r in bench.plate.wells["B04"] if r.channel == "2"]
    run = bench.run(
        f"def drop(image: Image) -> Image:\n    os.path.exists({gone!r}) and os.unlink({gone!r})\n    return image\n"
        'steps = [FunctionStep(drop, "DNA"), FunctionStep(gaussian, "GFP")]',
        "threads",
        workers=1,
    )
    assert list(run.outcome.errors) == ["B04"]
    assert gone in run.outcome.errors["B04"]
    assert (run.output / "run.json").exists()


# A worker dies.

DIES = """
def fault(image: Image) -> Image:
    m = mark(image)
    if m == 1:
        os._exit(3)
    if m == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if m == 6:
        ctypes.string_at(0)
    return image
steps = [FunctionStep(gaussian, "DNA", "Smooth"), FunctionStep(fault, "DNA"), FunctionStep(gaussian, "GFP")]
"""


def test_a_well_that_kills_its_worker_is_named_with_step_and_cause(bench: Bench) -> None:
    run = bench.run(DIES)
    wells = list(bench.plate.wells)
    causes = {wells[1]: "exit code 3", wells[3]: "SIGKILL", wells[6]: "SIGSEGV"}
    assert run.outcome.errors.keys() == causes.keys()
    run.assert_good(*(well for well in wells if well not in causes))
    for well, cause in causes.items():
        where = "in both attempts, the second time in step 'fault'"
        assert run.outcome.errors[well] == f"its worker process died {where} ({cause})"
        own = run.of(well)
        assert [u.phase for u in own].count(ProgressPhase.AXIS_STARTED) == 2
        assert [(u.phase.value, u.status.value, u.step_name) for u in own[-2:]] == [
            ("step_completed", "error", "fault"), ("axis_completed", "error", "fault"),
        ]  # fmt: skip
        assert sum(u.status is ProgressStatus.ERROR for u in own) == 2
        died = [w for w in run.workers if w.state is WorkerState.DIED and w.axis_id == well]
        assert [(w.signal, w.step_name) for w in died] == [(cause, "fault")] * 2
    assert [row["Status"] for row in wells_of(run)].count("failed") == 3


SLOW = """
def slow(image: Image) -> Image:
    time.sleep(0.01)
    return image
steps = [FunctionStep(slow, "DNA"), FunctionStep(slow, "GFP")]
"""


def killer(rng: random.Random) -> tuple[Callable[[Run, bytes], None], list[int]]:
    """Return what kills one worker process at a random moment of a run, and the list of whom it killed."""
    at = rng.randrange(1, 36)  # of 48 updates: there is always work left
    killed: list[int] = []

    def kill(run: Run, _: bytes) -> None:
        busy = [u.axis_id for u in run.updates if u.phase is ProgressPhase.AXIS_STARTED]
        if len(run.updates) >= at and not killed and busy:
            victims = worker_pids()
            if victims:
                killed.append(rng.choice(victims))
                os.kill(killed[0], signal.SIGKILL)

    return kill, killed


def worker_pids() -> list[int]:
    """Return the worker processes of this process, which are children of its fork server."""
    server: int = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]  # nothing public tells it
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    return [int(pid) for pid in children]


@pytest.mark.parametrize("seed", range(10))
def test_a_worker_killed_from_outside_costs_its_own_well_a_second_attempt(bench: Bench, seed: int) -> None:
    kill, killed = killer(random.Random(seed))
    run = bench.run(SLOW, forward=kill)
    assert killed
    [died] = [worker for worker in run.workers if worker.state is WorkerState.DIED]
    assert (died.pid, died.signal) == (killed[0], "SIGKILL")
    assert run.outcome.errors == {}
    assert sorted(run.outcome.completed) == list(bench.plate.wells)
    begun = Counter(u.axis_id for u in run.updates if u.phase is ProgressPhase.AXIS_STARTED)
    twice = [well for well, times in begun.items() if times > 1]
    assert twice in ([], [died.axis_id])  # none, where it had just finished one
    assert max(begun.values()) <= 2
    run.assert_good(*(well for well in run.outcome.completed if well not in twice))


def test_an_idle_worker_killed_from_outside_is_replaced(bench: Bench) -> None:
    plan = bench.run("steps = [FunctionStep(gaussian)]", "threads").plan
    executor = ProcessExecutor(2)
    try:
        for worker in executor.workers():  # before they know of any work
            os.kill(worker.pid, signal.SIGKILL)
        first = [worker.pid for worker in executor.workers()]
        executor.prepare(Work(plan, "e" * 32, ""))
        finished: list[str] = []
        died: list[Died] = []
        while len(died) < 2:
            died += [event for event in executor.poll(1.0) if isinstance(event, Died)]
        for axis in plan.axes:
            victim = executor.workers()[0].pid
            os.kill(victim, signal.SIGKILL)  # idle: a task follows at once
            if axis.axis_id < "B01":
                await_gone(victim)
            executor.start(axis)
            while executor.free < 2:
                events = executor.poll(1.0)
                finished += [event.result.axis_id for event in events if isinstance(event, Finished)]
                died += [event for event in events if isinstance(event, Died)]
        assert {w.pid for w in executor.workers()}.isdisjoint(first)
        lost = [event.axis.axis_id for event in died if event.axis is not None]
        assert sorted(finished + lost) == sorted(axis.axis_id for axis in plan.axes)
        assert all(well >= "B01" for well in lost)  # where its death was to be seen, no well was given to it
        assert {event.cause for event in died} == {"SIGKILL"}
    finally:
        executor.close()
        executor.close()  # again: nothing


def await_gone(pid: int, seconds: float = 5.0) -> None:
    """Wait for the end of a process that is nobody's zombie."""
    end = time.monotonic() + seconds
    while is_alive(pid):
        assert time.monotonic() < end, f"process {pid} is still alive after {seconds} s"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


LEAVES_CHILDREN = """
libc = ctypes.CDLL(None)
def leave(image: Image) -> Image:
    how = mark(image) % 4
    if how == 0:
        pid = subprocess.Popen(["sleep", "600"]).pid
    elif how == 1:
        pid = libc.fork()  # holds all pipes of the worker
        if pid == 0:
            libc.sleep(600)
            libc._exit(0)
    elif how == 2:
        pid = os.fork()
        if pid == 0:
            return image  # comes out of the function, a second worker
    else:
        pid = libc.fork()
        if pid == 0:
            libc.sleep(600)
            libc._exit(0)
        note(pid)
        os._exit(4)
    note(pid)
    return image
def note(pid):
    with open(PIDS, "a") as file:
        file.write(f"{pid}\\n")
steps = [FunctionStep(leave, "DNA")]
"""


def test_children_of_functions_hold_nothing_up_and_end_with_the_run(bench: Bench) -> None:
    pids = bench.folder / "pids"
    run = bench.run(f"PIDS = {str(pids)!r}\n" + LEAVES_CHILDREN)
    wells = list(bench.plate.wells)
    assert sorted(run.outcome.errors) == [wells[3], wells[7]]
    run.assert_good(*(well for well in wells if well not in run.outcome.errors))
    left = [int(pid) for pid in pids.read_text().split()]
    assert len(left) == len(wells) + 2  # two wells kill their worker, twice
    for pid in left:
        await_gone(pid, 1.0)


def test_a_pipeline_that_loads_here_but_not_in_a_worker_is_every_wells_error(bench: Bench) -> None:
    run = bench.run(
        """
import multiprocessing
if multiprocessing.parent_process() is not None:
    raise RuntimeError("no GPU in this process")
steps = [FunctionStep(gaussian)]
"""
    )
    assert run.outcome.errors.keys() == bench.plate.wells.keys()
    for well in bench.plate.wells:
        started, completed = run.of(well)
        assert (started.phase, completed.phase) == (ProgressPhase.AXIS_STARTED, ProgressPhase.AXIS_COMPLETED)
        assert "no GPU in this process" in str(completed.error)
        assert "RuntimeError" in str(completed.traceback)
    assert not [w for w in run.workers if w.state is WorkerState.DIED]


def test_functions_that_cannot_cross_are_refused_with_a_way_out(bench: Bench) -> None:
    step = FunctionStep(lambda image: image, name="own")
    plan = compile_plate(bench.plate, Pipeline("p", [step]))
    with pytest.raises(PipelineError, match=r"cannot be sent to worker processes.*executor='threads'"):
        run_plate(plan, executor="processes", workers=1)
    assert len(run_plate(plan, executor="threads", workers=1).completed) == 8


@pytest.mark.parametrize(("executor", "workers"), [("dask", 1), ("threads", 0)])
def test_a_run_that_cannot_be_is_refused(bench: Bench, executor: Any, workers: int) -> None:
    plan = compile_plate(bench.plate, Pipeline("p", [FunctionStep("plateflow.functions:gaussian")]))
    with pytest.raises(UserError, match=r"no executor 'dask'|0 workers"):
        run_plate(plan, executor=executor, workers=workers)


def test_workers_are_nice_and_have_one_thread(bench: Bench) -> None:
    run = bench.run(
        """
def tell(image: Image) -> Record:
    a = np.random.default_rng(0).random((400, 400))
    (a @ a).sum()
    return {"Nice": os.nice(0), "Threads": len(os.listdir("/proc/self/task")), "Group": os.getpgrp() - os.getpid(),
            "Pid": os.getpid(), "OMP": float(os.environ["OMP_NUM_THREADS"])}
steps = [FunctionStep(tell, "DNA")]
"""
    )
    table = tables_of(run)["Image"]
    assert table.select("Nice", "Group", "OMP").unique().rows() == [(min(19, os.nice(0) + 10), 0.0, 1.0)]
    # In its first well: writing tables starts polars' own, which sleep.
    assert table.group_by("Pid").agg(pl.col("Threads").min())["Threads"].unique().to_list() == [1.0]


# Cancel, and who dies with whom.


@pytest.mark.parametrize("executor", EXECUTORS)
def test_cancel_ends_a_run_in_the_middle(bench: Bench, executor: ExecutorName) -> None:
    def enough(run: Run) -> bool:
        return sum(u.phase is ProgressPhase.AXIS_COMPLETED for u in run.updates) >= 2

    slow = SLOW.replace("time.sleep(0.01)", "time.sleep(0.15 if mark(image) < 4 else 0.5)")
    run = bench.run(slow, executor, cancelled=enough)
    assert run.outcome.cancelled
    assert 2 <= len(run.outcome.completed) < 8
    run.assert_good(*run.outcome.completed)
    assert not run.outcome.errors
    assert all(u.status is not ProgressStatus.ERROR for u in run.updates)
    rows = {row["Metadata_Well"]: row["Status"] for row in wells_of(run)}
    assert list(rows) == list(bench.plate.wells)
    written = {well for well, status in rows.items() if status == "completed"}
    assert written >= set(run.outcome.completed)  # one may have been killed between its record and its last word
    assert set(rows.values()) == {"completed", "cancelled"}


def test_no_worker_is_started_in_place_of_one_that_cancel_killed(bench: Bench) -> None:
    slow = bench.run(SLOW.replace("0.01", "0.01 if mark(image) else 600"), cancelled=lambda run: len(run.updates) > 20)
    assert slow.outcome.cancelled
    assert not [worker for worker in slow.workers if worker.state is WorkerState.DIED]  # asked for
    executor = ProcessExecutor(2)
    try:
        executor.prepare(Work(slow.plan, "e" * 32, ""))
        executor.start(slow.plan.axes[0])
        executor.cancel()
        while not (deaths := [event for event in executor.poll(1.0) if isinstance(event, Died)]):
            pass
        assert [(event.axis, event.cause) for event in deaths] == [(slow.plan.axes[0], "SIGTERM")]
        assert len(executor.workers()) == 1
    finally:
        executor.close()


def test_workers_are_gone_after_a_run(bench: Bench) -> None:
    pids: set[int] = set()
    bench.run(SLOW, forward=lambda run, body: pids.update(worker_pids()))
    assert len(pids) == 2
    assert not any(is_alive(pid) for pid in pids)


def test_an_error_of_the_one_who_listens_ends_the_workers(bench: Bench) -> None:
    pids: set[int] = set()

    def fail(run: Run, body: bytes) -> None:
        pids.update(worker_pids())
        raise RuntimeError("the listener is broken")

    for executor in EXECUTORS:
        with pytest.raises(RuntimeError, match="the listener is broken"):
            bench.run(SLOW, executor, forward=fail)
    assert pids
    assert not any(is_alive(pid) for pid in pids)


PARENT = """
import sys
from plateflow import compile_plate, load_pipeline, open_plate, run_plate
if __name__ == "__main__":
    plan = compile_plate(open_plate(sys.argv[1]), load_pipeline(sys.argv[2]))
    run_plate(plan, executor="processes", workers=3)
"""

STUCK = """
def stuck(image: Image) -> Image:
    with open(PIDS, "a") as file:
        file.write(f"{os.getpid()}\\n")
    if mark(image) == 1:
        ctypes.PyDLL(None).pause()  # in C, with the GIL held
    time.sleep(600)
    return image
steps = [FunctionStep(stuck, "1")]
pipeline = Pipeline("p", steps)
"""


@pytest.mark.slow
def test_workers_die_with_their_parent_whatever_they_do(bench: Bench) -> None:
    pids = bench.folder / "pids"
    pids.touch()
    (bench.folder / "pipe.py").write_text(HEAD + f"PIDS = {str(pids)!r}\n" + STUCK)
    (bench.folder / "parent.py").write_text(PARENT)
    command = [sys.executable, str(bench.folder / "parent.py"), bench.plate.path, str(bench.folder / "pipe.py")]
    with subprocess.Popen(command) as parent:
        end = time.monotonic() + 30
        while len(pids.read_text().split()) < 3 and time.monotonic() < end:
            time.sleep(0.02)
        workers = [int(pid) for pid in pids.read_text().split()]
        parent.kill()
    assert len(set(workers)) == 3
    for pid in workers:
        await_gone(pid, 2.0)


FALSE = """
import gc
from plateflow.lines.writer import LineWriter
def lie(image: Image) -> Image:
    [writer] = [thing for thing in gc.get_objects() if isinstance(thing, LineWriter)]
    for well in ("Z98", "Z99"):
        writer.write(b'{"type":"result","axis_id":"%s"}\\n' % well.encode())
    time.sleep(0.02)
    return image
steps = [FunctionStep(lie, "DNA")]
"""


def test_a_worker_that_speaks_for_others_does_not_upset_the_count(bench: Bench) -> None:
    run = bench.run(FALSE)
    assert sorted(run.outcome.completed) == list(bench.plate.wells)
    assert not run.outcome.errors
    assert len(run.of("B02")) == 5


def test_a_thread_that_speaks_for_others_does_not_upset_the_count(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    false = msgspec.json.encode(TaskResult(axis_id="Z99")) + b"\n"
    monkeypatch.setattr(threads, "result_line", lambda *a, **k: false + result_line(*a, **k) * 2 + false)
    run = bench.run("steps = [FunctionStep(gaussian)]", "threads")
    assert sorted(run.outcome.completed) == list(bench.plate.wells)
    run.assert_good(*bench.plate.wells)


def test_a_thread_that_cannot_report_ends_its_well_and_not_in_a_hang(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise SchemaError("pattern", "cannot be carried")

    monkeypatch.setattr(AxisRunner, "run", fail)
    run = bench.run("steps = [FunctionStep(gaussian)]", "threads")
    assert set(run.outcome.errors.values()) == {"pattern: cannot be carried"}
    assert len(run.outcome.errors) == 8


def test_threads_that_wait_for_room_in_the_pipe_end_when_closed(bench: Bench) -> None:
    long = "x" * 180
    steps = "".join(f'FunctionStep(gaussian, name="{long}{n}"), ' for n in range(100))
    plan = bench.run("steps = [FunctionStep(gaussian)]", "threads").plan
    path = bench.folder / "long.py"
    path.write_text(
        f"from plateflow import *\nfrom plateflow.functions import gaussian\npipeline = Pipeline('p', [{steps}])"
    )
    plan = compile_plate(bench.plate, load_pipeline(path))
    executor = ThreadExecutor(Work(plan, "e" * 32, ""), 2)
    for axis in plan.axes[:2]:
        executor.start(axis)  # 100 x 4 lines of 700 bytes each: the pipe holds a quarter of them, and nobody reads
    time.sleep(0.5)
    executor.close()


def test_an_exception_that_cannot_be_formatted_is_its_wells_error(bench: Bench) -> None:
    run = bench.run(
        """
def fails(image: Image) -> Image:
    error = SyntaxError("x")
    error.text, error.lineno = 5, "abc"
    raise error
steps = [FunctionStep(fails, "DNA")]
""",
        "threads",
    )
    assert run.outcome.errors.keys() == bench.plate.wells.keys()
    assert all("SyntaxError" in error for error in run.outcome.errors.values())


def test_the_fork_servers_death_costs_the_wells_under_way_only(bench: Bench) -> None:
    killed: list[int] = []

    def kill(run: Run, _: bytes) -> None:
        if len(run.updates) > 12 and not killed:
            killed.append(forkserver._forkserver._forkserver_pid)  # type: ignore[attr-defined]  # nothing public tells it
            os.kill(killed[0], signal.SIGKILL)

    run = bench.run(SLOW, forward=kill)
    assert killed
    assert len(run.outcome.errors) <= 2
    assert sorted([*run.outcome.completed, *run.outcome.errors]) == list(bench.plate.wells)


def test_results_that_somebody_moves_away_are_no_success(bench: Bench) -> None:
    def move(run: Run, _: bytes) -> None:
        done = [u for u in run.updates if u.phase is ProgressPhase.AXIS_COMPLETED]
        if done and run.output.exists() and not run.output.with_name("moved").exists():
            run.output.rename(run.output.with_name("moved"))

    with pytest.raises(OutputError, match="moved or removed"):
        bench.run(SLOW, forward=move)


def test_labels_of_a_stack_of_made_images_are_shown_on_them(bench: Bench) -> None:
    run = bench.run(
        """
from plateflow.functions.kinds import Labels, Stack
def together(stack: Stack) -> Labels:
    return (stack.max(0) > stack.mean()).astype(np.int32)
steps = [
    FunctionStep(gaussian, "DNA", "Smooth"),
    FunctionStep(together, "Smooth", "Bright", variable_components="site"),
]
"""
    )
    assert not run.outcome.errors


# A step that takes too long.

HANGS = {
    "in Python": "time.sleep(3600)",
    "in C, with the interpreter's lock": "ctypes.PyDLL(None).pause()",
    "stopped": "os.kill(os.getpid(), signal.SIGSTOP)",
    "deaf to SIGTERM": "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(3600)",
}


@pytest.mark.slow
@pytest.mark.parametrize("hang", HANGS)
def test_a_step_over_its_limit_costs_its_well_only(bench: Bench, hang: str) -> None:
    run = bench.run(
        f"def hang(image: Image) -> Image:\n    if mark(image) == 2:\n        {HANGS[hang]}\n    return image\n"
        "steps = [FunctionStep(gaussian, 'DNA', 'Smooth'), FunctionStep(hang, 'DNA')]",
        step_limit=1.0,
    )
    well = list(bench.plate.wells)[2]
    error = "step 'hang' took longer than its limit of 1 s; its worker process was ended"
    assert run.outcome.errors == {well: error}
    own = run.of(well)
    assert [u.phase for u in own].count(ProgressPhase.AXIS_STARTED) == 1
    assert (own[-1].phase, own[-1].status) == (ProgressPhase.AXIS_COMPLETED, ProgressStatus.ERROR)
    run.assert_good(*(other for other in bench.plate.wells if other != well))


@pytest.mark.slow
def test_a_pipeline_that_hangs_while_a_worker_loads_it_ends(bench: Bench) -> None:
    hang = "if 'plateflow-worker' in __import__('multiprocessing').current_process().name:\n    time.sleep(3600)\n"
    run = bench.run(hang + "steps = [FunctionStep(gaussian, 'DNA')]", step_limit=0.5)
    assert set(run.outcome.errors) == set(bench.plate.wells)
    error = "loading the pipeline took longer than its limit of 0.5 s; its worker process was ended"
    assert set(run.outcome.errors.values()) == {error}


# What functions print, and what they leave changed.

PRINTS = """
def say(image: Image) -> Image:
    m = mark(image)
    if m == 2:
        return image
    print("from Python", m)
    sys.stderr.write(f"to stderr {m}\\n")
    os.write(1, f"to fd 1 {m}\\n".encode())
    ctypes.CDLL(None).puts(f"from C {m}".encode())
    if m == 3:
        sys.stdout.close()
    if m == 4:
        os.close(1)
    if m == 5:
        os._exit(7)
    return image
steps = [FunctionStep(say, "DNA")]
"""


def test_what_functions_print_is_in_their_wells_log(bench: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    run = bench.run(PRINTS, workers=1)
    wells = list(bench.plate.wells)
    assert list(run.outcome.errors) == [wells[5]]
    logs = {path.stem: path.read_text() for path in (run.output / "logs").iterdir()}
    assert logs.keys() == set(wells) - {wells[2]}
    for number, well in enumerate(wells):
        if number in (2, 5):
            continue
        said = {f"from Python {number}", f"to stderr {number}", f"to fd 1 {number}", f"from C {number}"}
        assert set(logs[well].splitlines()) == said
    assert logs[wells[5]].count("to fd 1 5") == 2  # what a dying worker had written, in both attempts
    assert capfd.readouterr() == ("", "")


def test_no_well_fails_of_what_it_prints(bench: Bench) -> None:
    run = bench.run(
        """
import resource
def say(image: Image) -> Image:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # a full disk, for this process alone
    print("x" * 100_000)
    print("y" * 100_000, file=sys.stderr, flush=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    return image
steps = [FunctionStep(say, "DNA")]
"""
    )
    run.assert_good(*bench.plate.wells)


def test_a_run_that_prints_nothing_leaves_no_logs(bench: Bench) -> None:
    run = bench.run("steps = [FunctionStep(gaussian, 'DNA')]")
    assert not (run.output / "logs").exists()


def test_each_well_finds_folder_mask_and_environment_as_they_were(bench: Bench) -> None:
    run = bench.run(
        """
def leave(image: Image) -> Image:
    here = [os.getcwd(), os.umask(0o077), os.environ.get("LEFT"), os.environ.get("HOME")]
    print(repr(here))
    os.chdir("/")
    os.environ["LEFT"] = "behind"
    del os.environ["HOME"]
    return image
steps = [FunctionStep(leave, "DNA")]
""",
        workers=1,
    )
    said = {(run.output / "logs" / f"{well}.log").read_text() for well in bench.plate.wells}
    assert len(said) == 1
    assert "behind" not in said.pop()
