"""OME-Zarr plates that zarr-python wrote from a random model, of both versions and both conventions, read back."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numcodecs import VLenUTF8

from plateflow.errors import ImageError, PlateError
from plateflow.plate.model import Channel, ImageRecord, Plate
from plateflow.plate.open import open_plate
from plateflow.plate.wells import split_well, well_name
from plateflow.storage.image import read_image

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Model:
    """A plate as its writer thinks of it."""

    version: Literal["0.4", "0.5"] = "0.5"
    wells: tuple[str, ...] = ("A01", "B03")
    fields: tuple[str, ...] = ("0", "1")
    axes: str = "czyx"
    sizes: tuple[int, int, int] = (1, 2, 3)
    """t, c, z."""
    labels: tuple[str, ...] = ("DAPI", "GFP")
    pixel_size_um: float | None = 0.5
    unit: str | None = "micrometer"

    @property
    def zarr_format(self) -> Literal[2, 3]:
        return 2 if self.version == "0.4" else 3

    @property
    def shape(self) -> tuple[int, ...]:
        sizes = dict(zip("tcz", self.sizes, strict=True)) | {"y": 6, "x": 8}
        return tuple(sizes[axis] for axis in self.axes)

    def place(self, field: int) -> tuple[float, float]:
        return 10.0 * field, -3.5 * field


MICROMETRES = {"micrometer": 1, "nanometer": 1e-3, "millimeter": 1e3}


def group(folder: Path, model: Model, attributes: dict[str, Any]) -> None:
    stored = {"ome": {"version": model.version, **attributes}} if model.version == "0.5" else attributes
    zarr.create_group(folder, zarr_format=model.zarr_format, attributes=stored)


def pixels_of(model: Model, well: str, field: str) -> np.ndarray[Any, np.dtype[np.uint16]]:
    seed = [ord(letter) for letter in well + field]
    return np.random.default_rng(seed).integers(1, 1000, model.shape).astype(np.uint16)


def write_plate(root: Path, model: Model) -> Path:
    parts = [split_well(well) for well in model.wells]
    rows, columns = (list(dict.fromkeys(part[i] for part in parts)) for i in (0, 1))
    plate = {
        "version": model.version,
        "rows": [{"name": row} for row in rows],
        "columns": [{"name": column} for column in columns],
        "wells": [
            {"path": f"{row}/{column}", "rowIndex": rows.index(row), "columnIndex": columns.index(column)}
            for row, column in parts
        ],
    }
    group(root, model, {"plate": plate})
    for well, (row, column) in zip(model.wells, parts, strict=True):
        group(root / row / column, model, {"well": {"images": [{"path": path} for path in model.fields]}})
        for number, path in enumerate(model.fields):
            write_image(root / row / column / path, model, number, pixels_of(model, well, path))
    return root


def write_image(folder: Path, model: Model, number: int, pixels: Any) -> None:
    axes: list[dict[str, Any]] = [{"name": axis, "type": "space" if axis in "zyx" else "other"} for axis in model.axes]
    for axis in axes:
        if axis["type"] == "space" and model.unit is not None:
            axis["unit"] = model.unit
    transformations: list[dict[str, Any]] = []
    if model.pixel_size_um is not None:
        in_unit = model.pixel_size_um / MICROMETRES.get(model.unit or "", 1)
        scale = [in_unit if axis in "yx" else 2 * in_unit if axis == "z" else 1.0 for axis in model.axes]
        x, y = (value / MICROMETRES.get(model.unit or "", 1) for value in model.place(number))
        places = [{"x": x, "y": y}.get(axis, 0.0) for axis in model.axes]
        transformations = [{"type": "scale", "scale": scale}, {"type": "translation", "translation": places}]
    image: dict[str, Any] = {
        "multiscales": [
            {
                "version": model.version,
                "axes": axes,
                "datasets": [{"path": "0", "coordinateTransformations": transformations}],
            }
        ]
    }
    if model.labels:
        image["omero"] = {"channels": [{"label": label, "color": "FF0000"} for label in model.labels]}
    group(folder, model, image)
    array = zarr.create_array(
        folder / "0", shape=pixels.shape, dtype=pixels.dtype, chunks=pixels.shape, zarr_format=model.zarr_format
    )
    array[...] = pixels


def addresses(plate: Plate) -> list[tuple[Any, ...]]:
    return [(r.well, r.site, r.channel, r.timepoint, r.z, r.missing) for r in all_records(plate)]


def all_records(plate: Plate) -> list[ImageRecord]:
    return [record for records in plate.wells.values() for record in records]


models = st.builds(
    Model,
    version=st.sampled_from(["0.4", "0.5"]),
    wells=st.lists(
        st.builds(well_name, st.integers(1, 32), st.integers(1, 48)), min_size=1, max_size=3, unique=True
    ).map(tuple),
    fields=st.sampled_from([("0",), ("0", "1", "10"), ("1", "2"), ("7",), ("left", "right")]),
    axes=st.sampled_from(["tczyx", "czyx", "cyx", "zyx", "tyx", "yx", "ctzyx"]),
    sizes=st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 3)),
    labels=st.sampled_from([(), ("DAPI",), ("DAPI", "GFP", "GFP")]),
    pixel_size_um=st.sampled_from([None, 0.65]),
    unit=st.sampled_from(["micrometer", "nanometer", "millimeter", None]),
)


@settings(deadline=None, max_examples=30)
@given(model=models)
def test_a_written_plate_is_read_back(tmp_path_factory: pytest.TempPathFactory, model: Model) -> None:
    plate = open_plate(write_plate(tmp_path_factory.mktemp("plates") / "p.zarr", model))
    assert plate.layout == "ome-zarr"
    assert set(plate.wells) == set(model.wells)
    told = model.pixel_size_um is not None and model.unit is not None
    assert plate.pixel_size_um == (pytest.approx(0.65) if told else None)
    t, c, z = (size if axis in model.axes else 1 for axis, size in zip("tcz", model.sizes, strict=True))
    labels = [*model.labels, "", "", ""][:c]
    assert plate.channels == tuple(Channel(str(number), label) for number, label in enumerate(labels, 1))
    zero = "0" in model.fields
    numbers = {path: int(path) + zero if path.isdigit() else rank for rank, path in enumerate(model.fields, 1)}
    assert addresses(plate) == [
        (well, numbers[path], str(channel), timepoint, plane, False)
        for well in plate.wells
        for path, channel, timepoint, plane in product(model.fields, range(1, c + 1), range(1, t + 1), range(1, z + 1))
    ]
    paths = {number: path for path, number in numbers.items()}
    for record in all_records(plate):
        path = paths[record.site]
        at = {"t": record.timepoint - 1, "c": int(record.channel) - 1, "z": record.z - 1}
        index = tuple(at[axis] for axis in model.axes[:-2])
        assert np.array_equal(read_image(record.path, record.part), pixels_of(model, record.well, path)[index])
        place = model.place(model.fields.index(path)) if told else (None, None)
        assert [record.x_um, record.y_um] == [pytest.approx(value) for value in place]
        height = (record.z - 1) * 1.3 if told and "z" in model.axes else None
        assert record.z_um == pytest.approx(height)


def write_rois(image: Path, model: Model, rows: list[list[float]], names: list[str]) -> None:
    table = image / "tables/FOV_ROI_table"
    version = model.zarr_format
    zarr.create_group(table, zarr_format=version, attributes={"type": "roi_table", "backend": "anndata"})
    zarr.create_group(table / "var", zarr_format=version, attributes={"_index": "_index"})
    options: dict[str, Any] = {"filters": [VLenUTF8()]} if version == 2 else {}
    text = zarr.create_array(
        table / "var/_index", shape=(len(names),), chunks=(3,), dtype="string", zarr_format=version, **options
    )
    text[...] = np.array(names, object)
    values = np.array(rows)
    zarr.create_array(table / "X", shape=values.shape, dtype="f8", zarr_format=version)[...] = values


ROI_COLUMNS = [f"{kind}{axis}_micrometer" for kind in ("", "len_") for axis in "xyz"]
LEFT, RIGHT = [0.0, 0.0, 0.0, 2.0, 3.0, 1.0], [2.0, 0.0, 0.0, 2.0, 3.0, 1.0]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("original", [False, True])
@pytest.mark.filterwarnings("ignore")
def test_fields_of_one_image_are_sites(tmp_path: Path, version: Literal["0.4", "0.5"], original: bool) -> None:
    model = Model(version, fields=("0",))
    root = write_plate(tmp_path / "p.zarr", model)
    names = ROI_COLUMNS + (["x_micrometer_original", "y_micrometer_original"] if original else [])
    for well in ("A/01", "B/03"):
        rows = [[*roi, *([roi[0] - 7, 40.0] if original else [])] for roi in (LEFT, RIGHT)]
        write_rois(root / well / "0", model, rows, names)
    plate = open_plate(root)
    assert [(r.site, r.channel, r.z) for r in plate.wells["B03"]] == list(product((1, 2), "12", (1, 2, 3)))
    first, last = plate.wells["B03"][0], plate.wells["B03"][-1]
    pixels = pixels_of(model, "B03", "0")
    assert np.array_equal(read_image(first.path, first.part), pixels[0, 0, :, :4])
    assert np.array_equal(read_image(last.path, last.part), pixels[1, 2, :, 4:])
    assert (last.x_um, last.y_um) == ((-5.0, 40.0) if original else (2.0, 0.0))


@pytest.mark.parametrize(
    ("rows", "names", "reason"),
    [
        pytest.param([[2.5, *RIGHT[1:]]], ROI_COLUMNS, r"row 1: the field .* is not in the image", id="outside"),
        pytest.param([LEFT[:5]], [*ROI_COLUMNS[:4], "other"], "there is no column 'len_y_micrometer'", id="column"),
        pytest.param([LEFT[:5]], ROI_COLUMNS, r"6 columns, but values of shape \(1, 5\)", id="shape"),
        pytest.param([[float("nan"), *LEFT[1:]]], ROI_COLUMNS, "row 1: cannot convert", id="nan"),
        pytest.param([LEFT] * 2**16, ROI_COLUMNS, "65536 fields, which are 393216 planes, more than", id="fields"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_wrong_table_is_its_wells_error(tmp_path: Path, rows: Any, names: list[str], reason: str) -> None:
    model = Model("0.4", fields=("0",))
    root = write_plate(tmp_path / "p.zarr", model)
    write_rois(root / "A/01/0", model, rows, names)
    plate = open_plate(root)
    assert [r.missing for r in all_records(plate)] == [True] * 6 + [False] * 6
    with pytest.raises(ImageError, match=reason):
        raise ImageError(plate.wells["A01"][0].reason)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize(
    ("lost", "missing", "reason"),
    [
        pytest.param("A/01", {1, 2}, r"A/01: is listed by the plate, but no well is there", id="well"),
        pytest.param("A/01/1", {2}, r"A/01/1: is listed by its well, but no image is there", id="image"),
        pytest.param("A/01/1/0", {2}, r"A/01/1/0: holds no Zarr array", id="array"),
    ],
)
def test_what_is_listed_but_not_there_is_missing(
    tmp_path: Path, version: Literal["0.4", "0.5"], lost: str, missing: set[int], reason: str
) -> None:
    root = write_plate(tmp_path / "p.zarr", Model(version))
    shutil.rmtree(root / lost)
    plate = open_plate(root)
    assert len(plate.wells["A01"]) == len(plate.wells["B03"]) == 12
    assert {r.site for r in plate.wells["A01"] if r.missing} == missing
    assert not any(r.missing for r in plate.wells["B03"])
    gone = next(r for r in plate.wells["A01"] if r.missing)
    assert gone.reason.startswith(str(root))
    with pytest.raises(ImageError, match=reason):
        raise ImageError(gone.reason)
    assert plate.path in gone.path


def test_an_image_that_only_one_well_lists_and_nobody_has_is_missing(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "p.zarr", Model(wells=("A01",)))
    shutil.rmtree(root / "A/01/1")
    assert [(r.site, r.missing) for r in open_plate(root).wells["A01"]] == [(1, False)] * 6 + [(2, True)] * 6


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_channel_that_one_image_lacks_is_missing_there(tmp_path: Path, version: Literal["0.4", "0.5"]) -> None:
    root = write_plate(tmp_path / "plate.zarr", Model(version=version))
    metadata = root / "B" / "03" / "1" / "0" / ("zarr.json" if version == "0.5" else ".zarray")
    node = json.loads(metadata.read_bytes())
    node["shape"][0] = 1
    metadata.write_text(json.dumps(node))
    plate = open_plate(root)
    lacking = [record for record in all_records(plate) if record.missing]
    assert [(r.well, r.site, r.channel, r.z) for r in lacking] == [("B03", 2, "2", z) for z in (1, 2, 3)]
    assert {record.path for record in lacking} == {str(root / "B" / "03" / "1" / "0")}
    assert {record.reason for record in lacking} == {"the image has 1 channels, others have 2"}


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("axes", "sizes", "count", "reason"),
    [
        pytest.param("cyx", (1, 2, 1), 2**11, "A/01/0/0: claims 2048 channels, more than the 1024 allowed", id="c"),
        pytest.param("zyx", (1, 1, 2), 20_000_000, r"A/01/0/0/zarr\.json: .* claims 20000000 planes, more", id="z"),
        pytest.param("tyx", (2, 1, 1), 10**14, r"A/01/0/0/zarr\.json: .* claims 10{14} planes, more", id="t"),
    ],
)
def test_an_image_of_impossibly_many_planes_is_its_wells_error(
    tmp_path: Path, axes: str, sizes: tuple[int, int, int], count: int, reason: str
) -> None:
    root = write_plate(tmp_path / "p.zarr", Model(axes=axes, sizes=sizes, labels=()))
    change(root / "A/01/0/0/zarr.json", lambda array: array["shape"].__setitem__(0, count))
    plate = open_plate(root)
    assert {(r.well, r.site) for r in all_records(plate) if r.missing} == {("A01", 1)}
    assert len(all_records(plate)) == 8
    with pytest.raises(ImageError, match=reason):
        raise ImageError(plate.wells["A01"][0].reason)


def test_a_missing_chunk_is_an_error_that_names_chunk_and_well(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "p.zarr", Model())
    (root / "B/03/1/0/c/0/0/0/0").unlink()
    record = open_plate(root).wells["B03"][-1]
    with pytest.raises(ImageError, match=r"p\.zarr/B/03/1/0/c/0/0/0/0: the chunk is missing"):
        read_image(record.path, record.part)


def change(file: Path, edit: Any) -> None:
    attributes = json.loads(file.read_text())
    edit(attributes)
    file.write_text(json.dumps(attributes))


def set_well_path(path: str) -> Any:
    return lambda attributes: attributes["plate"]["wells"][0].update(path=path)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        pytest.param(lambda a: a["plate"].update(version="0.3"), "version of the plate is 0.3; 0.4 and 0.5", id="old"),
        pytest.param(lambda a: a["plate"].update(wells=3), r"\.zattrs: its metadata of the plate are wrong", id="type"),
        pytest.param(lambda a: a["plate"].update(wells=[]), "it lists no well", id="no_wells"),
        pytest.param(set_well_path("../B"), r"lists well '\.\./B'", id="outside"),
        pytest.param(
            set_well_path("A/99"), r"p\.zarr: lists well 'A/99': well 'A99' is on no plate", id="no_such_well"
        ),
        pytest.param(lambda a: a["plate"]["columns"].append({"name": "99"}), r"\.zattrs: .* 'B99' is on", id="columns"),
        pytest.param(set_well_path("B/3"), "lists well B03 twice", id="twice"),
    ],
)
def test_wrong_plates(tmp_path: Path, edit: Any, reason: str) -> None:
    root = write_plate(tmp_path / "p.zarr", Model("0.4"))
    change(root / ".zattrs", edit)
    with pytest.raises(PlateError, match=reason):
        open_plate(root)


def test_channels_that_contradict_each_other(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "p.zarr", Model("0.4"))
    change(root / "B/03/1/.zattrs", lambda a: a["omero"]["channels"].reverse())
    with pytest.raises(PlateError, match="image 1 of well B03 calls its channel 1 'GFP', others call theirs 'DAPI'"):
        open_plate(root)


def test_parts_of_a_plate_are_no_plate(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "p.zarr", Model())
    for part, what in (("A/01", "well"), ("A/01/0", "image")):
        with pytest.raises(PlateError, match=f"is one {what} of an OME-Zarr plate"):
            open_plate(root / part)


def test_acquisitions_have_channels_of_their_own(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "p.zarr", Model("0.4", fields=("0", "1", "2", "3"), sizes=(1, 2, 1)))
    images = [{"path": str(number), "acquisition": number // 2} for number in range(4)]
    for well in ("A/01", "B/03"):
        change(root / well / ".zattrs", lambda a: a["well"].update(images=images))
    plate = open_plate(root)
    assert [channel.name for channel in plate.channels] == ["0-1", "0-2", "1-1", "1-2"]
    assert [(r.site, r.channel) for r in plate.wells["A01"]] == list(product((1, 2), ("0-1", "0-2", "1-1", "1-2")))


def test_other_images_beside_numbered_fields_are_told(tmp_path: Path) -> None:
    plate = open_plate(write_plate(tmp_path / "p.zarr", Model(fields=("1", "1xComposite"))))
    assert {r.site for r in all_records(plate)} == {1}
    assert plate.notes == ("images that are no fields of view were left out: 1xComposite",)


def set_scale(size: float, unit: str) -> Any:
    def edit(attributes: Any) -> None:
        multiscale = attributes["multiscales"][0]
        for axis in multiscale["axes"]:
            axis["unit"] = unit
        multiscale["datasets"][0]["coordinateTransformations"] = [{"type": "scale", "scale": [1, size, size]}]

    return edit


@pytest.mark.parametrize("size", [0.1, 0.29, 0.5979760809567617, 1.1])
def test_each_image_may_have_units_of_its_own(tmp_path: Path, size: float) -> None:
    root = write_plate(tmp_path / "p.zarr", Model("0.4", axes="cyx", pixel_size_um=size))
    change(root / "A/01/0/.zattrs", set_scale(size * 1000, "nanometer"))
    change(root / "B/03/1/.zattrs", set_scale(size / 1000, "millimeter"))
    plate = open_plate(root)
    assert plate.pixel_size_um == pytest.approx(size)
    assert plate.notes == ()


def test_images_of_another_pixel_size_are_told(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "p.zarr", Model("0.4", axes="cyx"))
    change(root / "A/01/1/.zattrs", set_scale(0.5, "nanometer"))
    plate = open_plate(root)
    assert plate.pixel_size_um == 0.5
    assert plate.notes == ("images differ in the size of their pixels: 0.5 um, but 0.0005 um (image 1 of well A01)",)


def test_0_4_metadata_below_ome(tmp_path: Path) -> None:
    """As one library wrote them for a while."""
    root = write_plate(tmp_path / "p.zarr", Model("0.4"))
    change(root / ".zattrs", lambda a: a.update(ome={"plate": a.pop("plate"), "version": "0.4"}))
    assert list(open_plate(root).wells) == ["A01", "B03"]
