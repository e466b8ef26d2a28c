"""Real plates with one thing broken: the stated error or state, naming the file, and never another plate."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plateflow.errors import ImageError, PlateError
from plateflow.plate.open import open_plate
from plateflow.storage.image import read_image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plateflow.plate.model import ImageRecord, Plate


@dataclass(frozen=True)
class Real:
    """A real plate and what of it is broken."""

    folder: str
    image: str
    """One of its images, by a pattern that matches it alone."""
    well: str
    site: int
    channel: str
    z: int
    twin: str
    """Name of a second file of that image, put beside it; "" where the vendor's list names files."""
    metadata: str = ""
    """A file that is cut off, or "" where there is none."""


PLATES = {
    "imagexpress-htd": Real(
        "imagexpress/export/9987_Plate_3434", "TimePoint_1/ZStep_2/9987_B03_s2_w1.TIF", "B03", 2, "1", 2,
        "9987_B3_s2_w1.tif", "9987.HTD",
    ),
    "imagexpress-database": Real(
        "imagexpress/database/Projection-Mix", "2023-02-21/1334/ZStep_7/Projection-Mix_E08_s1_w2????????-*.tif",
        "E08", 1, "2", 7,
        "Projection-Mix_E08_s1_w200000000-1900-49B3-8A0C-5D4C6BE84E65.tif",
    ),
    "opera-phenix-v5": Real(
        "opera_phenix/Version1", "images/r01c01f01p01-ch3sk1fk1fl1.tiff", "A01", 1, "3", 1, "", "images/Index.idx.xml"
    ),
    "operetta": Real(
        "opera_phenix/operetta_plate_2fields", "Images/r03c03f02p01-ch1sk1fk1fl1.tiff", "C03", 2, "1", 1, "",
        "Images/Index.idx.xml",
    ),
    "yokogawa": Real(
        "cellvoyager/CV8000_blackpixels/CV8000-Minimal-DataSet-2C-3W-4S-FP2-stack",
        "*_E03_T0001F003L01A02Z04C02.tif", "E03", 3, "2", 4, "", "MeasurementData.mlf",
    ),
    "cellomics": Real("example_human", "images/*_D03f00d1.tif", "D03", 0, "1", 1, "x_D03f00d1.tif"),
    "sbs-names": Real("sbs_bbbc013", "images/Channel2-18-B-06.tif", "B06", 1, "Channel2", 1, "Channel2-99-B-06.tif"),
}  # fmt: skip
ZARR = {
    "ome-zarr-0.4": ("ome_zarr/phenix_uzh.zarr", "A/01/0/0/2/0/0/0", "A01", "3"),
    "ome-zarr-0.5": ("ome_zarr/sbs_4wells_v05.zarr", "D/06/0/0/c/1/1/0", "D06", "2"),
}


def records_of(plate: Plate) -> Iterator[ImageRecord]:
    return (record for records in plate.wells.values() for record in records)


def copied(test_data: Path, folder: str, tmp_path: Path) -> Path:
    plate = tmp_path / Path(folder).name
    shutil.copytree(test_data / folder, plate, copy_function=shutil.copyfile)
    return plate


def image_of(plate: Path, real: Real) -> Path:
    [path] = plate.glob(real.image)
    return path


@pytest.mark.parametrize("name", PLATES)
def test_an_image_that_is_not_there_is_missing_in_its_well(name: str, test_data: Path, tmp_path: Path) -> None:
    real = PLATES[name]
    plate = copied(test_data, real.folder, tmp_path)
    before = {record.path for record in records_of(open_plate(plate)) if record.missing}
    path = image_of(plate, real)
    path.unlink()
    if name == "cellomics":  # its one well was the only one to have that channel
        assert "1" not in {record.channel for record in records_of(open_plate(plate))}
        return
    opened = open_plate(plate)
    [lost] = [record for record in records_of(opened) if record.missing and record.path not in before]
    assert (lost.well, lost.site, lost.channel, lost.z) == (real.well, real.site, real.channel, real.z)
    assert lost.path == str(path) or "no file for" in lost.path
    assert list(opened.wells) == list(open_plate(test_data / real.folder).wells)


