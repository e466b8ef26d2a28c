"""A plate of made-up cells that behaves as a real one: an ImageXpress export with a dose response.

The first channel shows nuclei. In the second a protein moves from the cytoplasm into the nucleus with the dose, which
rises from column to column (no drug in the first), as FKHR-GFP does on BBBC013. Further channels show whole cells. Each
image depends on the seed, its well and its site alone, so the same seed gives the same bytes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import ndimage

from plateflow.errors import OutputError
from plateflow.plate.listing import FileReport, PacedReport
from plateflow.plate.wells import STANDARD_PLATES, well_name
from plateflow.storage.tiff import write_plane

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

PLATE_MAP: Final = "plate_map.csv"
"""Name of the table of doses (columns Well and Dose) in the plate folder."""

_STEM: Final = "synthetic"
_TOP_DOSE: Final = 100.0
_LOWEST_DOSE: Final = 0.1
_HALF_DOSE: Final = 3.0
"""Dose at which half of the protein has moved."""
_NUCLEUS: Final = 7.0
"""Mean radius of a nucleus in pixels; the cell's is 2.2 times that."""
_CELL_AREA: Final = 1600
"""Pixels of image for each cell."""
_BACKGROUND: Final = 200.0
_NOISE: Final = 18.0


@dataclass(frozen=True, slots=True)
class _Layout:
    """What is written, and how its files are named."""

    rows: int
    columns: int
    sites: int
    channels: tuple[str, ...]

    def wells(self) -> Iterator[tuple[int, int]]:
        """Yield (row, column) of each well, from 1, row by row."""
        for row in range(1, self.rows + 1):
            for column in range(1, self.columns + 1):
                yield row, column

    def file_name(self, well: str, site: int, wave: int) -> str:
        """Return the name of an image, as MetaXpress makes it."""
        site_part = f"_s{site}" if self.sites > 1 else ""
        wave_part = f"_w{wave}" if len(self.channels) > 1 else ""
        return f"{_STEM}_{well}{site_part}{wave_part}.TIF"


def write_synthetic_plate(
    folder: str | os.PathLike[str],
    *,
    rows: int = 8,
    columns: int = 12,
    sites: int = 1,
    channels: tuple[str, ...] = ("DNA", "GFP"),
    shape: tuple[int, int] = (256, 256),
    seed: int = 0,
    report: FileReport | None = None,
) -> None:
    """Write a plate that :func:`.open_plate` opens, with an HTD and a plate map of doses beside the images.

    Parameters
    ----------
    folder
        Made if it is not there; must hold nothing.
    rows, columns
        Wells to write, from A01 on; the plate is the smallest standard one that holds them.
    sites
        Fields of view in each well.
    channels
        Names of the channels.
    shape
        (Y, X) of every image in pixels; the pixels are uint16.
    seed
        The same seed gives the same plate.
    report
        Called with (images written, images in total).

    Raises
    ------
    OutputError
        If the folder holds something or cannot be written.
    """
    root, layout = os.fspath(folder), _Layout(rows, columns, sites, channels)
    doses = _doses(columns)
    pace = PacedReport(report, rows * columns * sites * len(channels))
    done = 0
    try:
        images = _make_folder(root)
        _write_text(os.path.join(root, f"{_STEM}.HTD"), _htd(layout), "\r\n")
        _write_text(os.path.join(root, PLATE_MAP), _plate_map(layout, doses), "\n")
        for row, column in layout.wells():
            well = well_name(row, column)
            for site in range(1, sites + 1):
                random = np.random.default_rng((seed, row, column, site))
                planes = draw_site(random, shape, len(channels), doses[column - 1])
                for wave, plane in enumerate(planes, 1):
                    write_plane(os.path.join(images, layout.file_name(well, site, wave)), plane)
                    done += 1
                    pace.reach(done)
    except OSError as e:
        raise OutputError(f"{root}: the synthetic plate cannot be written: {e.strerror}; choose another folder") from e
    pace.finish()


def draw_site(
    random: np.random.Generator, shape: tuple[int, int], channels: int, dose: float
) -> list[NDArray[np.uint16]]:
    """Draw the cells of one site.

    Returns
    -------
    list of numpy.ndarray
        One uint16 plane, (Y, X), per channel: nuclei, the protein that moves with the dose, then whole cells.
    """
    nuclei, cells = _draw_cells(random, shape)
    moved = dose / (dose + _HALF_DOSE)
    cytoplasm = np.clip(cells - nuclei, 0, None)
    signals = [
        2600 * nuclei,
        1400 * (0.25 + 0.75 * moved) * nuclei + 1400 * (1 - 0.85 * moved) * cytoplasm,
        900 * cells,
    ]
    return [_expose(random, signals[min(channel, 2)]) for channel in range(channels)]


