from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plateflow.errors import PlateError
from plateflow.plate.model import Channel
from plateflow.plate.open import open_plate

if TYPE_CHECKING:
    from pathlib import Path

    from plateflow.progress.update import ProgressUpdate

SBS = r"Channel(?P<channel>\d)-\d+-(?P<row>[A-H])-(?P<column>\d\d)\.tif"


def make_files(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.mark.parametrize(
    ("pattern", "name", "address"),
    [
        pytest.param(r"(?P<well>[A-P]\d+)\.tif", "B7.tif", ("B07", 1, "1", 1, 1), id="well_alone"),
        pytest.param(SBS, "Channel2-07-A-07.tif", ("A07", 1, "2", 1, 1), id="row_and_column"),
        pytest.param(
            r"^(?P<Plate>.*)_(?P<Well>[A-P][0-9]{2})_s(?P<Site>[0-9])_w(?P<ChannelNumber>[0-9]).*",
            "P1_C03_s4_w2.TIF",
            ("C03", 4, "2", 1, 1),
            id="cellprofiler",
        ),
        pytest.param(
            r".*-(?P<ImageNumber>\d*)-(?P<WellRow>.*)-(?P<WellColumn>\d*)\.tif",
            "x-12-D-11.tif",
            ("D11", 1, "1", 1, 1),
            id="cellprofiler_rows",
        ),
        pytest.param(
            r"r(?P<row>\d+)c(?P<column>\d+)f(?P<site>\d+)p(?P<z>\d+)-ch(?P<channel>\d+)sk(?P<timepoint>\d+)fk1fl1\.tiff",
            "r03c04f02p05-ch6sk7fk1fl1.tiff",
            ("C04", 2, "6", 5, 7),
            id="opera_numbers_rows",
        ),
        pytest.param(
            r"(?P<WELL>B\d)_\d+_\d+_(?P<SITE>\d+)_(?P<Channel>\w+)_(?P<TimePoint>\d{3})\.tif",
            "B7_01_1_3_DAPI_001.tif",
            ("B07", 3, "DAPI", 1, 1),
            id="cytation_names_channels",
        ),
        pytest.param(
            r"(?P<Well>(?P<WellRow>[A-P])(?P<WellColumn>\d+))\.tif", "B7.tif", ("B07", 1, "1", 1, 1), id="well_of_parts"
        ),
        pytest.param(
            r"(?P<well>\w+)(?:_s(?P<site>\d+))?\.tif", "AA01.tif", ("AA01", 1, "1", 1, 1), id="group_not_taken_part"
        ),
        pytest.param(
            r"(?P<well>[A-P]\d+)/t(?P<t>\d+)/(?P<channel>\w+)\.tif",
            "B07/t003/GFP.tif",
            ("B07", 1, "GFP", 1, 3),
            id="path_below_the_plate",
        ),
    ],
)
def test_reads_addresses(tmp_path: Path, pattern: str, name: str, address: tuple[str, int, str, int, int]) -> None:
    make_files(tmp_path, name)
    plate = open_plate(tmp_path, filenames=pattern)
    [(well, [record])] = plate.wells.items()
    assert (record.well, record.site, record.channel, record.z, record.timepoint) == address
    assert well == record.well
    assert record.path == str(tmp_path / name)
    assert not record.missing


def test_orders_wells_channels_and_records(tmp_path: Path) -> None:
    make_files(
        tmp_path,
        *(f"{well}_s{site}_w{wave}.tif" for well in ("B1", "A10", "A2") for site in (2, 1) for wave in (10, 2)),
    )
    plate = open_plate(tmp_path, filenames=r"(?P<well>\w\d+)_s(?P<site>\d)_w(?P<channel>\d+)\.tif")
    assert list(plate.wells) == ["A02", "A10", "B01"]
    assert plate.channels == (Channel("2"), Channel("10"))
    assert [(r.site, r.channel) for r in plate.wells["A02"]] == [(1, "2"), (1, "10"), (2, "2"), (2, "10")]
    assert (plate.layout, plate.rows, plate.columns) == ("filenames", 8, 12)
    assert plate.path == str(tmp_path)
    assert plate.name == tmp_path.name


def test_what_other_wells_have_is_missing(tmp_path: Path) -> None:
    make_files(tmp_path, "A01_s1_w1.tif", "A01_s2_w1.tif", "A01_s1_w2.tif", "B01_s1_w1.tif")
    plate = open_plate(tmp_path, filenames=r"(?P<well>\w\d+)_s(?P<site>\d)_w(?P<channel>\d+)\.tif")
    found = {well: [(r.site, r.channel, r.missing) for r in records] for well, records in plate.wells.items()}
    # No well has site 2 of channel 2, so nobody misses it.
    assert found == {
        "A01": [(1, "1", False), (1, "2", False), (2, "1", False)],
        "B01": [(1, "1", False), (1, "2", True), (2, "1", True)],
    }
    assert plate.wells["B01"][1].path == str(tmp_path / "(no file for B01, site 1, channel 2, z 1, timepoint 1)")


@pytest.mark.parametrize(
    ("pattern", "names", "reason"),
    [
        pytest.param("(?P<well>", ["B02.tif"], "no regular expression", id="bad_regex"),
        pytest.param(r"(?P<site>\d)\.tif", ["1.tif"], "tells no well", id="no_well"),
        pytest.param(r"(?P<row>[A-P])\.tif", ["B.tif"], "tells no well", id="row_without_column"),
        pytest.param(r"(?P<well>B1)(?P<Well>B2)", ["B1B2"], "tells the well twice: well and Well", id="twice"),
        pytest.param(
            r"(?P<well>\w\d\d)\.png",
            ["B02.tif", "B03.tif"],
            r"none of 2 files matches .*\.png.* 'B02\.tif' and 'B03\.tif'",
            id="no_match",
        ),
        pytest.param(r"(?P<well>\w\d\d)\.tif", ["B02.tiff"], "none of 1 files", id="whole_name"),
        pytest.param(r"(?P<well>\w\d\d)\.tif", [], "holds no files", id="no_files"),
        pytest.param(r"(?P<well>\w\d+)\.tif", ["A1.tif", "A01.tif"], r"A01, .*A01\.tif and .*A1\.tif", id="a1_and_a01"),
        pytest.param(
            r"(?P<well>\w\d+)_.*", ["A01_w1.tif", "A01_w2.tif"], r"A01_w1\.tif and .*A01_w2", id="same_address"
        ),
        pytest.param(r"(?P<well>\w\d+)\.tif", ["B99.tif"], r"B99\.tif: well 'B99' is on no plate", id="no_such_well"),
        pytest.param(
            r"(?P<well>B\d+)_(?P<site>\w+)\.tif", ["B01_x.tif"], r"B01_x\.tif: its site is 'x'", id="site_no_number"
        ),
    ],
)
def test_refuses(tmp_path: Path, pattern: str, names: list[str], reason: str) -> None:
    make_files(tmp_path, *names)
    with pytest.raises(PlateError, match=reason):
        open_plate(tmp_path, filenames=pattern)


def test_a_well_that_is_written_in_several_ways_names_all_files(tmp_path: Path) -> None:
    names = ["A1.tif", "A01.tif", "a01.tif", "a1.tif"]
    make_files(tmp_path, *names)
    with pytest.raises(PlateError, match="two files are the same image") as error:
        open_plate(tmp_path, filenames=r"(?P<well>[A-Za-z]\d+)\.tif")
    assert all(str(tmp_path / name) in str(error.value) for name in names)


def test_pattern_wins_over_an_htd(tmp_path: Path) -> None:
    make_files(tmp_path, "broken.HTD", "B02.tif")
    assert open_plate(tmp_path, filenames=r"(?P<well>B\d\d)\.tif").layout == "filenames"


def test_reports_files_done(tmp_path: Path) -> None:
    make_files(tmp_path, "B02.tif", "B03.tif", "notes.txt")
    told: list[ProgressUpdate] = []
    open_plate(tmp_path, filenames=r"(?P<well>B\d\d)\.tif", report=told.append)
    assert {(update.phase.value, update.plate_id) for update in told} == {("init", str(tmp_path))}
    assert [(told[i].status.value, told[i].completed, told[i].total) for i in (0, -1)] == [
        ("started", 0, 3),
        ("completed", 3, 3),
    ]
    assert "2 wells" in str(told[-1].message)


def test_reports_why_a_plate_cannot_be_opened(tmp_path: Path) -> None:
    make_files(tmp_path, "notes.txt")
    told: list[ProgressUpdate] = []
    with pytest.raises(PlateError) as refused:
        open_plate(tmp_path, filenames=r"(?P<well>B\d\d)\.tif", report=told.append)
    assert (told[-1].status.value, told[-1].error) == ("error", str(refused.value))


def test_a_group_of_an_unknown_name_is_told_where_it_may_be_why(tmp_path: Path) -> None:
    for channel in (1, 2):
        (tmp_path / f"A01_w{channel}.tif").touch()
    with pytest.raises(PlateError, match=r"; chan in the pattern tells nothing: .*site, channel, z, timepoint would"):
        open_plate(tmp_path, filenames=r"(?P<well>\w\d\d)_w(?P<chan>\d)\.tif")
