from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from tests.broken_images import sparse

from plateflow.errors import PlateError
from plateflow.plate.formats.htd import read_htd
from plateflow.plate.formats.metaseries import NOTHING_KNOWN, PlaneInfo, parse_plane_info
from plateflow.plate.model import Channel, Plate
from plateflow.plate.open import open_plate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

HTD = {
    "HTSInfoFile": "Version 1.0",
    "Description": '"two lines\x82\x81of text, with a comma"',
    "TimePoints": "1",
    "XWells": "3",
    "YWells": "2",
    "WellsSelection1": "FALSE, TRUE, FALSE",
    "WellsSelection2": "FALSE, TRUE, FALSE",
    "Sites": "FALSE",
    "Waves": "TRUE",
    "NWavelengths": "2",
    "WaveName1": '"DAPI"',
    "WaveName2": '"DAPI"',
    "EndFile": None,
}
TWO_SITES = {"Sites": "TRUE", "XSites": "3", "YSites": "1", "SiteSelection1": "FALSE, TRUE, TRUE"}


def write_htd(path: Path, changes: Mapping[str, str | None] | None = None) -> None:
    """Write :data:`HTD` with changed lines; a value of None removes the line."""
    lines = {key: value for key, value in HTD.items() if key != "EndFile"} | dict(changes or {})
    text = "".join(f'"{key}", {value}\r\n' for key, value in lines.items() if value is not None)
    if "EndFile" not in lines:
        text += '"EndFile"\r\n'
    path.write_bytes(text.encode("latin-1"))


def make_plate(root: Path, *names: str, htd: Mapping[str, str | None] | None = None) -> Path:
    write_htd(root / "9.HTD", htd)
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def table_of(plate: Plate, well: str) -> list[tuple[int, str, int, int, str, bool]]:
    return [(r.site, r.channel, r.timepoint, r.z, r.projection, r.missing) for r in plate.wells[well]]


def paths_of(plate: Plate, well: str) -> list[str]:
    return [record.path.removeprefix(plate.path + "/") for record in plate.wells[well]]


BOTH_WAVES = [(1, "1", 1, 1, "", False), (1, "2", 1, 1, "", False)]


@pytest.mark.parametrize(
    "form",
    [
        pytest.param("TimePoint_1/9_{}_w{}.TIF", id="export"),
        pytest.param("9_{}_w{}.tif", id="files_in_the_plate_folder"),
        pytest.param("timepoint_1/zstep_1/9_{}_w{}.Tiff", id="other_case"),
        pytest.param("ZStep_1/9_{}_s1_w{}.TIF", id="site_told_though_there_is_one"),
        pytest.param("a_B01_s2_{}_w{}.TIF", id="plate_name_like_a_well"),
    ],
)
def test_reads_layouts(tmp_path: Path, form: str) -> None:
    names = [form.format(well, wave) for well in ("A02", "B02") for wave in (1, 2)]
    plate = open_plate(make_plate(tmp_path, *names))
    assert {well: table_of(plate, well) for well in plate.wells} == {"A02": BOTH_WAVES, "B02": BOTH_WAVES}
    assert paths_of(plate, "B02") == names[2:]
    assert plate.channels == (Channel("1", "DAPI"), Channel("2", "DAPI"))
    assert (plate.layout, plate.rows, plate.columns, plate.pixel_size_um) == ("imagexpress-htd", 2, 3, None)


def test_ignores_thumbs_copies_of_the_htd_and_other_folders(tmp_path: Path) -> None:
    make_plate(
        tmp_path,
        *("TimePoint_1/9_A02_w1.TIF", "TimePoint_1/9_A02_w1_thumb.TIF", "TimePoint_1/9.HTD"),
        *("old/9_A02_w1.TIF", "TimePoint_1/._9_A02_w1.TIF"),
    )
    plate = open_plate(tmp_path)
    assert [
        path for path, record in zip(paths_of(plate, "A02"), plate.wells["A02"], strict=True) if not record.missing
    ] == ["TimePoint_1/9_A02_w1.TIF"]


