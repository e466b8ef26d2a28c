"""Parquet parts have the same schema whatever is in them."""

import csv
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from plateflow.errors import OutputError
from plateflow.storage.tables import part_path, read_parts, read_tables, write_csv, write_frame, write_table

INTEGERS, TEXTS = {"Metadata_Site", "Metadata_ObjectNumber"}, {"Metadata_Well"}
SCHEMA = {
    "Metadata_Well": pl.String,
    "Metadata_Site": pl.Int64,
    "Metadata_ObjectNumber": pl.Int64,
    "Nuclei_AreaShape_Area": pl.Float64,
}


def columns(well: Any, site: Any, number: Any, area: Any) -> dict[str, Any]:
    return dict(zip(SCHEMA, (well, site, number, area), strict=True))


PARTS = {
    "arrays": columns(
        np.array(["B06", "B06"]), np.array([1, 1], "u1"), np.array([1, 7], "i4"), np.array([2.5, 3], "f4")
    ),
    "lists": columns(["B06", "B06"], [1, 2], [1, 7], [2.5, 3]),
    "int features": columns(["B06"], [1], [1], np.array([3])),
    "stitched": columns(["B06"], [None], [1], [None]),
    "no objects, arrays": columns(np.array([]), np.array([]), np.array([], "i4"), np.array([], object)),
    "no objects, lists": columns([], [], [], []),
}


def write(path: Path, part: dict[str, Any], *, fsync: bool = False) -> int:
    return write_table(path, part, integers=INTEGERS, texts=TEXTS, fsync=fsync)


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS.keys())
def test_one_schema_for_all(tmp_path: Path, part: dict[str, Any]) -> None:
    path = part_path(tmp_path, "Nuclei", "B06")
    assert path == tmp_path / "tables/Nuclei/B06.parquet"
    assert write(path, part, fsync=True) == path.stat().st_size
    read = pl.read_parquet(path)
    assert dict(read.schema) == SCHEMA
    assert [list(row) for row in read.rows()] == [list(row) for row in zip(*map(list, part.values()), strict=True)]
    assert os.listdir(path.parent) == ["B06.parquet"]


@pytest.mark.parametrize(
    "area", [np.array([np.nan, 1.0]), [float("nan"), 1.0], [None, 1]], ids=["array", "list", "None"]
)
def test_nan_is_null(tmp_path: Path, area: Any) -> None:
    write(tmp_path / "a.parquet", columns(["A01", "A01"], [1, 1], [1, 2], area))
    assert pl.read_parquet(tmp_path / "a.parquet")["Nuclei_AreaShape_Area"].to_list() == [None, 1.0]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (columns(["A01"], [1], [1.5], [1.0]), "'Metadata_ObjectNumber' must be Int64"),
        (columns(["A01"], [1], [1], ["big"]), "'Nuclei_AreaShape_Area' must be Float64"),
        (columns([1], [1], [1], [1.0]), "'Metadata_Well' must be String"),
        (columns(["A01"], [1], [1], [1.0, 2.0]), "'Nuclei_AreaShape_Area' has 2 values"),
    ],
    ids=["fraction", "text", "number", "length"],
)
def test_refuses_other_values_and_names_the_column(tmp_path: Path, part: dict[str, Any], message: str) -> None:
    with pytest.raises(OutputError, match=re.escape(message)):
        write(tmp_path / "a.parquet", part)
    assert os.listdir(tmp_path) == []


def test_read_tables_joins_the_committed_parts(tmp_path: Path) -> None:
    for well, count in (("B02", 2), ("A01", 1), ("C03", 0)):
        write(tmp_path / f"{well}.parquet", columns([well] * count, [1] * count, range(count), [0.5] * count))
    (tmp_path / ".tmp-dead").write_bytes(b"half")
    assert read_tables(tmp_path)["Metadata_Well"].to_list() == ["A01", "B02", "B02"]
    assert read_tables(tmp_path, ["C03", "B02"])["Metadata_Well"].to_list() == ["B02", "B02"]
    assert dict(read_tables(tmp_path, ["C03"]).schema) == SCHEMA


