"""Gen5 exports that the tests write from a random model, read back."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from plateflow.errors import PlateError
from plateflow.plate.formats.cytation import parse_pixel_size
from plateflow.plate.model import Channel
from plateflow.plate.open import open_plate
from plateflow.plate.wells import parse_well, split_well, well_name

XML = (
    "<BTIImageMetaData><ImageAcquisition><ObjectiveSize>10</ObjectiveSize><PixelWidth>{pixels}</PixelWidth>"
    "<ImageWidthMicrons>{width}</ImageWidthMicrons></ImageAcquisition></BTIImageMetaData>"
)


@dataclass(frozen=True)
class Model:
    """An export as its writer thinks of it."""

    wells: tuple[str, ...] = ("B07", "C10")
    channels: tuple[tuple[int, int, str], ...] = ((1, 1, "DAPI"), (1, 2, "Bright Field"))
    """Step, number and name."""
    fields: int = 2
    planes: int = 0
    """0 without a z series."""
    times: int = 1
    z_behind: int = 2
    """Behind which of the first three numbers the plane stands."""


def file_name(model: Model, well: str, channel: tuple[int, int, str], field: int, z: int, time: int) -> str:
    row, column = split_well(well)
    numbers = [f"{channel[0]:02}", str(channel[1]), str(field)]
    if model.planes:
        numbers[model.z_behind - 1] += f"Z{z}"
    return f"{row}{int(column)}_{'_'.join(numbers)}_{channel[2]}_{time:03}.tif"


def images(model: Model) -> list[tuple[str, tuple[int, int, str], int, int, int]]:
    return list(
        product(
            model.wells,
            model.channels,
            range(1, model.fields + 1),
            range(max(1, model.planes)),
            range(1, model.times + 1),
        )
    )


def write_plate(root: Path, model: Model) -> Path:
    root.mkdir(parents=True)
    for image in images(model):
        (root / file_name(model, *image)).touch()
    (root / "notes.txt").touch()
    return root


models = st.builds(
    Model,
    wells=st.lists(
        st.builds(well_name, st.integers(1, 16), st.integers(1, 24)), min_size=1, max_size=3, unique=True
    ).map(tuple),
    channels=st.lists(
        st.tuples(
            st.integers(1, 2), st.integers(1, 3), st.sampled_from(["DAPI", "Phase Contrast", "Tsf[GFP 469,525]"])
        ),
        min_size=1,
        max_size=3,
        unique_by=lambda channel: channel[:2],
    ).map(tuple),
    fields=st.integers(1, 2),
    planes=st.integers(0, 2),
    times=st.integers(1, 2),
    z_behind=st.integers(1, 3),
)


@settings(deadline=None, max_examples=60)
@given(model=models)
def test_a_written_plate_is_read_back(tmp_path_factory: pytest.TempPathFactory, model: Model) -> None:
    plate = open_plate(write_plate(tmp_path_factory.mktemp("plates") / "plate", model))
    assert (plate.layout, plate.pixel_size_um) == ("cytation", None)
    several = len({step for step, _, _ in model.channels}) > 1
    names = {channel: f"{channel[0]}-{channel[1]}" if several else str(channel[1]) for channel in model.channels}
    assert plate.channels == tuple(Channel(names[channel], channel[2]) for channel in sorted(model.channels))
    assert list(plate.wells) == sorted(model.wells, key=parse_well)
    records = [record for records in plate.wells.values() for record in records]
    assert {(r.well, r.channel, r.site, r.z, r.timepoint, Path(r.path).name) for r in records} == {
        (well, names[channel], field, z + 1, time, file_name(model, well, channel, field, z, time))
        for well, channel, field, z, time in images(model)
    }
    assert len(records) == len(images(model))


def test_what_other_wells_have_is_missing(tmp_path: Path) -> None:
    model = Model()
    root = write_plate(tmp_path / "plate", model)
    (root / file_name(model, "C10", model.channels[1], 2, 0, 1)).unlink()
    records = [record for records in open_plate(root).wells.values() for record in records]
    assert [(r.well, r.channel, r.site) for r in records if r.missing] == [("C10", "2", 2)]


def test_a_channel_of_two_names_is_refused(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "plate", Model())
    (root / "D1_01_1_1_GFP_001.tif").touch()
    with pytest.raises(
        PlateError, match=r"D1_01_1_1_GFP_001\.tif: channel 1 of step 1 is called 'GFP' here and 'DAPI'"
    ):
        open_plate(root)


def test_a_file_of_an_impossible_well_is_named(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "plate", Model())
    (root / "XY99_01_1_1_DAPI_001.tif").touch()
    reason = r"plate/XY99_01_1_1_DAPI_001\.tif: well 'XY99' is on no plate: .*; move it away, or read"
    with pytest.raises(PlateError, match=reason):
        open_plate(root)


def test_two_files_of_one_image_are_named(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "plate", Model())
    (root / "B07_01_1_1_DAPI_001.tif").touch()
    with pytest.raises(PlateError, match=r"two files .*B0?7_01_1_1_DAPI_001\.tif and .*B0?7_01_1_1_DAPI_001\.tif"):
        open_plate(root)


def test_pixel_size_is_in_the_files(tmp_path: Path) -> None:
    model = Model()
    root = write_plate(tmp_path / "plate", model)
    pixels = np.zeros((4, 4), np.uint16)
    [_, second, *_] = sorted(root.glob("*.tif"))
    tifffile.imwrite(second, pixels, description=XML.format(pixels=1992, width=1389.0), metadata=None)
    assert open_plate(root).pixel_size_um == pytest.approx(1389 / 1992)


@pytest.mark.parametrize(
    ("description", "size"),
    [
        pytest.param(XML.format(pixels=1000, width="650.5"), 0.6505, id="gen5"),
        pytest.param(f"<OME><Value>{XML.format(pixels=1000, width=650)}</Value></OME>", 0.65, id="inside_ome"),
        pytest.param(XML.format(pixels=0, width=650), None, id="zero"),
        pytest.param(XML.format(pixels="1e", width=650), None, id="no_number"),
        pytest.param(XML.format(pixels=10, width="nan"), None, id="nan"),
        pytest.param("", None, id="none"),
    ],
)
def test_parses_pixel_size(description: str, size: float | None) -> None:
    assert parse_pixel_size(description) == size
