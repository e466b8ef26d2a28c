"""Ways in which an image of an OME-Zarr plate is broken, each done to the folder of its array."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
from tests.broken_images import Break, Broken, cut, cut_by, cut_in_half, in_place, link_to, overwrite, put, sparse

METADATA = ("zarr.json", ".zarray")


def chunks_of(array: Path) -> list[Path]:
    """Return the files of the chunks of an array's first two channels, in order."""
    first = [folder for folder in (*array.glob("c/[01]"), *array.glob("[01]")) if folder.is_dir()]
    return sorted(path for folder in first for path in folder.rglob("*") if path.is_file())


def metadata_of(array: Path) -> Path:
    return next(array / name for name in METADATA if (array / name).exists())


def first_chunk(make: Break) -> Break:
    return lambda array: make(chunks_of(array)[0])


def last_chunk(make: Break) -> Break:
    return lambda array: make(chunks_of(array)[-1])


def metadata(make: Break) -> Break:
    return lambda array: make(metadata_of(array))


def told(change: Callable[[dict[str, Any]], object]) -> Break:
    """Have the metadata tell something else."""

    def make(array: Path) -> None:
        path = metadata_of(array)
        node = json.loads(path.read_bytes())
        change(node)
        path.write_text(json.dumps(node))

    return make


def without_chunks(array: Path) -> None:
    for chunk in chunks_of(array):
        chunk.unlink()


def fewer_channels(node: dict[str, Any]) -> None:
    node["shape"][0] = 1


def narrower(node: dict[str, Any]) -> None:
    node["shape"][-1] -= 1


def other_type(node: dict[str, Any]) -> None:
    node["data_type" if "data_type" in node else "dtype"] = "uint8" if "data_type" in node else "|u1"


def chunk_shape(node: dict[str, Any]) -> list[int]:
    found: list[int] = node["chunks"] if "chunks" in node else node["chunk_grid"]["configuration"]["chunk_shape"]
    return found


def huge_chunks(node: dict[str, Any]) -> None:
    chunk_shape(node)[-2:] = [2**20, 2**20]


def large_chunks(node: dict[str, Any]) -> None:
    chunk_shape(node)[-2:] = [2**14, 2**14]


def unknown_codec(node: dict[str, Any]) -> None:
    if "codecs" in node:
        node["codecs"][-1] = {"name": "zfpy"}
    else:
        node["compressor"] = {"id": "zfpy"}


ARRAYS: dict[str, Broken] = {
    "first chunk gone": Broken(first_chunk(Path.unlink), "the chunk is missing"),
    "last chunk gone": Broken(last_chunk(Path.unlink), "the chunk is missing"),
    "no chunk there": Broken(without_chunks, "the chunk is missing"),
    "chunk empty": Broken(first_chunk(cut(0)), "the chunk is damaged"),
    "chunk cut in half": Broken(first_chunk(cut_in_half), "the chunk is damaged"),
    "chunk without its last byte": Broken(last_chunk(cut_by(1)), "the chunk is damaged"),
    "garbage chunk": Broken(last_chunk(overwrite(lambda size: b"\xa5" * size)), "the chunk is damaged"),
    "zeros for a chunk": Broken(first_chunk(overwrite(bytes)), "the chunk is damaged"),
    "chunk of fewer pixels": Broken(first_chunk(put(bytes(imagecodecs.zstd_encode(bytes(8))))), "damaged"),
    "chunk of more pixels": Broken(first_chunk(put(bytes(imagecodecs.zstd_encode(bytes(2**27))))), "damaged"),
    "FIFO for a chunk": Broken(first_chunk(in_place(os.mkfifo)), "not a regular file but a FIFO"),
    "device for a chunk": Broken(last_chunk(link_to("/dev/zero")), "not a regular file but a device"),
    "folder for a chunk": Broken(first_chunk(in_place(Path.mkdir)), "not a regular file but a folder"),
    "dangling link for a chunk": Broken(first_chunk(link_to("/nowhere/at/all")), "is a link to /nowhere/at/all"),
    "link to itself for a chunk": Broken(
        last_chunk(in_place(lambda path: path.symlink_to(path))), "leads back to itself"
    ),
    "metadata gone": Broken(metadata(Path.unlink), "holds no Zarr array"),
    "metadata empty": Broken(metadata(cut(0)), "is no JSON"),
    "metadata cut": Broken(metadata(cut_in_half), "is no JSON"),
    "metadata without end": Broken(metadata(put(b"[" * 100_000)), "is no JSON"),
    "metadata of a gigabyte": Broken(metadata(sparse(2**30)), "is larger than"),
    "FIFO for metadata": Broken(metadata(in_place(os.mkfifo)), "not a regular file but a FIFO"),
    "device for metadata": Broken(metadata(link_to("/dev/zero")), "not a regular file but a device"),
    "other shape": Broken(told(narrower), r"is \d+ x \d+ pixels"),
    "other type": Broken(told(other_type), "uint8"),
    "channel missing": Broken(told(fewer_channels), "is missing|has no plane|no image called"),
    "chunks of terabytes": Broken(told(huge_chunks), "larger than the"),
    "chunks of half a gigabyte": Broken(told(large_chunks), "claims 512 MB of pixels|of 536870912"),
    "unknown codec": Broken(told(unknown_codec), "zfpy"),
    "array gone": Broken(shutil.rmtree, "no Zarr array|no image is there"),
}
"""Each must end as an error that names a file of the array, or its folder."""
