"""Yokogawa measurements that the tests write from a random model, in the grammar of the real files, read back."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plateflow.errors import PlateError
from plateflow.plate.model import Channel, ImageRecord, Plate
from plateflow.plate.open import open_plate
from plateflow.plate.wells import parse_well, well_name
from plateflow.storage.image import read_image

HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'
NAMESPACE = 'xmlns:bts="http://www.yokogawa.co.jp/BTS/BTSSchema/1.0"'


@dataclass(frozen=True)
class Model:
    """A measurement as its writer thinks of it."""

    wells: tuple[str, ...] = ("B03", "C04")
    fields: int = 2
    planes: int = 2
    timepoints: int = 1
    channels: tuple[int, ...] = (1, 3)
    projected: frozenset[int] = frozenset()
    """Channels that are one projection."""
    lost: frozenset[int] = frozenset()
    """Which images have no file, by their place."""
    suffix: str = ".tif"
    targets: tuple[str, ...] = ("405", "FITC", "561 & more", "Brightfield")
    pixel_size: str = "0.325"
    failed: tuple[tuple[str, int], ...] = ()
    """Wells and fields in which the focus was not found."""

    def images(self) -> list[tuple[str, int, int, int, int]]:
        """Well, timepoint, field, plane and channel of each."""
        return [
            (well, t, f, z, c)
            for well, t, f, c in product(
                self.wells, range(1, self.timepoints + 1), range(1, self.fields + 1), self.channels
            )
            for z in range(1, 2 if c in self.projected else self.planes + 1)
            if (well, f) not in self.failed
        ]


def file_name(well: str, t: int, f: int, z: int, c: int) -> str:
    return f"my plate_{well}_T{t:04}F{f:03}L01A{c:02}Z{z:02}C{c:02}.tif"


def record_xml(model: Model, well: str, t: int, f: int, z: int, c: int) -> str:
    row, column = parse_well(well)
    projection = 'bts:ZImageProcessing="Maximum" bts:ZTop="1" ' if c in model.projected else ""
    return (
        f'<bts:MeasurementRecord bts:Type="IMG" bts:Time="2023" bts:Column="{column}" bts:Row="{row}" '
        f'bts:TimePoint="{t}" bts:FieldIndex="{f}" bts:ZIndex="{z}" bts:TimelineIndex="1" bts:ActionIndex="{c}" '
        f'bts:Action="3D" bts:X="{f}.5" bts:Y="-{f}.25" bts:Z="{3 * z}.0" {projection}bts:Ch="{c}">'
        f"{file_name(well, t, f, z, c)}</bts:MeasurementRecord>\n"
    )


def error_xml(well: str, field: int) -> str:
    row, column = parse_well(well)
    return (
        f'<bts:MeasurementRecord bts:Type="ERR" bts:Time="2023" bts:Column="{column}" bts:Row="{row}" '
        f'bts:TimePoint="1" bts:TimelineIndex="1">AF Error at {well} No. {field}</bts:MeasurementRecord>\n'
    )


def write_plate(root: Path, model: Model) -> Path:
    root.mkdir(parents=True)
    records = "".join(record_xml(model, *image) for image in model.images())
    records += "".join(error_xml(well, field) for well, field in model.failed)
    (root / "MeasurementData.mlf").write_text(
        f'{HEAD}<bts:MeasurementData bts:Version="1.0" {NAMESPACE}>\n{records}</bts:MeasurementData>'
    )
    cameras = "".join(
        f'<bts:MeasurementChannel bts:Ch="{c}" bts:HorizontalPixelDimension="{model.pixel_size}" />\n'
        for c in range(1, 5)
    )
    (root / "MeasurementDetail.mrf").write_text(
        f'{HEAD}<bts:MeasurementDetail bts:MeasurementSettingFileName="my.mes" bts:ColumnCount="24" bts:RowCount="16" '
        f"{NAMESPACE}>\n{cameras}</bts:MeasurementDetail>",
        encoding="utf-8-sig",
    )
    channels = "".join(
        f'<bts:Channel bts:Ch="{c}" bts:Target="{target.replace("&", "&amp;")}" bts:Fluorophore="" />\n'
        for c, target in enumerate(model.targets, 1)
    )
    wells = "".join(
        f'<bts:TargetWell bts:Column="{parse_well(well)[1]}" bts:Row="{parse_well(well)[0]}">true</bts:TargetWell>'
        for well in model.wells
    )
    (root / "my.mes").write_text(
        f"{HEAD}<bts:MeasurementSetting {NAMESPACE}>{wells}{channels}</bts:MeasurementSetting>"
    )
    for number, image in enumerate(model.images()):
        if number not in model.lost:
            (root / file_name(*image)).with_suffix(model.suffix).touch()
    for correction in ("DC_DCAM#1_CAM3.tif", "SC_BP445-45_20x v2_M01_CH01.tif"):
        (root / correction).touch()
    return root


def records_of(plate: Plate) -> list[ImageRecord]:
    return [record for records in plate.wells.values() for record in records]


models = st.builds(
    Model,
    wells=st.lists(
        st.builds(well_name, st.integers(1, 16), st.integers(1, 24)), min_size=1, max_size=3, unique=True
    ).map(tuple),
    fields=st.integers(1, 3),
    planes=st.integers(1, 3),
    timepoints=st.integers(1, 3),
    channels=st.sampled_from([(1,), (2, 4), (1, 2, 3, 4)]),
    projected=st.frozensets(st.integers(1, 4), max_size=2),
    lost=st.frozensets(st.integers(0, 30), max_size=3),
    suffix=st.sampled_from([".tif", ".png", ".TIF"]),
)


@settings(deadline=None, max_examples=60)
@given(model=models)
def test_a_written_plate_is_read_back(tmp_path_factory: pytest.TempPathFactory, model: Model) -> None:
    plate = open_plate(write_plate(tmp_path_factory.mktemp("plates") / "my plate", model))
    assert (plate.layout, plate.rows, plate.columns, plate.pixel_size_um) == ("yokogawa", 16, 24, 0.325)
    assert plate.channels == tuple(Channel(str(c), model.targets[c - 1]) for c in model.channels)
    assert plate.notes == ()
    assert list(plate.wells) == sorted(model.wells, key=parse_well)
    lost = {image for number, image in enumerate(model.images()) if number in model.lost}
    found = {(r.well, r.timepoint, r.site, r.z or 1, int(r.channel)): r for r in records_of(plate)}
    assert set(found) == set(model.images())
    assert len(found) == len(records_of(plate))
    for image, record in found.items():
        projected = int(record.channel) in model.projected
        assert (record.z == 0, record.projection) == (projected, "Maximum" if projected else "")
        assert record.missing is (image in lost)
        name = file_name(*image) if record.missing else str(Path(file_name(*image)).with_suffix(model.suffix))
        assert record.path == f"{plate.path}/{name}"
        assert (record.x_um, record.y_um, record.z_um) == (image[2] + 0.5, image[2] + 0.25, 3 * image[3])


def test_errors_are_missing_images_with_their_reason(tmp_path: Path) -> None:
    plate = open_plate(write_plate(tmp_path / "plate", Model(failed=(("C04", 2),))))
    lost = [(r.well, r.site, r.channel, r.z) for r in records_of(plate) if r.missing]
    assert lost == [("C04", 2, channel, z) for channel in "13" for z in (1, 2)]
    assert {r.reason for r in records_of(plate) if r.missing} == {"the microscope recorded: AF Error at C04 No. 2"}


def test_a_well_in_which_all_failed_lacks_what_others_have(tmp_path: Path) -> None:
    plate = open_plate(write_plate(tmp_path / "plate", Model(failed=(("C04", 1), ("C04", 2)))))
    assert [(r.site, r.channel, r.z, r.missing) for r in plate.wells["C04"]] == [
        (site, channel, z, True) for site in (1, 2) for channel in "13" for z in (1, 2)
    ]


def test_wells_may_differ_in_timepoints_and_channels(tmp_path: Path) -> None:
    """As on a real plate, where each well has a timeline of its own: nothing is missing."""
    root = write_plate(tmp_path / "plate", Model(wells=("B03",), channels=(1,), fields=1))
    other = Model(wells=("C03",), channels=(2,), fields=1)
    data = root / "MeasurementData.mlf"
    more = "".join(record_xml(other, well, 2, f, z, c) for well, _, f, z, c in other.images())
    data.write_text(data.read_text().replace("</bts:MeasurementData>", f"{more}</bts:MeasurementData>"))
    plate = open_plate(root)
    assert {well: {(r.channel, r.timepoint) for r in records} for well, records in plate.wells.items()} == {
        "B03": {("1", 1)},
        "C03": {("2", 2)},
    }


def test_a_projection_beside_planes_is_left_out(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "plate", Model(wells=("B03",), channels=(1,), fields=1))
    data = root / "MeasurementData.mlf"
    projected = Model(wells=("B03",), channels=(1,), fields=1, projected=frozenset({1}))
    more = record_xml(projected, "B03", 1, 1, 9, 1)
    data.write_text(data.read_text().replace("</bts:MeasurementData>", f"{more}</bts:MeasurementData>"))
    assert [r.z for r in open_plate(root).wells["B03"]] == [1, 2]


def test_png_files_hold_the_pixels(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "plate", Model(suffix=".png"))
    record = records_of(open_plate(root))[0]
    plane = np.arange(12, dtype=np.uint16).reshape(3, 4)
    Path(record.path).write_bytes(imagecodecs.png_encode(plane))
    assert np.array_equal(read_image(record.path, record.part), plane)


def test_without_detail_and_setting_the_plate_is_a_guess_and_says_so(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "plate", Model())
    (root / "MeasurementDetail.mrf").unlink()
    plate = open_plate(root)
    assert (plate.rows, plate.columns, plate.pixel_size_um) == (3, 4, None)
    assert [channel.label for channel in plate.channels] == ["405", "561 & more"]
    assert "the size of pixels and of the plate are not known" in plate.notes[0]
    (root / "my.mes").unlink()
    plate = open_plate(root)
    assert [channel.label for channel in plate.channels] == ["", ""]
    assert "what the channels are is not known" in plate.notes[1]


def test_files_are_found_in_upper_case(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "plate", Model())
    expected = open_plate(root)
    detail = root / "MeasurementDetail.mrf"
    detail.write_text(detail.read_text().replace("my.mes", "My.mes"))
    for name in ("MeasurementData.mlf", "MeasurementDetail.mrf", "my.mes"):
        (root / name).rename(root / name.upper())
    (root / "other.mes").touch()
    plate = open_plate(root)
    assert (plate.rows, plate.pixel_size_um, plate.channels) == (16, 0.325, expected.channels)
    assert plate.notes == ()


def test_what_is_odd_is_told(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "plate", Model())
    (root / "other_P24_T0001F001L01A01Z01C01.tif").touch()
    setting = root / "my.mes"
    setting.write_text(setting.read_text().replace("<bts:Channel", '<bts:TargetWell bts:Column="24" bts:Row="16">true'
                                                   "</bts:TargetWell><bts:Channel", 1))  # fmt: skip
    assert open_plate(root).notes == (
        "my.mes selects 1 wells that MeasurementData.mlf does not record: P24",
        "1 images are not described by MeasurementData.mlf and were left out: other_P24_T0001F001L01A01Z01C01.tif",
    )


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        pytest.param('Row="2"', 'Row="B"', "line 3: a record Row is 'B', a whole number is needed", id="row"),
        pytest.param('Row="2"', 'Row="99"', "line 3: a record row 99, column 3 is on no plate", id="no_such_row"),
        pytest.param(
            'Row="2"', 'Row="17"', "has images of well Q03, but MeasurementDetail.mrf tells 16 x 24", id="size"
        ),
        pytest.param('bts:Ch="1"', "", "line 3: a record Ch is ''", id="no_channel"),
        pytest.param('X="1.5"', 'X="nan"', "line 3: a record X is 'nan' um, a length is needed", id="position"),
        pytest.param('ZIndex="2"', 'ZIndex="1"', "mlf, line 4: well B03, site 1", id="same"),
        pytest.param(
            file_name("C04", 1, 2, 2, 3),
            file_name("B03", 1, 1, 1, 1),
            r"mlf, line 18: a record names my plate_B03_\S+C01\.tif, which the record in line 3 names",
            id="file_twice",
        ),
        pytest.param(file_name("B03", 1, 1, 1, 1), "", "line 3: a record names no file", id="no_file"),
        pytest.param("</bts:MeasurementData>", "", "is cut off; copy it again", id="cut_off"),
        pytest.param('xmlns:bts="', 'xmlns:bts="&lol;', "no well-formed XML", id="entity"),
    ],
)
def test_wrong_records_are_refused(tmp_path: Path, old: str, new: str, reason: str) -> None:
    root = write_plate(tmp_path / "plate", Model())
    data = root / "MeasurementData.mlf"
    assert old in data.read_text()
    data.write_text(data.read_text().replace(old, new, 1))
    with pytest.raises(PlateError, match=reason) as refused:
        open_plate(root)
    assert "MeasurementData.mlf" in str(refused.value)


def test_only_errors(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "plate", Model(wells=("B03",), fields=1, failed=(("B03", 1),)))
    with pytest.raises(PlateError, match="records no image that was taken"):
        open_plate(root)
