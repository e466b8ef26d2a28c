from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tifffile

from plateflow.plate.model import Channel, ImageRecord, Plate
from plateflow.plate.summary import MOST_LISTED, MissingImage, WellSummary, summarise

if TYPE_CHECKING:
    from pathlib import Path


def test_counts_and_looks_at_one_image_of_each_channel(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, 5), np.uint16))
    (tmp_path / "b.tif").write_bytes(b"no image")
    records = (
        ImageRecord("B02", 1, "1", 1, 1, str(tmp_path / "gone.tif"), missing=True, reason="AF Error"),
        ImageRecord("B02", 1, "1", 2, 1, str(tmp_path / "a.tif"), x_um=1.0),
        ImageRecord("B02", 3, "2", 0, 2, str(tmp_path / "b.tif"), "Maximum"),
    )
    channels = (Channel("1", "DAPI"), Channel("2"), Channel("3"))
    plate = Plate("/p", "p", "made", 8, 12, channels, {"B02": records}, {"B02": {"Dose": 1.0}}, 0.5, ("odd",))
    summary = summarise(plate)
    assert summary.wells == {"B02": WellSummary(2, 1)}
    assert (summary.images, summary.missing, summary.sites, summary.z, summary.timepoints) == (
        2,
        1,
        (1, 3),
        (0, 1, 2),
        (1, 2),
    )
    one, two, three = summary.channels
    assert (one.z, one.projection, one.shape, one.dtype, one.problem) == ((1, 2), "", (3, 5), "uint16", "")
    assert (two.z, two.projection, two.shape) == ((0,), "Maximum", ())
    assert two.problem.startswith(str(tmp_path / "b.tif"))
    assert (three.z, three.shape, three.problem) == ((), (), "")
    assert summary.missing_images == (MissingImage("B02", 1, "1", 1, 1, str(tmp_path / "gone.tif"), "AF Error"),)
    assert summary.missing_images_left_out == 0
    assert (summary.has_positions, summary.plate_map, summary.notes) == (True, ("Dose",), ("odd",))


def test_lists_no_more_missing_images_than_anyone_reads() -> None:
    records = tuple(ImageRecord("B02", site, "1", 1, 1, "/x", missing=True) for site in range(1, 1001))
    summary = summarise(Plate("/p", "p", "made", 8, 12, (Channel("1"),), {"B02": records}))
    assert (len(summary.missing_images), summary.missing) == (MOST_LISTED, 1000)
    assert summary.missing_images_left_out == 1000 - MOST_LISTED
