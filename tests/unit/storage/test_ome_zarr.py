"""OME-Zarr 0.5 plates: read back with zarr-python, and held against the standard's keys and a third party's plate."""

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

from plateflow.errors import ImageError, OutputError
from plateflow.storage.ome_metadata import MOST_OBJECT_COLOURS
from plateflow.storage.ome_zarr import (
    Field,
    LabelImage,
    WellPath,
    kept_image_path,
    write_field,
    write_plate_metadata,
    write_well_metadata,
)

B06 = WellPath("B", "06")
ROWS, COLUMNS = tuple("ABCDEFGH"), tuple(f"{column:02d}" for column in range(1, 13))


def pixels(*shape: int) -> NDArray[np.uint16]:
    return np.random.default_rng(1).integers(100, 4000, shape).astype(np.uint16)


def objects(*shape: int) -> NDArray[np.int32]:
    labels = np.zeros(shape, np.int32)
    labels[..., 2:5, 2:5], labels[..., 7:9, 7:9] = 1, 4
    return labels


NUCLEI = LabelImage("Nuclei", objects(16, 20), source="DNA")
FIELD = Field(pixels(2, 16, 20), ("DNA", "GFP"), 0.65, (NUCLEI,))


def ome(path: Path) -> Any:
    return json.loads((path / "zarr.json").read_text())["attributes"]["ome"]


def keys(value: Any, path: str = "") -> set[str]:
    """All key paths of a JSON value; list items count as one."""
    if isinstance(value, dict):
        return set().union(*({f"{path}/{key}"} | keys(below, f"{path}/{key}") for key, below in value.items()), set())
    return set().union(*(keys(item, f"{path}[]") for item in value)) if isinstance(value, list) else set()


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    plate = tmp_path / "plate.zarr"
    for site in ("1", "2"):
        write_field(plate, B06, site, FIELD)
    write_well_metadata(plate, B06, ["1", "2"])
    write_plate_metadata(plate, "demo", ROWS, COLUMNS, [B06], 2)
    return plate


def test_zarr_python_walks_from_the_plate_to_equal_pixels(plate: Path) -> None:
    root = zarr.open_group(plate, mode="r", zarr_format=3)
    image, labels = root["B/06/1/0"], root["B/06/1/labels/Nuclei/0"]
    assert isinstance(image, zarr.Array)
    assert isinstance(labels, zarr.Array)
    np.testing.assert_array_equal(np.asarray(image[...]), FIELD.pixels)
    np.testing.assert_array_equal(np.asarray(labels[...]), NUCLEI.pixels)
    assert labels.dtype == np.int32
    for group in ("B", "B/06", "B/06/1", "B/06/1/labels", "B/06/1/labels/Nuclei"):
        assert isinstance(root[group], zarr.Group)


def test_plate_metadata(plate: Path) -> None:
    assert ome(plate) == {
        "version": "0.5",
        "plate": {
            "version": "0.5",
            "name": "demo",
            "rows": [{"name": row} for row in ROWS],
            "columns": [{"name": column} for column in COLUMNS],
            "wells": [{"path": "B/06", "rowIndex": 1, "columnIndex": 5}],
            "field_count": 2,
        },
    }


def test_well_metadata(plate: Path) -> None:
    images = [{"path": "1"}, {"path": "2"}]
    assert ome(plate / "B" / "06") == {"version": "0.5", "well": {"version": "0.5", "images": images}}


def test_image_metadata(plate: Path) -> None:
    metadata = ome(plate / "B" / "06" / "1")
    assert metadata["version"] == "0.5"
    assert metadata["multiscales"] == [
        {
            "name": "B/06/1",
            "axes": [
                {"name": "c", "type": "channel"},
                {"name": "y", "type": "space", "unit": "micrometer"},
                {"name": "x", "type": "space", "unit": "micrometer"},
            ],
            "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1.0, 0.65, 0.65]}]}],
        }
    ]
    channels = metadata["omero"]["channels"]
    assert [(c["label"], c["color"], c["active"]) for c in channels] == [
        ("DNA", "0000FF", True),
        ("GFP", "00FF00", True),
    ]
    for channel, plane in zip(channels, FIELD.pixels, strict=True):
        window = channel["window"]
        assert (window["min"], window["max"]) == (0, 65535)
        assert plane.min() <= window["start"] < window["end"] <= plane.max()


