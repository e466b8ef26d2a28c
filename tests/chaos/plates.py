"""What the tests of crash-safe runs share: plates of 24 wells, made and real, and what a run left of them."""

import csv
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.chaos.counts import runs
from tests.chaos.machinery import promise
from tests.integration.conftest import Bench, Run, make_bench, mark_wells
from tests.integration.test_resume import results

from plateflow.plate.open import open_plate
from plateflow.progress.update import ProgressPhase, ProgressUpdate

SBS = r"Channel(?P<channel>\d)-\d+-(?P<row>[A-H])-(?P<column>\d\d)\.tif"
ROWS = "AB"
"""Of the real plate's eight, 12 wells each."""
REAL_RUNS = 3
KINDS = ("made", "real")


def bench_of(kind: str, folder: Path, request: pytest.FixtureRequest) -> Bench:
    """Return a plate of 24 wells: made ones of two sites, or two rows of BBBC013; each well holds its number."""
    if kind == "made":
        return make_bench(folder, 4, 6, sites=2, size=48)
    copy = copy_real_plate(request.getfixturevalue("test_data"), folder / "plate")
    plate = open_plate(copy, filenames=SBS)
    return Bench(folder, plate, mark_wells(plate))


def runs_of(kind: str, full: int) -> int:
    """Return how many runs to make on such a plate, where a promise names so many."""
    return runs(full) if kind == "made" else REAL_RUNS


def copy_real_plate(test_data: Path, folder: Path) -> Path:
    """Copy a part of BBBC013; return the folder."""
    folder.mkdir()
    for row in ROWS:
        for image in (test_data / "sbs_bbbc013" / "images").glob(f"Channel?-*-{row}-??.tif"):
            shutil.copyfile(image, folder / image.name)
    return folder


def contents(output: Path) -> dict[str, bytes]:
    """Return all that a run wrote, but for its times."""
    with (output / "wells.csv").open(newline="") as file:
        rows = [{**row, "Seconds": ""} for row in csv.DictReader(file)]
    return {**results(output), "wells.csv": repr(rows).encode()}


def begun(run: Run) -> Counter[str]:
    """Return how often each well began."""
    return Counter(update.axis_id for update in run.updates if update.phase is ProgressPhase.AXIS_STARTED)


def attempts(own: list[ProgressUpdate]) -> list[list[ProgressUpdate]]:
    """Part a well's updates by attempt."""
    starts = [n for n, update in enumerate(own) if update.phase is ProgressPhase.AXIS_STARTED]
    return [own[start:end] for start, end in zip(starts, [*starts[1:], len(own)], strict=True)]


def tell(name: str, problems: Mapping[int, str] | Mapping[str, str]) -> None:
    """Print how often a promise was kept, and the cases that it was tried with: seeds, or what was done."""
    for case, problem in problems.items():
        print(f"\n{name}, {f'seed {case}' if isinstance(case, int) else case}: {problem or 'kept'}", end="")
    promise(name, list(problems.values()).count(""), len(problems))
