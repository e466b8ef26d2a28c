"""Promise P14: what is wrong with an image costs its own well, and the error names the file."""

import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tests.broken_images import IMAGES, Break, cut_in_half, in_place, rewritten
from tests.chaos.counts import runs
from tests.chaos.machinery import promise
from tests.chaos.plates import bench_of, tell
from tests.chaos.victims import STEPS, Victim, is_of_wells, problems_of, reopen
from tests.integration.conftest import Bench, Run
from tests.integration.test_resume import results

from plateflow.progress.update import ProgressPhase
from plateflow.service.execute import ExecutorName

AT_ONCE = 8
"""Broken images in one run, in as many of its 24 wells."""
PLACES = {"first image": 0, "last image": -1}
"""Among its well's: the header of the first is read at compile, the last is read by the worker alone."""
NOBODY = 65534


# Broken before the run begins.


@pytest.mark.timeout(900)
def test_p14_a_broken_image_costs_its_own_well(kind: str, bench: Bench, executor: ExecutorName) -> None:
    undisturbed = results(bench.run(STEPS, executor).output)
    pristine = bench.folder / "pristine"
    shutil.copytree(bench.plate.path, pristine)
    rng = random.Random(14)
    cases = [(name, place) for name in IMAGES for place in PLACES]
    rng.shuffle(cases)
    if runs(2) < 2:  # each way once, wherever
        cases = list({name: (name, place) for name, place in cases}.values())
    problems: dict[str, str] = {}
    for start in range(0, len(cases), AT_ONCE):
        chosen = zip(rng.sample(list(bench.plate.wells), AT_ONCE), cases[start : start + AT_ONCE], strict=False)
        victims = [
            Victim(bench.plate.wells[well][PLACES[place]], f"{name}, {place}", IMAGES[name].make, IMAGES[name].words)
            for well, (name, place) in chosen
        ]
        for victim in victims:
            victim.make(Path(victim.record.path))
        run = bench.run(STEPS, executor, plate=reopen(bench))
        problems |= problems_of(run, victims, undisturbed)
        shutil.rmtree(run.output)
        shutil.rmtree(bench.plate.path)
        shutil.copytree(pristine, bench.plate.path)
    tell(f"P14 broken inputs, {kind} plate, {executor}", problems)


# Broken while the run is under way.

LATE: dict[str, tuple[Break, str]] = {
    "removed": (Path.unlink, "No such file or directory"),
    "cut": (cut_in_half, "is cut off"),
    "emptied": (lambda path: os.truncate(path, 0), "is empty"),
    "other shape": (rewritten(lambda pixels: pixels[:-1]), "pixels .* expected"),
    "other type": (rewritten(lambda pixels: pixels.astype(np.float64)), "float64, not the .* expected"),
    "FIFO in its place": (in_place(os.mkfifo), "a FIFO"),
    "folder in its place": (in_place(Path.mkdir), "a folder"),
    "dangling link in its place": (in_place(lambda path: path.symlink_to("gone")), "is a link to gone"),
}
SLOW_STEPS = "def work(image: Image) -> Image:\n    time.sleep(0.02)\n    return image\n" + STEPS.replace(
    "steps = [", 'steps = [\n    FunctionStep(work, "DNA"),'
)


@pytest.mark.timeout(600)
def test_p14_an_image_that_is_broken_meanwhile_costs_its_own_well(
    kind: str, bench: Bench, executor: ExecutorName
) -> None:
    undisturbed = results(bench.run(SLOW_STEPS, executor).output)
    *_, last = bench.plate.wells
    problems: dict[str, str] = {}
    for name, (make, words) in LATE.items():
        victim = Victim(bench.plate.wells[last][-1], name, make, words)
        path = Path(victim.record.path)
        shutil.copyfile(path, bench.folder / "whole")
        run = bench.run(SLOW_STEPS, executor, forward=once(begins, partial(make, path)))
        problems |= problems_of(run, [victim], undisturbed)
        path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        shutil.copyfile(bench.folder / "whole", path)
        shutil.rmtree(run.output)
    tell(f"P14 broken meanwhile, {kind} plate, {executor}", problems)


