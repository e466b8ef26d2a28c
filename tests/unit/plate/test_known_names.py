from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plateflow.plate.open import open_plate

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("layout", "names", "addresses"),
    [
        pytest.param(
            "cellomics",
            ["AS_1_D03f00d0.tif", "AS_1_D03f00d1.TIF", "AS_1_H12f01d0.TIF"],
            [("D03", 0, "0"), ("D03", 0, "1"), ("H12", 1, "0")],
            id="cellomics",
        ),
        pytest.param(
            "sbs-names",
            ["Channel1-01-A-01.tif", "Channel2-01-A-01.tif", "Channel1-02-A-02.tiff"],
            [("A01", 1, "Channel1"), ("A01", 1, "Channel2"), ("A02", 1, "Channel1")],
            id="sbs",
        ),
    ],
)
@pytest.mark.parametrize("inner", ["", "Images"])
def test_reads_names(
    tmp_path: Path, layout: str, names: list[str], addresses: list[tuple[str, int, str]], inner: str
) -> None:
    (tmp_path / inner).mkdir(exist_ok=True)
    for name in [*names, "notes.txt"]:
        (tmp_path / inner / name).touch()
    plate = open_plate(tmp_path)
    assert plate.layout == layout
    records = [record for records in plate.wells.values() for record in records]
    assert [(r.well, r.site, r.channel) for r in records if not r.missing] == addresses


def test_gives_way_to_a_microscopes_own_files(tmp_path: Path) -> None:
    (tmp_path / "Channel1-01-A-01.tif").touch()
    (tmp_path / "B7_01_1_3_DAPI_001.tif").touch()
    assert open_plate(tmp_path).layout == "cytation"
