"""Real Yokogawa measurements, with numbers written by hand from their mlf, mrf and mes files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from plateflow.plate.model import Channel
from plateflow.plate.open import open_plate
from plateflow.storage.image import read_image


def test_cv8000(test_data: Path) -> None:
    name = "CV8000-Minimal-DataSet-2C-3W-4S-FP2-stack"
    plate = open_plate(test_data / "cellvoyager/CV8000_blackpixels" / name)
    assert (plate.layout, plate.rows, plate.columns, plate.pixel_size_um) == ("yokogawa", 8, 12, 0.325)
    assert plate.channels == (Channel("1", "405"), Channel("2", "488"))
    assert list(plate.wells) == ["D08", "E03", "F08"]
    places = {1: (-567.1, -402.9), 2: (82.8, -402.9), 3: (-567.1, 247.0), 4: (82.8, 247.0)}
    for well, records in plate.wells.items():
        assert [(r.site, r.channel, r.z, r.timepoint, r.x_um, r.y_um, r.z_um, Path(r.path).name) for r in records] == [
            (s, str(c), z, 1, *places[s], 3.0 * (z - 1), f"{name}_{well}_T0001F00{s}L01A0{c}Z0{z}C0{c}.tif")
            for s in (1, 2, 3, 4)
            for c in (1, 2)
            for z in (1, 2, 3, 4)
        ]
    assert not any(r.missing for records in plate.wells.values() for r in records)
    assert plate.notes == ()
    assert read_image(plate.wells["E03"][0].path, None, (2000, 2000), "uint16").max() == 0


def test_the_folder_above_says_where_the_plate_is(test_data: Path) -> None:
    with pytest.raises(Exception, match=r"The folder CV8000-Minimal\S+ in it is a plate \(yokogawa\): open that one"):
        open_plate(test_data / "cellvoyager/CV8000_blackpixels")


def test_cv7000_of_four_timelines(test_data: Path) -> None:
    plate = open_plate(test_data / "cellvoyager/metadata_only/CV7000-example")
    assert (plate.layout, plate.rows, plate.columns, plate.pixel_size_um) == ("yokogawa", 8, 12, 0.325)
    assert [channel.label for channel in plate.channels] == ["405", "488", "561", "640"]
    counts = Counter((r.well, r.timepoint, r.channel) for records in plate.wells.values() for r in records)
    assert counts == {("C03", 1, "1"): 496, ("D03", 2, "2"): 496, ("E03", 3, "3"): 496, ("F03", 4, "4"): 496}
    records = plate.wells["C03"]
    assert ({r.site for r in records}, {r.z for r in records}) == (set(range(1, 17)), set(range(1, 32)))
    assert all(r.missing for r in records)  # there are no images here
    assert [(r.z, r.z_um) for r in records[:3]] == [(1, -13), (2, -12), (3, -11)]
    assert (records[0].x_um, records[0].y_um) == (-1350, -1350)


def test_cv7000_projections(test_data: Path) -> None:
    plate = open_plate(test_data / "cellvoyager/metadata_only/CV7000_z_processed")
    assert (plate.rows, plate.columns, plate.pixel_size_um) == (16, 24, 0.10833333333333334)
    assert [(channel.name, channel.label) for channel in plate.channels] == [("1", "405"), ("3", "561"), ("4", "640")]
    assert list(plate.wells) == ["C03", "C04", "D03", "D04", "E03"]
    for records in plate.wells.values():
        assert [(r.site, r.channel) for r in records] == [(site, channel) for site in range(1, 10) for channel in "134"]
        assert {(r.z, r.projection, r.z_um) for r in records} == {(0, "Maximum", -2.0)}
    assert plate.notes == (
        "20240123-TDW-60xW-565-647.mes selects 19 wells that MeasurementData.mlf does not record: E04, F03, F04 ..",
    )
