from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage as ndi
from skimage import filters

from plateflow.functions import measure_image_quality, measure_threshold

NOISE = np.random.default_rng(3).integers(20, 200, (128, 160)).astype(np.uint16)


def test_the_slope_falls_with_blur() -> None:
    slopes = [
        measure_image_quality(ndi.gaussian_filter(NOISE.astype(float), sigma))["ImageQuality_PowerLogLogSlope_{image}"]
        for sigma in (0, 1, 2, 4)
    ]
    assert slopes == sorted(slopes, reverse=True)
    assert slopes[0] == pytest.approx(0, abs=0.1)  # white noise has as much power at every frequency


def test_a_power_law_has_its_exponent_as_slope() -> None:
    rows, columns = np.fft.fftfreq(128), np.fft.fftfreq(128)
    frequency = np.hypot(rows[:, np.newaxis], columns)
    frequency[0, 0] = 1
    phase = np.fft.fft2(np.random.default_rng(4).normal(size=(128, 128)))
    image = np.fft.ifft2(phase / np.abs(phase) * frequency**-1.0).real
    slope = measure_image_quality(image - image.min())["ImageQuality_PowerLogLogSlope_{image}"]
    assert slope == pytest.approx(-2, abs=0.1)


def test_grey_values_and_saturation() -> None:
    image = np.array([[0, 10, 20, 255], [30, 40, 255, 255]], np.uint8)
    record = {name.split("_")[1]: value for name, value in measure_image_quality(image).items()}
    assert record["PercentMaximal"] == pytest.approx(37.5)
    assert record["PercentMinimal"] == pytest.approx(12.5)
    assert record["MeanIntensity"] == pytest.approx(image.mean())
    assert record["FocusScore"] == pytest.approx(image.var() / image.mean())
    assert record["TotalIntensity"] == 865
    assert np.isnan(record["PowerLogLogSlope"])  # too small an image for a spectrum


def test_a_black_image_is_measured_too() -> None:
    record = measure_image_quality(np.zeros((64, 64), np.uint8))
    assert record["ImageQuality_PercentMaximal_{image}"] == 100
    assert np.isnan(record["ImageQuality_FocusScore_{image}"])
    assert np.isnan(record["ImageQuality_PowerLogLogSlope_{image}"])


def test_thresholds_are_those_of_scikit_image() -> None:
    assert measure_threshold(NOISE, method="li") == {
        "ImageQuality_ThresholdLi_{image}": pytest.approx(filters.threshold_li(NOISE))
    }
    smooth = filters.gaussian(NOISE.astype(float), 2, preserve_range=True)
    assert measure_threshold(NOISE, smoothing=2) == {
        "ImageQuality_ThresholdOtsu_{image}": pytest.approx(filters.threshold_otsu(smooth))
    }
    assert measure_threshold(np.full((9, 9), 7.0)) == {"ImageQuality_ThresholdOtsu_{image}": 7}
