"""The images that a well was made of: its first site, each channel, in a window of its own beside the main one."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtGui import QImage
from qtpy.QtWidgets import QLabel, QListWidgetItem, QVBoxLayout, QWidget

from plateflow.errors import ImageError
from plateflow.gui.panels.desktop import open_path
from plateflow.gui.panels.naming import OrWords, given, named
from plateflow.gui.panels.picture_loader import Seen
from plateflow.gui.panels.result_files import Picture
from plateflow.gui.panels.thumbnails import Thumbnails
from plateflow.progress.words import counted
from plateflow.storage.image import read_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from qtpy.QtGui import QKeyEvent

    from plateflow.service.questions import WellImage
    from plateflow.storage.zarr_chunks import ArrayPlane

INPUT_SIDE: Final = 360
"""Pixels in which a picture is shown."""
MOST_READ: Final = 512
"""Pixels of a side that are kept of an image."""
PERCENTILES: Final = (1.0, 99.8)
"""Pixel values that are shown black and white."""
UNCHANGED: Final = 0
"""When a picture was written: nobody writes to an acquisition, so it is not asked."""
NO_IMAGES: Final = "This well has no images."


class InputImage(NamedTuple):
    """One file of a well."""

    channel: str
    site: int
    path: str
    """Absolute, of its file; with `part` of the folder of its array."""
    part: ArrayPlane | None = None
    """Which part of the array it is."""


def first_planes(images: Sequence[WellImage]) -> list[InputImage]:
    """Return one image of each site and channel: of the first timepoint, the lowest plane."""
    first: dict[tuple[int, str], WellImage] = {}
    for image in images:
        known = first.get((image.site, image.channel))
        if known is None or (image.timepoint, image.z) < (known.timepoint, known.z):
            first[image.site, image.channel] = image
    return [InputImage(_called(image), image.site, image.path, image.part) for image in first.values()]


def _called(image: WellImage) -> str:
    return f"{image.channel} ({image.label})" if image.label else image.channel


class InputImages(QWidget):
    """Shows the first site of one well; never modal, closed by Escape and with the main window."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Dialog)
        self.setAccessibleName("Input images")
        self.title = named(QLabel(), "Which images these are", "The well and its site that are shown")
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.told = named(QLabel(), "What was done last", "What was done last")
        self.pictures = named(
            Thumbnails(read=read_input, side=INPUT_SIDE),
            "Channels",
            "Each channel from its 1st to its 99.8th percentile; Enter opens the file",
        )
        self.pictures.itemActivated.connect(self._open)
        self.content = OrWords(self.pictures, "Why no images are shown")
        layout = QVBoxLayout(self)
        layout.addWidget(self.title)
        layout.addWidget(self.content, 1)
        layout.addWidget(self.told)
        if parent is not None:
            given(parent.window()).installEventFilter(self)

    def show_well(self, well: str, images: Sequence[InputImage]) -> None:
        """Show the first site of a well, in the order of the list, and come to the front."""
        sites = sorted({image.site for image in images})
        shown = [image for image in images if image.site == sites[0]]
        of_all = f", the first of {counted(len(sites), 'site')}" if len(sites) > 1 else ""
        self.title.setText(f"Well {well}: site {sites[0]}{of_all}" if sites else f"Well {well}")
        self.setWindowTitle(f"Input images of {well} – plateflow")
        self.told.clear()
        self.content.say("" if images else NO_IMAGES)
        self.pictures.show_pictures(
            [Picture(Path(image.path), image.channel, UNCHANGED, image.part) for image in shown]
        )
        self.show()
        self.raise_()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return a size in which two channels are seen whole."""
        return QSize(2 * (INPUT_SIDE + 16) + 50, INPUT_SIDE + 130)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Close by Escape."""
        if event is not None and event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Close with the main window."""
        if event is not None and event.type() is QEvent.Type.Close:
            self.close()
        return super().eventFilter(watched, event)

    def _open(self, item: QListWidgetItem) -> None:
        self.told.setText(open_path(Path(item.data(Qt.ItemDataRole.UserRole))))


def read_input(picture: Picture) -> Seen:
    """Read an image and make a small grey picture of it. In any thread."""
    try:
        plane = read_image(str(picture.path), picture.part)
    except ImageError as e:
        return Seen(QImage(), str(e))
    grey = stretched(shrunk(plane, MOST_READ))
    height, width = grey.shape
    return Seen(QImage(grey.tobytes(), width, height, width, QImage.Format.Format_Grayscale8).copy())


def shrunk(plane: npt.NDArray[Any], side: int) -> npt.NDArray[np.float64]:
    """Return the means of the smallest square blocks that make ``(Y, X)`` no larger than ``side`` either way."""
    block = max(1, math.ceil(max(plane.shape) / side))
    height, width = (max(1, length // block) for length in plane.shape)
    whole = np.asarray(plane[: height * block, : width * block], np.float64)
    rows, columns = min(block, plane.shape[0]), min(block, plane.shape[1])
    means: npt.NDArray[np.float64] = np.nan_to_num(whole).reshape(height, rows, width, columns).mean(axis=(1, 3))
    return means


def stretched(values: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Return 0..255 from the first to the second of :data:`PERCENTILES`; black where all values are the same."""
    low, high = np.percentile(values, PERCENTILES)
    if high <= low:
        return np.zeros(values.shape, np.uint8)
    grey: npt.NDArray[np.uint8] = (np.clip((values - low) / (high - low), 0, 1) * 255).round().astype(np.uint8)
    return grey
