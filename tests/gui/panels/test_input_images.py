"""The images of a well: read apart from the window, stretched, and each failure told."""

from pathlib import Path

import numpy as np
import pytest
import zarr
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QColor
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget
from tests.gui.panels.samples import a_run

from plateflow.gui.panels.input_images import (
    INPUT_SIDE,
    NO_IMAGES,
    UNCHANGED,
    InputImage,
    InputImages,
    read_input,
    shrunk,
    stretched,
)
from plateflow.gui.panels.naming import given
from plateflow.gui.panels.result_files import Picture
from plateflow.gui.panels.thumbnails import UNREADABLE
from plateflow.gui.panels.well_panel import WellPanel
from plateflow.storage.tiff import write_plane
from plateflow.storage.zarr_chunks import ArrayPlane


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two channels of two sites; one of them is no TIFF."""
    ramp = np.tile(np.arange(1000, dtype=np.uint16), (700, 1))
    for site in (1, 2):
        write_plane(str(tmp_path / f"s{site}_dna.tif"), ramp if site == 1 else ramp[:, ::-1].copy())
    (tmp_path / "s1_gfp.tif").write_text("no image")
    return tmp_path


def one(path: Path, part: ArrayPlane | None = None) -> Picture:
    return Picture(path, "DNA", UNCHANGED, part)


def images(folder: Path) -> list[InputImage]:
    return [
        InputImage("DNA", 2, str(folder / "s2_dna.tif")),
        InputImage("DNA", 1, str(folder / "s1_dna.tif")),
        InputImage("GFP", 1, str(folder / "s1_gfp.tif")),
    ]


@pytest.fixture
def main(qtbot: QtBot) -> QWidget:
    window = QWidget()
    qtbot.addWidget(window)
    window.show()
    return window


def shown(qtbot: QtBot, main: QWidget, folder: Path) -> InputImages:
    panel = InputImages(main)
    panel.show_well("B06", images(folder))
    qtbot.waitUntil(lambda: panel.pictures.loading == 0)
    return panel


def test_the_first_site_is_shown_channel_by_channel(qtbot: QtBot, main: QWidget, folder: Path) -> None:
    panel = shown(qtbot, main, folder)
    assert panel.title.text() == "Well B06: site 1, the first of 2 sites"
    assert not panel.isModal()
    items = [given(panel.pictures.item(row)) for row in range(panel.pictures.count())]
    assert [item.text() for item in items] == ["DNA", f"GFP: {UNREADABLE}"]
    assert read_input(one(folder / "s1_dna.tif")).image.width() == 500  # blocks of two
    picture = items[0].icon().pixmap(INPUT_SIDE).toImage()
    assert (picture.width(), picture.height()) == (360, 252)
    grey = [picture.pixelColor(QPoint(x, 100)).red() for x in (0, 180, 359)]
    assert (grey[0], grey[2]) == (0, 255)
    assert 120 < grey[1] < 136


def test_an_image_that_cannot_be_read_says_why(qtbot: QtBot, main: QWidget, folder: Path) -> None:
    panel = shown(qtbot, main, folder)
    item = given(panel.pictures.item(1))
    reason = read_input(one(folder / "s1_gfp.tif")).problem
    assert str(folder / "s1_gfp.tif") in reason
    assert reason in item.toolTip()
    assert reason in item.data(Qt.ItemDataRole.AccessibleTextRole)
    words = item.icon().pixmap(INPUT_SIDE).toImage()
    assert any(words.pixelColor(x, y) != QColor(0, 0, 0, 0) for x in range(360) for y in range(100, 260))
    missing = read_input(one(folder / "none.tif"))
    assert missing.image.isNull()
    assert "none.tif" in missing.problem


def test_a_part_of_an_array_is_shown(tmp_path: Path) -> None:
    pixels = np.zeros((2, 4, 6), np.uint16)
    pixels[1, :, 3:] = 9
    zarr.create_array(tmp_path / "a", shape=pixels.shape, dtype=pixels.dtype, chunks=(1, 4, 6))[...] = pixels
    seen = read_input(one(tmp_path / "a", ArrayPlane((1,), 0, 2, 4, 4)))
    assert (seen.problem, seen.image.width(), seen.image.height()) == ("", 4, 4)
    assert [seen.image.pixelColor(x, 0).red() for x in range(4)] == [0, 255, 255, 255]
    missing = read_input(one(tmp_path / "a", ArrayPlane((0,), 0, 0, 4, 4)))
    assert "c/0/0/0: the chunk is missing" in missing.problem


def test_escape_and_the_main_window_close_it(qtbot: QtBot, main: QWidget, folder: Path) -> None:
    panel = shown(qtbot, main, folder)
    QTest.keyClick(panel.pictures, Qt.Key.Key_Escape)  # type: ignore[call-overload]  # PyQt's stubs take self twice
    assert panel.isHidden()
    panel.show_well("B06", images(folder))
    assert panel.isVisible()
    main.close()
    assert panel.isHidden()
    assert not [widget for widget in QApplication.topLevelWidgets() if widget.isVisible()]


def test_a_well_without_images_says_so(main: QWidget) -> None:
    panel = InputImages(main)
    panel.show_well("B06", [])
    assert (panel.title.text(), panel.content.words) == ("Well B06", NO_IMAGES)


@pytest.mark.parametrize(
    ("shape", "expected"), [((700, 1000), (233, 333)), ((10, 20), (10, 20)), ((1, 5000), (1, 357)), ((360, 360),) * 2]
)
def test_pictures_are_no_larger_than_asked(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    assert shrunk(np.ones(shape, np.uint16), 360).shape == expected


def test_contrast_is_stretched_between_percentiles() -> None:
    values = np.arange(10_000, dtype=float).reshape(100, 100)
    grey = stretched(values)
    assert 80 < np.count_nonzero(grey == 0) < 125
    assert 15 < np.count_nonzero(grey == 255) < 45
    values[0, 0] = 1e9  # one hot pixel changes nothing
    assert np.abs(stretched(values).astype(int) - grey)[1:].max() <= 1
    assert stretched(np.full((4, 4), 7.0)).max() == 0


def test_the_well_panel_asks_for_the_images_of_one_well(qtbot: QtBot) -> None:
    panel = WellPanel()
    qtbot.addWidget(panel)
    progress = a_run()
    panel.show_wells(progress, ["A01", "A02"])
    assert not panel.input_button.isEnabled()
    panel.show_well(progress, "A01")
    with qtbot.waitSignal(panel.input_wanted) as wanted:
        panel.input_button.click()
    assert wanted.args == ["A01"]
