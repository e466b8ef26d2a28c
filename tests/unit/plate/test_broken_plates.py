"""What stands in place of a plate's files, and plates of two vendors: an answer at once, whatever it is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from plateflow.errors import PlateError
from plateflow.plate.open import open_plate

if TYPE_CHECKING:
    from pathlib import Path

MARKS = ("9.HTD", "Index.xml", "Index.idx.xml", "MeasurementData.mlf", "zarr.json", ".zattrs")
KNOWN = {"9.HTD": "imagexpress-htd", "Index.xml": "opera-phenix", "MeasurementData.mlf": "yokogawa"}


@pytest.mark.timeout(10)
@pytest.mark.parametrize("name", [*MARKS, "load_data.csv"])
@pytest.mark.parametrize("kind", ["fifo", "device", "loop", "folder", "empty"])
def test_marks_that_are_no_files(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "loop":
            path.symlink_to(path)
        case "folder":
            path.mkdir()
        case "empty":
            path.touch()
    with pytest.raises(PlateError) as refused:
        open_plate(tmp_path)
    assert str(tmp_path) in str(refused.value)


@pytest.mark.parametrize("second", ["Index.xml", "MeasurementData.mlf"])
def test_two_vendors_in_one_folder_are_named(tmp_path: Path, second: str) -> None:
    for name in ("9.HTD", second):
        (tmp_path / name).touch()
    with pytest.raises(PlateError, match=rf"imagexpress-htd by 9\.HTD and {KNOWN[second]} by {second}; choose one"):
        open_plate(tmp_path)
    with pytest.raises(PlateError, match=second):
        open_plate(tmp_path, layout=KNOWN[second])


def test_images_of_two_vendors_without_their_files(tmp_path: Path) -> None:
    """Names alone are a weak mark, but two of them are two."""
    guid = "E94C24BD-45E4-450A-9919-257C714278F7"
    for name in ("B7_01_1_1_DAPI_001.tif", f"x_E07_s1_w1{guid}.tif"):
        (tmp_path / name).touch()
    with pytest.raises(
        PlateError, match=rf"imagexpress-database by x_E07_s1_w1{guid}\.tif and cytation by B7_01_1_1_DAPI_001"
    ):
        open_plate(tmp_path)
