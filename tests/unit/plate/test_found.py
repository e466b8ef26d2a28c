"""What is told while folders are listed, of real folders of many files; with no pause between two reports."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from plateflow.errors import PlateError
from plateflow.plate import listing
from plateflow.plate.listing import list_folders, list_top, telling_found
from plateflow.plate.open import open_plate
from plateflow.plate.synthetic import write_synthetic_plate
from plateflow.progress.update import ProgressStatus, ProgressUpdate, decode, encode

if TYPE_CHECKING:
    from pathlib import Path

FILES = 5000
NAMES = r"(?P<well>[A-P]\d\d)_s(?P<site>\d+)\.tif"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with as many files in it as in one below, hidden files beside them."""
    root = tmp_path_factory.mktemp("many")
    (root / "below").mkdir()
    for number in range(FILES // 2):
        (root / f"A01_s{number}.tif").touch()
        (root / "below" / f"B01_s{number}.tif").touch()
    for number in range(300):
        (root / f".hidden{number}.tif").touch()
    return root


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Report at every look at the clock."""
    monkeypatch.setattr(listing, "REPORT_INTERVAL", 0.0)


def everything(_: str) -> bool:
    return True


@pytest.mark.usefixtures("hasty")
def test_files_are_told_while_they_are_found(many: Path) -> None:
    told: list[int] = []
    with telling_found(told.append):
        list_folders(str(many), everything)
    assert told == sorted(told)
    assert told[-1] == FILES
    assert len(told) >= FILES // listing._LISTED
    assert max(b - a for a, b in pairwise(told)) <= listing._LISTED


@pytest.mark.usefixtures("hasty")
def test_files_of_a_folder_that_is_listed_again_count_once(many: Path) -> None:
    told: list[int] = []
    with telling_found(told.append):
        list_top(str(many))
        once = len(told)
        list_folders(str(many), everything)
        list_top(str(many / "below"))
    assert told == sorted(told)
    assert told[-1] == FILES
    assert told[once] == told[once - 1] == FILES // 2  # it is told that work goes on


def test_no_more_is_told_than_the_interval_allows(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def passing() -> float:
        nonlocal now
        now += 0.01
        return now

    monkeypatch.setattr("plateflow.plate.listing.time.monotonic", passing)
    told: list[int] = []
    with telling_found(told.append):
        list_folders(str(many), everything)
    looks = now / 0.01
    assert looks / 12 <= len(told) <= looks / 10


@pytest.mark.usefixtures("hasty")
def test_nobody_else_is_told(many: Path) -> None:
    told: list[int] = []
    with telling_found(told.append):
        other = threading.Thread(target=list_top, args=(str(many),))
        other.start()
        other.join()
    list_top(str(many))
    assert told == []


def opened(folder: Path, **how: str) -> list[ProgressUpdate]:
    """Return the updates of opening a plate, each of them valid: the schema was checked when it was made."""
    updates: list[ProgressUpdate] = []
    open_plate(folder, report=updates.append, **how)
    assert [decode(encode(update)) for update in updates] == updates
    return updates


@pytest.mark.usefixtures("hasty")
def test_opening_tells_what_is_found_and_then_how_far_it_is(many: Path) -> None:
    updates = opened(many, filenames=NAMES.replace("(?P<well>", "(?:below/)?(?P<well>"))
    *under_way, last = updates
    assert [update.status for update in updates] == [
        ProgressStatus.STARTED,
        *[ProgressStatus.RUNNING] * (len(updates) - 2),
        ProgressStatus.COMPLETED,
    ]
    listed = [update for update in under_way if not update.total]
    counted = under_way[len(listed) :]
    assert under_way[: len(listed)] == listed
    assert len(listed) >= FILES // listing._LISTED
    assert all((update.completed, update.percent) == (0, 0.0) for update in listed)
    assert [update.message for update in listed] == [f"{found(update):,} files found" for update in listed]
    assert [found(update) for update in listed] == sorted(map(found, listed))
    assert listed[-1].message == "5,000 files found"
    assert {update.total for update in (*counted, last)} == {FILES}
    assert [update.completed for update in counted] == sorted(update.completed for update in counted)
    assert not any(update.message for update in counted)


def found(update: ProgressUpdate) -> int:
    return int((update.message or "").split()[0].replace(",", ""))


@pytest.mark.usefixtures("hasty")
def test_a_reader_that_lists_while_it_counts_changes_no_total(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"images{number}").mkdir()
        (tmp_path / f"images{number}" / "a.tif").touch()
    rows = "".join(f"A0{number + 1},images{number},a.tif\n" for number in range(3))
    (tmp_path / "load_data.csv").write_text(f"Metadata_Well,PathName_DNA,FileName_DNA\n{rows}")
    updates = opened(tmp_path, layout="load-data")
    begun = next(place for place, update in enumerate(updates) if update.total)
    assert {update.total for update in updates[begun:]} == {3}
    assert [u.completed for u in updates[begun:]] == sorted(u.completed for u in updates[begun:])
    assert any(update.message for update in updates[begun:-1])


@pytest.mark.usefixtures("hasty")
def test_a_vendor_reader_passes_nothing_on_and_all_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_LISTED", 4)
    write_synthetic_plate(tmp_path / "plate", rows=2, columns=3)
    updates = opened(tmp_path / "plate")
    files = sum(path.is_file() for path in (tmp_path / "plate").rglob("*"))
    listed = [update for update in updates if not update.total]
    assert [found(update) for update in listed] == sorted(map(found, listed))
    assert found(listed[-1]) == files


@pytest.mark.usefixtures("hasty")
def test_a_folder_that_is_no_plate_fails_after_what_was_found(many: Path) -> None:
    updates: list[ProgressUpdate] = []
    with pytest.raises(PlateError, match="no reader knows"):
        open_plate(many, report=updates.append)
    assert updates[-1].status is ProgressStatus.ERROR
    assert (updates[-1].completed, updates[-1].total) == (0, 0)
    assert any(update.message for update in updates[:-1])


def test_a_folder_that_is_listed_at_once_tells_no_files_found(tmp_path: Path) -> None:
    (tmp_path / "A01_s1.tif").touch()
    assert [(update.status.value, update.total) for update in opened(tmp_path, filenames=NAMES)] == [
        ("started", 1),
        ("running", 1),
        ("completed", 1),
    ]
