"""Which reader a folder is for; readers of other packages come by real entry points of a real distribution."""

from __future__ import annotations

import os
import textwrap
from typing import TYPE_CHECKING

import pytest

from plateflow.errors import PlateError
from plateflow.plate.detect import known_formats
from plateflow.plate.open import open_plate

if TYPE_CHECKING:
    from pathlib import Path

HTD_WITH_NOTHING = '"HTSInfoFile", "Version 1.0"\r\n"EndFile"\r\n'
READER = """
    import os
    from plateflow.errors import PlateError
    from plateflow.plate.formats.plate_format import PlateFormat
    from plateflow.plate.model import Channel, ImageRecord, Plate

    def find(top):
        return top.file("mark.xyz")

    def read(top, found, report):
        if os.path.getsize(found) == 1:
            raise PlateError("the mark is too short")
        if os.path.getsize(found) == 2:
            raise KeyError("no such thing")
        record = ImageRecord("B02", 1, "1", 1, 1, os.path.join(top.path, "a.tif"))
        return Plate(top.path, "x", "xyz", 8, 12, (Channel("1"),), {"B02": (record,)})

    FORMAT = PlateFormat("xyz", "a file mark.xyz", find, read)
    TWIN = PlateFormat("xyz2", "a file mark.xyz", find, read)
    NONSENSE = 3
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install nothing, but put a distribution on the path, as ``pip install`` would."""
    site = tmp_path / "site"
    info = site / "xyz_plates-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: xyz-plates\nVersion: 1.0\n")
    (site / f"xyz_plates_{os.getpid()}.py").write_text(textwrap.dedent(READER))
    monkeypatch.syspath_prepend(site)
    return site


def offer(package: Path, **entries: str) -> None:
    lines = "".join(f"{name} = xyz_plates_{os.getpid()}:{value}\n" for name, value in entries.items())
    (package / "xyz_plates-1.0.dist-info/entry_points.txt").write_text(f"[plateflow.formats]\n{lines}")


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    folder = tmp_path / "plate"
    folder.mkdir()
    (folder / "mark.xyz").write_bytes(b"long enough")
    return folder


def test_an_entry_point_adds_a_reader(package: Path, plate: Path) -> None:
    with pytest.raises(PlateError, match="no reader knows this layout"):
        open_plate(plate)
    offer(package, xyz="FORMAT")
    assert (open_plate(plate).layout, list(open_plate(plate).wells)) == ("xyz", ["B02"])


def test_two_readers_that_know_a_folder_are_named_and_one_can_be_chosen(package: Path, plate: Path) -> None:
    offer(package, xyz="FORMAT", twin="TWIN")
    with pytest.raises(PlateError, match=r"xyz2? by mark\.xyz and xyz2? by mark\.xyz; choose one by --format"):
        open_plate(plate)
    assert open_plate(plate, layout="xyz2").layout == "xyz"
    (plate / "9.HTD").write_text(HTD_WITH_NOTHING)
    with pytest.raises(PlateError, match=r"3 readers know this folder: imagexpress-htd by 9\.HTD and "):
        open_plate(plate)


def test_readers_of_one_name_are_refused(package: Path, plate: Path) -> None:
    offer(package, xyz="FORMAT", again="FORMAT")
    with pytest.raises(PlateError, match="two readers of plates are called 'xyz'"):
        open_plate(plate)


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        pytest.param(1, "the mark is too short", id="as_it_should"),
        pytest.param(2, r"plate: the reader 'xyz' of another package failed: KeyError: 'no such thing'", id="bug"),
    ],
)
def test_a_reader_that_fails(package: Path, plate: Path, size: int, reason: str) -> None:
    offer(package, xyz="FORMAT")
    (plate / "mark.xyz").write_bytes(b"x" * size)
    with pytest.raises(PlateError, match=reason):
        open_plate(plate)


def test_what_cannot_be_loaded_harms_no_other_reader(
    package: Path, plate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    offer(package, xyz="FORMAT", gone="NOTHING", nonsense="NONSENSE")
    assert open_plate(plate).layout == "xyz"
    assert "'gone' (xyz_plates" in caplog.text
    assert "'nonsense' (xyz_plates" in caplog.text
    assert "is no PlateFormat" in caplog.text


def test_a_named_reader_that_does_not_know_the_folder_says_what_it_misses(plate: Path) -> None:
    reason = r"plate: is no imagexpress-htd plate: looked for an \.HTD file in the folder; it holds 1 \.xyz files"
    with pytest.raises(PlateError, match=reason):
        open_plate(plate, layout="imagexpress-htd")


def test_an_unknown_name_lists_those_there_are(plate: Path) -> None:
    with pytest.raises(PlateError, match=r"no reader of plates 'zeiss'; there are: .*imagexpress-htd.*--filenames"):
        open_plate(plate, layout="zeiss")


@pytest.mark.parametrize(
    ("layout", "filenames", "reason"),
    [
        pytest.param("filenames", None, "--format filenames needs --filenames, too", id="no_pattern"),
        pytest.param("imagexpress-htd", "(?P<well>.*)", "--filenames cannot be given together", id="both"),
    ],
)
def test_format_and_filenames(plate: Path, layout: str, filenames: str | None, reason: str) -> None:
    with pytest.raises(PlateError, match=reason):
        open_plate(plate, layout=layout, filenames=filenames)


def test_nothing_found_tells_what_is_there_and_where_a_plate_is(plate: Path) -> None:
    inner = plate / "inner"
    inner.mkdir()
    (inner / "9.HTD").write_text(HTD_WITH_NOTHING)
    with pytest.raises(PlateError) as refused:
        open_plate(plate)
    text = str(refused.value)
    assert "It holds 1 .xyz files and the folders inner." in text
    assert "The folder inner in it is a plate (imagexpress-htd): open that one." in text
    assert all(each.looks_for in text for each in known_formats())
    assert "--filenames '" in text


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(PlateError, match="It holds nothing"):
        open_plate(tmp_path)


def test_an_unreadable_folder_inside_is_no_reason_to_fail_otherwise(plate: Path) -> None:
    (plate / "loop").symlink_to(plate / "loop")
    with pytest.raises(PlateError, match="no reader knows this layout"):
        open_plate(plate)
