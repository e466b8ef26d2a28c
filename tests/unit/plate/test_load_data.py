"""LoadData tables as other tools write them; what plateflow writes itself is in test_load_data_export.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plateflow.errors import PlateError
from plateflow.plate.open import open_plate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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
        pytest.param("FileName_DNA,Metadata_Well", "a.tif,B02", "images/a.tif", id="no_folder"),
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


def test_one_file_is_not_found_for_two_of_its_name(tmp_path: Path) -> None:
    rows = "a.tif,/x/ZStep_1,1,A1\na.tif,/x/ZStep_2,2,A1\n"
    plate = open_plate(table(tmp_path, f"FileName_A,PathName_A,Metadata_Z,Metadata_Well\n{rows}", "i/a.tif"))
    [[first, second]] = plate.wells.values()
    assert (first.path, second.path) == (str(tmp_path / "i/a.tif"), "/x/ZStep_2/a.tif")
    assert (first.missing, second.missing) == (False, True)
    assert second.reason == f"here is one file of its name, {first.path}, which is taken for /x/ZStep_1/a.tif"


def test_sites_planes_and_times(tmp_path: Path) -> None:
    headings = "Metadata_Plate,Metadata_Well,Metadata_Site,Metadata_PlaneID,Metadata_TimepointID,FileName_A,FileName_B"
    text = f"{headings}\nP,A1,3,2,5,a.tif,b.tif\nP,A1,3,3,5,c.tif,\n"
    plate = open_plate(table(tmp_path, text, "a.tif", "b.tif", "c.tif"))
    assert [(r.site, r.channel, r.z, r.timepoint, r.missing) for r in plate.wells["A01"]] == [
        (3, "A", 2, 5, False),
        (3, "A", 3, 5, False),
        (3, "B", 2, 5, False),
    ]


def test_what_a_well_has_no_row_of_is_not_missing(tmp_path: Path) -> None:
    text = "FileName_A,Metadata_Well,Metadata_Site\na.tif,A1,1\nb.tif,A1,2\nc.tif,A2,2\n"
    plate = open_plate(table(tmp_path, text, "a.tif", "b.tif", "c.tif"))
    assert [(r.site, r.missing) for r in plate.wells["A02"]] == [(2, False)]


def test_what_other_wells_have_is_missing(tmp_path: Path) -> None:
    text = "FileName_A,FileName_B,Metadata_Well\na.tif,b.tif,A1\n,c.tif,A2\n,,A3\n"
    plate = open_plate(table(tmp_path, text, "a.tif", "b.tif", "c.tif"))
    reason = "the table names no file, but one for other wells"
    assert {well: [(r.channel, r.missing, r.reason) for r in records] for well, records in plate.wells.items()} == {
        "A01": [("A", False, ""), ("B", False, "")],
        "A02": [("A", True, reason), ("B", False, "")],
        "A03": [("A", True, reason), ("B", True, reason)],
    }


def test_a_row_of_empty_cells_declares_its_well(tmp_path: Path) -> None:
    text = "FileName_A,Metadata_Well,Metadata_Site\na.tif,A1,1\n,D7,2\n"
    plate = open_plate(table(tmp_path, text, "a.tif"))
    assert {well: len(records) for well, records in plate.wells.items()} == {"A01": 1, "D07": 0}
    assert (plate.rows, plate.columns) == (6, 8)


def test_a_missing_image_is_no_file_of_its_name_in_another_folder(tmp_path: Path) -> None:
    text = "FileName_A,PathName_A,Metadata_Z,Metadata_Well\na.tif,ZStep_1,1,A1\na.tif,ZStep_2,2,A1\n"
    (tmp_path / "ZStep_1").mkdir()
    [records] = open_plate(table(tmp_path, text, "ZStep_2/a.tif")).wells.values()
    assert [(r.path, r.missing) for r in records] == [
        (str(tmp_path / "ZStep_1/a.tif"), True),
        (str(tmp_path / "ZStep_2/a.tif"), False),
    ]


def test_illumination_functions_are_no_channels(tmp_path: Path) -> None:
    text = "FileName_A,FileName_IllumA,Metadata_Well\na.tif,illum.npy,A1\n"
    plate = open_plate(table(tmp_path, text, "a.tif", "illum.npy"))
    assert [channel.name for channel in plate.channels] == ["A"]
    assert plate.notes == ("columns that name no images (.npy, .mat) were left out: IllumA",)


def test_an_illumination_function_may_first_be_told_in_a_later_row(tmp_path: Path) -> None:
    text = "FileName_A,FileName_IllumA,Metadata_Well\na.tif,,A1\nb.tif,illum.npy,A2\n"
    plate = open_plate(table(tmp_path, text, "a.tif", "b.tif", "illum.npy"))
    assert [channel.name for channel in plate.channels] == ["A"]


@pytest.mark.parametrize("change", [str, str.lower, str.upper, lambda text: text.replace(",", " , ")])
def test_headings_may_be_in_any_case(tmp_path: Path, change: Callable[[str], str]) -> None:
    kinds = "FileName_,PathName_,Metadata_Well,Metadata_Site,Metadata_ImageResolutionX,Metadata_PositionX"
    of_channel = "Metadata_PositionZ_,Metadata_Projection_"
    headings = change(f"{kinds},{of_channel}").replace("_,", "_GFP,").replace("_ ,", "_GFP ,") + "GFP"
    plate = open_plate(table(tmp_path, f"{headings}\na.tif,i,B2,7,5E-07,2E-6,3E-6,Maximum\n", "i/a.tif"))
    [[record]] = plate.wells.values()
    assert (record.channel, record.path, record.site) == ("GFP", str(tmp_path / "i/a.tif"), 7)
    assert (record.x_um, record.z_um, record.projection) == (2, 3, "Maximum")
    assert plate.pixel_size_um == 0.5


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
        pytest.param(
            "FileName_A,Metadata_Well,Metadata_Site\na,B2,x\n",
            "line 2: Metadata_Site is 'x': a whole number",
            id="site",
        ),
        pytest.param("FileName_A,Metadata_Well,Frame_A\na,B2,3\n", "line 2: image A is inside a file", id="frame"),
        pytest.param(
            "FileName_A,Metadata_Well,Metadata_Plate\na,B2,P\nb,B3,Q\n",
            r"line 3: is of a second plate \(P and Q\)",
            id="plates",
        ),
        pytest.param("FileName_A,Metadata_Well,Metadata_PositionX\na,B2,x\n", "Metadata_PositionX is 'x'", id="length"),
        pytest.param('FileName_A,Metadata_Well\n"a,B2\n', "line 2: is no CSV", id="quote"),
        pytest.param(
            "FileName_A,filename_A,Metadata_Well\na,b,B2\n",
            "'FileName_A' and 'filename_A', which are the same",
            id="case",
        ),
        pytest.param(
            "FileName_A,Metadata_Well\na.tif,B2\nb.tif,B3\na.tif,B4\n",
            r"line 4: .*a\.tif is the image of well B04, site 1, and in line 2 that of well B02, site 1; correct",
            id="file_of_two_wells",
        ),
        pytest.param(
            "FileName_A,Metadata_Well,Metadata_Site\na.tif,B2,1\na.tif,B2,2\n",
            r"line 3: .*a\.tif is the image of well B02, site 2, and in line 2 that of well B02, site 1",
            id="file_of_two_sites",
        ),
        pytest.param(
            "FileName_A,Metadata_Well,Metadata_PlateRows,Metadata_PlateColumns\na,B2,8,12\nb,B3,16,24\n",
            "line 3: is of a plate of 16 x 24 wells, the rows above of one of 8 x 12; correct one",
            id="two_sizes",
        ),
        pytest.param(
            "FileName_A,Metadata_Well,Metadata_PlateRows,Metadata_PlateColumns\na,C2,2,3\n",
            "line 2: well C02 is not on a plate of 2 x 3 wells",
            id="beyond_rows",
        ),
        pytest.param(
            "FileName_A,Metadata_Well,Metadata_PlateRows,Metadata_PlateColumns\na,B4,2,3\n",
            "line 2: well B04 is not on a plate of 2 x 3 wells",
            id="beyond_columns",
        ),
        pytest.param("FileName_A,Metadata_Well\n,B2\n", "has no row of an image", id="all_empty"),
        pytest.param(f"FileName_A,Metadata_Well\na,B{'1' * 5000}\n", "line 2: 'B1{39}..': is no well", id="long_well"),
        pytest.param(
            f"FileName_A,Metadata_Row,Metadata_Column\na,{'1' * 5000},2\n",
            "line 2: '1{40}..' and '2': is no well",
            id="long_row",
        ),
    ],
)
def test_wrong_tables_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(PlateError, match=reason) as refused:
        open_plate(table(tmp_path, text))
    assert "load_data.csv" in str(refused.value)


LONG = "1" * 5000


@pytest.mark.parametrize(
    ("column", "value", "needed"),
    [
        *(
            pytest.param("Metadata_ImageResolutionX", value, needed, id=f"pixel_{value}")
            for value, needed in [
                ("nan", "a finite number of metres"),
                ("inf", "a finite number of metres"),
                ("-inf", "a finite number of metres"),
                ("1E+400", "a finite number of metres"),
                ("0", "a number of metres above 0"),
                ("-1E-6", "a number of metres above 0"),
                ("1E-400", "a number of metres above 0"),
                ("1E+999999", "a number of metres"),
                ("x", "a number of metres"),
            ]
        ),
        *(
            pytest.param(f"Metadata_Position{axis}", value, needed, id=f"{axis}_{value}")
            for axis in ("X", "Y", "Z", "Z_A")
            for value, needed in [
                ("nan", "a finite number of metres"),
                ("sNaN", "a number of metres"),
                ("inf", "a finite number of metres"),
                ("1E+999999", "a number of metres"),
            ]
        ),
        *(
            pytest.param(f"Metadata_{name}", value, "a whole number of at most 9 digits", id=f"{name}_{value[:12]}")
            for name in ("Site", "Z", "Timepoint", "PlateRows")
            for value in ("-1", "1.5", "²", "1234567890", LONG)
        ),
        pytest.param("Metadata_PlateRows", "33", "a number from 1 to 32", id="rows"),
        pytest.param("Metadata_PlateColumns", "0", "a number from 1 to 48", id="columns"),
    ],
)
def test_values_that_cannot_be_are_named(tmp_path: Path, column: str, value: str, needed: str) -> None:
    good = {"Metadata_Site": "1", "Metadata_PlateRows": "8"}.get(column, "1")
    text = f"FileName_A,Metadata_Well,{column}\na.tif,B2,{good}\nb.tif,B3,{value}\n"
    with pytest.raises(PlateError) as refused:
        open_plate(table(tmp_path, text))
    shown = value if value is not LONG else f"{'1' * 40}.."
    assert str(refused.value) == f"{tmp_path}/load_data.csv, line 3: {column} is {shown!r}: {needed} is needed"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"FileName_A;Metadata_Well\na;B2\n", "line 1: the columns are separated by semicolons", id="semi"),
        pytest.param(b'"FileName_A";"Metadata_Well"\r\n"a";"B2"\r\n', "separated by semicolons, commas", id="quoted"),
        pytest.param(b"FileName_A\tMetadata_Well\na\tB2\n", "line 1: the columns are separated by tabs", id="tabs"),
        pytest.param(
            "FileName_A,Metadata_Well\na,B2\nµ.tif,B3\n".encode("latin-1"),
            r"line 3: is not in UTF-8: byte 1 of the line is 0xB5 \('µ' in Latin-1\); save it as CSV in UTF-8",
            id="latin",
        ),
        pytest.param(
            "FileName_A,Metadata_Well,Metadata_Größe\na,B2,1\n".encode("latin-1"),
            "line 1: is not in UTF-8: byte 37 of the line is 0xF6",
            id="latin_headings",
        ),
        pytest.param(
            ("FileName_A,Metadata_Well\n" + "a,B2\n" * 20000).encode() + b"\xb5,B3\n", "line 20002: is not", id="far"
        ),
        pytest.param("FileName_A,Metadata_Well\na,B2\n".encode("utf-16"), "line 1: is in UTF-16; save", id="utf16"),
    ],
)
def test_what_is_wrong_with_the_file_is_said(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "load_data.csv").write_bytes(data)
    with pytest.raises(PlateError, match=reason):
        open_plate(tmp_path)


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
