"""Real plates, with numbers written by hand from their HTD, table and file names."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from plateflow.errors import ImageError, PlateError
from plateflow.plate.model import Channel
from plateflow.plate.open import open_plate
from plateflow.storage.tiff import ImageHeader, read_header, read_plane

SBS = r"Channel(?P<channel>\d)-\d+-(?P<row>[A-H])-(?P<column>\d\d)\.tif"
EXPORTS = "imagexpress/export"


@pytest.mark.parametrize("folder", ["sbs_bbbc013", "sbs_bbbc013/images"], ids=["plate", "images"])
def test_bbbc013_by_its_file_names(test_data: Path, folder: str) -> None:
    plate = open_plate(test_data / folder, filenames=SBS, metadata="1049_Metadata.csv")
    assert (plate.layout, plate.rows, plate.columns) == ("filenames", 8, 12)
    assert plate.channels == (Channel("1"), Channel("2"))
    assert len(plate.wells) == 96
    wells = list(plate.wells)
    assert (wells[0], wells[12], wells[95]) == ("A01", "B01", "H12")
    assert all([r.channel for r in records] == ["1", "2"] for records in plate.wells.values())
    assert not any(record.missing for records in plate.wells.values() for record in records)
    assert [Path(r.path).name for r in plate.wells["B06"]] == ["Channel1-18-B-06.tif", "Channel2-18-B-06.tif"]
    assert len(plate.plate_map) == 96
    assert plate.plate_map["A04"] == {"ImageNumber": 4.0, "SBS_Doses": 2.0, "SBS_Controls": 0.0}


@pytest.mark.parametrize("folder", ["sbs_bbbc013", "sbs_bbbc013/images"])
def test_bbbc013_without_being_told_its_names(test_data: Path, folder: str) -> None:
    found, told = open_plate(test_data / folder), open_plate(test_data / folder, filenames=SBS)
    assert found.layout == "sbs-names"
    assert [channel.name for channel in found.channels] == ["Channel1", "Channel2"]
    assert {well: [record.path for record in records] for well, records in found.wells.items()} == {
        well: [record.path for record in records] for well, records in told.wells.items()
    }


@pytest.mark.parametrize("folder", ["example_human", "example_human/images"])
def test_example_human(test_data: Path, folder: str) -> None:
    plate = open_plate(test_data / folder)
    assert (plate.layout, plate.channels) == ("cellomics", (Channel("0"), Channel("1"), Channel("2")))
    assert list(plate.wells) == ["D03"]
    assert [(r.site, r.channel, r.z, r.timepoint, Path(r.path).name) for r in plate.wells["D03"]] == [
        (0, channel, 1, 1, f"AS_09125_050116030001_D03f00d{channel}.tif") for channel in "012"
    ]
    for record in plate.wells["D03"]:
        assert read_plane(record.path, (512, 512), "uint8").any()


def test_bbbc013_pixels_are_intensities(test_data: Path) -> None:
    path = str(test_data / "sbs_bbbc013/images/Channel2-18-B-06.tif")
    assert read_header(path) == ImageHeader((640, 640), np.dtype("uint8"))
    assert read_plane(path, (640, 640), "uint8").max() > 100


def test_export_of_one_image(test_data: Path) -> None:
    plate = open_plate(test_data / EXPORTS / "9987_Plate_3420")
    assert (plate.layout, plate.rows, plate.columns, plate.pixel_size_um) == ("imagexpress-htd", 8, 12, 1.3672)
    assert plate.channels == (Channel("1", "DAPI"),)
    [(well, [record])] = plate.wells.items()
    assert (well, record.site, record.channel, record.z, record.timepoint) == ("B02", 1, "1", 1, 1)
    assert (record.missing, record.projection) == (False, "")
    assert record.path.endswith("9987_Plate_3420/TimePoint_1/9987_B02.TIF")
    assert read_plane(record.path, (256, 256), "uint16").mean() == pytest.approx(1051.8, abs=0.1)


def test_export_that_mixes_planes_projections_and_a_wave_without_files(test_data: Path) -> None:
    plate = open_plate(test_data / EXPORTS / "9987_Plate_3434")
    assert [channel.label for channel in plate.channels] == ["DAPI", "FITC", "Texas Red", "Cy5"]
    assert list(plate.wells) == ["B02", "B03"]
    one_site = [
        ("1", 1, "", False, "ZStep_1"),
        ("1", 2, "", False, "ZStep_2"),
        ("2", 0, "Maximum", False, "ZStep_0"),
        ("3", 1, "", False, "ZStep_1"),
        ("4", 1, "", True, "ZStep_1"),
    ]
    for well, records in plate.wells.items():
        assert [(r.site, r.channel, r.z, r.projection, r.missing, r.path) for r in records] == [
            (
                site,
                channel,
                z,
                projection,
                missing,
                f"{plate.path}/TimePoint_1/{folder}/9987_{well}_s{site}_w{channel}.TIF",
            )
            for site in (1, 2)
            for channel, z, projection, missing, folder in one_site
        ]


def test_every_image_of_the_exports_is_readable_or_missing(test_data: Path) -> None:
    plate = open_plate(test_data / EXPORTS / "9987_Plate_3434")
    for record in (record for records in plate.wells.values() for record in records):
        if record.missing:
            with pytest.raises(ImageError, match=f"{Path(record.path).name}: No such file"):
                read_plane(record.path)
        else:
            assert read_plane(record.path, (256, 256), "uint16").any()


def test_a_timepoint_folder_is_no_plate(test_data: Path) -> None:
    with pytest.raises(PlateError, match="is a part of a plate"):
        open_plate(test_data / EXPORTS / "9987_Plate_3434" / "TimePoint_1")


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(f"{EXPORTS}/9987_Plate_3420/TimePoint_1/9987_B02.TIF", id="uncompressed"),
        pytest.param("sbs_bbbc013/images/Channel1-01-A-01.tif", id="deflate"),
        pytest.param("opera_phenix/Version1/images/r01c01f01p01-ch1sk1fk1fl1.tiff", id="lzw"),
    ],
)
@pytest.mark.parametrize("damage", ["half", "overwritten"])
def test_a_damaged_image_names_its_file(test_data: Path, tmp_path: Path, source: str, damage: str) -> None:
    path = tmp_path / "damaged.tif"
    shutil.copyfile(test_data / source, path)
    whole = path.read_bytes()
    assert read_plane(str(path)).any()
    half = len(whole) // 2
    path.write_bytes(whole[:half] if damage == "half" else b"\0" * half + whole[half:])
    with pytest.raises(ImageError, match=r"damaged\.tif: "):
        read_plane(str(path))