@pytest.mark.parametrize(
    ("names", "changes", "missing"),
    [
        pytest.param(
            ["TimePoint_1/9_A02_w1.TIF", "TimePoint_1/9_A02_w2.TIF", "TimePoint_1/9_B02_w1.TIF"],
            {},
            ["TimePoint_1/9_B02_w2.TIF"],
            id="one_file",
        ),
        pytest.param(["9_A02_w1.TIF", "9_A02_w2.TIF"], {}, ["9_B02_w1.TIF", "9_B02_w2.TIF"], id="whole_well"),
        pytest.param(["9_A02_w1.TIF", "9_B02_w1.TIF"], {}, ["9_A02_w2.TIF", "9_B02_w2.TIF"], id="wave_without_files"),
        pytest.param(
            ["9_A02_s1_w1.tif", "9_B02_s1_w1.tif", "9_B02_s2_w1.tif"],
            TWO_SITES | {"NWavelengths": "1"},
            ["9_A02_s2_w1.tif"],
            id="site",
        ),
        pytest.param(
            ["TimePoint_1/9_A02.TIF", "TimePoint_1/9_B02.TIF", "TimePoint_2/9_B02.TIF"],
            {"Waves": "FALSE", "TimePoints": "2"},
            ["TimePoint_2/9_A02.TIF"],
            id="timepoint",
        ),
        pytest.param(
            [
                *("ZStep_1/9_A02_w1.TIF", "ZStep_2/9_A02_w1.TIF", "ZStep_1/9_B02_w1.TIF"),
                *("ZStep_1/9_A02_w2.TIF", "ZStep_1/9_B02_w2.TIF"),
            ],
            {},
            ["ZStep_2/9_B02_w1.TIF"],
            id="plane_that_the_channel_has_elsewhere",
        ),
    ],
)
def test_declared_but_absent_is_missing_where_it_should_be(
    tmp_path: Path, names: list[str], changes: Mapping[str, str | None], missing: list[str]
) -> None:
    plate = open_plate(make_plate(tmp_path, *names, htd=changes))
    prefix = plate.path + "/"
    records = [record for well in plate.wells.values() for record in well]
    assert [record.path.removeprefix(prefix) for record in records if record.missing] == missing
    assert sorted(record.path.removeprefix(prefix) for record in records if not record.missing) == sorted(names)


def test_sites_numbered_by_their_place_in_the_grid(tmp_path: Path) -> None:
    make_plate(tmp_path, "9_A02_s2_w1.TIF", "9_A02_s3_w1.TIF", htd=TWO_SITES | {"NWavelengths": "1"})
    assert [record.site for record in open_plate(tmp_path).wells["B02"]] == [2, 3]


