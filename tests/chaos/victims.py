"""Images that are broken, each in a well of its own, and what a run made of them."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from tests.broken_images import Break
from tests.chaos.plates import SBS
from tests.integration.conftest import Bench, Run
from tests.integration.test_resume import results

from plateflow.plate.model import ImageRecord, Plate
from plateflow.plate.open import open_plate
from plateflow.plate.wells import split_well
from plateflow.progress.update import ProgressStatus

STEPS = """
steps = [
    FunctionStep(find_nuclei, "DNA", "Nuclei", min_diameter=4),
    FunctionStep(measure_intensity, ("Nuclei", ["GFP"])),
]
"""


class Victim(NamedTuple):
    """An image that is broken, and how."""

    record: ImageRecord
    name: str
    make: Break
    words: str

    @property
    def well(self) -> str:
        return self.record.well


def reopen(bench: Bench) -> Plate:
    """Open the plate once more, as it is now."""
    if bench.plate.layout == "filenames":
        return open_plate(bench.plate.path, filenames=SBS)
    return open_plate(bench.plate.path, metadata="plate_map.csv")


def problems_of(run: Run, victims: list[Victim], undisturbed: dict[str, bytes]) -> dict[str, str]:
    """Say by victim what was not as promised; of a run with others that were not as promised, of all of them."""
    problems = {victim.name: next(problems_of_victim(run, victim), "") for victim in victims}
    found = results(run.output)
    for victim in victims:
        if left := [path for path in found if is_of_wells(path, [victim.well])]:
            problems[victim.name] = f"has results: {left}"
    others = next(problems_of_others(run, {victim.well for victim in victims}, undisturbed, found), "")
    return {name: problem or others for name, problem in problems.items()}


def problems_of_others(
    run: Run, broken: set[str], undisturbed: dict[str, bytes], found: dict[str, bytes]
) -> Iterator[str]:
    whole = sorted(axis.axis_id for axis in run.plan.axes if axis.axis_id not in broken)
    if sorted(run.outcome.completed) != whole or set(run.outcome.errors) != broken:
        yield f"completed {run.outcome.completed}, failed {run.outcome.errors}"
    for path, data in undisturbed.items():
        if is_of_wells(path, whole) and found.get(path) != data:
            yield f"{path} is not as in an undisturbed run"


def problems_of_victim(run: Run, victim: Victim) -> Iterator[str]:
    error = run.outcome.errors.get(victim.well, "")
    updates = [update for update in (*run.compiled, *run.updates) if update.axis_id == victim.well]
    told = [update for update in updates if update.status is ProgressStatus.ERROR]
    if not told or any(not is_named(update.error or "", victim) for update in told):
        yield f"its updates say {[update.error for update in told]}"
    if told and (updates[-1] is not told[-1] or not told[-1].step_name):
        yield f"its last word is {updates[-1]}"
    if not is_named(error, victim):
        yield f"its error is {error!r}"
    if not re.search(victim.words, error):
        yield f"its error says {error!r}, not {victim.words!r}"


def is_named(error: str, victim: Victim) -> bool:
    """Tell whether an error names the file; where no name tells of one, the image and the well."""
    return victim.record.path in error or f"(no file for {victim.well}, site {victim.record.site}" in error


def is_of_wells(path: str, wells: list[str]) -> bool:
    return any(f"/{'/'.join(split_well(well))}/" in path or path.endswith(f"/{well}.parquet") for well in wells)