def test_label_metadata(plate: Path) -> None:
    assert ome(plate / "B/06/1/labels") == {"version": "0.5", "labels": ["Nuclei"]}
    metadata = ome(plate / "B/06/1/labels/Nuclei")
    assert [axis["name"] for axis in metadata["multiscales"][0]["axes"]] == ["y", "x"]
    assert metadata["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]["scale"] == [0.65, 0.65]
    shown = metadata["image-label"]
    assert (shown["version"], shown["source"]) == ("0.5", {"image": "../../"})
    assert [colour["label-value"] for colour in shown["colors"]] == [1, 2, 3, 4]
    assert all(len(c["rgba"]) == 4 and all(0 <= v <= 255 for v in c["rgba"]) for c in shown["colors"])
    attributes = json.loads((plate / "B/06/1/labels/Nuclei/zarr.json").read_text())["attributes"]
    assert attributes["plateflow"] == {"objects": "Nuclei", "source_channel": "DNA"}


@pytest.mark.parametrize("largest", [0, MOST_OBJECT_COLOURS + 1], ids=["none", "many"])
def test_no_colours_for_no_objects_or_too_many(tmp_path: Path, largest: int) -> None:
    labels = LabelImage("Nuclei", np.full((4, 4), largest, np.int32))
    write_field(tmp_path / "plate.zarr", B06, "1", Field(pixels(1, 4, 4), ("DNA",), labels=(labels,)))
    assert "colors" not in ome(tmp_path / "plate.zarr/B/06/1/labels/Nuclei")["image-label"]


@pytest.mark.parametrize("path", ["", "B/06", "B/06/1"], ids=["plate", "well", "image"])
def test_has_every_key_of_a_third_partys_plate(plate: Path, test_data: Path, path: str) -> None:
    theirs = keys(
        ome(test_data / "ome_zarr" / "sbs_4wells_v05.zarr" / path.replace("B/06/1", "A/12/0").replace("B/06", "A/12"))
    )
    assert theirs - keys(ome(plate / path)) <= {"/omero/channels[]/wavelength_id"}


def test_unknown_pixel_size_claims_no_unit(tmp_path: Path) -> None:
    write_field(tmp_path / "plate.zarr", B06, "1", Field(pixels(1, 4, 4), ("DNA",)))
    (multiscale,) = ome(tmp_path / "plate.zarr/B/06/1")["multiscales"]
    assert not any("unit" in axis for axis in multiscale["axes"])
    assert multiscale["datasets"][0]["coordinateTransformations"] == [{"type": "scale", "scale": [1.0, 1.0, 1.0]}]


@pytest.mark.parametrize(
    ("dtype", "values", "window"),
    [
        ("u2", [5] * 16, {"min": 0, "max": 65535, "start": 5, "end": 6}),
        ("u1", range(16), {"min": 0, "max": 255, "start": 0, "end": 15}),
        ("bool", [0, 1] * 8, {"min": 0, "max": 1, "start": 0, "end": 1}),
        ("f4", [np.nan, np.inf, -2, *[0.5] * 13], {"min": -2, "max": 0.5, "start": -2, "end": 0.5}),
        ("f4", [np.nan] * 16, {"min": 0, "max": 1, "start": 0, "end": 1}),
    ],
    ids=["flat", "u1", "bool", "f4", "nan"],
)
def test_window(tmp_path: Path, dtype: str, values: Any, window: dict[str, float]) -> None:
    image = np.array(list(values)).astype(dtype).reshape(1, 4, 4)
    write_field(tmp_path / "plate.zarr", B06, "1", Field(image, ("DNA",), colours=("FFFFFF",)))
    (channel,) = ome(tmp_path / "plate.zarr/B/06/1")["omero"]["channels"]
    assert channel == {"label": "DNA", "color": "FFFFFF", "active": True, "window": window}


@pytest.mark.parametrize(
    ("shape", "label_shape", "dims"),
    [((2, 3, 9, 9), (3, 9, 9), "czyx"), ((2, 2, 3, 9, 9), (2, 3, 9, 9), "tczyx")],
    ids=["z", "tz"],
)
def test_stacks(tmp_path: Path, shape: tuple[int, ...], label_shape: tuple[int, ...], dims: str) -> None:
    labels = LabelImage("Nuclei", objects(*label_shape))
    field = Field(pixels(*shape), ("DNA", "GFP"), 0.5, (labels,))
    write_field(tmp_path / "plate.zarr", B06, "1", field)
    folder = tmp_path / "plate.zarr/B/06/1"
    assert "".join(axis["name"] for axis in ome(folder)["multiscales"][0]["axes"]) == dims
    np.testing.assert_array_equal(np.asarray(zarr.open_array(folder / "0", mode="r")[...]), field.pixels)
    np.testing.assert_array_equal(np.asarray(zarr.open_array(folder / "labels/Nuclei/0", mode="r")[...]), labels.pixels)


def test_files_are_told_relative_to_the_results_with_their_sizes(tmp_path: Path) -> None:
    files = write_field(tmp_path / "plate.zarr", B06, "1", FIELD) + write_well_metadata(
        tmp_path / "plate.zarr", B06, ["1"]
    )
    found = {str(path.relative_to(tmp_path)): path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()}
    found.pop("plate.zarr/B/zarr.json")  # the row's, which its wells share
    assert {file.path: file.size for file in files} == found
    assert "plate.zarr/B/06/1/labels/Nuclei/0/c/0/0" in found


def test_a_second_attempt_replaces_the_first_and_its_leftovers(tmp_path: Path) -> None:
    plate = tmp_path / "plate.zarr"
    write_field(plate, B06, "1", FIELD)
    (plate / "B/06/.tmp-dead/0").mkdir(parents=True)
    second = Field(pixels(1, 4, 4), ("DNA",))
    write_field(plate, B06, "1", second)
    write_well_metadata(plate, B06, ["1"])
    assert sorted(os.listdir(plate / "B/06")) == ["1", "zarr.json"]
    assert sorted(os.listdir(plate / "B/06/1")) == ["0", "zarr.json"]
    np.testing.assert_array_equal(np.asarray(zarr.open_array(plate / "B/06/1/0", mode="r")[...]), second.pixels)


def test_wells_of_a_row_are_written_side_by_side(tmp_path: Path) -> None:
    plate, wells = tmp_path / "plate.zarr", [WellPath("B", column) for column in COLUMNS]

    def write(well: WellPath) -> None:
        write_field(plate, well, "1", FIELD)
        write_well_metadata(plate, well, ["1"])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, wells))
    write_plate_metadata(plate, "demo", ROWS, COLUMNS, wells, 1)
    assert sorted(os.listdir(plate / "B")) == [*COLUMNS, "zarr.json"]
    for well in wells:
        array = zarr.open_array(plate / str(well) / "1" / "0", mode="r")
        np.testing.assert_array_equal(np.asarray(array[...]), FIELD.pixels)


