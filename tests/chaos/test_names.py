"""Names are data: whatever things are called works or is refused with the reason, and nothing is written elsewhere."""

import csv
import os
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from tests.chaos.machinery import promise
from tests.chaos.plates import tell
from tests.chaos.victims import STEPS
from tests.integration.conftest import Bench, make_bench
from tests.integration.test_resume import results

from plateflow.errors import PlateflowError, UserError
from plateflow.plate.open import open_plate
from plateflow.service.execute import ExecutorName
from plateflow.storage.names import encode_name

NFC = "Zellkörper"
NAMES = {
    "plain": "Nuclei",
    "spaces": " two  words ",
    "NFC": NFC,
    "NFD": unicodedata.normalize("NFD", NFC),
    "newline": "a\nb",
    "carriage return and tab": "a\r\tb",
    "escape sequence": "\x1b[31mred\x1b[0m",
    "emoji": "🧫 plate",
    "right to left": "\u202egnp.exe",
    "dot": ".",
    "parent": "..",
    "parent of parent": "../../outside",
    "absolute": "/tmp/outside",
    "slash": "a/b",
    "backslash": "a\\b",
    "hidden": ".hidden",
    "temporary": ".tmp-0123456789abcdef",
    "option": "--output",
    "home": "~",
    "shell": "$(touch outside); `touch outside`",
    "format": "%s {} {0}",
    "quotes": "'\"",
    "comma": "a,b;c",
    "glob": "*?[a-z]",
    "device": "CON",
    "reserved by Zarr": "__x",
    "zarr.json": "zarr.json",
    "NUL": "a\0b",
    "lone surrogate": "a\udcffb",
    "empty": "",
    "200 letters": "x" * 200,
    "255 bytes": "x" * 255,
    "255 bytes in two": "é" * 127,
    "256 bytes in two": "é" * 128,
    "the file name of another": encode_name("two words"),
    "table of images": "Image",
    "every channel": "*",
}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Six wells; the plate is below a folder that nothing may be written to."""
    return make_bench(tmp_path, 2, 3, size=48)


def everything(folder: Path) -> set[str]:
    """Return all there is below a folder but for pipelines and results."""
    return {
        os.path.join(where, name)
        for where, folders, files in os.walk(folder)
        for name in (*folders, *files)
        if not os.path.relpath(os.path.join(where, name), folder).startswith(("out_", "pipeline_", "__pycache__"))
    }


# Of plates and files.


@pytest.mark.timeout(600)
def test_plates_of_any_name(bench: Bench, executor: ExecutorName) -> None:
    expected = pixels(bench.run(STEPS, executor).output)
    problems = {case: next(problems_of_plate(bench, name, executor, expected), "") for case, name in NAMES.items()}
    tell(f"names of plates, {executor}", problems)


def problems_of_plate(bench: Bench, name: str, executor: ExecutorName, expected: dict[str, bytes]) -> Iterator[str]:
    folder = bench.folder / "plates"
    folder.mkdir(exist_ok=True)
    plate = os.path.join(folder, name)
    may_be_named = is_copied(Path(bench.plate.path), plate, name)
    before = everything(bench.folder)
    try:
        run = bench.run(STEPS, executor, plate=open_plate(plate, metadata="plate_map.csv"))
    except UserError as e:
        if may_be_named and is_text(name):
            yield f"refused: {e}"
        if not str(e):
            yield "refused without a reason"
    else:
        if not (may_be_named and is_text(name)):
            yield "there can be no such plate"
        if pixels(run.output) != expected:
            yield "the results are not those of a plain name"
        if told_names(run.output) != {name}:
            yield f"wells.csv tells the names {told_names(run.output)}"
        shutil.rmtree(run.output)
    if everything(bench.folder) != before:
        yield f"wrote {everything(bench.folder) - before}"
    shutil.rmtree(folder)


def is_copied(original: Path, plate: str, name: str) -> bool:
    """Copy a plate, if a folder can be called so."""
    if os.path.basename(plate) != name or name in (".", ".."):
        return False
    try:
        shutil.copytree(original, plate)
    except (OSError, ValueError):
        return False
    return True


def told_names(output: Path) -> set[str]:
    with (output / "wells.csv").open(newline="", encoding="utf-8") as file:
        return {row["Metadata_Plate"] for row in csv.DictReader(file)}


def pixels(output: Path) -> dict[str, bytes]:
    """Return the pixels of results; tables and the plate's metadata tell its name."""
    return {
        path: data for path, data in results(output).items() if path.startswith("plate.zarr/") and path.count("/") > 1
    }


