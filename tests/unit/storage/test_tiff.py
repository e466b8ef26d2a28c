from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from plateflow.errors import ImageError
from plateflow.storage import tiff
from plateflow.storage.tiff import ImageHeader, read_description, read_header, read_plane, write_plane

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

PLANE = np.random.default_rng(7).integers(0, 4000, (40, 50)).astype(np.uint16)

FORMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "big_endian": {"byteorder": ">"},
    "strips": {"rowsperstrip": 7},
    "tiles": {"tile": (16, 16)},
    "bigtiff": {"bigtiff": True},
    "lzw": {"compression": "lzw"},
    "deflate_predictor": {"compression": "deflate", "predictor": True},
    "packbits": {"compression": "packbits"},
}


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "B06.tif")


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_reads_pixels_of_every_form(path: str, form: dict[str, Any]) -> None:
    tifffile.imwrite(path, PLANE, photometric="minisblack", **form)
    plane = read_plane(path, (40, 50), "uint16")
    np.testing.assert_array_equal(plane, PLANE)
    assert plane.dtype == np.uint16
    assert plane.dtype.isnative
    assert plane.flags.writeable
    assert plane.flags.c_contiguous
    assert read_header(path) == ImageHeader((40, 50), np.dtype("uint16"))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int16", "float32", "float64"])
