"""Zarr arrays that zarr-python wrote, in both versions and whatever codec, read by our own reader."""

from __future__ import annotations

import json
import os
import re
import shutil
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numcodecs import BZ2, LZ4, LZMA, Blosc, GZip, VLenUTF8, Zlib, Zstd
from zarr.codecs import BloscCodec, GzipCodec, ShardingCodec, ZstdCodec

from plateflow.errors import ImageError
from plateflow.storage.image import image_files, read_image, read_image_header
from plateflow.storage.zarr_chunks import ArrayPlane, read_column
from plateflow.storage.zarr_metadata import describe_array, read_attributes

if TYPE_CHECKING:
    from collections.abc import Callable

EMPTY: Any = {"write_empty_chunks": True}
PIXELS = np.random.default_rng(0).integers(1, 60000, (2, 3, 50, 70)).astype(np.uint16)


def store(path: Path, pixels: Any = PIXELS, **options: Any) -> str:
    options = {"chunks": (1, 2, 20, 70), "compressors": None, **options}
    array = zarr.create_array(path, shape=pixels.shape, dtype=pixels.dtype, **options)
    array[...] = pixels
    return str(path)


def whole(*index: int) -> ArrayPlane:
    return ArrayPlane(index, 0, 0, *PIXELS.shape[-2:])


V2: dict[str, Any] = {
    "plain": {},
    "blosc": {"compressors": Blosc("zstd", 3, Blosc.BITSHUFFLE)},
    "zstd": {"compressors": Zstd(1)},
    "gzip": {"compressors": GZip(1)},
    "zlib": {"compressors": Zlib(1)},
    "lz4": {"compressors": LZ4()},
    "bz2": {"compressors": BZ2()},
    "lzma": {"compressors": LZMA()},
    "fortran": {"order": "F", "compressors": Zstd(1)},
    "slashes": {"chunk_key_encoding": {"name": "v2", "separator": "/"}},
}
V3: dict[str, Any] = {
    "plain": {},
    "blosc": {"compressors": BloscCodec(cname="lz4")},
    "zstd": {"compressors": ZstdCodec()},
    "gzip": {"compressors": GzipCodec()},
    "crc": {"compressors": [ZstdCodec(), zarr.codecs.Crc32cCodec()]},
    "crc_inside": {"compressors": [zarr.codecs.Crc32cCodec(), ZstdCodec()]},
    "big_endian": {"serializer": zarr.codecs.BytesCodec(endian="big")},
    "transposed": {"filters": [zarr.codecs.TransposeCodec(order=(3, 1, 0, 2))], "compressors": ZstdCodec()},
    "v2_names": {"chunk_key_encoding": {"name": "v2", "separator": "."}},
    "dots": {"chunk_key_encoding": {"name": "default", "separator": "."}},
    "shards": {"chunks": (1, 1, 10, 35), "shards": (2, 2, 20, 70), "compressors": ZstdCodec()},
    "shards_index_first": {
        "chunks": (1, 2, 20, 70),
        "serializer": ShardingCodec(chunk_shape=(1, 1, 20, 35), codecs=[zarr.codecs.BytesCodec(), ZstdCodec()],
                                    index_location="start"),
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("version", "options"),
    [pytest.param(2, each, id=f"v2_{name}") for name, each in V2.items()]
    + [pytest.param(3, each, id=f"v3_{name}") for name, each in V3.items()],
)
def test_reads_what_zarr_python_wrote(tmp_path: Path, version: int, options: dict[str, Any]) -> None:
    path = store(tmp_path / "array", zarr_format=version, **options)
    for index in np.ndindex(2, 3):
        assert np.array_equal(read_image(path, whole(*index)), PIXELS[index])
    part = ArrayPlane((1, 2), 13, 30, 31, 37)
    read = read_image(path, part, (31, 37), "uint16")
    assert np.array_equal(read, PIXELS[1, 2, 13:44, 30:67])
    assert read.flags.writeable
    assert read.flags.c_contiguous
    assert read_image_header(path, part).shape == (31, 37)


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_any_part_of_any_array(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 9), min_size=2, max_size=5)))
    chunks = tuple(data.draw(st.integers(1, size)) for size in shape)
    dtype = data.draw(st.sampled_from(["u1", "i2", ">u2", "u4", "f4", "f8", "bool"]))
    pixels = np.random.default_rng(1).integers(0, 99, shape).astype(dtype)
    path = tmp_path_factory.mktemp("array") / "a"
    options: dict[str, Any] = {"chunks": chunks, "zarr_format": data.draw(st.sampled_from([2, 3]))}
    if options["zarr_format"] == 3 and dtype != "bool" and data.draw(st.booleans()):
        options["shards"] = tuple(chunk * data.draw(st.integers(1, 3)) for chunk in chunks)
    zarr.create_array(path, shape=shape, dtype=dtype, config=EMPTY, **options)[...] = pixels
    index = tuple(data.draw(st.integers(0, size - 1)) for size in shape[:-2])
    top, left = (data.draw(st.integers(0, size - 1)) for size in shape[-2:])
    rows, columns = data.draw(st.integers(1, shape[-2] - top)), data.draw(st.integers(1, shape[-1] - left))
    read = read_image(str(path), ArrayPlane(index, top, left, rows, columns))
    assert read.dtype == pixels.dtype.newbyteorder("=")
    assert np.array_equal(read, pixels[index][top : top + rows, left : left + columns])