def write_plane_with_info(path: Path, **props: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    xml = "".join(
        f'<custom-prop id="{key.replace("_", " ")}" type="x" value="{value}"/>' for key, value in props.items()
    )
    tifffile.imwrite(
        path,
        np.zeros((4, 4), np.uint16),
        description=f"<MetaData><PlaneInfo>{xml}</PlaneInfo></MetaData>",
        metadata=None,
    )


def test_copies_in_zstep_folders_are_no_planes(tmp_path: Path) -> None:
    """As on plate 3434: w1 planes and projection, w2 projection copied, w3 one plane copied, w4 a projection alone."""
    maximum = {"Z_Projection_Method": "Maximum"}
    for folder in (0, 1, 2):
        for wave, props in {
            1: maximum if folder == 0 else {"Z_Step": str(folder)},
            2: maximum,
            3: {"Z_Step": "1"},
        }.items():
            write_plane_with_info(tmp_path / f"ZStep_{folder}/9_A02_w{wave}.TIF", **props)
    write_plane_with_info(tmp_path / "ZStep_0/9_A02_w4.TIF")
    names: dict[str, str | None] = {"WaveName3": '"c"', "WaveName4": '"d"', "NWavelengths": "4"}
    plate = open_plate(make_plate(tmp_path, htd=names | {"WellsSelection2": "FALSE, FALSE, FALSE"}))
    assert table_of(plate, "A02") == [
        (1, "1", 1, 1, "", False),
        (1, "1", 1, 2, "", False),
        (1, "2", 1, 0, "Maximum", False),
        (1, "3", 1, 1, "", False),
        (1, "4", 1, 0, "unknown", False),
    ]
    assert paths_of(plate, "A02")[2] == "ZStep_0/9_A02_w2.TIF"


def test_a_plane_kept_only_in_zstep_0_is_a_plane(tmp_path: Path) -> None:
    write_plane_with_info(tmp_path / "ZStep_0/9_A02_w1.TIF", Z_Step="1")
    assert table_of(open_plate(make_plate(tmp_path)), "A02")[0] == (1, "1", 1, 1, "", False)


def test_z_position_tells_planes_apart_whose_z_step_does_not(tmp_path: Path) -> None:
    for folder in (1, 2):
        path = tmp_path / f"ZStep_{folder}/9_A02_w1.TIF"
        write_plane_with_info(path, **{"Z_Step": "1", "z-position": str(10 * folder)})
    assert [row[3] for row in table_of(open_plate(make_plate(tmp_path)), "A02")[:2]] == [1, 2]


ONE_WELL: dict[str, str | None] = {"NWavelengths": "1", "WellsSelection2": "FALSE, FALSE, FALSE"}


def write_stack(root: Path, well: str, lowest: float, folders: tuple[int, ...] = (1, 2)) -> None:
    for folder in folders:
        z = {"Z_Step": str(folder), "z-position": str(lowest + 3 * folder), "stage-label": f"{well} : Site 1"}
        write_plane_with_info(root / f"ZStep_{folder}/9_{well}_w1.TIF", **z)


@pytest.mark.parametrize("harm", ["gone", "FIFO"])
def test_heights_are_those_of_a_well_that_is_whole(tmp_path: Path, harm: str) -> None:
    write_stack(tmp_path, "A02", 100)
    write_stack(tmp_path, "B02", 500)
    make_plate(tmp_path, htd={"NWavelengths": "1"})
    whole = [record.z_um for record in open_plate(tmp_path).wells["B02"]]
    harmed = tmp_path / "ZStep_1/9_A02_w1.TIF"
    harmed.unlink()
    if harm == "FIFO":
        os.mkfifo(harmed)
    assert [record.z_um for record in open_plate(tmp_path).wells["B02"]] == whole == [0, 3]


def test_planes_that_no_well_has_are_noted(tmp_path: Path) -> None:
    write_stack(tmp_path, "A02", 0, (1, 3))
    make_plate(tmp_path, htd=ONE_WELL | {"ZSeries": "TRUE", "ZSteps": "4"})
    plate = open_plate(tmp_path)
    assert [record.z for record in plate.wells["A02"]] == [1, 3]
    assert plate.notes == ("channel 1 has 2 planes, and nowhere plane 2, 4",)


def test_one_plane_is_the_first_whichever_copies_are_left(tmp_path: Path) -> None:
    for folder in (2, 3):
        write_plane_with_info(tmp_path / f"ZStep_{folder}/9_A02_w1.TIF", Z_Step="1")
    assert table_of(open_plate(make_plate(tmp_path, htd=ONE_WELL)), "A02") == [(1, "1", 1, 1, "", False)]


def test_images_of_other_names_are_noted(tmp_path: Path) -> None:
    make_plate(tmp_path, "9_A02_w1.TIF", "9_B02_w1.TIF", "notes.TIF", "9_A02_w1_thumb.TIF", htd={"NWavelengths": "1"})
    assert open_plate(tmp_path).notes == ("1 images are not described by 9.HTD and were left out: notes.TIF",)


def test_loose_files_beside_zstep_folders_are_projections(tmp_path: Path) -> None:
    make_plate(tmp_path, "9_A02_w1.TIF", "ZStep_1/9_A02_w1.TIF", "9_A02_w2.TIF")
    assert table_of(open_plate(tmp_path), "A02") == [(1, "1", 1, 1, "", False), (1, "2", 1, 0, "unknown", False)]


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        pytest.param([], "declares 2 wells, but no image is there", id="no_images"),
        pytest.param(["9_B02_w1.TIF", "9_B02_w1.tif"], r"B02, .*w1\.TIF and .*w1\.tif", id="same_address"),
        pytest.param(["9_A1_w1.TIF", "9_A01_w1.TIF"], r"A01_w1\.TIF and .*A1_w1\.TIF", id="a1_and_a01"),
        pytest.param(["9_A01_w1.TIF"], r"9_A01_w1\.TIF: is of well A01, which .*9\.HTD does not declare", id="well"),
        pytest.param(["9_XY99_w1.TIF"], r"9_XY99_w1\.TIF: well 'XY99' is on no plate", id="no_well"),
        pytest.param(["9_A02_w3.TIF"], "is of channel 3", id="wave"),
        pytest.param(["9_A02_s2_w1.TIF"], "is of site 2", id="site"),
        pytest.param(["TimePoint_2/9_A02_w1.TIF"], "is of timepoint 2", id="timepoint"),
        pytest.param(["9_A02_w1.TIF", "8.htd"], r"several HTD files \(8\.htd, 9\.HTD\)", id="two_htds"),
    ],
)
def test_refuses_plates(tmp_path: Path, names: list[str], reason: str) -> None:
    make_plate(tmp_path, *names)
    with pytest.raises(PlateError, match=reason):
        open_plate(tmp_path)


