"""Promise P14 on OME-Zarr plates: pixels of a chunk that is not there are never zeros, and cost their own well."""

import json
import random
import shutil
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from tests.broken_chunks import ARRAYS, chunks_of
from tests.chaos.plates import KINDS, tell
from tests.chaos.victims import Victim, problems_of
from tests.integration.conftest import Bench
from tests.integration.test_resume import results
from zarr.codecs import ZstdCodec

from plateflow.plate.open import open_plate
from plateflow.service.execute import ExecutorName

STEPS = """
def measure(image: Image, name: str) -> Record:
    return {f"{name}_Mean": float(image.mean()), f"{name}_Zeros": float(np.mean(image == 0))}
steps = [FunctionStep(measure, "DNA", params={"name": "DNA"}), FunctionStep(measure, "GFP", params={"name": "GFP"})]
"""
AT_ONCE = {"made": 8, "real": 3}
"""Broken arrays in one run."""


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Which plate: 24 wells that zarr-python wrote in version 3, or six copies of a well of another program's."""
    assert isinstance(request.param, str)
    return request.param


@pytest.fixture
def bench(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Bench:
    folder = tmp_path / "plate.zarr"
    if kind == "made":
        write_plate(folder)
    else:
        copy_well(request.getfixturevalue("test_data") / "ome_zarr" / "phenix_uzh.zarr", folder)
    return Bench(tmp_path, open_plate(folder), {})


def plate_attributes(rows: str, columns: int) -> dict[str, Any]:
    wells = [(row, f"{column:02}") for row, column in product(rows, range(1, columns + 1))]
    return {
        "rows": [{"name": row} for row in rows],
        "columns": [{"name": f"{column:02}"} for column in range(1, columns + 1)],
        "wells": [
            {"path": f"{row}/{column}", "rowIndex": rows.index(row), "columnIndex": int(column) - 1}
            for row, column in wells
        ],
    }


def write_plate(root: Path) -> None:
    """Write 24 wells of two fields, two channels, and four chunks a plane."""
    make = partial(zarr.create_group, zarr_format=3)
    plate = plate_attributes("ABCD", 6)
    make(root, attributes={"ome": {"version": "0.5", "plate": plate}})
    axes = [{"name": "c", "type": "channel"}, {"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    scale = [{"type": "scale", "scale": [1.0, 1.0, 1.0]}]
    image = {"multiscales": [{"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}]}
    for number, well in enumerate(plate["wells"]):
        folder = root / well["path"]
        make(folder, attributes={"ome": {"version": "0.5", "well": {"images": [{"path": "1"}, {"path": "2"}]}}})
        for site in ("1", "2"):
            make(folder / site, attributes={"ome": {"version": "0.5", **image}})
            pixels = np.random.default_rng((number, int(site))).integers(1, 4000, (2, 48, 48)).astype(np.uint16)
            codec = ZstdCodec(checksum=True)
            array = zarr.create_array(
                folder / site / "0", shape=pixels.shape, dtype="uint16", chunks=(1, 24, 24), compressors=codec
            )
            array[...] = pixels


def copy_well(real: Path, root: Path) -> None:
    """Copy the largest level of a real plate's one well to six."""
    root.mkdir()
    shutil.copy(real / ".zgroup", root)
    (root / ".zattrs").write_text(json.dumps({"plate": plate_attributes("AB", 3) | {"version": "0.4"}}))
    for row, column in product("AB", range(1, 4)):
        shutil.copytree(real / "A" / "01", root / row / f"{column:02}", ignore=smaller_levels)


def smaller_levels(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name in "1234"] if Path(folder).parent.name == "01" else []


@pytest.mark.timeout(900)
def test_p14_a_broken_array_costs_its_own_well(kind: str, bench: Bench, executor: ExecutorName) -> None:
    undisturbed = results(bench.run(STEPS, executor).output)
    pristine = bench.folder / "pristine"
    shutil.copytree(bench.plate.path, pristine)
    rng = random.Random(14)
    names = list(ARRAYS)
    rng.shuffle(names)
    problems: dict[str, str] = {}
    for start in range(0, len(names), AT_ONCE[kind]):
        wells = rng.sample(list(bench.plate.wells), AT_ONCE[kind])
        victims = [victim_of(bench, well, name) for well, name in zip(wells, names[start:], strict=False)]
        for victim in victims:
            victim.make(Path(victim.record.path))
        run = bench.run(STEPS, executor, plate=open_plate(bench.plate.path))
        problems |= problems_of(run, victims, undisturbed)
        shutil.rmtree(run.output)
        shutil.rmtree(bench.plate.path)
        shutil.copytree(pristine, bench.plate.path)
    tell(f"P14 broken arrays, {kind} OME-Zarr plate, {executor}", problems)


def victim_of(bench: Bench, well: str, name: str) -> Victim:
    """Return the array of a well's second field, where it has two."""
    used = [record for record in bench.plate.wells[well] if record.channel in ("1", "2")]
    return Victim(used[-1], name, ARRAYS[name].make, ARRAYS[name].words)


@pytest.mark.timeout(900)
def test_p14_no_chunk_that_is_gone_is_read_as_zeros(kind: str, bench: Bench, executor: ExecutorName) -> None:
    """Take away each chunk of one well's array that steps read, one after the other."""
    undisturbed = results(bench.run(STEPS, executor).output)
    victim = victim_of(bench, list(bench.plate.wells)[3], "first chunk gone")
    problems: dict[str, str] = {}
    for chunk in chunks_of(Path(victim.record.path)):
        data = chunk.read_bytes()
        chunk.unlink()
        run = bench.run(STEPS, executor, plate=open_plate(bench.plate.path))
        found = problems_of(run, [victim], undisturbed)
        error = run.outcome.errors.get(victim.well, "")
        problems[str(chunk.relative_to(victim.record.path))] = next(wrong_words(error, chunk), found[victim.name])
        chunk.write_bytes(data)
        shutil.rmtree(run.output)
    tell(f"P14 missing chunks, {kind} OME-Zarr plate, {executor}", problems)


def wrong_words(error: str, chunk: Path) -> Iterator[str]:
    if f"{chunk}: the chunk is missing" not in error:
        yield f"says {error!r}"
