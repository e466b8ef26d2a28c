from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from plateflow.errors import PlateError
from plateflow.plate import listing
from plateflow.plate.listing import Folder, PacedReport, check_is_text, each_portion, list_folders

if TYPE_CHECKING:
    from pathlib import Path


def make_files(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def relative_names(folders: list[Folder]) -> list[str]:
    return [folder.prefix + name for folder in folders for name in folder.names]


def test_lists_all_files_but_hidden_ones_in_order(tmp_path: Path) -> None:
    make_files(tmp_path, "b.tif", "a.tif", ".DS_Store", "sub/deep/c.tif", "sub/._c.tif", ".hidden/d.tif")
    folders = list_folders(str(tmp_path), lambda _: True)
    assert relative_names(folders) == ["a.tif", "b.tif", "sub/deep/c.tif"]
    assert [folder.path + folder.names[0] for folder in folders if folder.names] == [
        str(tmp_path / "a.tif"),
        str(tmp_path / "sub/deep/c.tif"),
    ]


def test_enters_only_folders_asked_for(tmp_path: Path) -> None:
    make_files(tmp_path, "yes/a.tif", "yes/no/b.tif", "no/c.tif")
    assert relative_names(list_folders(str(tmp_path), lambda path: path == "yes")) == ["yes/a.tif"]


def test_follows_links_but_lists_no_folder_twice(tmp_path: Path) -> None:
    make_files(tmp_path, "plate/images/a.tif", "elsewhere/b.tif")
    (tmp_path / "plate/loop").symlink_to(tmp_path / "plate")
    (tmp_path / "plate/linked").symlink_to(tmp_path / "elsewhere")
    assert relative_names(list_folders(str(tmp_path / "plate"), lambda _: True)) == ["images/a.tif", "linked/b.tif"]


def test_asks_no_file_for_its_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_files(tmp_path, *(f"{number}.tif" for number in range(20)))
    asked: list[str] = []
    real = os.stat

    def stat(path: str) -> os.stat_result:
        asked.append(path)
        return real(path)

    monkeypatch.setattr("plateflow.plate.listing.os.stat", stat)
    list_folders(str(tmp_path), lambda _: True)
    assert asked == [str(tmp_path)]


def test_unreadable_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("plateflow.plate.listing.os.scandir", refuse)
    with pytest.raises(PlateError, match=rf"{tmp_path}: the folder cannot be read: Permission denied"):
        list_folders(str(tmp_path), lambda _: True)


def test_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/B02\xff.tif", "wb"):
        pass
    with pytest.raises(PlateError, match="not valid UTF-8"):
        list_folders(str(tmp_path), lambda _: True)
    check_is_text("µm/B02.tif")


def test_reports_start_end_and_no_more_than_the_interval_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("plateflow.plate.listing.time.monotonic", lambda: now)
    told: list[tuple[int, int]] = []
    pace = PacedReport(lambda done, total: told.append((done, total)), 1000)
    for done in range(1, 1001):
        now = done / 1000
        pace.reach(done)
    pace.finish()
    assert told[0] == (0, 1000)
    assert told[-1] == (1000, 1000)
    assert len(told) in (11, 12)
    assert told == sorted(told)


def test_each_portion_reports_what_was_consumed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "REPORT_INTERVAL", 0.0)
    monkeypatch.setattr(listing, "_PORTION", 2)
    told: list[tuple[int, int]] = []
    folders = [Folder("/p/", "", ("a", "b", "c")), Folder("/p/s/", "s/", ("d",))]
    portions = [(folder.path, names) for folder, names in each_portion(folders, lambda *now: told.append(now))]
    assert portions == [("/p/", ("a", "b")), ("/p/", ("c",)), ("/p/s/", ("d",))]
    assert told == [(0, 4), (2, 4), (3, 4), (4, 4), (4, 4)]