def test_names_both_files_of_each_image_that_is_there_twice(tmp_path: Path) -> None:
    twice = [f"9_{well}_w{wave}.{suffix}" for well in ("A02", "B02") for wave in (1, 2) for suffix in ("TIF", "tif")]
    make_plate(tmp_path, *twice)
    with pytest.raises(PlateError) as error:
        open_plate(tmp_path)
    assert all(str(tmp_path / name) in str(error.value) for name in twice)
    assert str(error.value).count("well B02") == 2


def test_counts_images_that_are_there_twice_where_they_are_many(tmp_path: Path) -> None:
    wells = {"WellsSelection1": "TRUE, TRUE, TRUE", "WellsSelection2": "TRUE, TRUE, TRUE"}
    names = [f"9_{row}0{column}_w1.{suffix}" for row in "AB" for column in (1, 2, 3) for suffix in ("TIF", "tif")]
    make_plate(tmp_path, *names, htd=wells)
    with pytest.raises(PlateError, match=r"9_B02_w1\.tif; and 1 more\); move one of each away"):
        open_plate(tmp_path)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(os.mkfifo, "cannot be read: is not a regular file but a FIFO", id="fifo"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), "is not a regular file but a device", id="device"),
        pytest.param(lambda path: path.symlink_to("gone"), "it is a link to gone", id="dangling"),
        pytest.param(lambda path: path.symlink_to(path), "leads back to itself", id="loop"),
        pytest.param(lambda path: path.touch(), "is no HTD file", id="empty"),
        pytest.param(lambda path: path.write_bytes(bytes(range(256)) * 99), "is no HTD file", id="binary"),
        pytest.param(sparse(2**30), "is larger than the 4 MB", id="a_gigabyte"),
        pytest.param(
            lambda path: path.write_text(f'"HTSInfoFile", 1\n"Description", "{"x" * 200_000}"\n"EndFile"\n'),
            "line 2: cannot be read: field larger",
            id="huge_value",
        ),
    ],
)
def test_what_stands_in_place_of_an_htd_is_told(tmp_path: Path, make: Callable[[Path], object], reason: str) -> None:
    make_plate(tmp_path, "9_A02_w1.TIF")
    (tmp_path / "9.HTD").unlink()
    make(tmp_path / "9.HTD")
    with pytest.raises(PlateError, match=reason) as error:
        open_plate(tmp_path)
    assert str(tmp_path / "9.HTD") in str(error.value)


@pytest.mark.parametrize("part", ["TimePoint_1", "ZStep_0"])
def test_refuses_a_part_of_a_plate(tmp_path: Path, part: str) -> None:
    (tmp_path / part).mkdir()
    make_plate(tmp_path / part, "9_A02_w1.TIF")
    with pytest.raises(PlateError, match=r"is a part of a plate .* open the folder above"):
        open_plate(tmp_path / part)