@pytest.mark.parametrize(
    ("options", "lost", "named"),
    [
        pytest.param({"zarr_format": 2}, "0.0.1.0", r"array/0\.0\.1\.0: the chunk is missing", id="v2"),
        pytest.param({"zarr_format": 3}, "c/0/0/1/0", r"array/c/0/0/1/0: the chunk is missing", id="v3"),
    ],
)
def test_a_missing_chunk_is_named_and_never_zeros(tmp_path: Path, options: Any, lost: str, named: str) -> None:
    path = store(tmp_path / "array", **options)
    (Path(path) / lost).unlink()
    assert read_image(path, ArrayPlane((0, 0), 0, 0, 20, 70)).all()
    with pytest.raises(ImageError, match=named):
        read_image(path, whole(0, 0))


def test_a_chunk_that_its_shard_does_not_hold_is_named(tmp_path: Path) -> None:
    empty = PIXELS.copy()
    empty[0, 0, 10:20, 35:] = 0
    path = store(tmp_path / "array", empty, **V3["shards"])
    assert read_image(path, ArrayPlane((0, 0), 0, 0, 10, 70)).all()
    with pytest.raises(ImageError, match=r"c/0/0/0/0: chunk 0/0/1/1 is missing"):
        read_image(path, whole(0, 0))


@pytest.mark.parametrize("name", ["blosc", "zstd", "gzip", "plain", "shards"])
@pytest.mark.parametrize("damage", ["half", "overwritten", "empty"])
def test_a_damaged_chunk_is_named(tmp_path: Path, name: str, damage: str) -> None:
    path = store(tmp_path / "array", **V3[name])
    [file, *_] = image_files(path, ArrayPlane((1, 2), 0, 0, 10, 10))
    data = Path(file).read_bytes()
    half = len(data) // 2
    Path(file).write_bytes({"half": data[:half], "overwritten": b"\xa5" * len(data), "empty": b""}[damage])
    if (name, damage) == ("plain", "overwritten"):
        return  # nothing tells
    with pytest.raises(ImageError, match=r"/c/[01]/[01]/0/0: "):
        read_image(path, ArrayPlane((1, 2), 0, 0, 10, 10))


CUT = [
    pytest.param(version, options, id=f"v{version}_{name}")
    for version, all_options in ((2, V2), (3, V3))
    for name, options in all_options.items()
    if "crc" not in name  # it is not verified
]


