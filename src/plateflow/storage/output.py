"""The results folder: one run's own, from its claim to its end."""

from __future__ import annotations

import fcntl
import os
import re
import socket
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import msgspec

from plateflow.errors import OutputError
from plateflow.storage.atomic import TEMPORARY_PREFIX, sweep, write_atomic
from plateflow.storage.refusals import GO_ON, telling_what_to_do
from plateflow.storage.regular import real_path

if TYPE_CHECKING:
    from collections.abc import Iterator

WELL_DEPTH = 3
"""Of ``plate.zarr/B/06`` below the results folder: nothing half written lies deeper."""
CLAIM = ".plateflow.json"
"""Names the run that claimed the folder last. The lock is not in it."""
_LEFTOVER = re.compile(re.escape(TEMPORARY_PREFIX) + "[0-9a-f]{16}")
"""Of a run that was killed as it claimed the folder, it may be the only one there."""


OWN_FOLDERS = frozenset({"plate.zarr", "tables", "plate_images", "plate_tables", "wells", "preview", "logs"})
"""Of the results; what else lies beside them is the user's."""


@dataclass(frozen=True, slots=True)
class OutputFolder:
    """A results folder that this run holds."""

    path: Path
    """Absolute."""
    descriptor: int
    """Of the folder, with the lock, which lasts while any process has it open."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Who claimed a results folder last; tells whom to wait for, and that the folder is one."""

    execution_id: str
    pid: int
    host: str


@contextmanager
def claim_output(path: Path, execution_id: str, *, resume: bool = False) -> Iterator[OutputFolder]:
    """Make a results folder, or go on in one, and hold it for one run.

    The lock is the kernel's, on the folder itself: it is gone when the last process that has the descriptor ends,
    however it ends.

    Parameters
    ----------
    path
        The folder.
    execution_id
        Of the run, for whoever finds the folder claimed.
    resume
        Whether it may hold results of an earlier run; what that left half written is removed.

    Raises
    ------
    OutputError
        If a run holds the folder, it holds anything else, one of its own folders is a link, or it cannot be written.
    """
    path = path.absolute()
    descriptor = _open_folder(path)
    try:
        _lock(descriptor, path)
        _require_writable(path)
        _require_own(descriptor, path, resume=resume)
        _refuse_links(path)
        with telling_what_to_do(GO_ON if resume else "run it again, or choose another folder"):
            sweep(path, depth=WELL_DEPTH)
            claim = Claim(execution_id=execution_id, pid=os.getpid(), host=socket.gethostname())
            write_atomic(path / CLAIM, msgspec.json.encode(claim))
        try:
            yield OutputFolder(path, descriptor)
        finally:
            _tidy(descriptor, path)
    finally:
        os.close(descriptor)  # which frees the lock


def require_outside(output: Path, plate: str) -> None:
    """Refuse a results folder inside the plate's own.

    Raises
    ------
    OutputError
        If it is; names it.
    """
    if Path(real_path(output)).is_relative_to(real_path(plate)):
        raise OutputError(f"results folder {output} is inside the plate's own, which is never written to")


def require_own(output: Path, *folders: Path) -> None:
    """Refuse links between a results folder and the folders in it that are about to be written to.

    Raises
    ------
    OutputError
        If there is one: its results would go elsewhere.
    """
    for folder in folders:
        if (link := find_link(output, folder)) is not None:
            _refuse_link(output, str(link))


def find_link(output: Path, folder: Path) -> Path | None:
    """Return what between a results folder and a folder in it is a link, and leads elsewhere; None where nothing is."""
    between = takewhile(lambda part: part != output, (folder, *folder.parents))
    return next((part for part in between if part.is_symlink()), None)


def _refuse_links(output: Path) -> None:
    waiting = [(output / name, WELL_DEPTH) for name in sorted(OWN_FOLDERS)]
    while waiting:
        folder, depth = waiting.pop()
        if folder.is_symlink():
            _refuse_link(output, str(folder))
        if depth and folder.is_dir():
            for entry in list(os.scandir(folder)):
                if entry.is_symlink():
                    _refuse_link(output, entry.path)
                if entry.is_dir():
                    waiting.append((Path(entry.path), depth - 1))


def _refuse_link(output: Path, link: str) -> NoReturn:
    raise OutputError(
        f"results folder {output}: {os.path.relpath(link, output)} is a link to {os.readlink(link)}; results are "
        "written into the folder alone, put a folder in its place"
    )


def _open_folder(path: Path) -> int:
    try:
        path.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except ValueError as error:
        raise OutputError(f"results folder {str(path)!r}: no folder can have this name; choose another") from error
    except (FileExistsError, NotADirectoryError) as error:
        raise OutputError(f"results folder {path}: a file is in its place; choose another folder") from error
    except OSError as error:
        raise OutputError(f"results folder {path} cannot be made: {error.strerror}; choose another folder") from error


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OutputError(f"results folder {path} is in use by {_holder(path)}; wait or choose another") from error
    except OSError as error:
        raise OutputError(f"results folder {path} cannot be locked: {error.strerror}; choose a local disk") from error


def _require_writable(path: Path) -> None:
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        raise OutputError(f"results folder {path} is on a read-only disk; make it writable or choose another folder")
    if not os.access(path, os.W_OK | os.X_OK):
        raise OutputError(f"results folder {path} is not writable; change its permissions or choose another folder")


def _tidy(descriptor: int, path: Path) -> None:
    # No writer of this run is left. What fails here is no news: the run's end is told, and the next one sweeps too.
    with suppress(OSError):
        if not os.path.samestat(os.fstat(descriptor), os.stat(path)):
            return  # another folder has its name now, and perhaps another run
        sweep(path, depth=WELL_DEPTH)  # what killed workers left
        if os.listdir(descriptor) == [CLAIM]:
            (path / CLAIM).unlink()  # nothing came of it


def _holder(path: Path) -> str:
    try:
        claim = msgspec.json.decode((path / CLAIM).read_bytes(), type=Claim)
    except (OSError, msgspec.MsgspecError):
        return "a run"
    return f"run {claim.execution_id} (pid {claim.pid} on {claim.host})"


def _require_own(descriptor: int, path: Path, *, resume: bool) -> None:
    entries = sorted(entry for entry in os.listdir(descriptor) if not _LEFTOVER.fullmatch(entry))
    if not entries or (resume and CLAIM in entries):
        return
    if resume:
        raise OutputError(
            f"{path} holds {entries[0]!r}, but no results of plateflow to go on from; choose their folder"
        )
    more = "; go on in it with --resume, or choose a new folder" if CLAIM in entries else "; choose a new folder"
    shown = next((entry for entry in entries if entry != CLAIM), CLAIM)
    raise OutputError(f"results folder {path} is not empty (it holds {shown!r}){more}")
