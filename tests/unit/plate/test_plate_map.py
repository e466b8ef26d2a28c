from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.broken_images import sparse

from plateflow.errors import PlateError
from plateflow.plate.plate_map import read_plate_map

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from plateflow.plate.model import PlateMap

WELLS = ("A01", "B06")


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        pytest.param(
            "Well,Dose,Drug\nA1,0,none\nb06,2.5,wortmannin\n",
            {"A01": {"Dose": 0.0, "Drug": "none"}, "B06": {"Dose": 2.5, "Drug": "wortmannin"}},
            id="by_well",
        ),
        pytest.param(
            "n,Column,Row,Dose\n1,01,A,1e-3\n2,06,B,-1\n",
            {"A01": {"n": 1.0, "Dose": 0.001}, "B06": {"n": 2.0, "Dose": -1.0}},
            id="by_row_and_column",
        ),
        pytest.param("row;COL;Dose\n1;1;4\n", {"A01": {"Dose": 4.0}}, id="semicolons_and_numbered_rows"),
        pytest.param("Metadata_Well\tDrug\nB6\tx\n", {"B06": {"Drug": "x"}}, id="tabs_and_cellprofiler_heading"),
        pytest.param("\ufeffWell,Dose\r\nA01,1\r\n\r\n", {"A01": {"Dose": 1.0}}, id="excel_bom_crlf_blank_line"),
        pytest.param(
            "Well,Dose\nA01,1\nB06,high\n", {"A01": {"Dose": "1"}, "B06": {"Dose": "high"}}, id="mixed_is_text"
        ),
        pytest.param("Well,Dose\nA01,\nB06,3\n", {"A01": {}, "B06": {"Dose": 3.0}}, id="empty_is_no_entry"),
        pytest.param("Well,Dose\nA01,nan\nB06,3\n", {"A01": {"Dose": "nan"}, "B06": {"Dose": "3"}}, id="nan_is_text"),
        pytest.param("Well,Dose\nA01,1\nH12,2\n", {"A01": {"Dose": 1.0}}, id="other_wells_left_out"),
        pytest.param('Well,Drug\nA01,"a, b"\n', {"A01": {"Drug": "a, b"}}, id="quoted_comma"),
        pytest.param("Row,Well,Dose\nx,A01,1\n", {"A01": {"Row": "x", "Dose": 1.0}}, id="well_wins_over_row"),
    ],
)
def test_reads_tables(tmp_path: Path, table: str, expected: PlateMap) -> None:
    (tmp_path / "map.csv").write_text(table, encoding="utf-8", newline="")
    assert read_plate_map(str(tmp_path), "map.csv", WELLS) == expected


def test_keeps_the_order_of_the_plate(tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text("Well,Dose\nB06,2\nA01,1\n")
    assert list(read_plate_map(str(tmp_path), "map.csv", WELLS)) == ["A01", "B06"]


def test_looks_in_the_folder_then_above_it_or_where_an_absolute_path_points(tmp_path: Path) -> None:
    plate = tmp_path / "plate"
    plate.mkdir()
    above, own = tmp_path / "map.csv", plate / "map.csv"
    above.write_text("Well,Dose\nA01,1\n")
    assert read_plate_map(str(plate), "map.csv", WELLS) == {"A01": {"Dose": 1.0}}
    own.write_text("Well,Dose\nA01,2\n")
    assert read_plate_map(str(plate), "map.csv", WELLS) == {"A01": {"Dose": 2.0}}
    assert read_plate_map(str(plate), str(above), WELLS) == {"A01": {"Dose": 1.0}}


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"Well,Dose\n", "no rows", id="headings_only"),
        pytest.param(b"Position,Dose\nA01,1\n", "no column tells the well.* it has Position, Dose", id="no_well"),
        pytest.param(b"Row,Dose\nA,1\n", "no column tells the well", id="row_without_column"),
        pytest.param(b"Well,Dose\nfoo,1\n", "line 2: 'foo' is no well name", id="bad_well"),
        pytest.param(b"Well,Dose\nA01,1\nA1,2\n", "line 3: a second row for well A01", id="well_twice"),
        pytest.param(b"Well,Dose,Dose\nA01,1,2\n", "two columns are headed 'Dose'", id="heading_twice"),
        pytest.param(b"Well,Dose\nA01\n", "line 2: has 1 cells, not 2", id="short_row"),
        pytest.param(b"Well,Dose\nA01,\xb5\n", "not UTF-8", id="latin_1"),
        pytest.param(b'Well,Dose\nA01,"1\nB06,2\n', "line 3: is not CSV", id="quote_without_end"),
        pytest.param(b"Well,Dose\nA01," + bytes(200_000) + b"\n", "line 2: is not CSV", id="huge_cell"),
        pytest.param(b"Well,Dose\nH11,1\nH12,1\n", r"none of its 2 wells \(H11 \.\.\)", id="other_plate"),
    ],
)
def test_refuses_tables(tmp_path: Path, table: bytes, reason: str) -> None:
    (tmp_path / "map.csv").write_bytes(table)
    with pytest.raises(PlateError, match=reason) as error:
        read_plate_map(str(tmp_path), "map.csv", WELLS)
    assert str(tmp_path / "map.csv") in str(error.value)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(os.mkfifo, "is not a regular file but a FIFO", id="fifo"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), "is not a regular file but a device", id="device"),
        pytest.param(lambda path: path.symlink_to("gone.csv"), "it is a link to gone.csv", id="dangling"),
        pytest.param(lambda path: path.symlink_to(path), "leads back to itself", id="loop"),
        pytest.param(lambda path: path.mkdir(), "is not a regular file but a folder", id="folder"),
        pytest.param(sparse(2**30), "is larger than the 64 MB", id="a_gigabyte"),
    ],
)
def test_what_stands_in_place_of_a_table_is_told(tmp_path: Path, make: Callable[[Path], object], reason: str) -> None:
    make(tmp_path / "map.csv")
    with pytest.raises(PlateError, match=reason) as error:
        read_plate_map(str(tmp_path), "map.csv", WELLS)
    assert str(tmp_path / "map.csv") in str(error.value)


@pytest.mark.parametrize("absolute", [False, True], ids=["relative", "absolute"])
def test_refuses_a_table_that_is_not_there(tmp_path: Path, absolute: bool) -> None:
    name = str(tmp_path / "none.csv") if absolute else "none.csv"
    with pytest.raises(PlateError, match=r"none\.csv is"):
        read_plate_map(str(tmp_path), name, WELLS)
