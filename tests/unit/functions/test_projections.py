from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import ndimage as ndi

from plateflow.functions import project_focus, project_max, project_mean, project_min, project_sum

if TYPE_CHECKING:
    from collections.abc import Callable

STACK = np.array([[[200, 1]], [[250, 3]], [[150, 2]]], np.uint8)


@pytest.mark.parametrize(
    ("function", "expected", "dtype"),
    [
        (project_max, [250, 3], "uint8"),
        (project_min, [150, 1], "uint8"),
        (project_mean, [200, 2], "float32"),
        (project_sum, [600, 6], "float32"),
    ],
)
def test_projections(function: Callable[..., Any], expected: list[float], dtype: str) -> None:
    projected = function(STACK)
    assert projected.tolist() == [expected]
    assert projected.dtype == dtype


def test_focus_takes_each_part_from_its_sharp_plane() -> None:
    sharp = np.random.default_rng(2).integers(0, 255, (60, 60)).astype(np.uint8)
    blurred = ndi.gaussian_filter(sharp, 3)
    left, right = sharp.copy(), sharp.copy()
    left[:, 30:] = blurred[:, 30:]
    right[:, :30] = blurred[:, :30]
    focused = project_focus(np.stack([left, right, blurred]))
    assert np.array_equal(focused[:, :20], sharp[:, :20])
    assert np.array_equal(focused[:, 40:], sharp[:, 40:])
    assert focused.dtype == np.uint8
