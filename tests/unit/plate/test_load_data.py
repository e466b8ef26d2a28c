"""LoadData tables: plates written as tables and read back, and tables as other tools write them."""

from __future__ import annotations

import csv
from itertools import product
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plateflow.errors import OutputError, PlateError, UserError
from plateflow.plate.formats.load_data_export import image_names, write_load_data
from plateflow.plate.model import Channel, ImageRecord, Plate
from plateflow.plate.open import open_plate
from plateflow.plate.wells import parse_well, well_name
from plateflow.storage.zarr_chunks import ArrayPlane

lengths = st.none() | st.floats(-1e5, 1e5, allow_nan=False).map(lambda value: round(value, 6) + 0.0)


@st.composite
def plates(draw: st.DrawFn) -> Plate:
    """A plate whose images are in folders that are not there yet, below "/": see :func:`placed`."""
    names = draw(
        st.lists(st.builds(well_name, st.integers(1, 16), st.integers(1, 24)), min_size=1, max_size=3, unique=True)
    )
    labels = draw(st.lists(st.sampled_from(["", "DAPI", "488 long", "µ Cy5 (x)", "Image"]), min_size=1, max_size=3))
    channels = tuple(Channel(str(number), label) for number, label in enumerate(labels, 1))
    sites, times, planes = (draw(st.integers(1, 2)) for _ in range(3))
    wells = {}
    for well in sorted(names, key=parse_well):
        records = []
        for site in range(1, sites + 1):
            x_um, y_um = draw(lengths), draw(lengths)
            if x_um is None or y_um is None:
                x_um = y_um = None
            for channel, time, z in product(channels, range(1, times + 1), range(1, planes + 1)):
                path = f"{draw(st.sampled_from(['a', 'b, c', 'ü/d']))}/{well}_{site}_{channel.name}_{time}_{z}.tif"
                missing = draw(st.integers(0, 9)) == 0
                records.append(
                    ImageRecord(
                        well,
                        site,
                        channel.name,
                        z,
                        time,
                        path,
                        missing=missing,
                        x_um=x_um,
                        y_um=y_um,
                        z_um=draw(lengths),
                    )
                )
        wells[well] = tuple(records)
    size = draw(st.sampled_from([None, 0.5979760809567617, 1.0]))
    return Plate("", "plate", "made", 16, 24, channels, wells, pixel_size_um=size)


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
    names = image_names(plate)
    assert read.layout == "load-data"
    assert [channel.name for channel in read.channels] == list(names.values())
    assert read.pixel_size_um == plate.pixel_size_um
    assert list(read.wells) == list(plate.wells)
    for well, records in plate.wells.items():
        found = {(r.site, r.channel, r.timepoint, r.z): r for r in read.wells[well]}
        assert len(found) == len(records)
        for record in records:
            own = found[record.site, names[record.channel], record.timepoint, record.z]
            assert own.missing is record.missing
            assert record.missing or own.path == record.path
            assert (own.x_um, own.y_um, own.z_um) == (record.x_um, record.y_um, record.z_um)


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


def table(folder: Path, text: str, *files: str) -> Path:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    (folder / "load_data.csv").write_text(text, encoding="utf-8-sig")
    return folder


@pytest.mark.parametrize(
    ("headings", "row", "path"),
    [
        pytest.param(
            "FileName_DNA,PathName_DNA,Metadata_Well", "a.tif,{here}/images,B2", "images/a.tif", id="absolute"
        ),
        pytest.param(
            "Image_FileName_DNA,Image_PathName_DNA,Metadata_Well", "a.tif,images,B02", "images/a.tif", id="cp"
        ),
        pytest.param("FileName_DNA,Metadata_Row,Metadata_Col", "images/a.tif,2,2", "images/a.tif", id="no_path_name"),
        pytest.param(
            "URL_DNA,Metadata_Row,Metadata_Column", "file:{here}/images/a%20b.tif,B,2", "images/a b.tif", id="url"
        ),
        pytest.param("FileName_DNA,PathName_DNA,Metadata_Well", r"a.tif,D:\data\x,b02", "images/a.tif", id="windows"),
        pytest.param("FileName_DNA,PathName_DNA,Metadata_Well", "a.tif,/not/here,B02", "images/a.tif", id="moved"),
        pytest.param(
            "FileName_DNA,PathName_DNA,Metadata_Well", "a.tif,images/../images,B02", "images/a.tif", id="dots"
        ),
    ],
)
def test_finds_files(tmp_path: Path, headings: str, row: str, path: str) -> None:
    plate = open_plate(table(tmp_path, f"{headings}\n{row.format(here=tmp_path)}\n", path))
    [(well, [record])] = plate.wells.items()
    assert (well, record.site, record.channel, record.z, record.timepoint) == ("B02", 1, "DNA", 1, 1)
    assert (record.path, record.missing) == (str(tmp_path / path), False)