@pytest.mark.parametrize("name", ["../x", "a/b", ".", "..", "Cell body", "\0"], ids=repr)
def test_names_of_objects_never_leave_the_labels_group(tmp_path: Path, name: str) -> None:
    field = Field(pixels(1, 4, 4), (name,), labels=(LabelImage(name, np.ones((4, 4), np.int32)),))
    write_field(tmp_path / "plate.zarr", B06, "1", field)
    labels = tmp_path / "plate.zarr/B/06/1/labels"
    (path,) = ome(labels)["labels"]
    assert sorted(os.listdir(labels)) == sorted([path, "zarr.json"])
    assert ome(labels / path)["multiscales"][0]["name"] == name
    assert os.listdir(tmp_path) == ["plate.zarr"]


@pytest.mark.parametrize(
    ("field", "error", "message"),
    [
        (Field(pixels(3, 4, 4), ("DNA", "GFP")), ImageError, "DNA, GFP has shape (3, 4, 4)"),
        (Field(pixels(4, 4), ("DNA",)), ImageError, "shape (4, 4)"),
        (
            Field(pixels(1, 4, 4), ("DNA",), labels=(LabelImage("N", np.ones((4, 4))),)),
            ImageError,
            "'N' have shape (4, 4) and dtype float64",
        ),
        (Field(pixels(1, 4, 4), ("DNA",), labels=(LabelImage("N", np.ones(4, int)),)), ImageError, "shape (4,)"),
        (Field(pixels(1, 4, 4), ("DNA",), labels=(LabelImage("", np.ones((4, 4), int)),)), OutputError, "empty name"),
    ],
    ids=["channels", "dims", "label-dtype", "label-dims", "label-name"],
)
def test_refused_fields_leave_nothing(tmp_path: Path, field: Field, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        write_field(tmp_path / "plate.zarr", B06, "1", field)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("path", ["", "..", "1_a", "1/2"])
def test_refused_paths(tmp_path: Path, path: str) -> None:
    with pytest.raises(OutputError, match="image"):
        write_field(tmp_path / "plate.zarr", B06, path, FIELD)
    with pytest.raises(OutputError, match="row"):
        WellPath(path, "06")
    with pytest.raises(OutputError, match="column"):
        WellPath("B", path)


def test_kept_image_stands_beside_its_field(tmp_path: Path) -> None:
    plate = tmp_path / "plate.zarr"
    path = kept_image_path("1", "Composite")
    assert path == "1xComposite"
    assert kept_image_path("1", "a b") != kept_image_path("1", "a_b")
    write_field(plate, B06, path, Field(pixels(1, 8, 8).astype("f4"), ("Composite",), name="Composite"))
    assert ome(plate / "B/06" / path)["multiscales"][0]["name"] == "Composite"


def test_plate_lists_given_wells_alone_and_needs_one(tmp_path: Path) -> None:
    plate = tmp_path / "plate.zarr"
    plate.mkdir()
    with pytest.raises(OutputError, match="at least one"):
        write_plate_metadata(plate, "demo", ROWS, COLUMNS, [], 1)
    with pytest.raises(OutputError, match="Z/99"):
        write_plate_metadata(plate, "demo", ROWS, COLUMNS, [WellPath("Z", "99")], 1)
    assert os.listdir(plate) == []