def is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


@pytest.mark.timeout(600)
def test_images_of_any_name(bench: Bench, executor: ExecutorName) -> None:
    expected = pixels(bench.run(STEPS, executor).output)
    problems = {case: next(problems_of_images(bench, name, executor, expected), "") for case, name in NAMES.items()}
    tell(f"names of image files, {executor}", problems)


def problems_of_images(bench: Bench, name: str, executor: ExecutorName, expected: dict[str, bytes]) -> Iterator[str]:
    plate = bench.folder / "renamed"
    shutil.copytree(bench.plate.path, plate)
    images = plate / "TimePoint_1"
    longest = 255 - len(os.fsencode("_B03_w2.TIF"))
    stem = os.fsencode(name.encode("utf-8", "surrogateescape")[:longest].decode("utf-8", "ignore"))
    stem = os.fsencode(name) if not is_text(name) else stem
    if "/" in name or "\0" in name:
        shutil.rmtree(plate)
        return  # no file can be called so
    for path in list(images.iterdir()):
        os.rename(path, os.fsencode(images) + b"/" + stem + os.fsencode(path.name.removeprefix("synthetic")))
    try:
        run = bench.run(STEPS, executor, plate=open_plate(plate, metadata="plate_map.csv"))
    except UserError as e:
        if is_text(name) and not name.startswith("."):  # hidden files are passed over
            yield f"refused: {e}"
        if str(images) not in str(e) and str(plate) not in str(e):
            yield f"refused without telling where: {e}"
    else:
        if pixels(run.output) != expected:
            yield "the results are not those of a plain name"
        shutil.rmtree(run.output)
    shutil.rmtree(plate)


# Of what a pipeline makes.

