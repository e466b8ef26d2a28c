"""The metadata of an OME-Zarr 0.5 plate, as pure functions from values to JSON.

Source: https://ngff.openmicroscopy.org/0.5/index.html; section names are given where a function follows one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

VERSION = "0.5"

CHANNEL_COLOURS = ("0000FF", "00FF00", "FF0000", "FF00FF", "00FFFF", "FFFF00", "FFFFFF")
"""For channels that bring no colour, in their order."""

OBJECT_COLOURS = (
    (230, 25, 75), (60, 180, 75), (255, 225, 25), (0, 130, 200), (245, 130, 48), (145, 30, 180),
    (70, 240, 240), (240, 50, 230), (210, 245, 60), (250, 190, 212), (0, 128, 128), (220, 190, 255),
)  # fmt: skip
"""For objects by their number, round and round, so that neighbours differ."""

MOST_OBJECT_COLOURS = 1000
"""Above it no colours are listed and viewers take their own: a list that long costs more than the image."""

_AXIS_TYPES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
_SAMPLES = 1024


def multiscales(name: str, dims: str, pixel_size_um: float | None) -> list[dict[str, Any]]:
    """Describe an image of one resolution level, "0" ("multiscales" metadata).

    Parameters
    ----------
    name : str
    dims : str
        "cyx" or "yx", or with t and z before y.
    pixel_size_um : float or None
        Of Y and X; None where it is not known: then no unit is claimed and the scale is 1.
    """
    scale = [pixel_size_um if pixel_size_um is not None and dim in "yx" else 1.0 for dim in dims]
    return [
        {
            "name": name,
            "axes": [_axis(dim, has_unit=pixel_size_um is not None) for dim in dims],
            "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}],
        }
    ]


def _axis(dim: str, *, has_unit: bool) -> dict[str, str]:
    axis = {"name": dim, "type": _AXIS_TYPES[dim]}
    return {**axis, "unit": "micrometer"} if has_unit and dim in "yx" else axis


def omero(pixels: NDArray[Any], channels: Sequence[str], colours: Sequence[str]) -> dict[str, Any]:
    """Describe how channels are called and shown ("omero" metadata).

    Parameters
    ----------
    pixels : ndarray
        ``(C, ...)``.
    channels : sequence of str
    colours : sequence of str
        "RRGGBB" each; empty for :data:`CHANNEL_COLOURS`.
    """
    shown = colours or [CHANNEL_COLOURS[i % len(CHANNEL_COLOURS)] for i in range(len(channels))]
    return {
        "channels": [
            {"label": label, "color": colour, "active": True, "window": _window(values)}
            for label, colour, values in zip(channels, shown, pixels, strict=True)
        ]
    }


def _window(values: NDArray[Any]) -> dict[str, float]:
    """Choose what is black and what is white: the darkest and brightest of a thousand pixels but for 1 in 500."""
    flat = values.reshape(-1)
    sample = flat[:: max(1, flat.size // _SAMPLES) | 1]
    sample = np.sort(sample[np.isfinite(sample)])
    if not sample.size:
        return {"min": 0.0, "max": 1.0, "start": 0.0, "end": 1.0}
    last = sample.size - 1
    start, end = float(sample[last // 500]), float(sample[last - last // 500])
    lowest, highest = _range(values.dtype, sample)
    return {"min": lowest, "max": highest, "start": start, "end": end if end > start else start + 1.0}


def _range(dtype: np.dtype[Any], sample: NDArray[Any]) -> tuple[float, float]:
    if dtype == np.bool_:
        return 0.0, 1.0
    if np.issubdtype(dtype, np.integer):
        return float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)
    return float(sample[0]), max(float(sample[-1]), float(sample[0]) + 1.0)


def image(name: str, dims: str, pixel_size_um: float | None, shown: dict[str, Any]) -> dict[str, Any]:
    """Make the attributes of an image; `shown` is from :func:`omero`."""
    return {"ome": {"version": VERSION, "multiscales": multiscales(name, dims, pixel_size_um), "omero": shown}}


def labels(paths: Sequence[str]) -> dict[str, Any]:
    """Make the attributes of the ``labels`` group ("labels" metadata)."""
    return {"ome": {"version": VERSION, "labels": paths}}


def label_image(name: str, dims: str, pixel_size_um: float | None, *, source: str, largest: int) -> dict[str, Any]:
    """Make the attributes of a label image ("labels" metadata).

    Parameters
    ----------
    name : str
        Of the objects.
    dims, pixel_size_um
        As in :func:`multiscales`.
    source : str
        The channel that the objects were found in; "" where there is no one such channel. The standard has no field
        for it: it stands under ``plateflow``.
    largest : int
        The largest object number.
    """
    shown: dict[str, Any] = {"version": VERSION, "source": {"image": "../../"}}
    if 0 < largest <= MOST_OBJECT_COLOURS:
        shown["colors"] = [
            {"label-value": value, "rgba": (*OBJECT_COLOURS[(value - 1) % len(OBJECT_COLOURS)], 255)}
            for value in range(1, largest + 1)
        ]
    ome = {"version": VERSION, "multiscales": multiscales(name, dims, pixel_size_um), "image-label": shown}
    return {"ome": ome, "plateflow": {"objects": name, **({"source_channel": source} if source else {})}}


def well(images: Sequence[str]) -> dict[str, Any]:
    """Make the attributes of a well from the paths of its images ("well" metadata)."""
    return {"ome": {"version": VERSION, "well": {"version": VERSION, "images": [{"path": path} for path in images]}}}


def plate(
    name: str, rows: Sequence[str], columns: Sequence[str], wells: Sequence[tuple[str, str]], field_count: int
) -> dict[str, Any]:
    """Make the attributes of a plate ("plate" metadata).

    Parameters
    ----------
    name : str
    rows, columns : sequence of str
        All of the physical plate, also those without wells.
    wells : sequence of (row, column)
    field_count : int
        The most fields that a well has, > 0.
    """
    row_index = {row: index for index, row in enumerate(rows)}
    column_index = {column: index for index, column in enumerate(columns)}
    listed = [
        {"path": f"{row}/{column}", "rowIndex": row_index[row], "columnIndex": column_index[column]}
        for row, column in wells
    ]
    shown = {
        "version": VERSION,
        "name": name,
        "rows": [{"name": row} for row in rows],
        "columns": [{"name": column} for column in columns],
        "wells": listed,
        "field_count": field_count,
    }
    return {"ome": {"version": VERSION, "plate": shown}}