def _draw_cells(random: np.random.Generator, shape: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return how bright nuclei and whole cells are, (Y, X) float32 of about 0..1."""
    nuclei, cells = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for y, x in _place_cells(random, shape):
        radii = _NUCLEUS * random.uniform(0.8, 1.25, 2)
        angle, brightness = random.uniform(0, np.pi), random.uniform(0.75, 1.25)
        _add_ellipse(nuclei, (y, x), radii, angle, brightness)
        _add_ellipse(cells, (y, x), 2.2 * radii, angle, brightness)
    texture = _blur(random.standard_normal(shape, np.float32), 1.5)
    nuclei, cells = _blur(nuclei, 1.0), _blur(cells, 2.0)
    nuclei *= 1 + texture
    cells *= 1 + texture / 2
    return nuclei, cells


def _blur(plane: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    blurred = np.empty_like(plane)
    ndimage.gaussian_filter(plane, sigma, output=blurred)
    return blurred


def _place_cells(random: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return centres, (N, 2) as y, x, no two of them so close that their nuclei touch."""
    wanted = max(1, shape[0] * shape[1] // _CELL_AREA)
    wanted = max(1, round(wanted * random.uniform(0.8, 1.2)))
    candidates = random.uniform((0, 0), shape, (wanted * 2, 2))
    kept = candidates[:1]
    for candidate in candidates[1:]:
        if len(kept) < wanted and ((kept - candidate) ** 2).sum(1).min() > (2.8 * _NUCLEUS) ** 2:
            kept = np.vstack((kept, candidate))
    return kept


def _add_ellipse(
    plane: NDArray[np.float32],
    centre: tuple[float, float],
    radii: NDArray[np.float64],
    angle: float,
    brightness: float,
) -> None:
    """Draw a filled ellipse in place; where two overlap the brighter one shows."""
    reach = int(radii.max()) + 2
    top, left = (max(0, int(at) - reach) for at in centre)
    patch = plane[top : int(centre[0]) + reach, left : int(centre[1]) + reach]
    y, x = np.ogrid[top : top + patch.shape[0], left : left + patch.shape[1]]
    y, x = y - centre[0], x - centre[1]
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    inside = (along / radii[0]) ** 2 + (across / radii[1]) ** 2 <= 1
    np.maximum(patch, np.where(inside, np.float32(brightness), np.float32(0)), out=patch)


def _expose(random: np.random.Generator, signal: NDArray[np.float32]) -> NDArray[np.uint16]:
    noise = random.standard_normal(signal.shape, np.float32)
    counts: NDArray[np.float32] = _BACKGROUND + signal + noise * np.sqrt(_NOISE**2 + np.clip(signal, 0, None))
    return np.clip(counts, 0, 65535).astype(np.uint16)


def _doses(columns: int) -> list[float]:
    """Return the dose of each column: none, then evenly spaced on a log scale up to the highest."""
    if columns < 3:
        return [0.0, _TOP_DOSE][:columns]
    return [0.0, *(float(f"{dose:.3g}") for dose in np.geomspace(_LOWEST_DOSE, _TOP_DOSE, columns - 1))]


def _make_folder(root: str) -> str:
    """Make the folder of the plate and return the one for its images.

    Raises
    ------
    OutputError
        If the folder holds something.
    """
    os.makedirs(root, exist_ok=True)
    if os.listdir(root):
        raise OutputError(f"{root}: is not empty; give a new folder for the synthetic plate")
    images = os.path.join(root, "TimePoint_1")
    os.mkdir(images)
    return images


def _plate_map(layout: _Layout, doses: list[float]) -> list[str]:
    return ["Well,Dose", *(f"{well_name(row, column)},{doses[column - 1]:g}" for row, column in layout.wells())]


def _htd(layout: _Layout) -> list[str]:
    rows, columns = next(size for size in STANDARD_PLATES if size[0] >= layout.rows and size[1] >= layout.columns)
    waves = enumerate(layout.channels, 1)
    return [
        '"HTSInfoFile", Version 1.0',
        '"Description", "synthetic plate of plateflow"',
        '"TimePoints", 1',
        '"ZSeries", FALSE',
        '"ZSteps", 0',
        '"ZProjection", FALSE',
        f'"XWells", {columns}',
        f'"YWells", {rows}',
        *(f'"WellsSelection{row}", {_selected_columns(layout, row, columns)}' for row in range(1, rows + 1)),
        f'"Sites", {_flag(layout.sites > 1)}',
        f'"XSites", {layout.sites}',
        '"YSites", 1',
        f'"SiteSelection1", {", ".join(["TRUE"] * layout.sites)}',
        f'"Waves", {_flag(len(layout.channels) > 1)}',
        f'"NWavelengths", {len(layout.channels)}',
        *(f'"WaveName{wave}", "{name}"' for wave, name in waves),
        '"EndFile"',
    ]


def _selected_columns(layout: _Layout, row: int, columns: int) -> str:
    return ", ".join(_flag(row <= layout.rows and column <= layout.columns) for column in range(1, columns + 1))


def _flag(value: bool) -> str:
    return "TRUE" if value else "FALSE"


def _write_text(path: str, lines: list[str], newline: str) -> None:
    with open(path, "w", encoding="latin-1", newline=newline) as file:
        file.writelines(f"{line}\n" for line in lines)
