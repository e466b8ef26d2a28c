"""Real folders of a MetaXpress database; tifffile's own parser of MetaSeries metadata is who they are held against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import tifffile

from plateflow.plate.model import Channel
from plateflow.plate.open import open_plate
from plateflow.storage.image import read_image

if TYPE_CHECKING:
    from pathlib import Path

    from plateflow.plate.model import ImageRecord, Plate

DATABASE = "imagexpress/database"


def metadata_of(record: ImageRecord) -> dict[str, Any]:
    with tifffile.TiffFile(record.path) as file:
        metadata = file.metaseries_metadata
    assert metadata is not None
    plane: dict[str, Any] = metadata["PlaneInfo"]
    return plane


def check_against_headers(plate: Plate) -> None:
    for well, records in plate.wells.items():
        for record in records:
            told = metadata_of(record)
            assert told["stage-label"] == f"{well} : Site {record.site}"
            assert told.get("Z Projection Method", "") == record.projection
            assert told.get("Z Step", 0) == record.z
            assert (told["OffsetFromWellCenterUmX"], told["OffsetFromWellCenterUmY"]) == (record.x_um, record.y_um)
            assert told["z-position"] == record.z_um
            assert told["spatial-calibration-x"] == plate.pixel_size_um == 1.3668
            assert read_image(record.path, record.part, (512, 512), "uint16").any()


def test_mixed_planes_and_projections(test_data: Path) -> None:
    plate = open_plate(test_data / DATABASE / "Projection-Mix")
    assert plate.layout == "imagexpress-database"
    assert plate.channels == tuple(Channel(name, "FITC_05") for name in "1234")
    assert list(plate.wells) == ["E07", "E08"]
    one_site = [
        *(("1", z, "") for z in range(1, 11)),
        *(("2", z, "") for z in range(1, 11)),
        ("3", 0, "Maximum"),
        ("4", 1, ""),
    ]
    for records in plate.wells.values():
        assert [(r.site, r.channel, r.z, r.projection, r.missing) for r in records] == [
            (site, channel, z, projection, False) for site in (1, 2) for channel, z, projection in one_site
        ]
    first = plate.wells["E07"][0]
    assert (first.x_um, first.y_um, first.z_um) == (-349.92, 0.04, 9318.24)
    assert not any("_thumb" in record.path for records in plate.wells.values() for record in records)
    check_against_headers(plate)


@pytest.mark.parametrize("folder", ["SingleChannel", "SingleChannel/2023-02-21", "SingleChannel/2023-02-21/1334"])
def test_one_channel(test_data: Path, folder: str) -> None:
    plate = open_plate(test_data / DATABASE / folder)
    assert plate.channels == (Channel("1", "FITC_05"),)
    assert {well: [(r.site, r.channel, r.z) for r in records] for well, records in plate.wells.items()} == {
        well: [(1, "1", 1), (1, "1", 2), (2, "1", 1), (2, "1", 2)] for well in ("E07", "E08")
    }
    check_against_headers(plate)


def test_places_of_an_export(test_data: Path) -> None:
    """From the headers of well B02; the HTD tells none."""
    plate = open_plate(test_data / "imagexpress/export/9987_Plate_3434")
    for records in plate.wells.values():
        assert {(r.site, r.x_um, r.y_um) for r in records} == {(1, -315.02, -314.98), (2, 0.04, -314.98)}
        assert [(r.channel, r.z, r.z_um) for r in records[:2]] == [("1", 1, 0.0), ("1", 2, 3.0)]