@pytest.mark.parametrize(("version", "options"), CUT)
def test_a_chunk_without_its_last_byte_is_cut(tmp_path: Path, version: int, options: dict[str, Any]) -> None:
    path = store(tmp_path / "array", zarr_format=version, **options)
    [file, *_] = image_files(path, whole(1, 2))
    os.truncate(file, os.path.getsize(file) - 1)
    with pytest.raises(ImageError, match=re.escape(file)):
        read_image(path, whole(1, 2))


@pytest.mark.parametrize(
    ("version", "options"),
    [
        pytest.param(3, {"compressors": ZstdCodec(checksum=True)}, id="zstd"),
        pytest.param(3, V3["gzip"], id="gzip"),
        pytest.param(2, V2["zlib"], id="zlib"),
        pytest.param(2, V2["bz2"], id="bz2"),
        pytest.param(2, V2["lzma"], id="lzma"),
    ],
)
def test_a_checksum_behind_a_chunk_is_looked_at(tmp_path: Path, version: int, options: dict[str, Any]) -> None:
    path = store(tmp_path / "array", zarr_format=version, **options)
    [file, *_] = image_files(path, whole(1, 2))
    whole_chunk = Path(file).read_bytes()
    for at in range(len(whole_chunk) // 2, len(whole_chunk), max(1, len(whole_chunk) // 40)):
        data = bytearray(whole_chunk)
        data[at] ^= 0x10
        Path(file).write_bytes(data)
        try:
            read = read_image(path, whole(1, 2))
        except ImageError:
            continue
        assert np.array_equal(read, PIXELS[1, 2])


@pytest.mark.timeout(10)
@pytest.mark.parametrize("name", ["chunk", "metadata"])
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(os.mkfifo, "a FIFO", id="fifo"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), "a device", id="device"),
        pytest.param(lambda path: path.symlink_to("gone"), "is a link to gone|holds no Zarr array", id="dangling"),
    ],
)
def test_what_stands_in_place_of_a_file_is_told(
    tmp_path: Path, name: str, make: Callable[[Path], object], reason: str
) -> None:
    path = store(tmp_path / "array")
    file = Path(image_files(path, whole(0, 0))[0]) if name == "chunk" else Path(path, "zarr.json")
    file.unlink()
    make(file)
    with pytest.raises(ImageError, match=reason) as error:
        read_image(path, whole(0, 0))
    assert path in str(error.value)


def test_a_chunk_that_claims_more_than_it_is(tmp_path: Path) -> None:
    shape = (1, 1, 8192, 8192)
    zeros = np.zeros(shape, np.uint16)
    path = store(tmp_path / "array", zeros, chunks=shape, compressors=ZstdCodec(), config=EMPTY)
    with pytest.raises(ImageError, match="claims 128 MB of pixels in a file of"):
        read_image(path, ArrayPlane((0, 0), 0, 0, 10, 10))


