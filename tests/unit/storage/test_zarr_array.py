"""What is written is what zarr-python reads."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from plateflow.errors import ImageError
from plateflow.storage.atomic import replacing_folder
from plateflow.storage.zarr_array import LARGEST_CHUNK, OBJECTS, PIXELS, Codec, write_array, write_group

CODECS = {"pixels": PIXELS, "objects": OBJECTS}
DTYPES = ["bool", "u1", "i1", "u2", ">u2", "i4", ">i4", "u4", "i8", "u8", "f2", "f4", ">f4", "f8"]
SHAPES = {"yx": (7, 9), "cyx": (2, 33, 17), "czyx": (2, 3, 5, 6), "tczyx": (2, 1, 2, 4, 3)}


def write(root: Path, array: NDArray[Any], dims: str, codec: Codec) -> list[str]:
    with replacing_folder(root / "a.zarr") as folder:
        write_array(folder, "0", array, dims, codec)
    return [file.path for file in folder.files]


def noise(shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    return np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 100, shape).astype(dtype)


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS.keys())
@pytest.mark.parametrize("dims", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_zarr_python_reads_equal_pixels(tmp_path: Path, dtype: str, dims: str, codec: Codec) -> None:
    array = noise(SHAPES[dims], dtype)
    write(tmp_path, array, dims, codec)
    read = zarr.open_array(tmp_path / "a.zarr" / "0", mode="r")
    assert read.metadata.zarr_format == 3
    assert read.metadata.dimension_names == tuple(dims)
    assert read.dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(np.asarray(read[...]), array)


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS.keys())
@pytest.mark.parametrize(
    ("shape", "chunks"),
    [
        ((2, 2160, 2160), (1, 2160, 2160)),
        ((1, LARGEST_CHUNK, 3), (1, LARGEST_CHUNK, 3)),
        ((1, LARGEST_CHUNK + 1, 3), (1, 1281, 3)),
        ((2, 3, 2 * LARGEST_CHUNK + 1), (1, 3, 1707)),
        ((1, 2 * LARGEST_CHUNK + 2, LARGEST_CHUNK + 1), (1, 1708, 1281)),
    ],
    ids=str,
)
def test_large_planes_are_split_and_padded(
    tmp_path: Path, shape: tuple[int, ...], chunks: tuple[int, ...], codec: Codec
) -> None:
    array = noise(shape, "u2")
    files = write(tmp_path, array, "cyx", codec)
    read = zarr.open_array(tmp_path / "a.zarr" / "0", mode="r")
    assert read.chunks == chunks
    assert len(files) == 1 + np.prod([-(-length // chunk) for length, chunk in zip(shape, chunks, strict=True)])
    np.testing.assert_array_equal(np.asarray(read[...]), array)


def test_chunks_of_zeros_are_written(tmp_path: Path) -> None:
    files = write(tmp_path, np.zeros((2, 8, 8), np.uint16), "cyx", PIXELS)
    assert files == ["0/zarr.json", "0/c/0/0/0", "0/c/1/0/0"]
    assert all((tmp_path / "a.zarr" / file).stat().st_size for file in files)


@pytest.mark.parametrize(
    "view",
    [lambda a: a[:, ::2, ::-1], lambda a: a.transpose(0, 2, 1), lambda a: a[:, 1:5, 2:7]],
    ids=["step", "T", "crop"],
)
def test_views_are_written_as_they_look(tmp_path: Path, view: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
    array = view(noise((2, 12, 12), "u2"))
    write(tmp_path, array, "cyx", PIXELS)
    np.testing.assert_array_equal(np.asarray(zarr.open_array(tmp_path / "a.zarr" / "0", mode="r")[...]), array)


def test_metadata_has_the_keys_that_zarr_python_writes(tmp_path: Path) -> None:
    write(tmp_path, noise((2, 8, 8), "u2"), "cyx", OBJECTS)
    zarr.create_array(
        tmp_path / "b.zarr", shape=(2, 8, 8), chunks=(1, 8, 8), dtype="u2", zarr_format=3, dimension_names=list("cyx"),
        compressors=ZstdCodec(level=1),
    )  # fmt: skip
    ours = json.loads((tmp_path / "a.zarr" / "0" / "zarr.json").read_text())
    theirs = json.loads((tmp_path / "b.zarr" / "zarr.json").read_text())
    theirs.pop("storage_transformers")  # optional and empty
    assert ours == theirs


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((1, 4, 4), complex), "complex128"),
        (np.zeros((1, 4, 4), "U3"), "dtype <U3"),
        (np.zeros((1, 0, 4)), "(1, 0, 4)"),
        (np.zeros((4, 4)), "(4, 4)"),
    ],
    ids=["complex", "text", "empty", "dims"],
)
def test_refuses_what_zarr_cannot_hold(tmp_path: Path, array: NDArray[Any], message: str) -> None:
    with pytest.raises(ImageError, match=re.escape(message)):
        write(tmp_path, array, "cyx", PIXELS)
    assert not (tmp_path / "a.zarr").exists()


def test_group(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "a.zarr") as folder:
        write_group(folder, "", {"ome": {"version": "0.5"}})
        write_group(folder, "labels", {})
    group = zarr.open_group(tmp_path / "a.zarr", mode="r")
    assert group.attrs.asdict() == {"ome": {"version": "0.5"}}
    assert list(group.group_keys()) == ["labels"]