def test_reads_htd(tmp_path: Path) -> None:
    write_htd(tmp_path / "9.HTD", TWO_SITES | {"TimePoints": "7"})
    htd = read_htd(str(tmp_path / "9.HTD"))
    assert (htd.rows, htd.columns, htd.wells, htd.timepoints) == (2, 3, ("A02", "B02"), 7)
    assert (htd.sites, htd.site_positions, htd.wave_names) == ((1, 2), (2, 3), ("DAPI", "DAPI"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"HTSInfoFile": None}, "is no HTD file", id="other_file"),
        pytest.param({"EndFile": None}, "is cut off", id="cut_off"),
        pytest.param({"XWells": None}, "has no line XWells", id="no_columns"),
        pytest.param({"YWells": "0"}, "line 5: YWells: '0' is no whole number from 1 to 32", id="no_rows"),
        pytest.param({"XWells": "three"}, "line 4: XWells: 'three'", id="columns_no_number"),
        pytest.param({"XWells": "3, 4"}, "line 4: XWells: has 2 values, one is needed", id="two_values"),
        pytest.param({"WellsSelection2": None}, "has no line WellsSelection2", id="row_not_told"),
        pytest.param(
            {"WellsSelection1": "TRUE"}, "line 6: WellsSelection1: has 1 values, 3 are needed", id="short_row"
        ),
        pytest.param({"WellsSelection1": "TRUE, NO, TRUE"}, "line 6: WellsSelection1: 'NO' is neither", id="flag"),
        pytest.param(
            {"WellsSelection1": "FALSE, FALSE, FALSE", "WellsSelection2": "FALSE, FALSE, FALSE"},
            "selects no well",
            id="no_well",
        ),
        pytest.param(TWO_SITES | {"SiteSelection1": "FALSE, FALSE, FALSE"}, "selects no site", id="no_site"),
        pytest.param({"WaveName2": None}, "has no line WaveName2", id="wave_without_name"),
        pytest.param({"TimePoints": "-1"}, "line 3: TimePoints: '-1'", id="timepoints"),
    ],
)
def test_refuses_htds(tmp_path: Path, changes: Mapping[str, str | None], reason: str) -> None:
    path = tmp_path / "9.HTD"
    write_htd(path, changes)
    with pytest.raises(PlateError, match=reason) as error:
        read_htd(str(path))
    assert str(path) in str(error.value)


def test_refuses_a_key_that_stands_twice(tmp_path: Path) -> None:
    path = tmp_path / "9.HTD"
    write_htd(path)
    path.write_bytes(path.read_bytes().replace(b'"EndFile"', b'"XWells", 12\r\n"EndFile"'))
    with pytest.raises(PlateError, match="line 13: XWells stands here and in line 4"):
        read_htd(str(path))


PROPS = (
    '<prop id="spatial-calibration-state" value="on"/><prop id="spatial-calibration-x" value="1.25"/>'
    '<prop id="spatial-calibration-units" value="{units}"/><prop id="z-position" value="9991.87"/>'
)


@pytest.mark.parametrize(
    ("description", "info"),
    [
        pytest.param("", NOTHING_KNOWN, id="none"),
        pytest.param('{"shape": [4, 4]}', NOTHING_KNOWN, id="of_other_software"),
        pytest.param("<MetaData><PlaneInfo>", NOTHING_KNOWN, id="broken_xml"),
        pytest.param(
            '<!DOCTYPE x [<!ENTITY a "b">]><MetaData><PlaneInfo></PlaneInfo></MetaData>', NOTHING_KNOWN, id="entities"
        ),
        pytest.param(
            f"<MetaData><PlaneInfo>{PROPS.format(units='um')}</PlaneInfo></MetaData>",
            PlaneInfo(z_position=9991.87, pixel_size_um=1.25),
            id="calibrated",
        ),
        pytest.param(
            f"<MetaData><PlaneInfo>{PROPS.format(units='pixel')}</PlaneInfo></MetaData>",
            PlaneInfo(z_position=9991.87),
            id="not_in_micrometres",
        ),
        pytest.param(
            '<MetaData><PlaneInfo><custom-prop id="Z Step" value="x"/></PlaneInfo></MetaData>',
            NOTHING_KNOWN,
            id="no_number",
        ),
    ],
)
def test_parses_plane_info(description: str, info: PlaneInfo) -> None:
    assert parse_plane_info(description) == info
