"""What a well's functions find around them in a worker process: the same for each well, whatever the last one did."""

from __future__ import annotations

import ctypes
import io
import os
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from plateflow.storage.names import encode_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from typing_extensions import Buffer

LOGS = "logs"
"""Folder of the results, with one file for each well whose functions printed something."""
_STREAMS = (1, 2)
_NAMES = ("stdout", "stderr")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Folder, mask and environment as they are now, to be set again; and where this process prints to."""

    folder: str = field(default_factory=os.getcwd)
    mask: int = field(default_factory=lambda: _read_mask())
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    streams: tuple[int, ...] = field(default_factory=lambda: tuple(os.dup(fd) for fd in _STREAMS))

    def __post_init__(self) -> None:
        _flush()
        self._mend(_NAMES)

    def reset(self) -> None:
        """Set all of it again."""
        with suppress(OSError):  # somebody removed the folder
            os.chdir(self.folder)
        os.umask(self.mask)
        if os.environ != self.environment:
            os.environ.clear()
            os.environ.update(self.environment)

    @contextmanager
    def for_well(self, well: str, output: str) -> Iterator[None]:
        """Have what is printed, from Python or C, go to a file of the well; what a dying worker prints too.

        Parameters
        ----------
        well
            Its name.
        output
            Results folder; "" for none, then it goes where this process prints to.
        """
        self.reset()
        log = _open_log(well, output)
        if log is None:
            yield
            return
        try:
            self._point_to(log)
            yield
        finally:
            self._point_to(log)  # once more: user code may have closed them before buffers were written
            broken = _flush()
            self._point_to(*self.streams)
            self._mend(broken)
            if not os.fstat(log).st_size:
                with suppress(OSError):
                    _log_path(well, output).unlink()
            os.close(log)

    def _mend(self, names: Iterable[str]) -> None:
        # Make Python's streams anew, as unbreakable as they can be.
        for name in names:
            number = _NAMES.index(name)
            raw = _Printer(_STREAMS[number], self.streams[number])
            text = io.TextIOWrapper(
                io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=name == "stderr"
            )
            setattr(sys, name, text)

    @staticmethod
    def _point_to(*targets: int) -> None:
        for fd, target in zip(_STREAMS, targets * len(_STREAMS), strict=False):
            os.dup2(target, fd)


class _Printer(io.RawIOBase):
    """Writes to a descriptor, or where that fails (a full disk) to a spare one: no well fails of what it prints."""

    def __init__(self, fd: int, spare: int) -> None:
        self._targets = (fd, spare)

    def fileno(self) -> int:
        return self._targets[0]

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer) -> int:
        for target in self._targets:
            with suppress(OSError):
                return os.write(target, data)
        return memoryview(data).nbytes  # there is nowhere to tell it


def _open_log(well: str, output: str) -> int | None:
    if not output:
        return None
    path = _log_path(well, output)
    try:
        path.parent.mkdir(exist_ok=True)
        if path.parent.is_symlink():
            return None
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    except OSError:  # no room, say: what the well prints goes to the runner's log instead
        return None


def _log_path(well: str, output: str) -> Path:
    return Path(output) / LOGS / f"{encode_name(well)}.log"


def _flush() -> list[str]:
    # Return which of Python's streams user code has closed, or replaced by something else.
    broken = []
    for name in _NAMES:
        try:
            getattr(sys, name).flush()
        except (OSError, ValueError, AttributeError):
            broken.append(name)
    ctypes.CDLL(None).fflush(None)
    return broken


def _read_mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