@pytest.mark.parametrize("codec", ["blosc", "zstd", "gzip", "zlib", "bz2", "lzma"])
def test_a_chunk_is_decoded_no_further_than_it_may_be(tmp_path: Path, codec: str) -> None:
    path = store(tmp_path / "small", zarr_format=2, **V2[codec])
    zeros = np.zeros((1, 1, 4000, 4000), np.uint16)
    large = store(tmp_path / "large", zeros, zarr_format=2, **V2[codec] | {"chunks": zeros.shape}, config=EMPTY)
    shutil.copy(f"{large}/0.0.0.0", f"{path}/0.0.0.0")
    tracemalloc.start()
    try:
        # Where a codec cannot tell how much is to come, what is too much is left.
        with suppress(ImageError):
            read_image(path, ArrayPlane((0, 0), 0, 0, 10, 10))
        assert tracemalloc.get_traced_memory()[1] < zeros.nbytes / 3
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"codecs": [{"name": "zfpy"}]}, "codec 'zfpy' cannot be read", id="codec"),
        pytest.param({"data_type": "complex64"}, "data type 'complex64' cannot be read", id="dtype"),
        pytest.param({"data_type": "no such"}, "is no description of an array", id="no_dtype"),
        pytest.param({"shape": [2, 3, 0, 70]}, "do not describe an array with pixels", id="empty"),
        pytest.param({"shape": "2"}, "do not describe an array", id="shape"),
        pytest.param({"shape": [2**10, 2**9, 50, 70]}, "claims 524288 planes, more than the 262144", id="planes"),
        pytest.param({"shape": [10**21, 1, 50, 70]}, f"claims {10**21} planes, more than", id="beyond_64_bits"),
        pytest.param({"node_type": "group"}, "regular grid", id="group"),
        pytest.param(
            {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, 1, 2**20, 2**20]}}},
            "are larger than",
            id="bomb",
        ),
    ],
)
def test_metadata_that_cannot_be_read_say_why(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    path = store(tmp_path / "array")
    file = Path(path) / "zarr.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(ImageError, match=reason) as refused:
        describe_array(path)
    assert str(file) in str(refused.value)


def test_filters_of_version_2_are_refused(tmp_path: Path) -> None:
    path = store(tmp_path / "array", zarr_format=2)
    file = Path(path) / ".zarray"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"filters": [{"id": "delta"}]}))
    with pytest.raises(ImageError, match="filter 'delta' cannot be read"):
        describe_array(path)


@pytest.mark.parametrize("text", ["", "[]", "{", "\xff"])
def test_metadata_that_are_no_json_object(tmp_path: Path, text: str) -> None:
    (tmp_path / "zarr.json").write_text(text, encoding="latin-1")
    with pytest.raises(ImageError, match=r"zarr\.json: is no JSON"):
        describe_array(str(tmp_path))


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(ArrayPlane((2, 0), 0, 0, 1, 1), id="index"),
        pytest.param(ArrayPlane((0,), 0, 0, 1, 1), id="dimensions"),
        pytest.param(ArrayPlane((0, 0), 40, 0, 11, 1), id="rows"),
        pytest.param(ArrayPlane((0, 0), 0, -1, 1, 1), id="before"),
        pytest.param(ArrayPlane((0, 0), 0, 0, 0, 1), id="nothing"),
    ],
)
def test_a_part_that_is_not_in_the_array(tmp_path: Path, part: ArrayPlane) -> None:
    path = store(tmp_path / "array")
    for read in (read_image, read_image_header):
        with pytest.raises(ImageError, match=r"is not in the array of \(2, 3, 50, 70\)"):
            read(path, part)


def test_demands(tmp_path: Path) -> None:
    path = store(tmp_path / "array")
    with pytest.raises(ImageError, match=r"50 x 70 pixels .*, not the 50 x 71 expected"):
        read_image(path, whole(0, 0), (50, 71))
    with pytest.raises(ImageError, match="its pixels are uint16, not the uint8 expected"):
        read_image(path, whole(0, 0), dtype="uint8")


def test_no_array(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="holds no Zarr array"):
        read_image(str(tmp_path), whole(0, 0))


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("values", [["x", "µm", "", "FOV_10", "e"], ["1"]])
@pytest.mark.filterwarnings("ignore")
def test_columns_of_text(tmp_path: Path, version: Literal[2, 3], values: list[str]) -> None:
    path = tmp_path / "text"
    options: dict[str, Any] = {"filters": [VLenUTF8()]} if version == 2 else {}
    array = zarr.create_array(
        path, shape=(len(values),), chunks=(2,), dtype="string", zarr_format=version, **options, attributes={"a": 1}
    )
    array[...] = np.array(values, object)
    assert read_column(str(path)) == values
    assert read_attributes(str(path)) == {"a": 1}
    with pytest.raises(ImageError, match=r"holds text, no pixels|is not in the array"):
        read_image(str(path), ArrayPlane((), 0, 0, 1, 1))
