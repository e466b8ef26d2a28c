"""Plates written as LoadData tables and read back."""

from __future__ import annotations

import csv
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plateflow.errors import OutputError, UserError
from plateflow.plate.formats.load_data_export import image_names, write_load_data
from plateflow.plate.model import Channel, ImageRecord, Plate, PlateMap
from plateflow.plate.open import open_plate
from plateflow.plate.wells import parse_well, well_name
from plateflow.storage.zarr_chunks import ArrayPlane

if TYPE_CHECKING:
    from collections.abc import Iterator

lengths = st.floats(-1e5, 1e5, allow_nan=False).map(lambda value: round(value, 6) + 0.0)


@st.composite
def plates(draw: st.DrawFn) -> Plate:
    """A plate whose images are in folders that are not there yet, below "/": see :func:`placed`.

    Each channel has planes of its own, or a projection, or nothing; wells may differ in timepoints; some are missing.
    """
    names = draw(
        st.lists(st.builds(well_name, st.integers(1, 16), st.integers(1, 24)), min_size=1, max_size=3, unique=True)
    )
    labels = draw(st.lists(st.sampled_from(["", "DAPI", "488 long", "µ Cy5 (x)", "Image"]), min_size=1, max_size=3))
    channels = tuple(Channel(str(number), label) for number, label in enumerate(labels, 1))
    planes = {channel.name: draw(st.sampled_from([(1,), (1, 2), (2, 3), (0,), ()])) for channel in channels}
    planes["1"] = planes["1"] or (1,)
    sites = range(1, draw(st.integers(1, 2)) + 1)
    wells = {
        well: tuple(
            record for site in sites for record in draw_site(draw, ImageRecord(well, site, "", 0, 0, ""), planes, times)
        )
        for well in sorted(names, key=parse_well)
        for times in [draw(st.sampled_from([[1], [2], [1, 2]]))]
    }
    size = draw(st.sampled_from([None, 0.5979760809567617, 1.0]))
    rows, columns = draw(st.sampled_from([(16, 24), (20, 30)]))
    return Plate("", "plate", "made", rows, columns, channels, wells, pixel_size_um=size)


def draw_site(
    draw: st.DrawFn, site: ImageRecord, planes: dict[str, tuple[int, ...]], times: list[int]
) -> Iterator[ImageRecord]:
    place = draw(st.none() | st.tuples(lengths, lengths))
    x_um, y_um = place or (None, None)
    for channel, time in product(planes, times):
        for z in planes[channel]:
            folder = draw(st.sampled_from(["a", "b, c", "ü/d"]))
            yield ImageRecord(
                site.well,
                site.site,
                channel,
                z,
                time,
                f"{folder}/{site.well}_{site.site}_{channel}_{time}_{z}.tif",
                projection="" if z else "Maximum",
                missing=draw(st.integers(0, 9)) == 0,
                x_um=x_um,
                y_um=y_um,
                z_um=draw(st.none() | lengths),
            )


def placed(plate: Plate, folder: Path) -> Plate:
    """Put a plate's files into a folder."""
    wells = {}
    for well, records in plate.wells.items():
        wells[well] = tuple(msgspec.structs.replace(record, path=str(folder / record.path)) for record in records)
        for record in wells[well]:
            Path(record.path).parent.mkdir(parents=True, exist_ok=True)
            if not record.missing:
                Path(record.path).touch()
    return msgspec.structs.replace(plate, path=str(folder), wells=wells)


@settings(deadline=None, max_examples=50)
@given(plate=plates())
def test_a_written_table_is_read_back(tmp_path_factory: pytest.TempPathFactory, plate: Plate) -> None:
    root = tmp_path_factory.mktemp("plates")
    plate = placed(plate, root / "images")
    (root / "table").mkdir()
    write_load_data(plate, root / "table/load_data.csv")
    read = open_plate(root / "table")
    assert read.layout == "load-data"
    assert_told(read, plate)


