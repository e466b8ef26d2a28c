"""A plate as a picture: colours, sizes, and what it says of wells without a value."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plateflow.storage.heat_map import COLOURS, UNKNOWN, Well, colour, heat_map, plate_size

ROWS = [chr(ord("A") + i) for i in range(26)] + [f"A{chr(ord('A') + i)}" for i in range(6)]
SVG = "{http://www.w3.org/2000/svg}"


def told(svg: str) -> dict[str, tuple[str, str]]:
    """Read of each drawn well what its tooltip says, and its fill."""
    root = ET.fromstring(svg)
    found = {}
    for group in root.iter(f"{SVG}g"):
        title, rect = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        assert title is not None
        assert rect is not None
        name, _, value = str(title.text).partition(": ")
        found[name] = (value, rect.attrib["fill"])
    return found


def test_low_is_dark_and_high_is_bright() -> None:
    wells = {"A01": Well(1, 1, 1.0), "A02": Well(1, 2, 2.0), "B01": Well(2, 1, 3.0)}
    found = told(heat_map("size", wells, ROWS))
    assert found == {"A01": ("1", "#440154"), "A02": ("2", "#21908d"), "B01": ("3", "#fde725")}


@pytest.mark.parametrize(
    ("well", "expected"),
    [
        (Well(1, 1, None), ("no value", UNKNOWN)),
        (Well(1, 1, float("nan")), ("no value", UNKNOWN)),
        (Well(1, 1, float("inf")), ("inf", UNKNOWN)),
        (Well(1, 1, 3.0, failed=True), ("failed", UNKNOWN)),
    ],
)
def test_wells_without_a_value_have_no_colour(well: Well, expected: tuple[str, str]) -> None:
    svg = heat_map("size", {"A01": well, "A02": Well(1, 2, 5.0)}, ROWS)
    assert told(svg)["A01"] == expected
    assert ("stroke-width" in svg) == well.failed


def test_one_value_everywhere_is_the_middle_colour() -> None:
    assert colour(4, 4, 4) == "#{:02x}{:02x}{:02x}".format(*COLOURS[len(COLOURS) // 2])
    assert "no well has a value" in heat_map("size", {"A01": Well(1, 1, None)}, ROWS)


@pytest.mark.parametrize(
    ("row", "column", "size"),
    [(1, 1, (2, 3)), (3, 4, (3, 4)), (8, 12, (8, 12)), (9, 1, (16, 24)), (1, 25, (32, 48)), (40, 50, (40, 50))],
)
def test_the_smallest_plate_that_holds_them_is_drawn(row: int, column: int, size: tuple[int, int]) -> None:
    assert plate_size([Well(1, 1, 0.0), Well(row, column, 0.0)]) == size


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])),
    st.lists(st.floats() | st.none(), max_size=12),
)
def test_any_title_and_values_make_a_well_formed_picture(title: str, values: list[float | None]) -> None:
    wells = {f"A{i:02d}": Well(1, i, value) for i, value in enumerate(values, start=1)}
    try:
        svg = heat_map(title, wells, ROWS)
        ET.fromstring(svg)
    except ET.ParseError:
        assert any(c in "\ufffe\uffff" for c in title)  # XML has no way to say these
        return
    assert set(told(svg)) == set(wells)
