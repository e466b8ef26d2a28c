"""Real Harmony exports, and the LoadData tables that a third-party tool derives from their indexes."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from plateflow.plate.model import Channel
from plateflow.plate.open import open_plate

V1 = ("Alexa 647", "Alexa 568", "488 long", "Alexa 488", "HOECHST 33342", "Brightfield")
V7 = ("Alexa 488", "Alexa 568", "Alexa 488 Em 650", "405ex, 570-630-em)", "Alexa 647", "HOECHST 33342", "Brightfield")


@pytest.mark.parametrize(
    ("folder", "rows", "columns", "labels", "pixel_size", "missing"),
    [
        pytest.param("Version1", 16, 24, V1, 0.5979760809567617, False, id="harmony_v5"),
        pytest.param("Version1/images", 16, 24, V1, 0.5979760809567617, False, id="folder_of_images"),
        pytest.param("Version7", 8, 12, V7, 0.296688132474701, True, id="harmony_v7"),
    ],
)
def test_phenix(
    test_data: Path, folder: str, rows: int, columns: int, labels: tuple[str, ...], pixel_size: float, missing: bool
) -> None:
    plate = open_plate(test_data / "opera_phenix" / folder)
    assert (plate.layout, plate.rows, plate.columns) == ("opera-phenix", rows, columns)
    assert plate.channels == tuple(Channel(str(number), label) for number, label in enumerate(labels, 1))
    assert plate.pixel_size_um == pixel_size
    assert list(plate.wells) == ["A01"]
    assert [(r.site, r.channel, r.z, r.timepoint, r.missing) for r in plate.wells["A01"]] == [
        (1, str(number), 1, 1, missing) for number in range(1, len(labels) + 1)
    ]
    assert {(r.x_um, r.y_um) for r in plate.wells["A01"]} == {(0, 0)}
    assert plate.notes == ()


@pytest.mark.parametrize("version", [1, 7])
def test_phenix_says_what_the_third_party_table_says(test_data: Path, version: int) -> None:
    plate = open_plate(test_data / f"opera_phenix/Version{version}")
    with open(test_data / f"opera_phenix/Version{version}/load_data_version{version}.csv", newline="") as file:
        [row] = csv.DictReader(file)
    records = {record.channel: record for record in plate.wells[row["Metadata_Well"]]}
    labels = {channel.name: channel.label for channel in plate.channels}
    names = [column.removeprefix("FileName_") for column in row if column.startswith("FileName_")]
    assert len(names) == len(records)
    for name in names:
        record = records[row[f"Metadata_ChannelID_{name}"]]
        assert Path(record.path).name == row[f"FileName_{name}"]
        assert record.site == int(row["Metadata_Site"]) == int(row["Metadata_FieldID"])
        assert record.z == int(row["Metadata_PlaneID"])
        assert labels[record.channel] == row[f"Metadata_ChannelName_{name}"]
        assert record.z_um == pytest.approx(float(row[f"Metadata_PositionZ_{name}"]) * 1e6)
        assert record.x_um == float(row["Metadata_PositionX"])
        assert record.y_um == -float(row["Metadata_PositionY"])
    assert plate.pixel_size_um == pytest.approx(float(row["Metadata_ImageResolutionX"]) * 1e6)


def test_operetta_of_two_fields(test_data: Path) -> None:
    plate = open_plate(test_data / "opera_phenix/operetta_plate_2fields")
    assert (plate.layout, plate.rows, plate.columns) == ("opera-phenix", 16, 24)
    assert plate.channels == (Channel("1", "Fluorescein (FITC)"),)
    assert plate.pixel_size_um == 1.1959521619135234
    assert list(plate.wells) == ["C03"]
    assert [(r.site, r.channel, r.z, r.timepoint, r.missing, r.x_um, r.y_um, r.z_um) for r in plate.wells["C03"]] == [
        (1, "1", 1, 1, False, -645.814, -645.814, 20),
        (2, "1", 1, 1, False, 645.814, -645.814, 20),
    ]
    assert [Path(r.path).name for r in plate.wells["C03"]] == [
        "r03c03f01p01-ch1sk1fk1fl1.tiff",
        "r03c03f02p01-ch1sk1fk1fl1.tiff",
    ]


def test_the_third_party_table_read_as_a_plate_is_the_same_plate(test_data: Path) -> None:
    own = open_plate(test_data / "opera_phenix/Version1")
    table = open_plate(test_data / "opera_phenix/Version1", layout="load-data")
    assert table.layout == "load-data"
    assert table.pixel_size_um == own.pixel_size_um
    by_path = {record.path: record for record in own.wells["A01"]}
    assert len(table.wells["A01"]) == len(by_path)
    for record in table.wells["A01"]:
        same = by_path[record.path]
        assert (record.site, record.z, record.timepoint, record.missing) == (1, 1, 1, False)
        assert (record.x_um, record.y_um, record.z_um) == (same.x_um, same.y_um, same.z_um)
