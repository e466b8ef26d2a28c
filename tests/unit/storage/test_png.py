import os
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from plateflow.errors import ImageError
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
