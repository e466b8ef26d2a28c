"""``plateflow demo``: write a plate of plausible cells and run a pipeline over it, live."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress

from plateflow.cli.run import run_plates
from plateflow.service.job import JobSpec, describe_pipeline

if TYPE_CHECKING:
    from pathlib import Path

    from plateflow.cli.exits import Exit

PIPELINE = '''"""The demo's pipeline: how far a protein has moved into the nucleus. Change it and run it again:

    plateflow run pipeline.py plate
"""

from plateflow import FunctionStep, Pipeline
from plateflow.functions import find_nuclei, measure_intensity, ratio, ring_around

pipeline = Pipeline(
    "demo",
    channels={"DNA": "1", "GFP": "2"},
    metadata="plate_map.csv",
    steps=[
        FunctionStep(find_nuclei, inputs="DNA", outputs="Nuclei", min_diameter=8, max_diameter=40),
        FunctionStep(ring_around, inputs="Nuclei", outputs="Cytoplasm", gap=1, width=4),
        FunctionStep(measure_intensity, inputs=("Nuclei", ["DNA", "GFP"])),
        FunctionStep(ratio, inputs=("Nuclei", "Cytoplasm", "GFP")),
    ],
)
'''


def demo(folder: Path, *, json: bool) -> Exit:
    """Write plate and pipeline where they are not there yet, and run."""
    plate, pipeline = folder / "plate", folder / "pipeline.py"
    console = Console(stderr=True)
    if not plate.exists():
        _write_plate(plate, console)
    if not pipeline.exists():
        pipeline.write_text(PIPELINE, encoding="utf-8")
    console.print(f"plateflow run {pipeline} {plate}", highlight=False)
    spec = JobSpec(plate="", pipeline=describe_pipeline(pipeline))
    return run_plates([plate], _new_results(folder), spec, json=json)


def _write_plate(plate: Path, console: Console) -> None:
    from plateflow.plate.synthetic import write_synthetic_plate

    unfinished = plate.with_name(f".{plate.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)  # of a demo that was ended in the middle
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("writing a plate of synthetic cells", total=None)
        write_synthetic_plate(unfinished, report=lambda done, total: progress.update(task, completed=done, total=total))
    unfinished.rename(plate)


def _new_results(folder: Path) -> Path:
    number = 1
    while (folder / f"results_{number}").exists():
        number += 1
    return folder / f"results_{number}"
