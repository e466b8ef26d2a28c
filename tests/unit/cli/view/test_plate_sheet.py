from __future__ import annotations

import msgspec
import pytest

from plateflow.cli.view.plate_sheet import plate_sheet
from plateflow.plate.summary import ChannelSummary, MissingImage, PlateSummary, WellSummary

DAPI = ChannelSummary("1", "DAPI", (1, 2), "", (1080, 1080), "uint16", "")
FITC = ChannelSummary("2", "FITC", (0,), "Maximum", (540, 540), "uint8", "")
PLATE = PlateSummary(
    path="/data/p1",
    name="p1",
    format="yokogawa",
    rows=3,
    columns=12,
    wells={"A02": WellSummary(6, 0), "B11": WellSummary(5, 1), "C12": WellSummary(0, 6)},
    sites=(1, 2),
    channels=(DAPI, FITC),
    z=(0, 1, 2),
    timepoints=(1,),
    pixel_size_um=0.5979760809567617,
    has_positions=True,
    plate_map=("Dose", "Drug"),
    images=11,
    missing=7,
    missing_images=(
        MissingImage("B11", 2, "2", 0, 1, "/data/p1/x.tif", "AF Error"),
        *(MissingImage("C12", site, "1", 1, 1, f"/data/p1/{site}.tif", "") for site in range(1, 9)),
    ),
    missing_images_left_out=0,
    notes=("2 images are not described by x and were left out: a, b",),
)


def test_all_that_was_understood() -> None:
    assert plate_sheet(PLATE) == [
        "plate       p1 (yokogawa)",
        "folder      /data/p1",
        "wells       3 wells of 3 x 12",
        "sites       2 sites, with positions",
        "channels    1 DAPI: 1080 x 1080 uint16, 2 z planes",
        "            2 FITC: 540 x 540 uint8, projection (Maximum)",
        "time        1 timepoint",
        "pixel       0.597976 um",
        "images      11, 7 missing",
        "plate map   Dose, Drug",
        "missing     B11 s2 c=2 z0 t1: x.tif (AF Error)",
        *(f"missing     C12 s{site} c=1 z1 t1: {site}.tif" for site in range(1, 8)),
        "note        2 images are not described by x and were left out: a, b",
        "",
        "             111",
        "    123456789012",
        "  A .#..........",
        "  B ..........+.",
        "  C ...........x",
        "    # all images, + some missing, x all missing, . not imaged",
    ]


def test_missing_images_beyond_the_first_are_counted() -> None:
    lines = plate_sheet(msgspec.structs.replace(PLATE, missing=100))
    assert "            .. and 92 more" in lines


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        pytest.param({"pixel_size_um": None}, "pixel       unknown", id="no_pixel_size"),
        pytest.param({"sites": (2, 3, 5), "has_positions": False}, "sites       3 sites (2..5)", id="other_sites"),
        pytest.param({"timepoints": (3,)}, "time        1 timepoint (3)", id="other_time"),
        pytest.param({"missing": 0, "missing_images": ()}, "images      11", id="nothing_missing"),
        pytest.param(
            {"channels": (msgspec.structs.replace(DAPI, shape=(), problem="/x.tif: is empty"),)},
            "unreadable  /x.tif: is empty",
            id="unreadable",
        ),
        pytest.param(
            {"channels": (msgspec.structs.replace(DAPI, label="", shape=()),)},
            "channels    1: no image can be read, 2 z planes",
            id="no_label_no_image",
        ),
    ],
)
def test_lines(changes: dict[str, object], line: str) -> None:
    assert line in plate_sheet(msgspec.structs.replace(PLATE, **changes))


def test_a_large_plate_has_rows_beyond_z() -> None:
    lines = plate_sheet(msgspec.structs.replace(PLATE, rows=32, columns=48, wells={"AF48": WellSummary(1, 0)}))
    assert lines[-2] == f" AF {'.' * 47}#"
    assert len(lines[-4]) == 4 + 48
