"""Every real plate that is made of files: written as a LoadData table, and read back the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.plate.test_load_data_export import assert_told

from plateflow.plate.formats.load_data_export import write_load_data
from plateflow.plate.open import open_plate

if TYPE_CHECKING:
    from pathlib import Path

PLATES = {
    "sbs_bbbc013/images": 192,
    "example_human/images": 3,
    "opera_phenix/Version1": 6,
    "opera_phenix/Version7": 7,
    "opera_phenix/operetta_plate_2fields": 2,
    "cellvoyager/CV8000_blackpixels/CV8000-Minimal-DataSet-2C-3W-4S-FP2-stack": 96,
    "cellvoyager/metadata_only/CV7000-example": 1984,
    "cellvoyager/metadata_only/CV7000_z_processed": 135,
    "imagexpress/database/Projection-Mix": 88,
    "imagexpress/database/SingleChannel": 8,
    "imagexpress/export/9987_Plate_3420": 1,
    "imagexpress/export/9987_Plate_3434": 20,
}
"""Records by folder."""


@pytest.mark.parametrize("folder", PLATES)
def test_a_real_plate_is_told_by_its_table(folder: str, test_data: Path, tmp_path: Path) -> None:
    plate = open_plate(test_data / folder)
    write_load_data(plate, tmp_path / "load_data.csv")
    read = open_plate(tmp_path)
    assert sum(map(len, read.wells.values())) == PLATES[folder]
    assert_told(read, plate)
