"""Each plate's results have a folder of their own, whatever the plates are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from plateflow.cli.plate_runs import plan_runs
from plateflow.errors import PlateError
from plateflow.service.job import default_results

STRANGE = ["my plate", "Zellkörper", "Zellko\u0308rper", "a\nb", "a\tb", "é" * 127, "x" * 255, "-rf", "a_b", "核"]


def make_plates(folder: Path, *paths: str) -> list[Path]:
    for path in paths:
        (folder / path).mkdir(parents=True)
    return [folder / path for path in paths]


@pytest.mark.parametrize(
    "paths",
    [
        ["1/a", "2/a", "3/a"],
        ["1/a", "2/a", "3/a_2"],
        ["3/a_2", "1/a", "2/a"],
        ["1/a", "2/a", "3/a_2", "4/a_2", "5/a_3"],
        ["1/a\nb", "1/a_b", "2/a\tb"],
        [f"1/{'x' * 255}", f"2/{'x' * 255}", f"3/{'x' * 255}"],
        [f"1/{'é' * 127}", f"2/{'é' * 127}"],
        [f"1/{name}" for name in STRANGE],
    ],
    ids=lambda paths: ascii(paths)[:40],
)
def test_no_two_plates_share_a_results_folder(tmp_path: Path, paths: list[str]) -> None:
    outputs = [Path(run.output) for run in plan_runs(make_plates(tmp_path, *paths), tmp_path / "out")]
    assert len(set(outputs)) == len(paths)
    assert {output.parent for output in outputs} == {tmp_path / "out"}
    for output in outputs:
        output.mkdir(parents=True)
        assert "\n" not in str(output)  # one line of stdout each


def test_a_name_stays_where_it_can(tmp_path: Path) -> None:
    plates = make_plates(tmp_path, "1/a", "2/b c")
    assert [Path(run.output).name for run in plan_runs(plates, tmp_path / "out")] == ["a", "b c"]


@pytest.mark.parametrize("name", STRANGE, ids=lambda name: ascii(name)[:20])
def test_the_results_of_a_plate_with_a_strange_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    results = default_results(Path("/data") / name, "0123456789abcdef" * 2)
    assert results.parent == tmp_path / "plateflow_results"
    assert results.name.endswith("_01234567")
    results.mkdir(parents=True)


def test_a_link_that_leads_back_to_itself_is_no_plate(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(PlateError, match="loop: there is no such plate folder"):
        plan_runs([tmp_path / "loop"], None)
