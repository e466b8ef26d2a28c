"""Whatever is wrong with an image: soon an error that names the file, and never zeros for pixels that are not there."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from tests.broken_images import BOMBS, IMAGES, Broken, write_tiff

from plateflow.errors import ImageError
from plateflow.storage.tiff import read_description, read_header, read_plane, write_plane

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PLANE = np.random.default_rng(18).integers(100, 4000, (48, 48)).astype(np.uint16)
SOON = 1.0
"""Seconds."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_plane(str(tmp_path / "B06.tif"), PLANE)
    return tmp_path / "B06.tif"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("broken", IMAGES.values(), ids=IMAGES.keys())
def test_a_broken_image_is_an_error_that_names_the_file(
    path: Path, broken: Broken, caplog: pytest.LogCaptureFixture
) -> None:
    broken.make(path)
    began = time.monotonic()
    with pytest.raises(ImageError) as error:
        read_plane(str(path), PLANE.shape, PLANE.dtype)
    assert time.monotonic() - began < SOON
    assert str(error.value).startswith(f"{path}: ")
    assert re.search(rf"{broken.words}|No such file", str(error.value))


HEADERS = {
    name: broken
    for name, broken in IMAGES.items()
    if re.search(r"\bcut\b|nowhere|never|fewer|beyond|page|stack|colour|FIFO|link|last byte|gone", name)
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("broken", HEADERS.values(), ids=HEADERS.keys())
def test_what_the_header_tells_is_found_without_the_pixels(path: Path, broken: Broken) -> None:
    broken.make(path)
    with pytest.raises(ImageError, match=re.escape(str(path))):
        read_header(str(path))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("broken", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_refused_from_its_header(path: Path, broken: Broken) -> None:
    broken.make(path)
    for read in (read_header, read_plane):
        began = time.monotonic()
        with pytest.raises(ImageError, match=broken.words):
            read(str(path))
        assert time.monotonic() - began < SOON
    if "field" in broken.words:
        with pytest.raises(ImageError, match=broken.words):
            read_description(str(path))


def test_an_image_may_be_large_or_well_packed(path: Path) -> None:
    blank = np.zeros((4096, 4096), np.uint16)
    tifffile.imwrite(path, blank, compression="zstd", metadata=None)
    assert blank.nbytes > 1000 * path.stat().st_size  # a blank one of a common size
    assert not read_plane(str(path)).any()
    noise = np.random.default_rng(0).integers(0, 2, (6200, 6200)).astype(np.uint16)
    tifffile.imwrite(path, noise, compression="zstd", metadata=None)
    assert noise.nbytes > 2**26
    assert read_header(str(path)).shape == noise.shape


def test_an_offset_beyond_what_a_file_can_have(path: Path) -> None:
    path.write_bytes(b"II+\0\x08\0\0\0" + b"\xff" * 8)
    with pytest.raises(ImageError, match="cut off in its header"):
        read_header(str(path))


def test_a_plain_strip_that_lies_nowhere(path: Path) -> None:
    write_tiff(path, (8, 8), bytes(range(128)), compression=1)
    assert read_plane(str(path)).any()
    data = bytearray(path.read_bytes())
    at = data.index((273).to_bytes(2, "little"), 8)
    data[at + 8 : at + 12] = bytes(4)
    path.write_bytes(data)
    with pytest.raises(ImageError, match="never written"):
        read_plane(str(path))


FORMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "strips": {"rowsperstrip": 7},
    "bigtiff": {"bigtiff": True},
    "deflate": {"compression": "deflate", "predictor": True, "rowsperstrip": 5},
    "tiles": {"compression": "zstd", "tile": (16, 16)},
    "lzw, big endian": {"compression": "lzw", "byteorder": ">"},
    "jpeg": {"compression": "jpeg"},
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_damaged_headers_never_make_zeros(path: Path, form: dict[str, Any]) -> None:
    """Change one to three bytes of the header, 200 times."""
    plane = PLANE.astype(np.uint8) | 1 if "jpeg" in form.values() else PLANE
    tifffile.imwrite(path, plane, photometric="minisblack", metadata=None, **form)
    whole = path.read_bytes()
    random = np.random.default_rng(19)
    for _ in range(200):
        path.write_bytes(damaged(whole, random))
        began = time.monotonic()
        with suppress(ImageError):
            read = read_plane(str(path), plane.shape, plane.dtype)
            assert read.shape == plane.shape
            assert np.mean(read == 0) < 0.05
        assert time.monotonic() - began < SOON


def damaged(whole: bytes, random: np.random.Generator) -> bytes:
    data = bytearray(whole)
    for at in random.integers(0, 200, random.integers(1, 4)):
        data[at] = random.choice(np.array([0, 1, 2, 255, int(random.integers(256))]))
    return bytes(data)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_a_cut_file_is_never_taken_for_whole(path: Path, form: dict[str, Any]) -> None:
    plane = PLANE.astype(np.uint8) if "jpeg" in form.values() else PLANE
    tifffile.imwrite(path, plane, photometric="minisblack", metadata=None, **form)
    size = path.stat().st_size
    end = max(last_byte(path), 1)
    for kept in {*range(0, size, 61), end - 1}:
        whole = path.read_bytes()
        os.truncate(path, kept)
        with pytest.raises(ImageError):
            read_plane(str(path))
        path.write_bytes(whole)


def last_byte(path: Path) -> int:
    """Return where the pixels end: behind them may be padding, which nobody misses."""
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        return max(offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True))


def test_what_is_said_of_a_file_that_may_not_be_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NDArray[Any]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("plateflow.storage.regular.os.open", refuse)
    with pytest.raises(ImageError, match=r"B06\.tif: Permission denied; change its permissions"):
        read_header(str(path))
