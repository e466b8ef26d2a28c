"""The model of somebody else's in docs/pipelines.md: its lines as they stand, with a stand-in for cellpose."""

import re
import sys
from pathlib import Path

import pytest
from tests.integration.conftest import Bench

from plateflow import compile_plate, load_pipeline, run_plate
from plateflow.storage.commit import read_committed

DOCS = Path(__file__).parents[2] / "docs" / "pipelines.md"
STAND_IN = """
from plateflow.functions import find_nuclei

class CellposeModel:
    def __init__(self, gpu=False):
        assert gpu is False

    def eval(self, x, diameter=None):
        return find_nuclei(x, min_diameter=diameter or 8.0).astype("uint16"), [], []
"""
"""Of the two calls that are made of cellpose 4: what they take and return."""


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_its_lines_find_and_measure_cells(cells: Bench, executor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    [lines] = [text for text in re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL) if "cellpose" in text]
    path = cells.folder / "pipeline.py"
    path.write_text(lines)
    (cells.folder / "cellpose").mkdir()
    (cells.folder / "cellpose" / "__init__.py").touch()
    (cells.folder / "cellpose" / "models.py").write_text(STAND_IN)
    for name in ("cellpose", "cellpose.models"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    outcome = run_plate(
        compile_plate(cells.plate, load_pipeline(path)),
        output=cells.folder / "out",
        executor="threads" if executor == "threads" else "processes",
        workers=2,
    )
    assert outcome.errors == {}
    counts = {well: record.counts["Cells"] for well, record in read_committed(cells.folder / "out").items()}
    assert counts.pop("B03") == 0
    assert min(counts.values()) > 0
