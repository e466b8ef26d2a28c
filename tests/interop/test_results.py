"""Results as other tools open them: pixels by ngio, ome-zarr-py and napari, tables by polars, pandas and pycytominer.

Runs in an environment of its own, without plateflow (``make interop``). PLATEFLOW_RESULTS names what
``make_results.py`` wrote.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import ome_zarr.io
import ome_zarr.reader
import pandas as pd
import polars as pl
import pycytominer
import pytest
from napari_ome_zarr import napari_get_reader
from ngio import open_ome_zarr_container, open_ome_zarr_plate
from ome_zarr_models.v05 import HCS

RESULTS = Path(os.environ["PLATEFLOW_RESULTS"])
PLATE = RESULTS / "plate.zarr"
WELLS = ["A01", "A02", "A03", "B01", "B02", "B03"]


def labels_of(well: str, site: int, objects: str) -> Any:
    path = PLATE / well[0] / well[1:] / str(site)
    return open_ome_zarr_container(path).get_label(objects).get_as_numpy()


def test_ngio_lists_wells_images_and_labels() -> None:
    plate = open_ome_zarr_plate(PLATE)
    assert sorted(plate.wells_paths()) == [f"{well[0]}/{well[1:]}" for well in WELLS]
    images = plate.images_paths(max_workers=1)
    assert sorted(images) == [f"{well[0]}/{well[1:]}/{site}" for well in WELLS for site in (1, 2)]
    for kept in ("0xTop", "1xSmooth"):
        assert open_ome_zarr_container(PLATE / "B" / "02" / kept).get_image().get_as_numpy().shape == (1, 128, 128)
    for well in WELLS:
        container = open_ome_zarr_container(PLATE / well[0] / well[1:] / "1")
        assert sorted(container.list_labels()) == ["Cytoplasm", "Nuclei"]
        assert [channel.label for channel in container.get_image().channels_meta.channels] == ["DNA", "GFP"]


def test_ngio_reads_labels_whose_values_are_the_object_numbers_of_the_tables() -> None:
    nuclei = pl.read_parquet(RESULTS / "tables" / "Nuclei" / "*.parquet")
    assert nuclei.height > 20
    for well in WELLS:
        for site in (1, 2):
            numbers = np.unique(labels_of(well, site, "Nuclei"))
            own = nuclei.filter((pl.col("Metadata_Well") == well) & (pl.col("Metadata_Site") == site))
            assert numbers[numbers > 0].tolist() == own["Metadata_ObjectNumber"].to_list()
            for number, area in own.select("Metadata_ObjectNumber", "Nuclei_AreaShape_Area").iter_rows():
                assert (labels_of(well, site, "Nuclei") == number).sum() == area
            break  # the first site of each well will do: each read opens its file


def test_ngio_reads_pixels_that_give_the_measured_intensities() -> None:
    image = open_ome_zarr_container(PLATE / "B" / "02" / "1").get_image().get_as_numpy()
    labels = labels_of("B02", 1, "Nuclei")
    own = pl.read_parquet(RESULTS / "tables" / "Nuclei" / "B02.parquet").filter(pl.col("Metadata_Site") == 1)
    for channel, name in enumerate(("DNA", "GFP")):
        for number, mean in own.select("Metadata_ObjectNumber", f"Nuclei_Intensity_MeanIntensity_{name}").iter_rows():
            assert image[channel][labels == number].mean() == pytest.approx(mean)


def test_ome_zarr_py_opens_the_plate_and_an_image_with_its_labels() -> None:
    location = ome_zarr.io.parse_url(PLATE)
    assert location is not None
    (plate, *_) = list(ome_zarr.reader.Reader(location)())
    assert [type(spec).__name__ for spec in plate.specs] == ["Plate"]
    location = ome_zarr.io.parse_url(PLATE / "B" / "02" / "1")
    assert location is not None
    nodes = list(ome_zarr.reader.Reader(location)())
    image = np.asarray(nodes[0].data[0])
    assert image.shape == (2, 128, 128)
    labels = {str(node.zarr.basename()): np.asarray(node.data[0]) for node in nodes[1:] if node.data}
    assert set(labels) >= {"Nuclei", "Cytoplasm"}
    assert np.array_equal(np.squeeze(labels["Nuclei"]), labels_of("B02", 1, "Nuclei"))


def layers_of(path: Path, kind: str) -> list[tuple[Any, dict[str, Any]]]:
    """Return the layers of a kind that napari would show of a path: the pixels, as large as they are, and the rest."""
    read = napari_get_reader(str(path))
    assert read is not None
    found = [(data[0] if isinstance(data, list) else data, more) for data, more, own in read(str(path)) if own == kind]
    return [(np.asarray(data), more) for data, more in found]


def test_napari_shows_the_plate_its_wells_side_by_side() -> None:
    [(image, more)] = layers_of(PLATE, "image")
    assert (image.shape, image.dtype) == ((2, 2 * 128, 3 * 128), np.uint16)
    assert [name.rpartition(" ")[2] for name in more["name"]] == ["DNA", "GFP"]
    b02 = open_ome_zarr_container(PLATE / "B" / "02" / "1").get_image().get_as_numpy()
    assert np.array_equal(image[:, 128:, 128:256], b02)
    for objects, (labels, _) in zip(("Cytoplasm", "Nuclei"), layers_of(PLATE, "labels"), strict=True):
        assert labels.shape == (2 * 128, 3 * 128)
        assert np.array_equal(labels[128:, 128:256], np.squeeze(labels_of("B02", 1, objects)))


@pytest.mark.parametrize("path", ["B/02/1", "B/02/1/labels/Nuclei"])
def test_napari_shows_an_image_with_its_channels_and_its_labels_in_their_colours(path: str) -> None:
    [(image, more)] = layers_of(PLATE / path, "image")
    assert (image.shape, image.dtype) == ((2, 128, 128), np.uint16)
    assert (more["channel_axis"], more["axis_labels"]) == (0, ("y", "x"))
    assert [name.rpartition(" ")[2] for name in more["name"]] == ["DNA", "GFP"]
    assert [colours.name for colours in more["colormap"]] == ["blue", "green"]
    assert all(low < high <= 65535 for low, high in more["contrast_limits"])
    for objects, (labels, shown) in zip(("Cytoplasm", "Nuclei"), layers_of(PLATE / path, "labels"), strict=True):
        assert shown["name"].endswith(f"/{objects}")
        assert np.array_equal(labels, np.squeeze(labels_of("B02", 1, objects)))
        written = json.loads((PLATE / "B" / "02" / "1" / "labels" / objects / "zarr.json").read_text())
        colours = {c["label-value"]: c["rgba"] for c in written["attributes"]["ome"]["image-label"]["colors"]}
        assert colours.keys() == set(np.unique(labels)) - {0}
        found = {number: [round(255 * part) for part in colour] for number, colour in shown["colormap"].items()}
        assert {number: colour for number, colour in found.items() if number} == colours


def test_napari_shows_an_image_that_was_kept() -> None:
    for kept, name in (("0xTop", "Top"), ("1xSmooth", "Smooth")):
        [(image, more)] = layers_of(PLATE / "B" / "02" / kept, "image")
        assert (image.shape, more["name"]) == ((1, 128, 128), [f"{kept}: {name}"])


def test_the_metadata_are_valid_ome_zarr() -> None:
    zarr = pytest.importorskip("zarr")
    hcs = HCS.from_zarr(zarr.open_group(PLATE, mode="r"))
    assert hcs.ome_attributes.plate.field_count == 2
    assert len(hcs.ome_attributes.plate.wells) == 6


def test_pandas_and_polars_read_the_same_tables() -> None:
    for folder in sorted((RESULTS / "tables").iterdir()):
        by_pandas = pd.concat([pd.read_parquet(part) for part in sorted(folder.glob("*.parquet"))])
        by_polars = pl.read_parquet(folder / "*.parquet")
        assert list(by_pandas.columns) == by_polars.columns
        assert len(by_pandas) == by_polars.height > 0
        numbers = by_polars.select(pl.selectors.float()).columns
        assert np.allclose(by_pandas[numbers].to_numpy(), by_polars[numbers].to_numpy(), equal_nan=True)
    cytoplasm = pl.read_parquet(RESULTS / "tables" / "Cytoplasm" / "*.parquet")
    assert cytoplasm.schema["Cytoplasm_Parent_Nuclei"] == cytoplasm.schema["Metadata_ObjectNumber"] == pl.Int64


def single_cells() -> pd.DataFrame:
    """Join what was measured of each cell: the objects share their numbers."""
    where = ["Metadata_Plate", "Metadata_Well", "Metadata_Site", "Metadata_ObjectNumber"]
    nuclei = pd.read_parquet(RESULTS / "tables" / "Nuclei")
    cytoplasm = pd.read_parquet(RESULTS / "tables" / "Cytoplasm")
    own = [name for name in cytoplasm.columns if name.startswith("Cytoplasm_")]
    return nuclei.merge(cytoplasm[where + own], on=where)


def test_pycytominer_aggregates_single_cells_to_our_profiles() -> None:
    cells = single_cells()
    profiles = pycytominer.aggregate(
        population_df=cells, strata=["Metadata_Plate", "Metadata_Well"], features="infer", operation="median"
    )
    ours = pd.read_parquet(RESULTS / "profiles.parquet")
    assert sorted(profiles["Metadata_Well"]) == sorted(ours["Metadata_Well"]) == WELLS
    features = [name for name in profiles.columns if name.startswith("Nuclei_")]
    assert len(features) > 20
    joined = profiles.merge(ours, on="Metadata_Well", suffixes=("", "_ours"))
    nuclei = pd.read_parquet(RESULTS / "tables" / "Nuclei")
    if len(nuclei) == len(cells):
        for name in features:
            assert joined[name].to_numpy() == pytest.approx(joined[f"{name}_ours"].to_numpy()), name


def test_pycytominer_normalises_and_selects_features_of_the_profiles_as_they_are() -> None:
    profiles = pd.read_parquet(RESULTS / "profiles.parquet")
    normalized = pycytominer.normalize(profiles=profiles, features="infer", samples="all", method="standardize")
    features = [name for name in normalized.columns if not name.startswith("Metadata_")]
    assert len(features) > 20
    assert normalized[features].mean().abs().max() < 1e-9
    selected = pycytominer.feature_select(
        profiles=normalized, features="infer", operation=["variance_threshold", "correlation_threshold"]
    )
    kept = [name for name in selected.columns if not name.startswith("Metadata_")]
    assert 0 < len(kept) < len(features)


def test_a_table_of_the_plate_is_read_by_both_and_normalised_as_pycytominer_does() -> None:
    ours = pd.read_parquet(RESULTS / "plate_tables" / "Normalised.parquet")
    assert list(ours.columns) == pl.read_parquet(RESULTS / "plate_tables" / "Normalised.parquet").columns
    cells = pd.read_parquet(RESULTS / "tables" / "Nuclei").sort_values(["Metadata_Well"], kind="stable")
    features = [name for name in cells.columns if name.startswith("Nuclei_") and "Parent" not in name]
    normalized = pycytominer.normalize(
        profiles=cells.reset_index(drop=True).astype(dict.fromkeys(features, "float64")),
        features=features,
        samples="Metadata_Dose == 0",
        method="mad_robustize",
        mad_robustize_epsilon=0,
    )
    assert (ours["Metadata_Well"] == normalized["Metadata_Well"]).all()
    compared = [name for name in features if np.isfinite(normalized[name]).all()]
    assert len(compared) > 15
    for name in compared:
        assert ours[name].to_numpy() == pytest.approx(normalized[name].to_numpy(), rel=1e-9), name
