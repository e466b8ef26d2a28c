import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from plateflow.errors import ImageError
from plateflow.storage.image import read_image, read_image_header
from plateflow.storage.png import write_png


def test_reads_back_equal(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    write_png(tmp_path / "a.png", pixels[::-1])
    np.testing.assert_array_equal(imagecodecs.png_decode((tmp_path / "a.png").read_bytes()), pixels[::-1])


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4), "u1"), np.zeros((4, 4, 4), "u1"), np.zeros((4, 4, 3), "u2"), np.zeros((0, 4, 3), "u1")],
    ids=["grey", "rgba", "16 bit", "empty"],
)
def test_refuses_other_pixels(tmp_path: Path, pixels: NDArray[Any]) -> None:
    with pytest.raises(ImageError, match=r"a\.png: a picture of shape"):
        write_png(tmp_path / "a.png", pixels)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_reads_grey_planes(tmp_path: Path, dtype: str) -> None:
    plane = np.random.default_rng(0).integers(0, 250, (5, 7)).astype(dtype)
    path = tmp_path / "a.PNG"
    path.write_bytes(imagecodecs.png_encode(plane))
    np.testing.assert_array_equal(read_image(str(path), None, (5, 7), dtype), plane)
    assert (read_image_header(str(path)).shape, read_image_header(str(path)).dtype) == ((5, 7), np.dtype(dtype))
    with pytest.raises(ImageError, match="not the 5 x 8 expected"):
        read_image(str(path), None, (5, 8))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(imagecodecs.png_encode(np.zeros((4, 4, 3), "u1")), "grey is needed", id="colour"),
        pytest.param(imagecodecs.png_encode(np.zeros((40, 40), "u1"))[:-30], "cannot be read as a PNG", id="cut_off"),
        pytest.param(imagecodecs.png_encode(np.zeros((4, 4), "u1"))[:20], "is no PNG", id="cut_off_header"),
        pytest.param(b"", "is no PNG", id="empty"),
        pytest.param(b"x" * 100, "is no PNG", id="other"),
        pytest.param(None, "No such file", id="missing"),
    ],
)
def test_refuses_other_planes(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "a.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImageError, match=reason) as refused:
        read_image(str(path))
    assert str(path) in str(refused.value)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(os.mkfifo, "is not a regular file but a FIFO", id="fifo"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), "is not a regular file but a device", id="device"),
        pytest.param(
            lambda path: path.symlink_to("gone"), "No such file or directory: it is a link to gone", id="dangling"
        ),
        pytest.param(lambda path: path.mkdir(), "is not a regular file but a folder", id="folder"),
        pytest.param(lambda path: path.touch(), "is no PNG", id="empty"),
    ],
)
def test_what_is_no_png_is_told_at_once(tmp_path: Path, make: Callable[[Path], object], reason: str) -> None:
    make(tmp_path / "a.png")
    for read in (read_image_header, read_image):
        with pytest.raises(ImageError, match=rf"a\.png: {reason}"):
            read(str(tmp_path / "a.png"))


def test_no_cut_or_damaged_png_is_taken_for_whole(tmp_path: Path) -> None:
    whole = imagecodecs.png_encode(np.random.default_rng(0).integers(1, 250, (40, 50), np.uint8))
    path = tmp_path / "a.png"
    for kept in range(0, len(whole) - 12, 101):
        path.write_bytes(whole[:kept])
        with pytest.raises(ImageError, match=r"a\.png"):
            read_image(str(path))
    for at in range(45, len(whole) - 12, 101):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        with pytest.raises(ImageError, match=r"a\.png"):
            read_image(str(path))


def test_a_png_that_claims_more_than_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(imagecodecs.png_encode(np.zeros((12_000, 12_000), np.uint8), level=9)[:5000])
    with pytest.raises(ImageError, match="claims 137 MB of pixels in a file of 5000 bytes"):
        read_image_header(str(path))
