"""Files that are none, or have no end: told at once, and nothing is read of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.broken_images import make_socket

from plateflow.storage.regular import open_regular, read_limited, real_path, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STRANGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing": (lambda path: None, "No such file or directory"),
    "fifo": (os.mkfifo, "is not a regular file but a FIFO"),
    "folder": (os.mkdir, "is not a regular file but a folder"),
    "socket": (make_socket, "is not a regular file but a socket"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "is not a regular file but a device"),
    "dangling": (lambda path: path.symlink_to("gone"), "No such file or directory: it is a link to gone"),
    "loop": (lambda path: path.symlink_to(path), "Too many levels of symbolic links: it is a link that leads back"),
}


@pytest.mark.timeout(10)
@pytest.mark.parametrize(("make", "reason"), STRANGE.values(), ids=STRANGE.keys())
def test_what_is_no_regular_file_is_told_at_once(tmp_path: Path, make: Callable[[Path], object], reason: str) -> None:
    path = tmp_path / "file"
    make(path)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError) as error:  # noqa: PT011 - what it says is looked at below
        open_regular(path)
    assert reason_of(error.value, path).startswith(reason)
    assert error.value.filename == os.fspath(path)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="a name that no file can have"):
        open_regular(f"{tmp_path}/a\0b")
    assert real_path(f"{tmp_path}/x/../a\0b") == f"{tmp_path}/a\0b"


def test_a_file_may_have_its_limit_and_no_byte_more(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_limited(path, 5) == b"12345"
    with pytest.raises(OSError, match="larger than the 4 bytes"):
        read_limited(path, 4)
    os.truncate(path, 2**40)
    with pytest.raises(OSError, match="larger than the 2 MB"):
        read_limited(path, 2**21)


def test_a_link_to_a_regular_file_is_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    assert read_limited(tmp_path / "link", 9) == b"x"
    assert real_path(tmp_path / "link") == str(tmp_path / "file")


def test_the_path_of_a_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert real_path(tmp_path / "loop") == str(tmp_path / "loop")
