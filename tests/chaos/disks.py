"""Small disks, to be filled: file systems in memory, that only root may mount."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PAGE = 4096
"""Bytes; a file takes whole ones, a folder none."""


def may_mount() -> bool:
    """Tell whether this process may mount a tmpfs: as root, and not in a container that forbids it."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        options = ["-t", "tmpfs", "-o", "size=4k", "tmpfs", folder]
        may = subprocess.run(["mount", *options], check=False, capture_output=True).returncode == 0
        if may:
            subprocess.run(["umount", folder], check=True)
    return may


needs_mount = pytest.mark.skipif(not may_mount(), reason="needs to mount a tmpfs, as root may on Linux")


class Disk:
    """A disk of its own; what fills it is one more file."""

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size
        self._ballast = path / "ballast"

    @property
    def left(self) -> int:
        """Bytes that are free."""
        status = os.statvfs(self.path)
        return status.f_bavail * status.f_bsize

    def fill(self, left: int = 0) -> None:
        """Fill it, but for so many bytes, or what is free where that is less."""
        with self._ballast.open("ab", buffering=0) as file:
            while (more := min(self.left - left, 1 << 20)) > 0:
                try:
                    file.write(bytes(more))
                except OSError:  # somebody else took the last page
                    break

    def free(self, size: int) -> None:
        """Take away what fills it, and make it as large as that."""
        self._ballast.unlink(missing_ok=True)
        self.resize(size)

    def resize(self, size: int) -> None:
        """Make it larger or smaller, with what it holds."""
        self._mount(f"remount,size={size}")

    def set_writable(self, *, writable: bool) -> bool:
        """Let nobody write to it, or let them again; return whether that could be done: not while a file is written."""
        return self._mount(f"remount,{'rw' if writable else 'ro'}", check=writable)

    def _mount(self, options: str, *, check: bool = True) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.path)]
        return subprocess.run(command, check=check, capture_output=True).returncode == 0


@contextmanager
def mounted(path: Path, size: int) -> Iterator[Disk]:
    """Mount a disk of so many bytes on a folder, which is made; private to this user."""
    path.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", path], check=True)
    try:
        yield Disk(path, size)
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)