def assert_told(read: Plate, plate: Plate) -> None:
    """Check that a plate read by its table is the plate that it was written of."""
    names = image_names(plate)
    assert [channel.name for channel in read.channels] == list(names.values())
    assert (read.rows, read.columns, read.pixel_size_um) == (plate.rows, plate.columns, plate.pixel_size_um)
    assert list(read.wells) == list(plate.wells)
    for well, records in plate.wells.items():
        told = {msgspec.structs.replace(record, channel=names[record.channel], reason="") for record in records}
        assert len(read.wells[well]) == len(records)
        assert set(read.wells[well]) == told


def test_a_well_without_images_is_told(tmp_path: Path) -> None:
    record = ImageRecord("B02", 1, "1", 1, 1, "/x/a.tif", missing=True)
    plate = Plate("/x", "p", "made", 8, 12, (Channel("1"),), {"B02": (record,), "C03": ()})
    assert write_load_data(plate, tmp_path / "t.csv") == 2
    read = open_plate(tmp_path)
    assert {well: [r.missing for r in records] for well, records in read.wells.items()} == {
        "B02": [True],
        "C03": [True],
    }


def test_a_plate_without_wells_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no well"):
        write_load_data(Plate("/x", "p", "made", 8, 12, (Channel("1"),), {}), tmp_path / "t.csv")


def test_a_plate_map_does_not_replace_columns_of_the_table(tmp_path: Path) -> None:
    record = ImageRecord("B02", 3, "1", 1, 1, "/x/a.tif")
    plate_map: PlateMap = {"B02": {"Site": "Bergen", "site": "Oslo"}}
    plate = Plate("/x", "p", "made", 8, 12, (Channel("1"),), {"B02": (record,)}, plate_map=plate_map)
    write_load_data(plate, tmp_path / "t.csv")
    assert [record.site for record in open_plate(tmp_path).wells["B02"]] == [3]


@pytest.mark.parametrize(
    ("channels", "names"),
    [
        pytest.param([("1", "DAPI"), ("2", "488 long")], ["DAPI", "Ch488_long"], id="labels"),
        pytest.param([("1", "FITC"), ("2", "FITC")], ["Ch1", "Ch2"], id="same_labels"),
        pytest.param([("DNA", ""), ("d 1", "")], ["DNA", "d_1"], id="names"),
        pytest.param([("a b", ""), ("a_b", "")], ["a_b", "a_b_2"], id="clash"),
    ],
)
def test_names_are_what_cellprofiler_takes(channels: list[tuple[str, str]], names: list[str]) -> None:
    plate = Plate("/p", "p", "made", 8, 12, tuple(Channel(*channel) for channel in channels), {})
    assert list(image_names(plate).values()) == names


def test_the_plate_map_is_written_too(tmp_path: Path) -> None:
    record = ImageRecord("B02", 1, "1", 1, 1, "/x/a.tif")
    plate = Plate("/x", "p", "made", 8, 12, (Channel("1"),), {"B02": (record,)}, plate_map={"B02": {"Dose": 4.0}})
    assert write_load_data(plate, tmp_path / "t.csv") == 1
    with open(tmp_path / "t.csv", newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["Metadata_Dose"], row["Metadata_Well"], row["Metadata_Plate"]) == ("4.0", "B02", "p")
    assert (row["FileName_Ch1"], row["PathName_Ch1"]) == ("a.tif", "/x")


def test_what_cannot_be_told_in_a_table(tmp_path: Path) -> None:
    record = ImageRecord("B02", 1, "1", 1, 1, "/x/a.zarr/0", part=ArrayPlane((0,), 0, 0, 1, 1))
    plate = Plate(str(tmp_path / "p"), "p", "ome-zarr", 8, 12, (Channel("1"),), {"B02": (record,)})
    with pytest.raises(UserError, match="holds arrays"):
        write_load_data(plate, tmp_path / "t.csv")
    with pytest.raises(OutputError, match="inside the plate's folder"):
        write_load_data(plate, tmp_path / "p/t.csv")
    assert not (tmp_path / "t.csv").exists()
