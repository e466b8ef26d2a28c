"""What is found in a results folder; no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.gui.panels.samples import write_results, write_wells

from plateflow.gui.panels import result_files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    write_results(folder, pictures=3)
    return folder


def test_files_are_found_with_their_size(results: Path) -> None:
    files = result_files.result_files(results)
    assert [(file.name, file.there) for file in files] == [
        ("wells.csv", True),
        ("profiles.parquet", False),
        ("tables", False),
        ("plate_tables", False),
        ("plate.zarr", True),
        ("run.json", True),
    ]
    assert files[-1].state == "what was run, with what, 4.4 kB"


def test_files_that_are_not_there_say_when_they_will_be(tmp_path: Path) -> None:
    states = [file.state for file in result_files.result_files(tmp_path)]
    assert states[0] == "not there: written when the run has ended"
    assert states[-2] == "not there: only where the pipeline keeps images"


def test_why_there_are_no_outputs(tmp_path: Path, results: Path) -> None:
    assert "No results yet" in result_files.folder_problem("")
    assert "is not there" in result_files.folder_problem(str(tmp_path / "gone"))
    (tmp_path / "empty").mkdir()
    assert "is empty" in result_files.folder_problem(str(tmp_path / "empty"))
    assert "cannot be read" in result_files.folder_problem(str(results / "wells.csv"))
    assert result_files.folder_problem(str(results)) == ""


def test_wells_are_read_up_to_a_limit(tmp_path: Path) -> None:
    write_wells(tmp_path / "wells.csv", 1600)
    table = result_files.read_wells(tmp_path / "wells.csv")
    assert (len(table.rows), table.problem) == (1536, "the first 1,536 rows")


def test_columns_of_numbers_sort_as_numbers(results: Path) -> None:
    table = result_files.read_wells(results / "wells.csv")
    columns = result_files.table_columns(table)
    assert [column.title for column in columns if column.numeric] == [
        "Column",
        "Sites_Done",
        "Sites_Declared",
        "Count_Nuclei",
        "Count_Cells",
        "Seconds",
        "Mean_Nuclei_Area",
    ]
    rows = result_files.table_rows(table, columns)
    failed = next(row for row in rows if row.cells[1] == "B14")
    assert failed.keys[8] == float("-inf")
    assert rows[0].keys[8] == 190.0


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "There is no wells.csv yet"), (b"\xff\xfe", "cannot be read"), (b"", ""), (b'a,b\n1\n"x', "")],
    ids=["missing", "not UTF-8", "empty", "torn"],
)
def test_a_table_that_is_not_one_does_no_harm(tmp_path: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / "wells.csv").write_bytes(content)
    table = result_files.read_wells(tmp_path / "wells.csv")
    assert table.rows == []
    assert said in table.problem
    assert result_files.table_rows(table, result_files.table_columns(table)) == []


def test_pictures_come_in_the_order_of_wells_and_at_most_so_many(tmp_path: Path) -> None:
    (tmp_path / "preview").mkdir()
    for well in ("B02", "A10", "A02"):
        for site in range(1, 81):
            (tmp_path / "preview" / f"{well}_s{site}_z1_t2.png").touch()
    (tmp_path / "preview" / ".B02_s1_z1_t1.png.part").touch()
    pictures = result_files.find_pictures(tmp_path)
    assert pictures.total == 240
    assert len(pictures.first) == 200
    assert [pictures.first[place].label for place in (0, 9, 80)] == ["A02 site 1 t2", "A02 site 10 t2", "A10 site 1 t2"]
    assert result_files.find_pictures(tmp_path / "gone").total == 0