def test_write_then_read_keeps_pixels(path: str, dtype: str) -> None:
    plane = (PLANE // 16).astype(dtype)
    write_plane(path, plane)
    read = read_plane(path)
    assert read.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(read, plane)


def test_plain_pixels_do_not_pass_through_tifffile(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_plane(path, PLANE)
    monkeypatch.setattr("plateflow.storage.tiff.tifffile.TiffFile", None)
    np.testing.assert_array_equal(read_plane(path), PLANE)
    assert read_header(path).shape == (40, 50)


def test_strips_are_read_in_their_order_wherever_they_lie(path: str) -> None:
    tifffile.imwrite(path, PLANE, rowsperstrip=8, metadata=None)
    with tifffile.TiffFile(path, mode="r+") as file:
        offsets = file.pages.first.dataoffsets
        file.pages.first.tags["StripOffsets"].overwrite((*offsets[:3], offsets[4], offsets[3]))
    np.testing.assert_array_equal(read_plane(path), np.concatenate((PLANE[:24], PLANE[32:], PLANE[24:32])))


def test_palette_index_is_the_intensity(path: str) -> None:
    index = (PLANE % 256).astype(np.uint8)
    colormap = np.random.default_rng(0).integers(0, 65536, (3, 256)).astype(np.uint16)
    tifffile.imwrite(path, index, photometric="palette", colormap=colormap)
    np.testing.assert_array_equal(read_plane(path), index)


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_white_is_zero_is_not_inverted(path: str, compression: str | None) -> None:
    tifffile.imwrite(path, PLANE, photometric="miniswhite", compression=compression)
    np.testing.assert_array_equal(read_plane(path), PLANE)


def test_reads_description(path: str) -> None:
    tifffile.imwrite(path, PLANE, description="from the microscope", metadata=None)
    assert read_description(path) == "from the microscope"
    tifffile.imwrite(path, PLANE, description="the first", metadata={"axes": "YX"})  # it writes a second one
    assert read_description(path) == "the first"
    write_plane(path, PLANE)
    assert read_description(path) == ""


def write_empty(path: str) -> None:
    open(path, "wb").close()


def write_text(path: str) -> None:
    with open(path, "w") as file:
        file.write("no image at all, but long enough for a header")


def write_pages(path: str) -> None:
    tifffile.imwrite(path, np.stack([PLANE] * 3), photometric="minisblack")


def write_colour(path: str) -> None:
    tifffile.imwrite(path, np.stack([PLANE] * 3, -1), photometric="rgb")


def write_volume(path: str) -> None:
    tifffile.imwrite(path, np.stack([PLANE] * 16), photometric="minisblack", volumetric=True, tile=(16, 16, 16))


def write_complex(path: str) -> None:
    tifffile.imwrite(path, PLANE.astype(np.complex64))


def write_bomb(path: str) -> None:
    """Claim 100,000 x 100,000 pixels."""
    write_plane(path, PLANE)
    with tifffile.TiffFile(path, mode="r+") as file:
        page = file.pages.first
        page.tags["ImageWidth"].overwrite(100_000)
        page.tags["ImageLength"].overwrite(100_000)


def write_half(path: str) -> None:
    write_plane(path, PLANE)
    os.truncate(path, os.path.getsize(path) - 1)


def write_half_compressed(path: str) -> None:
    tifffile.imwrite(path, PLANE, compression="deflate")
    os.truncate(path, os.path.getsize(path) - 1)


def write_header_only(path: str) -> None:
    with open(path, "wb") as file:
        file.write(struct.pack("<2sHI", b"II", 42, 8))


def write_unwritten_strip(path: str) -> None:
    tifffile.imwrite(path, PLANE, compression="deflate")
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages.first.tags["StripByteCounts"].overwrite(0)


BROKEN: dict[str, tuple[Callable[[str], object], str]] = {
    "missing": (lambda path: None, "No such file"),
    "folder": (os.mkdir, "not a regular file"),
    "fifo": (os.mkfifo, "not a regular file"),
    "empty": (write_empty, "is empty"),
    "text": (write_text, "is no TIFF file"),
    "header_only": (write_header_only, "B06.tif: "),
    "cut_off": (write_half, r"is cut off: 4\d+ bytes of 4\d+"),
    "cut_off_compressed": (write_half_compressed, "is cut off"),
    "unwritten_strip": (write_unwritten_strip, "never written"),
    "pages": (write_pages, "holds 3 pages"),
    "colour": (write_colour, "3 samples per pixel"),
    "volume": (write_volume, "holds 16 planes"),
    "complex": (write_complex, "complex64"),
    "bomb": (write_bomb, "claims 100000 x 100000 pixels"),
}


@pytest.mark.timeout(10)
@pytest.mark.parametrize(("make", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_files_are_image_errors_that_name_the_file(
    path: str, make: Callable[[str], object], reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    make(path)
    with pytest.raises(ImageError, match=reason) as error:
        read_plane(path)
    assert path in str(error.value)
    assert capfd.readouterr().out == ""


HEADER_BROKEN = {name: BROKEN[name] for name in ("missing", "fifo", "empty", "text", "pages", "colour", "bomb")}


@pytest.mark.timeout(10)
@pytest.mark.parametrize(("make", "reason"), HEADER_BROKEN.values(), ids=HEADER_BROKEN.keys())
def test_broken_headers_are_image_errors(path: str, make: Callable[[str], object], reason: str) -> None:
    make(path)
    with pytest.raises(ImageError, match=reason):
        read_header(path)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_no_truncated_file_is_taken_for_whole(path: str, form: dict[str, Any]) -> None:
    tifffile.imwrite(path, PLANE, photometric="minisblack", **form)
    size = os.path.getsize(path)
    for kept in (size - 1, *reversed(range(0, size, 97))):
        os.truncate(path, kept)
        with pytest.raises(ImageError):
            read_plane(path)


@pytest.mark.parametrize("compression", [None, "deflate"], ids=["plain", "compressed"])
@pytest.mark.parametrize(
    ("shape", "dtype", "reason"),
    [
        pytest.param((50, 40), None, "is 40 x 50 pixels .* not the 50 x 40 expected", id="shape"),
        pytest.param(None, "uint8", "are uint16, not the uint8 expected", id="dtype"),
    ],
)
def test_refuses_what_was_not_declared(
    path: str, compression: str | None, shape: tuple[int, int] | None, dtype: str | None, reason: str
) -> None:
    tifffile.imwrite(path, PLANE, compression=compression)
    with pytest.raises(ImageError, match=reason):
        read_plane(path, shape, dtype)


def test_read_error_of_a_failing_disk_names_the_file(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_plane(path, PLANE)

    def fail(*_: object) -> NDArray[Any]:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(tiff, "read_plain", fail)
    with pytest.raises(ImageError, match=r"B06\.tif: Input/output error"):
        read_plane(path)
