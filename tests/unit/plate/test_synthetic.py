from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage

from plateflow.errors import OutputError
from plateflow.plate.model import Channel
from plateflow.plate.open import open_plate
from plateflow.plate.synthetic import PLATE_MAP, draw_site, write_synthetic_plate
from plateflow.storage.tiff import read_plane

if TYPE_CHECKING:
    from pathlib import Path


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("sites", "channels"),
    [
        pytest.param(1, ("DNA", "GFP"), id="one_site"),
        pytest.param(3, ("DNA", "GFP", "Cell"), id="sites"),
        pytest.param(1, ("DNA",), id="one_channel"),
    ],
)
def test_opens_as_what_was_written(tmp_path: Path, sites: int, channels: tuple[str, ...]) -> None:
    folder = tmp_path / "new" / "plate"
    write_synthetic_plate(folder, rows=2, columns=4, sites=sites, channels=channels, shape=(40, 60))
    plate = open_plate(folder, metadata=PLATE_MAP)
    assert (plate.rows, plate.columns) == (3, 4)
    assert list(plate.wells) == ["A01", "A02", "A03", "A04", "B01", "B02", "B03", "B04"]
    assert plate.channels == tuple(Channel(str(number), name) for number, name in enumerate(channels, 1))
    assert [plate.plate_map[f"B0{column}"]["Dose"] for column in (1, 2, 3, 4)] == [0, 0.1, 3.16, 100]
    for records in plate.wells.values():
        assert [(r.site, r.channel) for r in records] == [
            (site, channel.name) for site in range(1, sites + 1) for channel in plate.channels
        ]
        assert not any(record.missing for record in records)
        assert all(read_plane(record.path).shape == (40, 60) for record in records)


def test_the_seed_decides_every_byte(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_synthetic_plate(tmp_path / name, rows=1, columns=2, shape=(32, 32), seed=seed)
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")
    assert bytes_of(tmp_path / "a") != bytes_of(tmp_path / "c")


def test_the_protein_moves_into_the_nucleus_with_the_dose() -> None:
    ratios = []
    for dose in (0.0, 1.0, 10.0, 100.0):
        dna, protein = draw_site(np.random.default_rng(5), (256, 256), 2, dose)
        nuclei = dna > 1000
        ring = ndimage.binary_dilation(nuclei, iterations=5) & ~ndimage.binary_dilation(nuclei, iterations=2)
        ratios.append(protein[nuclei].mean() / protein[ring].mean())
    assert ratios == sorted(ratios)
    assert ratios[0] < 0.8
    assert ratios[-1] > 2


def test_cells_are_many_and_apart() -> None:
    [dna] = draw_site(np.random.default_rng(5), (256, 256), 1, 0.0)
    assert dna.dtype == np.uint16
    assert 25 <= ndimage.label(ndimage.gaussian_filter(dna, 1) > 1000)[1] <= 60


def test_reports_images_written(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    write_synthetic_plate(tmp_path, rows=1, columns=2, shape=(32, 32), report=lambda *now: told.append(now))
    assert told[0] == (0, 4)
    assert told[-1] == (4, 4)


@pytest.mark.parametrize("blocked", ["file_in_it", "is_a_file"])
def test_never_writes_over_anything(tmp_path: Path, blocked: str) -> None:
    folder = tmp_path / "plate"
    own = folder if blocked == "is_a_file" else folder / "mine.txt"
    own.parent.mkdir(exist_ok=True)
    own.write_text("mine")
    with pytest.raises(OutputError, match=str(folder)):
        write_synthetic_plate(folder, rows=1, columns=1)
    assert own.read_text() == "mine"
    assert list(tmp_path.rglob("*.TIF")) == []
