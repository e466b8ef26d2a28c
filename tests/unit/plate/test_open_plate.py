from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from plateflow.errors import PlateError
from plateflow.plate.open import open_plate

if TYPE_CHECKING:
    from pathlib import Path

WELLS = r"(?P<well>[A-P]\d\d)\.tif"


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    folder = tmp_path / "plate"
    folder.mkdir()
    (folder / "B02.tif").touch()
    return folder


def test_resolves_links_and_relative_paths(plate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (plate.parent / "link").symlink_to(plate)
    monkeypatch.chdir(plate.parent)
    for path in ("link", "plate/", "plate/../plate", str(plate)):
        opened = open_plate(path, filenames=WELLS)
        assert (opened.path, opened.name) == (str(plate), "plate")


def test_unknown_layout_says_what_was_looked_for_and_what_to_do(plate: Path) -> None:
    with pytest.raises(PlateError, match=r" --filenames '.*\(\?P<well>.*', .* Looked for: imagexpress-htd "):
        open_plate(plate)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        pytest.param("nowhere", "no such plate folder", id="not_there"),
        pytest.param("plate/B02.tif", "is a file", id="file"),
        pytest.param("plate/B02.tif/x", "no such plate folder", id="below_a_file"),
        pytest.param("nul\0l", "no such plate folder", id="null_byte"),
        pytest.param("caf\udce9", "not valid UTF-8", id="no_text"),
    ],
)
def test_refuses_paths(plate: Path, path: str, reason: str) -> None:
    with pytest.raises(PlateError, match=reason) as error:
        open_plate(plate.parent / path, filenames=WELLS)
    str(error.value).encode()


def test_refuses_a_link_to_a_folder_whose_name_is_no_text(tmp_path: Path) -> None:
    os.mkdir(os.fsencode(tmp_path) + b"/caf\xe9")
    os.symlink(os.fsencode(tmp_path) + b"/caf\xe9", os.fsencode(tmp_path) + b"/link")
    with pytest.raises(PlateError, match="not valid UTF-8"):
        open_plate(tmp_path / "link", filenames=WELLS)


def test_metadata_fills_the_plate_map(plate: Path) -> None:
    (plate.parent / "doses.csv").write_text("Well,Dose\nB2,4\n")
    assert open_plate(plate, filenames=WELLS, metadata="doses.csv").plate_map == {"B02": {"Dose": 4.0}}
    assert open_plate(plate, filenames=WELLS).plate_map == {}
