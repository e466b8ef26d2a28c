from __future__ import annotations

import pytest

from plateflow.errors import PlateError
from plateflow.plate.wells import canonical_well, enclosing_plate, join_well, parse_well, well_name, well_order


@pytest.mark.parametrize(
    ("text", "row", "column", "name"),
    [
        pytest.param("B6", 2, 6, "B06", id="unpadded"),
        pytest.param("b06", 2, 6, "B06", id="lower_case"),
        pytest.param("B06", 2, 6, "B06", id="canonical"),
        pytest.param("B006", 2, 6, "B06", id="more_padding"),
        pytest.param(" H12 ", 8, 12, "H12", id="spaces"),
        pytest.param("P24", 16, 24, "P24", id="last_of_384"),
        pytest.param("Z01", 26, 1, "Z01", id="last_letter"),
        pytest.param("AA01", 27, 1, "AA01", id="first_double"),
        pytest.param("AF48", 32, 48, "AF48", id="last_of_1536"),
    ],
)
def test_parses_well_names(text: str, row: int, column: int, name: str) -> None:
    assert parse_well(text) == (row, column)
    assert canonical_well(text) == name
    assert well_name(row, column) == name


@pytest.mark.parametrize(
    "text", ["", "B", "06", "6B", "B-6", "AAA01", "B00", "B49", "AG01", "B6.0", "B1234", "Ä01", "B\u0661"]
)
def test_refuses_what_is_no_well(text: str) -> None:
    with pytest.raises(PlateError, match="well"):
        parse_well(text)


@pytest.mark.parametrize(
    ("row", "column", "name"),
    [("B", "6", "B06"), ("b", "06", "B06"), ("2", "6", "B06"), ("02", "12", "B12"), ("27", "1", "AA01")],
)
def test_joins_row_and_column(row: str, column: str, name: str) -> None:
    assert join_well(row, column) == name


@pytest.mark.parametrize(("row", "column"), [("0", "1"), ("33", "1"), ("", "1"), ("B1", "1"), ("B", ""), ("B", "x")])
def test_refuses_wrong_rows_and_columns(row: str, column: str) -> None:
    with pytest.raises(PlateError):
        join_well(row, column)


def test_sorts_as_people_count() -> None:
    wells = ["AA01", "B01", "A10", "Z01", "A02", "A01"]
    assert sorted(wells, key=well_order) == ["A01", "A02", "A10", "B01", "Z01", "AA01"]


@pytest.mark.parametrize(
    ("wells", "rows", "columns"),
    [
        pytest.param(["B03"], 2, 3, id="6"),
        pytest.param(["A04"], 3, 4, id="12"),
        pytest.param(["D06"], 4, 6, id="24"),
        pytest.param(["F01"], 6, 8, id="48"),
        pytest.param(["B02", "G01"], 8, 12, id="96"),
        pytest.param(["A13"], 16, 24, id="384_by_columns"),
        pytest.param(["I01"], 16, 24, id="384_by_rows"),
        pytest.param(["Q01"], 32, 48, id="1536"),
    ],
)
def test_finds_the_smallest_standard_plate(wells: list[str], rows: int, columns: int) -> None:
    assert enclosing_plate(wells) == (rows, columns)
