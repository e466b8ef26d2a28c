"""Folders of the MetaXpress database that the tests write from a random model, read back."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from plateflow.errors import PlateError
from plateflow.plate.model import Channel, ImageRecord, Plate
from plateflow.plate.open import open_plate
from plateflow.plate.wells import parse_well, well_name

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Model:
    """An acquisition as its writer thinks of it."""

    wells: tuple[str, ...] = ("B03", "C04")
    sites: int = 2
    channels: tuple[tuple[str, int, str], ...] = (("DAPI", 2, "Maximum"), ("FITC", 0, "Best Focus"), ("Cy5", 1, ""))
    """Setting, planes, and the method of the projection, "" without one."""
    timepoints: int = 1
    name: str = "My plate_A01"
    with_headers: bool = True


def images(model: Model) -> list[tuple[str, int, int, int, int]]:
    """Well, site, channel, timepoint, and plane (0 for a projection)."""
    return [
        (well, site, channel, timepoint, z)
        for well, site, timepoint in product(model.wells, range(1, model.sites + 1), range(1, model.timepoints + 1))
        for channel, (_, planes, method) in enumerate(model.channels, 1)
        for z in [*([0] if method else []), *range(1, planes + 1)]
    ]


def description(model: Model, well: str, site: int, channel: int, z: int) -> str:
    setting, _, method = model.channels[channel - 1]
    props = {
        "spatial-calibration-state": "on",
        "spatial-calibration-x": "1.3668",
        "spatial-calibration-units": "um",
        "stage-label": f"{well} : Site {site}",
        "stage-position-x": "5000",
        "stage-position-y": "6000",
        "z-position": str(9000 + 5 * z),
        "_IllumSetting_": setting,
    }
    custom = {"OffsetFromWellCenterUmX": str(100.5 * site), "OffsetFromWellCenterUmY": "-3"}
    custom |= {"Z Projection Method": method} if z == 0 else {"Z Step": str(z)}
    text = "".join(f'<prop id="{key}" type="string" value="{value}"/>\n' for key, value in props.items())
    text += "".join(f'<custom-prop id="{key}" type="float" value="{value}"/>\n' for key, value in custom.items())
    return f'<MetaData>\n<prop id="Description" type="string" value="x"/>\n<PlaneInfo>\n{text}</PlaneInfo>\n</MetaData>'


def file_name(model: Model, well: str, site: int, channel: int, seed: int, thumb: str = "") -> str:
    site_text = f"_s{site}" if model.sites > 1 else ""
    wave_text = f"_w{channel}" if len(model.channels) > 1 else ""
    guid = str(UUID(int=np.random.default_rng(seed).integers(0, 2**63).item() << 64 | seed)).upper()
    return f"{model.name}_{well}{site_text}{wave_text}{thumb}{guid}.tif"


def write_plate(root: Path, model: Model, acquisition: str = "2023-02-21/1334") -> Path:
    for number, (well, site, channel, timepoint, z) in enumerate(images(model)):
        folder = root / acquisition
        if model.timepoints > 1:
            folder /= f"TimePoint_{timepoint}"
        if z and max(planes for _, planes, _ in model.channels) > 0:
            folder /= f"ZStep_{z}"
        folder.mkdir(parents=True, exist_ok=True)
        text = description(model, well, site, channel, z) if model.with_headers else ""
        path = folder / file_name(model, well, site, channel, number)
        tifffile.imwrite(path, np.zeros((2, 2), np.uint16), description=text, metadata=None)
        (folder / file_name(model, well, site, channel, number + 10**6, "_thumb")).touch()
    return root


def records_of(plate: Plate) -> list[ImageRecord]:
    return [record for records in plate.wells.values() for record in records]


def expected(model: Model) -> set[tuple[str, int, int, int, int]]:
    """A channel that has planes loses its projection."""
    return {image for image in images(model) if image[-1] > 0 or model.channels[image[2] - 1][1] == 0}


channels = st.tuples(st.sampled_from(["DAPI", "FITC_05"]), st.integers(0, 3), st.sampled_from(["", "Maximum"]))
models = st.builds(
    Model,
    wells=st.lists(
        st.builds(well_name, st.integers(1, 16), st.integers(1, 24)), min_size=1, max_size=3, unique=True
    ).map(tuple),
    sites=st.integers(1, 2),
    channels=st.lists(channels.filter(lambda c: c[1] or c[2]), min_size=1, max_size=3).map(tuple),
    timepoints=st.integers(1, 2),
    name=st.sampled_from(["plate", "My plate_A01", "x_B02_s2", "ä"]),
)


@settings(deadline=None, max_examples=30)
@given(model=models)
def test_a_written_plate_is_read_back(tmp_path_factory: pytest.TempPathFactory, model: Model) -> None:
    plate = open_plate(write_plate(tmp_path_factory.mktemp("plates") / "plate", model))
    assert (plate.layout, plate.pixel_size_um, plate.notes) == ("imagexpress-database", 1.3668, ())
    assert plate.channels == tuple(Channel(str(n), setting) for n, (setting, _, _) in enumerate(model.channels, 1))
    assert list(plate.wells) == sorted(model.wells, key=parse_well)
    records = records_of(plate)
    found = [(r.well, r.site, int(r.channel), r.timepoint, r.z) for r in records]
    assert set(found) == expected(model)
    assert len(found) == len(set(found))
    for record in records:
        assert not record.missing
        assert record.projection == (model.channels[int(record.channel) - 1][2] if record.z == 0 else "")
        assert (record.x_um, record.y_um, record.z_um) == (100.5 * record.site, -3, 9000 + 5 * record.z)


def test_opens_at_the_day_and_at_the_acquisition_too(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "plate", Model())
    wells = [open_plate(folder).wells for folder in (root, root / "2023-02-21", root / "2023-02-21/1334")]
    assert wells[0] == wells[1] == wells[2]


def test_several_acquisitions_are_named(tmp_path: Path) -> None:
    root = write_plate(write_plate(tmp_path / "plate", Model()), Model(), "2023-02-22/9")
    reason = r"holds 2 acquisitions \(2023-02-21/1334, 2023-02-22/9\); open the folder of one"
    with pytest.raises(PlateError, match=reason):
        open_plate(root)
    assert len(open_plate(root / "2023-02-22").wells) == 2


def test_what_other_wells_have_is_missing(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "plate", Model())
    [lost] = (root / "2023-02-21/1334/ZStep_2").glob("*_C04_s2_w1????????-*.tif")
    lost.unlink()
    missing = [record for record in records_of(open_plate(root)) if record.missing]
    assert [(r.well, r.site, r.channel, r.z) for r in missing] == [("C04", 2, "1", 2)]
    assert "no file for C04, site 2, channel 1, z 2" in missing[0].path


def test_without_headers_folders_tell(tmp_path: Path) -> None:
    model = Model(with_headers=False)
    plate = open_plate(write_plate(tmp_path / "plate", model))
    assert {(r.well, r.site, int(r.channel), r.timepoint, r.z) for r in records_of(plate)} == expected(model)
    assert {r.projection for r in records_of(plate) if r.z == 0} == {"unknown"}
    assert (plate.pixel_size_um, plate.channels[0].label, records_of(plate)[0].x_um) == (None, "", None)


def test_a_renamed_file_is_refused(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "plate", Model())
    [path] = (root / "2023-02-21/1334/ZStep_2").glob("*_C04_s2_w1????????-*.tif")
    path.rename(path.with_name(path.name.replace("_C04_", "_D05_")))
    reason = r"_D05_s2_w1\S+\.tif: says of itself that it is of well C04, site 2; move it away"
    with pytest.raises(PlateError, match=reason):
        open_plate(root)


def test_a_file_of_an_impossible_well_is_named(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "plate", Model())
    [path] = (root / "2023-02-21/1334/ZStep_2").glob("*_C04_s2_w1????????-*.tif")
    path.rename(path.with_name(path.name.replace("_C04_", "_XY99_")))
    reason = r"1334/ZStep_2/\S+ \S+_XY99_s2_w1\S+\.tif: well 'XY99' is on no plate: .*; move it away, or read"
    with pytest.raises(PlateError, match=reason):
        open_plate(root)


def test_images_of_other_names_are_told_but_no_previews(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "plate", Model())
    assert open_plate(root).notes == ()
    for name in ("1334/scan.TIFF", "1334/ZStep_2/Channel1-01-A-01.tif", "1334/ZStep_2/notes.txt"):
        (root / "2023-02-21" / name).touch()
    assert open_plate(root).notes == (
        "2 images are not named as the microscope names its images and were left out: "
        "ZStep_2/Channel1-01-A-01.tif, scan.TIFF",
    )


def test_two_files_of_one_image_are_named(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "plate", Model())
    [path] = (root / "2023-02-21/1334/ZStep_2").glob("*_C04_s2_w1????????-*.tif")
    twin = path.with_name(path.name[:-10] + "0AAAAA.tif")
    twin.write_bytes(path.read_bytes())
    with pytest.raises(PlateError, match="two files are the same image") as refused:
        open_plate(root)
    assert all(name in str(refused.value) for name in (path.name, twin.name))


def test_reports_headers_read(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "plate", Model())
    told: list[tuple[int, int]] = []
    open_plate(root, report=lambda update: told.append((update.completed, update.total)))
    assert told[0] == (0, len(images(Model())))
    assert told[-1] == (len(images(Model())), len(images(Model())))
