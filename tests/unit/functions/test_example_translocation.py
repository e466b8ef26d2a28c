"""The statistics and the picture that examples/translocation.py makes of a run."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

if TYPE_CHECKING:
    from types import ModuleType

EXAMPLE = Path(__file__).parents[3] / "examples" / "translocation.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("translocation_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([1, 2, 30, 400], 1, id="rises"),
        pytest.param([9, 5, 2, 1], -1, id="falls"),
        pytest.param([1, 3, 2, 4], 0.8, id="one swap"),
    ],
)
def test_spearman(example: ModuleType, values: list[float], expected: float) -> None:
    assert example.spearman(np.arange(4), np.array(values)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("values", "controls", "expected"),
    [
        pytest.param([1, 1, 5, 5], [-1, -1, 1, 1], 1, id="no spread"),
        pytest.param([0, 2, 10, 12], [-1, -1, 1, 1], 1 - 3 * 2 * np.sqrt(2) / 10, id="sample deviation"),
        pytest.param([10, 12, 0, 2], [1, 1, -1, -1], 1 - 3 * 2 * np.sqrt(2) / 10, id="columns swapped"),
        pytest.param([1, 1, 5, 5, 99], [-1, -1, 1, 1, 0], 1, id="dosed wells do not count"),
        pytest.param([5, 5, 1, 1], [-1, -1, 1, 1], 1, id="a response that falls"),
    ],
)
def test_z_prime(example: ModuleType, values: list[float], controls: list[int], expected: float) -> None:
    assert example.z_prime(np.array(values, float), np.array(controls)) == pytest.approx(expected)


def wells() -> pl.DataFrame:
    """Rows A to H whose ratio is the dose rank plus 1; as on the real plate, rows E to H have the controls swapped."""
    first = [0, 0, *range(1, 11)]
    second = [10, *range(10), 0]
    rows: list[dict[str, Any]] = [
        {
            "Metadata_Row": row,
            "Metadata_SBS_Doses": dose,
            "Metadata_SBS_Controls": {0: -1, 10: 1}.get(dose, 0),
            "Mean_Nuclei_Math_Ratio_GFP": dose + 1.0,
        }
        for row in "ABCDEFGH"
        for dose in (first if row < "E" else second)
    ]
    return pl.DataFrame(rows)


@pytest.mark.parametrize("picture", ["dose_response.svg", "elsewhere.png"])
def test_a_run_is_drawn_and_its_statistics_printed(
    example: ModuleType,
    picture: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wells().write_csv(tmp_path / "wells.csv")
    second = [] if picture == "dose_response.svg" else [str(tmp_path / picture)]
    monkeypatch.setattr(sys, "argv", ["translocation.py", str(tmp_path), *second])
    example.main()
    assert capsys.readouterr().out.splitlines() == [
        "wortmannin: 48 wells, Spearman 1.000, Z' 1.000",
        "LY294002: 48 wells, Spearman 1.000, Z' 1.000",
    ]
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted({"wells.csv", picture})
    assert (tmp_path / picture).stat().st_size > 10_000


def test_wells_without_cells_are_left_out(
    example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fourth = pl.int_range(pl.len()) == 3
    empty = wells().with_columns(pl.when(~fourth).then("Mean_Nuclei_Math_Ratio_GFP"))
    empty.write_csv(tmp_path / "wells.csv")
    monkeypatch.setattr(sys, "argv", ["translocation.py", str(tmp_path)])
    example.main()
    assert "wortmannin: 47 wells, Spearman 1.000" in capsys.readouterr().out
