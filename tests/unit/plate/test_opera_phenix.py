"""Harmony exports that the tests write from a random model, in the grammar of V5 and of V7, read back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plateflow.errors import PlateError
from plateflow.plate.model import Channel, ImageRecord, Plate
from plateflow.plate.open import open_plate
from plateflow.plate.wells import parse_well, well_name

if TYPE_CHECKING:
    from pathlib import Path

NAMESPACES = {5: "http://www.perkinelmer.com/PEHH/HarmonyV5", 7: "43B2A954-E3C3-47E1-B392-6635266B0DD3/HarmonyV7"}


@dataclass(frozen=True)
class Model:
    """A measurement as its writer thinks of it."""

    version: int = 5
    wells: tuple[str, ...] = ("B03", "C04")
    fields: int = 2
    planes: int = 2
    timepoints: int = 2
    labels: tuple[str, ...] = ("DAPI", "Alexa <488> & co")
    pixel_size: str = "5.979760809567617E-07"
    lost: frozenset[int] = frozenset()
    """Which images have no file, by their place in the index."""
    failed: frozenset[int] = frozenset()
    """Which have a state that is not Ok."""
    undescribed: frozenset[int] = frozenset()
    """Which their wells declare and the index does not describe."""
    empty_wells: tuple[str, ...] = ()

    def images(self) -> list[tuple[str, int, int, int, int]]:
        """Well, timepoint, field, plane and channel of each image."""
        return list(
            product(
                self.wells,
                range(1, self.timepoints + 1),
                range(1, self.fields + 1),
                range(1, self.planes + 1),
                range(1, len(self.labels) + 1),
            )
        )


def file_name(well: str, t: int, f: int, p: int, ch: int) -> str:
    row, column = parse_well(well)
    return f"r{row:02}c{column:02}f{f:02}p{p:02}-ch{ch}sk{t}fk1fl1.tiff"


def image_id(well: str, t: int, f: int, p: int, ch: int) -> str:
    row, column = parse_well(well)
    return f"{row:02}{column:02}K{t}F{f}P{p}R{ch}"


def well_id(well: str) -> str:
    row, column = parse_well(well)
    return f"{row:02}{column:02}"


def channel_xml(model: Model, ch: int) -> str:
    return (
        f"<ChannelName>{escape(model.labels[ch - 1])}</ChannelName>"
        f'<ImageResolutionX Unit="m">{model.pixel_size}</ImageResolutionX>'
    )


def image_xml(model: Model, number: int) -> str:
    well, t, f, p, ch = model.images()[number]
    row, column = parse_well(well)
    return (
        f'<Image Version="1">\n<id>{image_id(well, t, f, p, ch)}</id>'
        f"<State>{'Failed' if number in model.failed else 'Ok'}</State>"
        f"<URL>{file_name(well, t, f, p, ch)}</URL><Row>{row}</Row><Col>{column}</Col><FieldID>{f}</FieldID>"
        f"<PlaneID>{p}</PlaneID><TimepointID>{t - 1 if model.version == 5 else t}</TimepointID>"
        f"<ChannelID>{ch}</ChannelID>{channel_xml(model, ch) if model.version == 5 else ''}"
        f'<PositionX Unit="m">{f}.5E-05</PositionX><PositionY Unit="m">-0.0000{f}</PositionY>'
        f'<PositionZ Unit="m">{p}E-06</PositionZ></Image>\n'
    )


def index_xml(model: Model) -> str:
    numbers = range(len(model.images()))
    ids = "".join(f'<Image id="{image_id(*model.images()[number])}" />\n' for number in numbers)
    wells = (*model.wells, *model.empty_wells)
    entries = "".join(
        f'<Entry ChannelID="{ch}"><Other>1</Other>{channel_xml(model, ch) if model.version == 7 else ""}</Entry>\n'
        for ch in range(1, len(model.labels) + 1)
    )
    images = "".join(image_xml(model, number) for number in numbers if number not in model.undescribed)
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n'
        f'<EvaluationInputData Version="{1 if model.version == 5 else 2}" xmlns="{NAMESPACES[model.version]}">\n'
        f"<Plates><Plate><PlateID>x</PlateID><Name>x</Name><PlateRows>16</PlateRows><PlateColumns>24</PlateColumns>\n"
        f"{''.join(f'<Well id={well_id(well)!r} />' for well in wells)}</Plate></Plates>\n"
        f"<Wells><Well><id>{well_id(model.wells[0])}</id>\n{ids}</Well></Wells>\n"
        f"<Maps><Map>{entries}</Map></Maps>\n<Images>{images}</Images></EvaluationInputData>\n"
    )


def write_plate(root: Path, model: Model) -> Path:
    images = root / "Images"
    images.mkdir(parents=True)
    name = "Index.idx.xml" if model.version == 5 else "Index.xml"
    (images / name).write_text(index_xml(model), encoding="utf-8-sig")
    for number, image in enumerate(model.images()):
        if number not in model.lost | model.undescribed:
            (images / file_name(*image)).touch()
    return root


def records_of(plate: Plate) -> list[ImageRecord]:
    return [record for records in plate.wells.values() for record in records]


subsets = st.frozensets(st.integers(0, 30), max_size=3)
wells = st.lists(st.builds(well_name, st.integers(1, 16), st.integers(1, 24)), min_size=1, max_size=4, unique=True)
models = st.builds(
    Model,
    version=st.sampled_from([5, 7]),
    wells=wells.map(tuple),
    fields=st.integers(1, 3),
    planes=st.integers(1, 3),
    timepoints=st.integers(1, 2),
    labels=st.lists(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=6),
                    min_size=1, max_size=3).map(tuple),
    pixel_size=st.sampled_from(["5.979760809567617E-07", "1E-07"]),
    lost=subsets,
    failed=subsets,
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(model=models)
def test_a_written_plate_is_read_back(tmp_path_factory: pytest.TempPathFactory, model: Model) -> None:
    plate = open_plate(write_plate(tmp_path_factory.mktemp("plates") / "plate__2024-Measurement 1", model))
    assert (plate.layout, plate.rows, plate.columns) == ("opera-phenix", 16, 24)
    assert plate.channels == tuple(Channel(str(number), label) for number, label in enumerate(model.labels, 1))
    assert plate.pixel_size_um == {"5.979760809567617E-07": 0.5979760809567617, "1E-07": 0.1}[model.pixel_size]
    assert plate.notes == ()
    assert list(plate.wells) == sorted(model.wells, key=parse_well)
    written = {image: number for number, image in enumerate(model.images())}
    assert {(r.well, r.timepoint, r.site, r.z, int(r.channel)) for r in records_of(plate)} == set(written)
    for record in records_of(plate):
        image = (record.well, record.timepoint, record.site, record.z, int(record.channel))
        number = written[image]
        assert record.path == f"{plate.path}/Images/{file_name(*image)}"
        assert record.missing is (number in model.lost | model.failed)
        assert record.reason == ("the microscope recorded it as 'Failed'" if number in model.failed else "")
        assert (record.x_um, record.y_um, record.z_um) == (record.site * 10 + 5, record.site * 10, record.z)


@pytest.mark.parametrize("version", [5, 7])
def test_the_folder_of_the_images_is_the_plate_too(tmp_path: Path, version: int) -> None:
    root = write_plate(tmp_path / "plate", Model(version))
    plates = [open_plate(folder) for folder in (root, root / "Images")]
    assert plates[0].wells == plates[1].wells


def test_declared_but_not_described_is_missing(tmp_path: Path) -> None:
    model = Model(undescribed=frozenset({3}), empty_wells=("P24",))
    plate = open_plate(write_plate(tmp_path / "plate", model))
    [lost] = [r for r in plate.wells["B03"] if r.missing]
    assert (lost.well, lost.timepoint, lost.site, lost.z, int(lost.channel)) == model.images()[3]
    assert lost.reason == "its well declares it, but Index.idx.xml does not describe it"
    assert len(plate.wells["P24"]) == 16
    assert {r.reason for r in plate.wells["P24"]} == {"Index.idx.xml declares the well, but describes no image of it"}


def test_files_that_the_index_does_not_describe_are_told(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "plate", Model())
    for number in range(5):
        (root / f"Images/r16c24f0{number}p01-ch1sk1fk1fl1.tiff").touch()
    plate = open_plate(root)
    assert "P24" not in plate.wells
    assert plate.notes[0].startswith("5 images are not described by Index.idx.xml and were left out: r16c24f00")


def test_paths_of_other_systems_are_names_beside_the_index(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "plate", Model())
    edit(root, "<URL>", "<URL>D:\\export\\..\\Images\\")
    assert not any(r.missing for r in records_of(open_plate(root)))


def edit(root: Path, old: str, new: str, count: int = -1) -> None:
    index = root / "Images/Index.idx.xml"
    text = index.read_text("utf-8-sig")
    assert old in text
    index.write_text(text.replace(old, new, count), "utf-8-sig")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        pytest.param("</Plates>", "</Plate>", r"line 4: is no well-formed XML \(mismatched tag\)", id="tag"),
        pytest.param("<PlateRows>16</PlateRows>", "", "line 3: Plate: PlateRows is '', a whole number", id="no_rows"),
        pytest.param("<PlateRows>16<", "<PlateRows>2<", "row 3, column 4 is not on the plate", id="outside"),
        pytest.param("<Row>2</Row>", "<Row>B</Row>", "Image: Row is 'B', a whole number is needed", id="letters"),
        pytest.param("1.5E-05", "here", "PositionX is 'here' m, a length is needed", id="position"),
        pytest.param("1.5E-05", "inf", "PositionX is 'inf' m, a length is needed", id="infinite"),
        pytest.param('X Unit="m">1.5', 'X Unit="ly">1.5', r"PositionX is '1\.5E-05' ly", id="unit"),
        pytest.param("1.5E-05", "1E+999999", r"PositionX is '1E\+999999' m, a length is needed", id="huge"),
        pytest.param("<FieldID>2<", f"<FieldID>{'9' * 5000}<", r"FieldID is '9{40}', a whole number", id="digits"),
        pytest.param("F2P1R1</id>", "F2P1Rl</id>", r"id '0203K1F2P1Rl' is not like those of the images", id="odd_id"),
        pytest.param('Z Unit="m">1E-06', 'Z Unit="q">1', "PositionZ is '1' q, a length is needed", id="unit_of_z"),
        pytest.param("<FieldID>2<", "<FieldID>1<", r"line \d+: well .*f01p01.* and .*f02p01", id="same"),
        pytest.param("f02p01-ch1sk1", "f01p01-ch1sk1", r"describes r02c03f01p01-ch1sk1fk1fl1\.tiff twice", id="file"),
        pytest.param("<URL>r02c03f01p01-ch1sk1fk1fl1.tiff</URL>", "", "Image: there is no URL", id="no_url"),
        pytest.param("'0203'", "'23'", "well '23' is not two digits", id="well"),
        pytest.param("</Plates>", "<Plate><PlateRows>1</PlateRows></Plate></Plates>", "a second plate", id="plates"),
        pytest.param("<Eval", "<!DOCTYPE x [<!ENTITY a 'b'>]><Eval", r"declares a document type \(DTD\)", id="dtd"),
        pytest.param("utf-8", "klingon", "unknown encoding", id="encoding"),
    ],
)  # fmt: skip
def test_wrong_indexes_are_refused(tmp_path: Path, old: str, new: str, reason: str) -> None:
    root = write_plate(tmp_path / "plate", Model())
    edit(root, old, new, 1)
    with pytest.raises(PlateError, match=reason) as refused:
        open_plate(root)
    assert "Index.idx.xml" in str(refused.value)


def test_two_indexes_are_one_too_many(tmp_path: Path) -> None:
    root = write_plate(tmp_path / "plate", Model())
    (root / "Images/Index.xml").write_bytes((root / "Images/Index.idx.xml").read_bytes())
    with pytest.raises(PlateError, match=r"holds Index\.xml and Index\.idx\.xml, each the index of a plate"):
        open_plate(root)


@pytest.mark.parametrize("part", [0.99, 0.5, 0.1])
def test_a_cut_off_index_is_refused(tmp_path: Path, part: float) -> None:
    root = write_plate(tmp_path / "plate", Model())
    index = root / "Images/Index.idx.xml"
    data = index.read_bytes()
    index.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(PlateError, match=r"Index\.idx\.xml, line \d+: is cut off; copy it again"):
        open_plate(root)


def test_other_xml_is_no_index(tmp_path: Path) -> None:
    (tmp_path / "Index.xml").write_text("<a><b/></a>")
    with pytest.raises(PlateError, match=r"Index\.xml: is no index of Harmony"):
        open_plate(tmp_path)


def test_an_index_without_images(tmp_path: Path) -> None:
    model = Model()
    everything: Any = frozenset(range(len(model.images())))
    root = write_plate(tmp_path / "plate", replace(model, undescribed=everything))
    assert all(r.missing for r in records_of(open_plate(root)))
    edit(root, "<Image id", "<Other id")
    with pytest.raises(PlateError, match="describes no image"):
        open_plate(root)