def test_tells_what_was_found_by_its_name_only(tmp_path: Path) -> None:
    plate = open_plate(table(tmp_path, "FileName_A,PathName_A,Metadata_Well\na.tif,/x,A1\nb.tif,/x,A2\n", "i/a.tif"))
    assert plate.notes == ("1 images are not where the table says, but were found by their names in its folder",)
    assert [(r.path, r.missing) for records in plate.wells.values() for r in records] == [
        (str(tmp_path / "i/a.tif"), False),
        ("/x/b.tif", True),
    ]


def test_images_in_a_cloud_are_missing_here(tmp_path: Path) -> None:
    url = "s3://cellpainting-gallery/x/a.tif"
    [[record]] = open_plate(table(tmp_path, f"URL_DNA,Metadata_Well\n{url},A1\n", "a.tif")).wells.values()
    assert (record.path, record.missing) == (url, True)
    assert record.reason.startswith("it is no file of this computer")


def test_two_files_of_the_name_are_not_guessed_between(tmp_path: Path) -> None:
    plate = open_plate(table(tmp_path, "FileName_A,PathName_A,Metadata_Well\na.tif,/x,A1\n", "i/a.tif", "j/a.tif"))
    [[record]] = plate.wells.values()
    assert record.missing
    assert record.reason == f"several files have this name: {tmp_path}/i/a.tif and {tmp_path}/j/a.tif"


def test_sites_planes_and_times(tmp_path: Path) -> None:
    headings = "Metadata_Plate,Metadata_Well,Metadata_Site,Metadata_PlaneID,Metadata_TimepointID,FileName_A,FileName_B"
    text = f"{headings}\nP,A1,3,2,5,a.tif,b.tif\nP,A1,3,3,5,c.tif,\n"
    plate = open_plate(table(tmp_path, text, "a.tif", "b.tif", "c.tif"))
    assert [(r.site, r.channel, r.z, r.timepoint, r.missing, r.reason) for r in plate.wells["A01"]] == [
        (3, "A", 2, 5, False, ""),
        (3, "A", 3, 5, False, ""),
        (3, "B", 2, 5, False, ""),
        (3, "B", 3, 5, True, "the table names no file"),
    ]


def test_illumination_functions_are_no_channels(tmp_path: Path) -> None:
    text = "FileName_A,FileName_IllumA,Metadata_Well\na.tif,illum.npy,A1\n"
    plate = open_plate(table(tmp_path, text, "a.tif", "illum.npy"))
    assert [channel.name for channel in plate.channels] == ["A"]
    assert plate.notes == ("columns that name no images (.npy, .mat) were left out: IllumA",)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("FileName_A,Metadata_Well\n", "has no row of an image", id="no_rows"),
        pytest.param("FileName_A,Metadata_Well\na.tif,B2,3\n", "line 2: has 3 cells, the headings are 2", id="cells"),
        pytest.param("FileName_A,Metadata_Well\na.tif,\n", r"csv, line 2: '' is no well name", id="no_well"),
        pytest.param(
            "FileName_A,Metadata_Well\na,B2\nb,B02\n",
            "csv, line 3: well B02",
            id="twice",
        ),
        pytest.param("FileName_A,FileName_A,Metadata_Well\na,b,B2\n", "two columns are headed 'FileName_A'", id="head"),
        pytest.param("FileName_A,Metadata_Well,Metadata_Site\na,B2,x\n", "line 2: 'x' is no whole number", id="site"),
        pytest.param("FileName_A,Metadata_Well,Frame_A\na,B2,3\n", "line 2: image A is inside a file", id="frame"),
        pytest.param(
            "FileName_A,Metadata_Well,Metadata_Plate\na,B2,P\nb,B3,Q\n",
            r"line 3: is of a second plate \(P and Q\)",
            id="plates",
        ),
        pytest.param("FileName_A,Metadata_Well,Metadata_PositionX\na,B2,x\n", "Metadata_PositionX is 'x'", id="length"),
        pytest.param('FileName_A,Metadata_Well\n"a,B2\n', "line 2: has 1 cells|is no CSV", id="quote"),
    ],
)
def test_wrong_tables_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(PlateError, match=reason) as refused:
        open_plate(table(tmp_path, text))
    assert "load_data.csv" in str(refused.value)


def test_other_tables_are_none(tmp_path: Path) -> None:
    (tmp_path / "wells.csv").write_text("Well,Dose\nB02,3\n")
    (tmp_path / "objects.csv").write_text("FileName_DNA,Count\na.tif,3\n")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlateError, match="no reader knows this layout"):
        open_plate(tmp_path)


def test_two_tables_are_named(tmp_path: Path) -> None:
    table(tmp_path, "FileName_A,Metadata_Well\na,B2\n")
    (tmp_path / "other.csv").write_text("FileName_A,Metadata_Well\na,B2\n")
    with pytest.raises(PlateError, match=r"several LoadData tables \(load_data\.csv, other\.csv\)"):
        open_plate(tmp_path)


def test_gives_way_to_a_microscopes_own_files(tmp_path: Path) -> None:
    table(tmp_path, "FileName_A,Metadata_Well\na,B2\n")
    (tmp_path / "9.HTD").write_text("nothing")
    with pytest.raises(PlateError, match="is no HTD file"):
        open_plate(tmp_path)
    assert open_plate(tmp_path, layout="load-data").layout == "load-data"