def test_read_parts_fills_what_a_part_lacks_and_keeps_their_order(tmp_path: Path) -> None:
    write_frame(tmp_path / "B.parquet", pl.DataFrame({"a": [1.0], "b": [2]}))
    write_frame(tmp_path / "A.parquet", pl.DataFrame({"a": [3.0], "c": ["x"]}))
    found = read_parts([tmp_path / "B.parquet", tmp_path / "A.parquet"])
    assert found.to_dict(as_series=False) == {"a": [1.0, 3.0], "b": [2, None], "c": [None, "x"]}
    write_frame(tmp_path / "C.parquet", pl.DataFrame({"a": ["1"]}))
    with pytest.raises(OutputError, match=r"C\.parquet: column 'a' is String, but Float64 in B\.parquet"):
        read_parts([tmp_path / "B.parquet", tmp_path / "C.parquet"])


def test_a_table_with_dtypes_of_its_own_keeps_them_and_has_no_nan(tmp_path: Path) -> None:
    frame = pl.DataFrame({"f": [float("nan"), 1.0], "n": [1, None], "t": ["x", None], "l": [[1], []]})
    path = tmp_path / "new" / "a.parquet"
    assert write_frame(path, frame, fsync=True) == path.stat().st_size
    read = pl.read_parquet(path)
    assert read.schema == frame.schema
    assert read["f"].to_list() == [None, 1.0]
    assert read.drop("f").equals(frame.drop("f"))
    with pytest.raises(OutputError, match=r"a\.parquet: cannot be written as Parquet .*plain types"):
        write_frame(path, pl.DataFrame({"o": pl.Series([object()], dtype=pl.Object)}))
    assert pl.read_parquet(path).equals(read), "what stood there stays"


@pytest.mark.parametrize("dtype", [pl.Int128, pl.UInt128, pl.Time], ids=str)
def test_a_column_that_pandas_cannot_read_is_refused(tmp_path: Path, dtype: type[pl.DataType]) -> None:
    values = pl.Series("a", [1, 2]).cast(dtype)
    for frame in (
        pl.DataFrame([values]),
        pl.DataFrame({"a": [values, values]}),
        pl.DataFrame({"a": values.reshape((2, 1))}),
        pl.DataFrame({"a": pl.DataFrame([values]).to_struct()}),
    ):
        with pytest.raises(
            OutputError, match=rf"x\.parquet: column 'a' is .*{dtype}.*, which pandas cannot read; cast"
        ):
            write_frame(tmp_path / "x.parquet", frame)
    assert list(tmp_path.iterdir()) == []


def test_read_tables_names_the_part_that_is_broken(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no tables"):
        read_tables(tmp_path)
    write(tmp_path / "A01.parquet", PARTS["lists"])
    write_table(tmp_path / "A02.parquet", {"Other": [1.0]})
    with pytest.raises(OutputError, match=r"A02\.parquet has other columns"):
        read_tables(tmp_path)
    (tmp_path / "A02.parquet").write_bytes((tmp_path / "A01.parquet").read_bytes()[:-9])
    with pytest.raises(OutputError, match=r"A02\.parquet: not a readable table"):
        read_tables(tmp_path)
    with pytest.raises(OutputError, match=r"H12\.parquet: not a readable table"):
        read_tables(tmp_path, ["H12"])


def test_csv(tmp_path: Path) -> None:
    rows = [("B06", 0.1 + 0.2, None, 'says "no",\nthen ends'), ("Ä", 3, True, "")]
    write_csv(tmp_path / "wells.csv", rows, ("Well", "Mean", "Error", "Text"))
    with (tmp_path / "wells.csv").open(newline="", encoding="utf-8") as file:
        read = list(csv.reader(file))
    assert read == [
        ["Well", "Mean", "Error", "Text"],
        ["B06", "0.30000000000000004", "", 'says "no",\nthen ends'],
        ["Ä", "3", "True", ""],
    ]


@pytest.mark.parametrize("text", ["a\rb", "a\nb", "a\r\nb", "a,b", 'a"b', " a ", "", "é\u0308\u202e"], ids=ascii)
def test_csv_keeps_any_text_in_its_cell(tmp_path: Path, text: str) -> None:
    write_csv(tmp_path / "wells.csv", [(text, None, 1.5)], ("Well", "None", "Mean"))
    with (tmp_path / "wells.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["Well", "None", "Mean"], [text, "", "1.5"]]
    assert (tmp_path / "wells.csv").read_bytes().startswith(b"Well,None,Mean\n")


def test_csv_with_a_short_row_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="row 2 has 1 cells for 2 columns"):
        write_csv(tmp_path / "wells.csv", [("a", 1), ("b",)], ("Well", "Mean"))
    assert os.listdir(tmp_path) == []
