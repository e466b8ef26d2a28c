import os
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
