"""A whole plate: `plateflow run`, cold, beside `bench/floor.py`, both clocks from process start to exit.

Cold means that no server runs: each round has a private runtime directory, starts a server and its runners, and waits
for their end outside of the clock.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

from bench.harness import BenchError, Figure, Ratio, Report, Series, interleave, note
from bench.stopwatch import Run, run_to_end
from bench.timeline import Timeline, read_timeline
from plateflow.execution.fork_server import SINGLE_THREADED
from plateflow.execution.worker import NICENESS
from plateflow.plate.synthetic import write_synthetic_plate

NAME: Final = "whole-plate"
TARGET: Final = 3.0
FINAL_TARGET: Final = 1.2
"""Of the finished product, as the design has it."""
WORKERS: Final = 2
HERE: Final = Path(__file__).parent
ONE_THREAD: Final = dict.fromkeys(SINGLE_THREADED, "1")
"""What plateflow's workers have; the floor is faster with it too."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a benchmark keeps its files; each run gets folders of its own, all are removed at the end."""

    root: Path
    numbers: count[int]

    @property
    def plate(self) -> Path:
        return self.root / "plate"

    def new(self, what: str) -> Path:
        return self.root / f"{what}-{next(self.numbers)}"


def measure(rounds: int) -> Report:
    """Measure plateflow beside the floor.

    Raises
    ------
    BenchError
        If their arrays or tables differ, or one of them fails.
    """
    with tempfile.TemporaryDirectory(prefix="pf") as root:
        site = Site(Path(root), count(1))
        note("writing a plate")
        write_synthetic_plate(site.plate, rows=8, columns=12, sites=4, channels=("DNA", "GFP"), shape=(64, 64))
        note("comparing what plateflow and the floor write")
        files = check_equal(site)
        subjects = {
            "floor": partial(run_floor, site),
            "plateflow": partial(run_plateflow, site),
            "floor that writes nothing": partial(run_floor, site, writes=False),
            "floor, nice": partial(run_floor, site, nice=True),
        }
        samples = interleave(subjects, rounds)
        return make_report(samples, files)


def check_equal(site: Site) -> int:
    """Compare every file of arrays and tables, byte for byte; return how many there are.

    The bytes of a chunk and of a Parquet part follow from the pixels and values alone, so equal bytes are equal pixels
    and values, and equal metadata too.

    Raises
    ------
    BenchError
        Names the first file that differs, or that only one of them wrote.
    """
    floor, ours = site.new("floor"), site.new("plateflow")
    run_floor(site, output=floor)
    run_plateflow(site, output=ours)
    wanted, found = _results(floor), _results(ours)
    if wanted.keys() != found.keys():
        raise BenchError(f"written by one of floor and plateflow only: {min(wanted.keys() ^ found.keys())}")
    for name, path in wanted.items():
        if path.read_bytes() != found[name].read_bytes():
            raise BenchError(f"floor and plateflow differ in {name}")
    if not any("/Nuclei/0/c/" in name for name in wanted) or not any(name.endswith(".parquet") for name in wanted):
        raise BenchError("neither floor nor plateflow wrote labels and tables")
    return len(wanted)


def _results(output: Path) -> dict[str, Path]:
    """Return arrays with their metadata, and tables; not the metadata of rows and plate, which the floor leaves out."""
    files = [*output.glob("plate.zarr/*/*/**/*"), *output.glob("tables/*/*.parquet")]
    return {path.relative_to(output).as_posix(): path for path in files if path.is_file()}


def run_floor(site: Site, *, output: Path | None = None, writes: bool = True, nice: bool = False) -> Run:
    """Run the floor once, on one thread."""
    written = [str(output or site.new("floor"))] if writes else []
    lowered = ["/usr/bin/env", "nice", "-n", str(NICENESS)] if nice else []
    argv = [*lowered, sys.executable, str(HERE / "floor.py"), str(site.plate), *written]
    return run_to_end(argv, ONE_THREAD, site.new("log").with_suffix(".json"))


def run_plateflow(site: Site, *, output: Path | None = None) -> Run:
    """Run plateflow once, with no server running.

    With ``--json``, which is more work than without, so that the timed run itself tells where its time went.
    """
    argv = [sys.executable, "-m", "plateflow", "run", str(HERE / "pipeline_floor.py"), str(site.plate)]
    argv += ["--output", str(output or site.new("plateflow")), "--workers", str(WORKERS), "--json"]
    return run_to_end(argv, {"PLATEFLOW_RUNTIME_DIR": str(site.new("r"))}, site.new("log").with_suffix(".jsonl"))


def make_report(samples: dict[str, list[Run]], files: int) -> Report:
    """Make the report of all rounds."""
    wall = {name: Series.of(name, "s", runs, lambda run: run.wall) for name, runs in samples.items()}
    cpu = {name: Series.of(f"{name}, CPU", "s", runs, lambda run: run.cpu) for name, runs in samples.items()}
    floor, ours = wall["floor"], wall["plateflow"]
    times = [read_timeline(run) for run in samples["plateflow"]]
    return Report(
        title=(
            f"{NAME}: 96 wells x 4 sites x 2 channels of 64 x 64; normalise, composite, find_nuclei, measure_intensity;"
            f"\nfrom process start to exit, plateflow with {WORKERS} workers and no server running;"
            f" {files} files of arrays and tables equal byte for byte"
        ),
        rows=[
            floor,
            Ratio(ours, floor),
            Ratio(wall["floor, nice"], floor),
            wall["floor that writes nothing"],
            Ratio(ours, wall["floor that writes nothing"]),
            cpu["floor"],
            Ratio(cpu["plateflow"], cpu["floor"]),
            *_timeline_rows(times),
            Series.of("floor: storage", "% of its time", samples["floor"], lambda run: 100 * _storage(run) / run.wall),
            Series.of("plateflow: storage", "% of workers' time", times, lambda at: 100 * at.storage / at.at_work),
            Series.of("plateflow: workers busy", "% of the wells' time", times, _percent_busy),
        ],
        figures=[Figure(NAME, Ratio(ours, floor), TARGET)],
        notes=[
            "The floor is one process on one thread and syncs nothing to disk. CPU counts all processes until the last",
            "has ended, the idle server and the runner that it keeps ready included; storage includes syncs. Workers",
            f"run at nice +{NICENESS}, which costs where others want the processors: 'floor, nice' is the floor so.",
            f"The target here is {TARGET:g}; that of the finished product is {FINAL_TARGET:g}.",
        ],
    )


def _timeline_rows(times: list[Timeline]) -> list[Series]:
    return [
        Series.of("  until a server has the job", "s", times, lambda at: at.start),
        Series.of("  until its runner is ready", "s", times, lambda at: at.runner),
        Series.of("  open and compile", "s", times, lambda at: at.open_and_compile),
        Series.of("  until the first well starts", "s", times, lambda at: at.first_well),
        Series.of("  wells", "s", times, lambda at: at.wells),
        Series.of("  after the last well", "s", times, lambda at: at.finish),
    ]


def _percent_busy(at: Timeline) -> float:
    return 100 * at.at_work / (WORKERS * at.wells)


def _storage(run: Run) -> float:
    return float(json.loads(run.stdout.read_bytes())["storage"])
