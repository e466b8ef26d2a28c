"""No partial file ever stands under a final name."""

import errno
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from plateflow.storage.atomic import (
    TEMPORARY_PREFIX,
    WrittenFile,
    remove_folder,
    replacing_folder,
    sweep,
    write_atomic,
)

LIMIT = 4096


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow past LIMIT bytes: the kernel's own error, halfway through a write."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def fill(folder: Path, sizes: dict[str, int]) -> None:
    with replacing_folder(folder) as writer:
        for path, size in sizes.items():
            writer.write(path, bytes(size))


@pytest.mark.parametrize("fsync", [False, True])
@pytest.mark.parametrize(
    "data", [b"", b"new", bytes(100_000), memoryview(b"view")], ids=["empty", "short", "long", "view"]
)
def test_replaces_the_whole_file(tmp_path: Path, data: bytes, fsync: bool) -> None:
    (tmp_path / "a").write_bytes(b"old and longer than the new one")
    write_atomic(tmp_path / "a", data, fsync=fsync)
    assert contents(tmp_path) == {"a": bytes(data)}


def test_file_mode_is_the_users_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_atomic(tmp_path / "a", b"")
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


@pytest.mark.usefixtures("small_disk")
def test_failing_write_leaves_the_old_file_and_names_it(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(OSError, match="a'") as caught:
        write_atomic(tmp_path / "a", bytes(2 * LIMIT))
    assert caught.value.filename == str(tmp_path / "a")
    assert caught.value.errno == errno.EFBIG
    assert contents(tmp_path) == {"a": b"old"}


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        write_atomic(tmp_path / "none" / "a", b"")
    assert caught.value.filename == str(tmp_path / "none" / "a")


def test_folder_appears_when_it_is_full(tmp_path: Path) -> None:
    final = tmp_path / "B" / "06" / "1"
    with replacing_folder(final) as folder:
        folder.write("zarr.json", b"{}")
        folder.write("0/c/0/0", b"pixels")
        folder.write("0/c/0/1", b"more")
        assert not final.exists()
    assert contents(tmp_path) == {"B/06/1/zarr.json": b"{}", "B/06/1/0/c/0/0": b"pixels", "B/06/1/0/c/0/1": b"more"}
    assert folder.files == [WrittenFile("zarr.json", 2), WrittenFile("0/c/0/0", 6), WrittenFile("0/c/0/1", 4)]


def test_folder_replaces_what_a_dead_attempt_left(tmp_path: Path) -> None:
    (tmp_path / "1" / "0").mkdir(parents=True)
    (tmp_path / "1" / "0" / "stale").write_bytes(b"x")
    with replacing_folder(tmp_path / "1") as folder:
        folder.write("fresh", b"y")
    assert contents(tmp_path) == {"1/fresh": b"y"}
    assert os.listdir(tmp_path) == ["1"]


@pytest.mark.usefixtures("small_disk")
def test_failing_folder_leaves_nothing_and_names_the_final_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="0/c/0") as caught:
        fill(tmp_path / "1", {"zarr.json": 2, "0/c/0": 2 * LIMIT})
    assert caught.value.filename == str(tmp_path / "1" / "0/c/0")
    assert os.listdir(tmp_path) == []


@pytest.mark.usefixtures("small_disk")
def test_failing_folder_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "old").write_bytes(b"x")
    with pytest.raises(OSError, match="new"):
        fill(tmp_path / "1", {"new": 2 * LIMIT})
    assert contents(tmp_path) == {"1/old": b"x"}


def test_sweep_removes_leftovers_alone(tmp_path: Path) -> None:
    (tmp_path / f"{TEMPORARY_PREFIX}f").write_bytes(b"x")
    (tmp_path / f"{TEMPORARY_PREFIX}d" / "deep").mkdir(parents=True)
    (tmp_path / "kept").write_bytes(b"y")
    sweep(tmp_path)
    assert os.listdir(tmp_path) == ["kept"]


def test_a_removed_folder_is_gone_with_all_it_held(tmp_path: Path) -> None:
    (tmp_path / "1" / "0").mkdir(parents=True)
    (tmp_path / "1" / "0" / "chunk").write_bytes(b"x")
    remove_folder(tmp_path / "1")
    remove_folder(tmp_path / "none")
    assert os.listdir(tmp_path) == []