def once(due: Callable[[Run], bool], act: Callable[[], object]) -> Callable[[Run, bytes], None]:
    """Return what acts at the first lines at which it is due."""
    left = [act]

    def forward(run: Run, body: bytes) -> None:
        if left and due(run):
            left.pop()()

    return forward


def begins(run: Run) -> bool:
    return bool(run.updates)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", ["moved", "removed"])
def test_p14_a_plate_that_goes_meanwhile_fails_the_wells_that_are_left(
    kind: str, bench: Bench, executor: ExecutorName, how: str
) -> None:
    plate = Path(bench.plate.path)
    undisturbed = results(bench.run(SLOW_STEPS, executor).output)
    act = partial(plate.rename, bench.folder / "elsewhere") if how == "moved" else partial(shutil.rmtree, plate)
    kept, tried = 0, runs(10)
    for number in range(tried):
        copy = bench.folder / "copy"
        shutil.copytree(plate, copy)
        run = bench.run(SLOW_STEPS, executor, forward=once(lambda run: completed(run) > 2, act))
        problem = next(problems_of_gone(run, bench, undisturbed), "")
        kept += not problem
        if problem:
            print(f"\nrun {number}: {problem}", end="")
        shutil.rmtree(bench.folder / "elsewhere", ignore_errors=True)
        copy.rename(plate)
        shutil.rmtree(run.output)
    promise(f"P14 plate {how} meanwhile, {kind} plate, {executor}", kept, tried)


def completed(run: Run) -> int:
    return sum(update.phase is ProgressPhase.AXIS_COMPLETED for update in run.updates)


def problems_of_gone(run: Run, bench: Bench, undisturbed: dict[str, bytes]) -> Iterator[str]:
    done, failed = set(run.outcome.completed), run.outcome.errors
    if done | failed.keys() != bench.plate.wells.keys() or done & failed.keys() or len(done) < 3 or len(failed) < 3:
        yield f"wells done: {done}, failed: {failed}"
    for well, error in failed.items():
        if not any(f"{record.path}: " in error for record in bench.plate.wells[well]):
            yield f"{well} says {error!r}"
    found = results(run.output)
    if any(found.get(path) != data for path, data in undisturbed.items() if is_of_wells(path, sorted(done))):
        yield "results are not as in an undisturbed run"
    if any(is_of_wells(path, sorted(failed)) for path in found):
        yield "a failed well has results"


# Rights.


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that everybody may enter and write to."""
    folder = Path(tempfile.mkdtemp(prefix="pf"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def test_p14_an_image_that_may_not_be_read_costs_its_own_well(
    kind: str, shared: Path, request: pytest.FixtureRequest
) -> None:
    bench = bench_of(kind, shared, request)
    undisturbed = results(bench.run(STEPS, "threads").output)
    victims = [
        Victim(records[place], f"{well}, image {place}", lambda path: path.chmod(0), "Permission denied; change its")
        for place in (0, -1)
        for well, records in list(bench.plate.wells.items())[3 + place :: 9]
    ]
    for victim in victims:
        victim.make(Path(victim.record.path))
    with as_nobody():
        run = bench.run(STEPS, "threads", plate=reopen(bench))
    tell(f"P14 no permission, {kind} plate, threads", problems_of(run, victims, undisturbed))


class as_nobody:  # noqa: N801 - reads as what it does
    """Give up root's rights meanwhile, which may read everything."""

    def __enter__(self) -> None:
        self._is_root = os.geteuid() == 0
        if self._is_root:
            os.setresuid(NOBODY, NOBODY, 0)

    def __exit__(self, *_: object) -> None:
        if self._is_root:
            os.setresuid(0, 0, 0)
