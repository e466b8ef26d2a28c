from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from plateflow.functions.overlay import COLOURS, outlines

if TYPE_CHECKING:
    from numpy.typing import NDArray


def square(number: int, low: int, high: int) -> NDArray[np.int32]:
    labels = np.zeros((12, 12), np.int32)
    labels[low:high, low:high] = number
    return labels


def test_without_objects_the_picture_is_the_stretched_image_in_grey() -> None:
    image = np.repeat(np.linspace(100, 1000, 12)[None], 12, axis=0)
    picture = outlines(image, {})
    assert picture.shape == (12, 12, 3)
    assert picture.dtype == np.uint8
    assert (picture == picture[..., :1]).all()
    assert picture[0, 0, 0] == 0
    assert picture[0, -1, 0] == 255
    assert (np.diff(picture[0, :, 0].astype(int)) > 0).all()


def test_each_set_is_outlined_in_its_own_colour_and_not_filled() -> None:
    picture = outlines(np.zeros((12, 12)), {"Nuclei": square(3, 5, 8), "Cells": square(3, 2, 11)})
    first, second = ((picture == colour).all(axis=2) for colour in COLOURS[:2])
    assert first.sum() == 3 * 4 - 4
    assert second.sum() == 9 * 4 - 4
    assert first[5, 5]
    assert second[2, 2]
    assert list(picture[6, 6]) == [0, 0, 0], "the inside shows the image"


def test_touching_objects_are_parted_by_a_line() -> None:
    labels = square(1, 2, 10)
    labels[2:10, 6:10] = 2
    line = (outlines(np.zeros((12, 12)), {"Nuclei": labels}) == COLOURS[0]).all(axis=2)
    assert line[5, 5]
    assert line[5, 6]
    assert not line[5, 4]


def test_the_colours_start_again_after_the_last() -> None:
    none = np.zeros((12, 12), np.int32)
    sets = {f"Set{k}": none for k in range(len(COLOURS))} | {"More": square(1, 4, 8)}
    assert tuple(outlines(none, sets)[4, 4]) == COLOURS[0]


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.zeros((12, 12), np.uint8), id="black"),
        pytest.param(np.full((12, 12), 65535, np.uint16), id="saturated"),
        pytest.param(np.full((12, 12), 0.5, np.float32), id="float"),
        pytest.param(np.zeros((12, 12), np.bool_), id="bool"),
    ],
)
def test_a_constant_image_is_black(image: NDArray[Any]) -> None:
    assert not outlines(image, {"Nuclei": square(0, 0, 1)}).any()


def test_the_colours_differ_in_lightness_or_hue_and_none_is_grey() -> None:
    assert len(set(COLOURS)) == len(COLOURS)
    assert all(max(colour) - min(colour) > 60 for colour in COLOURS)
