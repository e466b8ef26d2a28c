"""The record of a well stands last and whole, or not at all."""

import json
import os
from pathlib import Path

import msgspec
import pytest

from plateflow.errors import OutputError
from plateflow.storage.atomic import WrittenFile
from plateflow.storage.commit import WellRecord, commit_well, find_damage, read_committed


def record(well: str = "B06", **changes: object) -> WellRecord:
    whole = WellRecord(
        well=well,
        sites_done=3,
        sites_declared=4,
        counts={"Nuclei": 120},
        means={"Nuclei_AreaShape_Area": 61.25, "Nuclei_Math_Ratio_GFP": None},
        seconds_per_step=(("find_nuclei", 0.25), ("measure_nuclei", 0.125)),
        seconds=0.5,
        fingerprint="f" * 64,
        files=(WrittenFile("tables/Nuclei/B06.parquet", 5), WrittenFile("plate.zarr/B/06/zarr.json", 2)),
    )
    return msgspec.structs.replace(whole, **changes)


def test_reads_what_was_committed(tmp_path: Path) -> None:
    assert read_committed(tmp_path) == {}
    for well in ("B06", "A01"):
        commit_well(tmp_path, record(well))
    assert list(read_committed(tmp_path).items()) == [("A01", record("A01")), ("B06", record("B06"))]
    assert sorted(os.listdir(tmp_path / "wells")) == ["A01.json", "B06.json"]


def test_a_second_commit_swaps_the_record(tmp_path: Path) -> None:
    commit_well(tmp_path, record())
    commit_well(tmp_path, record(sites_done=4))
    assert read_committed(tmp_path)["B06"].sites_done == 4


def test_nan_is_null(tmp_path: Path) -> None:
    commit_well(tmp_path, record(means={"a": float("nan")}))
    assert json.loads((tmp_path / "wells/B06.json").read_text())["means"] == {"a": None}
    assert read_committed(tmp_path)["B06"].means == {"a": None}


@pytest.mark.parametrize("well", ["", "../B06", "B/06"])
def test_refuses_other_names(tmp_path: Path, well: str) -> None:
    with pytest.raises(OutputError, match="well"):
        commit_well(tmp_path, record(well))


GOOD = msgspec.json.encode(record())
TORN = {
    "empty": b"",
    "cut": GOOD[: len(GOOD) // 2],
    "not UTF-8": b'{"well":"\xff"}',
    "field missing": b'{"well":"B06"}',
    "field unknown": GOOD[:-1] + b',"extra":1}',
    "not completed": GOOD.replace(b"completed", b"error"),
    "another well": GOOD.replace(b"B06", b"B07", 1),
}


@pytest.mark.parametrize("data", TORN.values(), ids=TORN.keys())
def test_a_torn_record_is_an_error_that_names_it(tmp_path: Path, data: bytes) -> None:
    commit_well(tmp_path, record("A01"))
    (tmp_path / "wells/B06.json").write_bytes(data)
    with pytest.raises(OutputError, match=r"wells/B06\.json: .*delete it"):
        read_committed(tmp_path)


OUTSIDE = ["../other/B06.parquet", "/etc/passwd", "tables/../../x", "tables//x", "./x", "", "tables/a\0b"]


@pytest.mark.parametrize("path", OUTSIDE, ids=ascii)
def test_a_record_that_names_a_file_outside_is_refused(tmp_path: Path, path: str) -> None:
    """Else going on in the folder would remove that file."""
    commit_well(tmp_path, record(files=(WrittenFile(path, 5),)))
    with pytest.raises(OutputError, match=r"wells/B06\.json: names .*outside the results; delete it"):
        read_committed(tmp_path)


def test_leftovers_of_a_dead_writer_are_passed_over(tmp_path: Path) -> None:
    commit_well(tmp_path, record())
    (tmp_path / "wells/.tmp-0123").write_bytes(b"half")
    assert list(read_committed(tmp_path)) == ["B06"]


def test_damage_is_found_by_size(tmp_path: Path) -> None:
    (tmp_path / "tables/Nuclei").mkdir(parents=True)
    (tmp_path / "tables/Nuclei/B06.parquet").write_bytes(b"12345")
    assert find_damage(tmp_path, record()) == ("plate.zarr/B/06/zarr.json",)
    (tmp_path / "tables/Nuclei/B06.parquet").write_bytes(b"1234")
    assert find_damage(tmp_path, record()) == ("tables/Nuclei/B06.parquet", "plate.zarr/B/06/zarr.json")
