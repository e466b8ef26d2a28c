"""Shapes against scikit-image's own, object by object."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage as ndi
from skimage.measure import regionprops

from plateflow.functions import measure_shape

SHAPES = np.zeros((60, 80), np.int32)
SHAPES[5:15, 5:30] = 7
SHAPES[20:22, 40:41] = 3
SHAPES[30, 30] = 9
SHAPES[(np.hypot(*(np.mgrid[:60, :80] - np.array([[[42]], [[60]]]))) <= 12)] = 40
SHAPES[np.eye(60, 80, 3, dtype=bool) & (SHAPES == 0)] = 12


def blobs() -> np.ndarray:
    smooth = ndi.gaussian_filter(np.random.default_rng(5).normal(size=(120, 130)), 3)
    return ndi.label(smooth > 0.03)[0].astype(np.int32)


@pytest.mark.parametrize("labels", [SHAPES, blobs()], ids=["drawn", "blobs"])
def test_every_feature_is_that_of_regionprops(labels: np.ndarray) -> None:
    table = measure_shape(labels, detailed=True)
    props = regionprops(labels)
    expected = {
        "Area": [p.area for p in props],
        "Center_X": [p.centroid[1] for p in props],
        "Center_Y": [p.centroid[0] for p in props],
        "BoundingBoxMinimum_X": [p.bbox[1] for p in props],
        "BoundingBoxMinimum_Y": [p.bbox[0] for p in props],
        "BoundingBoxMaximum_X": [p.bbox[3] for p in props],
        "BoundingBoxMaximum_Y": [p.bbox[2] for p in props],
        "BoundingBoxArea": [p.area_bbox for p in props],
        "Extent": [p.extent for p in props],
        "EquivalentDiameter": [p.equivalent_diameter_area for p in props],
        "MajorAxisLength": [p.axis_major_length for p in props],
        "MinorAxisLength": [p.axis_minor_length for p in props],
        "Eccentricity": [p.eccentricity for p in props],
        "Perimeter": [p.perimeter for p in props],
        "Solidity": [p.solidity for p in props],
        "EulerNumber": [p.euler_number for p in props],
        "MaxFeretDiameter": [p.feret_diameter_max for p in props],
    }
    for name, values in expected.items():
        assert table[f"AreaShape_{name}"] == pytest.approx(values, abs=1e-5), name
    long = np.array([p.eccentricity > 0.3 for p in props])
    turned = table["AreaShape_Orientation"] - np.degrees([p.orientation for p in props])
    assert (np.abs((turned + 90) % 180 - 90)[long] < 1e-4).all()


def test_a_disc_has_form_factor_1() -> None:
    y, x = np.mgrid[:100, :100]
    table = measure_shape((np.hypot(y - 50, x - 50) <= 30).astype(np.int32), detailed=True)
    assert table["AreaShape_FormFactor"] == pytest.approx([1], abs=0.1)
    assert table["AreaShape_FormFactor"] * table["AreaShape_Compactness"] == pytest.approx([1])


@pytest.mark.parametrize("detailed", [False, True])
def test_no_objects_give_empty_columns_with_all_names(detailed: bool) -> None:
    none = measure_shape(np.zeros((8, 8), np.int32), detailed=detailed)
    assert set(none) == set(measure_shape(SHAPES, detailed=detailed))
    assert {values.shape for values in none.values()} == {(0,)}
    assert {values.dtype.name for values in none.values()} == {"float64"}