@pytest.mark.parametrize("name", PLATES)
def test_an_image_that_is_there_twice_is_named(name: str, test_data: Path, tmp_path: Path) -> None:
    real = PLATES[name]
    plate = copied(test_data, real.folder, tmp_path)
    path = image_of(plate, real)
    if not real.twin:  # the vendor's list says which it is: another file is none of the plate's
        shutil.copyfile(path, path.with_name(f"copy of {path.name}"))
        assert f"1 images are not described by {Path(real.metadata).name}" in open_plate(plate).notes[0]
        return
    twin = path.with_name(real.twin)
    shutil.copyfile(path, twin)
    with pytest.raises(PlateError, match="two files are the same image") as refused:
        open_plate(plate)
    assert str(path) in str(refused.value)
    assert str(twin) in str(refused.value)


@pytest.mark.parametrize("name", [name for name, real in PLATES.items() if real.metadata])
@pytest.mark.parametrize("part", [0.9, 0.4, 0.02])
def test_metadata_that_are_cut_off_are_refused(name: str, part: float, test_data: Path, tmp_path: Path) -> None:
    real = PLATES[name]
    plate = copied(test_data, real.folder, tmp_path)
    path = plate / real.metadata
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(PlateError, match="is cut off") as refused:
        open_plate(plate)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("name", [name for name, real in PLATES.items() if real.metadata.endswith("xml")])
def test_an_index_in_another_encoding_than_it_says(name: str, test_data: Path, tmp_path: Path) -> None:
    real = PLATES[name]
    plate = copied(test_data, real.folder, tmp_path)
    path = plate / real.metadata
    path.write_bytes(path.read_text("utf-8-sig").replace("Greiner", "µ" * 5).replace("lmiller", "µ").encode("cp1252"))
    with pytest.raises(PlateError, match=rf"{path.name}.*(is not UTF-8|no well-formed XML)"):
        open_plate(plate)


@pytest.mark.parametrize("name", ZARR)
def test_a_chunk_that_is_not_there_is_named_with_its_well(name: str, test_data: Path, tmp_path: Path) -> None:
    folder, chunk, well, channel = ZARR[name]
    plate = copied(test_data, folder, tmp_path)
    (plate / chunk).unlink()
    for record in records_of(open_plate(plate)):
        if (record.well, record.channel) == (well, channel):
            with pytest.raises(ImageError, match=rf"{chunk}: the chunk is missing"):
                read_image(record.path, record.part)
        else:
            assert read_image(record.path, record.part).any()


@pytest.mark.parametrize("name", ZARR)
def test_a_chunk_that_is_damaged_is_named(name: str, test_data: Path, tmp_path: Path) -> None:
    folder, chunk, well, channel = ZARR[name]
    plate = copied(test_data, folder, tmp_path)
    data = (plate / chunk).read_bytes()
    (plate / chunk).write_bytes(data[: len(data) // 2])
    [record] = [r for r in records_of(open_plate(plate)) if (r.well, r.channel) == (well, channel)]
    with pytest.raises(ImageError, match=rf"{chunk}: the chunk is damaged"):
        read_image(record.path, record.part)


def test_two_real_vendors_in_one_folder(test_data: Path, tmp_path: Path) -> None:
    plate = copied(test_data, "opera_phenix/operetta_plate_2fields", tmp_path)
    shutil.copytree(
        test_data / "imagexpress/export/9987_Plate_3420", plate, dirs_exist_ok=True, copy_function=shutil.copyfile
    )
    reason = r"imagexpress-htd by 9987\.HTD and opera-phenix by Images/Index\.idx\.xml; choose one by --format"
    with pytest.raises(PlateError, match=reason):
        open_plate(plate)
    assert list(open_plate(plate, layout="opera-phenix").wells) == ["C03"]
    assert list(open_plate(plate, layout="imagexpress-htd").wells) == ["B02"]
