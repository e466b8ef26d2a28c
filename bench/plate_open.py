"""How long a plate of many files takes to open, against os.walk over the same folders, or reading the same headers.

And how long a pipeline of ten steps takes to compile against 1536 wells, which reads one header a well and channel.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from xml.parsers import expat

import tifffile

from bench import plate_trees
from bench.harness import BenchError, Figure, Ratio, Report, Series, interleave, note
from bench.plate_trees import NAMES
from plateflow import FunctionStep, Pipeline, compile_plate
from plateflow.functions import (
    expand,
    find_nuclei,
    gaussian,
    measure_intensity,
    measure_shape,
    subtract,
    subtract_background,
)
from plateflow.plate.open import open_plate
from plateflow.storage.tiff import read_description

if TYPE_CHECKING:
    from collections.abc import Callable

    from plateflow.plate.model import Plate

NAME: Final = "plate-open"
IMAGES: Final = 100_000
HEADERS: Final = 4_000
"""Images of the layout whose headers are read: each is a file of 7 KB."""
WALK_TARGET: Final = 5.0
HEADERS_TARGET: Final = 1.2
TEN_STEPS: Final = (
    FunctionStep(gaussian, "*", sigma=1.0),
    FunctionStep(subtract_background, "*"),
    FunctionStep(find_nuclei, "DNA", "Nuclei"),
    FunctionStep(expand, "Nuclei", "Cells"),
    FunctionStep(subtract, ("Cells", "Nuclei"), "Cytoplasm"),
    *(FunctionStep(measure_shape, objects) for objects in ("Nuclei", "Cells")),
    *(FunctionStep(measure_intensity, (objects, ["DNA", "GFP"])) for objects in ("Nuclei", "Cells", "Cytoplasm")),
)
_MEMORY: Final = r"""
import re, sys
from plateflow.plate.open import open_plate
def kilobytes(of):
    return int(re.search(rf"{of}:\s*(\d+)", open("/proc/self/status").read())[1])
before = kilobytes("VmRSS")
plate = open_plate(sys.argv[1], filenames=sys.argv[2] or None)
print(1024 * (kilobytes("VmHWM") - before))
"""


def measure(rounds: int, images: int = IMAGES) -> Report:
    """Measure; a round opens each plate once and walks each once.

    Raises
    ------
    BenchError
        If a plate has not the images that were made.
    """
    with tempfile.TemporaryDirectory(prefix="pf") as root:
        note(f"{NAME}: making {3 * images} empty files")
        htd = plate_trees.make_htd(Path(root), images)
        folders = {
            "htd": (htd, None),
            "names": (htd, plate_trees.NAMES),
            "phenix": (plate_trees.make_phenix(Path(root), images), None),
            "yokogawa": (plate_trees.make_yokogawa(Path(root), images), None),
        }
        database = plate_trees.make_database(Path(root), HEADERS)
        subjects: dict[str, Callable[[], float]] = {}
        for name, (folder, names) in folders.items():
            subjects[f"{name}: os.walk"] = partial(walk, folder)
            subjects[name] = partial(open_one, folder, images, names)
        for name, file in (("phenix", "Index.xml"), ("yokogawa", "MeasurementData.mlf")):
            subjects[f"{name}: expat alone"] = partial(parse, folders[name][0] / file)
        subjects["headers: tifffile"] = partial(read_headers, database, describe_by_tifffile)
        subjects["headers: read_description"] = partial(read_headers, database, read_description)
        subjects["headers"] = partial(open_one, database, HEADERS, None)
        subjects["compile"] = partial(compile_ten, open_plate(plate_trees.make_tiffs(Path(root)), filenames=NAMES))
        for subject in subjects.values():
            subject()
        seconds = interleave(subjects, rounds)
        memory = {name: memory_of(folder, names) / images for name, (folder, names) in folders.items()}
    series = {name: Series.of(name, "s", values, lambda value: value) for name, values in seconds.items()}
    walked = [Ratio(series[name], series[f"{name}: os.walk"]) for name in folders]
    headers = Ratio(series["headers"], series["headers: tifffile"])
    told = ", ".join(f"{name} {size:.0f}" for name, size in memory.items())
    return Report(
        title=f"{NAME}: {images} images a plate, of headers {HEADERS}; files in the page cache",
        rows=[
            *(row for ratio in walked for row in (ratio.against, ratio)),
            *(Ratio(series[name], series[f"{name}: expat alone"]) for name in ("phenix", "yokogawa")),
            headers.against,
            headers,
            Ratio(series["headers"], series["headers: read_description"]),
            series["compile"],
        ],
        figures=[
            *(Figure(f"{NAME}-{name}", ratio, WALK_TARGET) for name, ratio in zip(folders, walked, strict=True)),
            Figure(f"{NAME}-headers", headers, HEADERS_TARGET),
        ],
        notes=[
            "headers: one after the other, by tifffile or by plateflow's own function; neither makes anything of them.",
            "expat alone: the XML parser over the plate's index, that does nothing with it and lists no folder.",
            f"compile: {len(TEN_STEPS)} steps, 1536 wells of 1 site and 2 channels; the goal is 2 s",
            f"peak memory while it is opened, bytes an image: {told}",
        ],
    )


def compile_ten(plate: Plate) -> float:
    """Return the seconds that ten steps take to be compiled against a plate.

    Raises
    ------
    BenchError
        If a well has an error.
    """
    pipeline = Pipeline("ten", TEN_STEPS, channels={"DNA": "1", "GFP": "2"})
    begin = time.perf_counter()
    plan = compile_plate(plate, pipeline)
    seconds = time.perf_counter() - begin
    if len(plan.runnable) != len(plate.wells):
        raise BenchError(f"{len(plan.runnable)} of {len(plate.wells)} wells compiled")
    return seconds


def walk(folder: Path) -> float:
    """Return the seconds that os.walk takes to name all files."""
    begin = time.perf_counter()
    if not sum(len(files) for _, _, files in os.walk(folder)):
        raise BenchError(f"{folder} is empty")
    return time.perf_counter() - begin


def parse(path: Path) -> float:
    """Return the seconds that an XML parser takes to read a file and do nothing with it."""
    begin = time.perf_counter()
    with open(path, "rb") as file:
        expat.ParserCreate().ParseFile(file)
    return time.perf_counter() - begin


def open_one(folder: Path, images: int, names: str | None) -> float:
    """Return the seconds that a plate takes to open.

    Raises
    ------
    BenchError
        If it has not all images.
    """
    begin = time.perf_counter()
    plate = open_plate(folder, filenames=names)
    seconds = time.perf_counter() - begin
    found = sum(not record.missing for records in plate.wells.values() for record in records)
    if found != images:
        raise BenchError(f"{folder}: {found} of {images} images were found")
    return seconds


def describe_by_tifffile(path: str) -> str:
    with tifffile.TiffFile(path) as file:
        return file.pages.first.description


def read_headers(folder: Path, describe: Callable[[str], str]) -> float:
    """Return the seconds that reading the description of each file takes."""
    paths = [os.path.join(path, name) for path, _, names in os.walk(folder) for name in names]
    begin = time.perf_counter()
    for path in paths:
        describe(path)
    return time.perf_counter() - begin


def memory_of(folder: Path, names: str | None) -> int:
    """Return how many bytes a process grows by, at most, while it opens a plate.

    Raises
    ------
    BenchError
        If it cannot.
    """
    ran = subprocess.run(
        [sys.executable, "-c", _MEMORY, str(folder), names or ""], capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise BenchError(ran.stderr)
    return int(ran.stdout)
