"""Whether what stands under final names in a results folder is whole, by an undisturbed run and other libraries."""

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import PIL.Image
import polars as pl
import zarr

TEMPORARY = ".tmp-"
FIELD_DEPTH = 4
"""Of ``plate.zarr/A/01/1``, which appears as a whole."""

Files = dict[str, bytes]
"""By path, relative to the results folder."""


def files_of(output: Path) -> Files:
    """Return all files under final names but for logs, which grow as wells print."""
    paths = {path.relative_to(output): path for path in output.rglob("*") if path.is_file()}
    return {
        relative.as_posix(): path.read_bytes()
        for relative, path in paths.items()
        if relative.parts[0] != "logs" and not any(part.startswith(TEMPORARY) for part in relative.parts)
    }


def leftovers(output: Path) -> list[str]:
    """Return what was begun under a temporary name, and is still there."""
    return [str(path.relative_to(output)) for path in output.rglob(f"{TEMPORARY}*")]


def problems_of_files(output: Path, undisturbed: Files) -> Iterator[str]:
    """Return where a file, or a field's folder, is there but is not whole, or a committed well lacks one."""
    found = files_of(output)
    for name, data in found.items():
        try:
            yield from _problems_of_file(name, data, undisturbed)
        except (ValueError, OSError, KeyError, pl.exceptions.PolarsError, msgspec.MsgspecError) as e:
            yield f"{name}, of {len(data)} bytes, cannot be read: {e!r}"
    yield from _problems_of_fields(found, undisturbed)
    for well in committed(output):
        yield from _problems_of_well(output, well, found)
    yield from _problems_of_listing(found)
    yield from _problems_of_profiles(found, undisturbed)


def committed(output: Path) -> list[str]:
    """Return the wells that have a record."""
    return [path.stem for path in sorted((output / "wells").glob("[!.]*.json"))]


def _problems_of_file(name: str, data: bytes, undisturbed: Files) -> Iterator[str]:
    kind = name if name in _DIFFERING else Path(name).parts[0]
    if kind in _DIFFERING:
        if _DIFFERING[kind](data) != _DIFFERING[kind](undisturbed[name]):
            yield f"{name} is not what an undisturbed run writes"
        return
    if data != undisturbed[name]:
        yield f"{name} has {len(data)} bytes; an undisturbed run writes {len(undisturbed[name])} others"
    if name.endswith(".parquet"):
        pl.read_parquet(io.BytesIO(data))
    elif name.endswith(".png"):
        PIL.Image.open(io.BytesIO(data)).load()


def _record(data: bytes) -> Any:
    record = msgspec.json.decode(data, type=dict[str, Any])
    return {**record, "seconds": 0, "seconds_per_step": [name for name, _ in record["seconds_per_step"]]}


def _table(data: bytes) -> Any:
    if not data.endswith(b"\n"):
        raise ValueError("its last line is cut")
    header, *rows = csv.reader(io.StringIO(data.decode(), newline=""))
    if any(len(row) != len(header) for row in rows):
        raise ValueError("a row is cut")
    return [row[1] for row in rows]  # what is counted and measured follows from the wells that are committed


def _keys(data: bytes) -> Any:
    return sorted(msgspec.json.decode(data, type=dict[str, Any]))


def _columns(data: bytes) -> Any:
    return pl.read_parquet(io.BytesIO(data)).schema


def _listing(data: bytes) -> Any:
    plate = msgspec.json.decode(data, type=dict[str, Any])["attributes"]["ome"]["plate"]
    return {**plate, "wells": [], "field_count": 0}


def _made(data: bytes) -> Any:
    return {**msgspec.json.decode(data, type=dict[str, Any]), "seconds": 0} if data.startswith(b"{") else data


_DIFFERING: dict[str, Callable[[bytes], Any]] = {
    "wells": _record,
    "plate_images": _made,
    "wells.csv": _table,
    "run.json": _keys,
    ".plateflow.json": _keys,
    "plate.zarr/zarr.json": _listing,
    "profiles.parquet": _columns,
}
"""What tells of times, or of the wells that are committed: how far it is the same in any run."""


def _problems_of_fields(found: Files, undisturbed: Files) -> Iterator[str]:
    fields = {"/".join(name.split("/")[:FIELD_DEPTH]) for name in found if name.count("/") >= FIELD_DEPTH}
    for field in fields:
        missing = [name for name in undisturbed if name.startswith(f"{field}/") and name not in found]
        if missing:
            yield f"{field} is there without {missing[0]} and {len(missing) - 1} more: zarr reads zeros for a chunk"


def _problems_of_well(output: Path, well: str, found: Files) -> Iterator[str]:
    record = msgspec.json.decode(found[f"wells/{well}.json"], type=dict[str, Any])
    for file in record["files"]:
        if file["path"] not in found:
            yield f"{well} is committed without its {file['path']}"
            return
    for array in {name.rpartition("/c/")[0] for name in found if name.startswith(_folder(well)) and "/c/" in name}:
        zarr.open_array(output / array, mode="r")[...]


def _problems_of_listing(found: Files) -> Iterator[str]:
    if "plate.zarr/zarr.json" not in found:
        return
    plate = msgspec.json.decode(found["plate.zarr/zarr.json"], type=dict[str, Any])["attributes"]["ome"]["plate"]
    for listed in (well["path"] for well in plate["wells"]):
        if f"wells/{listed.replace('/', '')}.json" not in found:
            yield f"the plate lists {listed}, which is not committed"


def _problems_of_profiles(found: Files, undisturbed: Files) -> Iterator[str]:
    if "profiles.parquet" not in found:
        return
    rows, all_rows = (pl.read_parquet(io.BytesIO(files["profiles.parquet"])) for files in (found, undisturbed))
    if not rows.equals(all_rows.filter(pl.col("Metadata_Well").is_in(rows["Metadata_Well"].implode()))):
        yield "profiles.parquet has other rows than an undisturbed run's for the same wells"


def _folder(well: str) -> str:
    return f"plate.zarr/{well[:1]}/{well[1:]}/"