KINDS_OF_NAMES = {
    "objects": "steps = [FunctionStep(find_nuclei, 'DNA', NAME, min_diameter=4),"
    " FunctionStep(measure_intensity, (NAME, ['GFP']))]",
    "images": "steps = [FunctionStep(gaussian, 'DNA', NAME, keep=True)]",
    "steps": "steps = [FunctionStep(find_nuclei, 'DNA', 'Nuclei', min_diameter=4, name=NAME)]",
    "columns": "def measure(image: Image) -> Record:\n    return {NAME: 1.0}\nsteps = [FunctionStep(measure, 'DNA')]",
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("what", KINDS_OF_NAMES)
def test_what_a_pipeline_makes_may_have_any_name(bench: Bench, executor: ExecutorName, what: str) -> None:
    problems = {case: next(problems_of_made(bench, name, executor, what), "") for case, name in NAMES.items()}
    tell(f"names of {what}, {executor}", problems)


def problems_of_made(bench: Bench, name: str, executor: ExecutorName, what: str) -> Iterator[str]:
    before = everything(bench.folder)
    try:
        run = bench.run(f"NAME = {name!a}\n{KINDS_OF_NAMES[what]}", executor)
    except PlateflowError as e:
        if not is_refused_rightly(name, str(e)):
            yield f"refused: {e}"
    else:
        if run.outcome.errors:
            refused = {error for error in run.outcome.errors.values() if not is_refused_rightly(name, error)}
            if refused or len(run.outcome.errors) != len(bench.plate.wells):
                yield f"failed: {refused}"
        elif what == "objects":
            yield from problems_of_tables(run.output, name)
        shutil.rmtree(run.output)
    if everything(bench.folder) != before:
        yield f"wrote {everything(bench.folder) - before}"


def is_refused_rightly(name: str, error: str) -> bool:
    """Tell whether a name may be refused, and the error says which it is."""
    refusable = not name or len(name) > 200 or not is_text(name) or name in ("Image", "*")
    return refusable and ("name" in error or "called" in error or "Unicode" in error)


def problems_of_tables(output: Path, name: str) -> Iterator[str]:
    [folder] = (path for path in (output / "tables").iterdir() if path.name != "Image")
    if folder.name != encode_name(name):
        yield f"its table is in {folder}"
    columns = pl.read_parquet(next(folder.glob("*.parquet"))).columns
    if not any(column.startswith(f"{name}_") for column in columns):
        yield f"its table has the columns {columns}"
    labels = list(output.glob("plate.zarr/*/*/*/labels/*/zarr.json"))
    if {path.parent.name for path in labels} != {encode_name(name)}:
        yield f"its labels are in {labels}"


PAIRS = {
    "NFC and NFD": (NFC, unicodedata.normalize("NFD", NFC)),
    "slash and underscore": ("a/b", "a_b"),
    "slash and its own file name": ("a/b", encode_name("a/b")),
    "dots and slashes": ("..", "../"),
    "long, and longer": ("x" * 64, "x" * 65),
    "spaces": ("a b", "a  b"),
    "newline and space": ("a\nb", "a b"),
    "case": ("cell", "Cell"),
    "device and not": ("con", "con-"),
}


@pytest.mark.timeout(300)
def test_two_names_are_two_files(bench: Bench, executor: ExecutorName) -> None:
    problems = {case: next(problems_of_pair(bench, pair, executor), "") for case, pair in PAIRS.items()}
    tell(f"names that look alike, {executor}", problems)


def problems_of_pair(bench: Bench, pair: tuple[str, str], executor: ExecutorName) -> Iterator[str]:
    steps = "".join(f"FunctionStep(find_nuclei, 'DNA', {name!a}, min_diameter=4)," for name in pair)
    images = "".join(f"FunctionStep(gaussian, 'DNA', {'i' + name!a}, keep=True)," for name in pair)
    run = bench.run(f"steps = [{steps}{images}]", executor)
    if run.outcome.errors:
        yield f"failed: {run.outcome.errors}"
    tables = {path.name for path in (run.output / "tables").iterdir()} - {"Image"}
    if len(tables) != 2:
        yield f"tables: {tables}"
    for field in run.output.glob("plate.zarr/*/*/1"):
        labels = [path for path in (field / "labels").iterdir() if path.is_dir()]
        kept = [path for path in field.parent.iterdir() if path.is_dir() and path.name != "1"]
        if len(labels) != 2 or len(kept) != 2:
            yield f"{field}: labels {labels}, images {kept}"
    shutil.rmtree(run.output)


# Links.


@pytest.mark.timeout(300)
@pytest.mark.parametrize("linked", ["tables", "tables/Nuclei", "plate.zarr", "plate.zarr/A", "wells"])
def test_a_folder_of_the_results_that_becomes_a_link_takes_nothing_elsewhere(
    bench: Bench, executor: ExecutorName, linked: str
) -> None:
    """Swap it once the first well is done: the other wells fail, or the run does, and say why."""
    elsewhere = bench.folder / "elsewhere"
    elsewhere.mkdir()
    slow = "def work(image: Image) -> Image:\n    time.sleep(0.3)\n    return image\n"
    steps = slow + STEPS.replace("steps = [", "steps = [FunctionStep(work, 'DNA'),")
    swapped: list[str] = []

    def forward(run: object, body: bytes) -> None:
        [output] = bench.folder.glob("out_*")
        if not swapped and b'"phase":"axis_completed"' in body:
            (output / linked).rename(output / "moved")
            (output / linked).symlink_to(elsewhere)
            swapped.append(linked)

    try:
        run = bench.run(steps, executor, workers=1, forward=forward)
    except UserError as e:
        said = [str(e)]
    else:
        said = list(run.outcome.errors.values())
    assert swapped
    assert said
    kept = all(f"{linked} is a link to {elsewhere}" in error or "has lost what" in error for error in said)
    promise(f"links, {linked}, {executor}", int(kept and not list(elsewhere.rglob("*"))), 1)
