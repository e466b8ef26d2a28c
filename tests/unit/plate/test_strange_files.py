"""What stands in place of a plate's own files holds nobody up, whichever reader looks at it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from tests.broken_images import make_socket, sparse

from plateflow.errors import PlateError
from plateflow.plate.open import open_plate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILES = ["9.HTD", "MeasurementData.mlf", "Index.idx.xml", "Index.xml", "zarr.json", ".zattrs", "load_data.csv"]
STRANGE: dict[str, Callable[[Path], object]] = {
    "fifo": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "socket": make_socket,
    "dangling": lambda path: path.symlink_to("gone"),
    "loop": lambda path: path.symlink_to(path),
    "folder": lambda path: path.mkdir(),
    "empty": lambda path: path.touch(),
    "a_gigabyte": sparse(2**30),
    "random": lambda path: path.write_bytes(os.urandom(10_000)),
    "deep": lambda path: path.write_bytes(b"[" * 100_000),
    "deep_xml": lambda path: path.write_bytes(b"<a>" * 100_000),
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("make", STRANGE.values(), ids=STRANGE.keys())
@pytest.mark.parametrize("name", FILES)
def test_is_an_error_that_comes_soon(tmp_path: Path, name: str, make: Callable[[Path], object]) -> None:
    make(tmp_path / name)
    began = time.monotonic()
    with pytest.raises(PlateError, match=str(tmp_path)):
        open_plate(tmp_path)
    assert time.monotonic() - began < 5
