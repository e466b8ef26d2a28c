"""The folder of multiprocessing's sockets: one a process, which somebody removes however the process ends.

multiprocessing makes one by itself, ``pymp-…``, and leaves it where it is killed.
"""

from __future__ import annotations

import atexit
import fcntl
import multiprocessing as mp
import os
import tempfile
from contextlib import suppress
from pathlib import Path

PREFIX = "plateflow-sockets-"


def make_socket_folder() -> None:
    """Make this process's, unless it has one, and remove those of processes that are no more.

    Its owner holds the lock of each; the kernel frees it when the owner ends.
    """
    config = mp.current_process()._config  # type: ignore[attr-defined]  # noqa: SLF001 - there is no other way to say where
    if config.get("tempdir"):
        return
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        _remove_if_left(left)
    folder = _make()
    atexit.register(_remove, folder)
    config["tempdir"] = str(folder)


def _make() -> Path:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        if _is_held(folder) and folder.exists():
            return folder
        # Another process took it for one that was left, just now.


def _is_held(folder: Path) -> bool:
    try:
        return _lock(folder) is not None  # its descriptor stays open
    except FileNotFoundError:
        return False
    except OSError:  # no locks here: nobody can take it for one that was left
        return True


def _remove_if_left(folder: Path) -> None:
    with suppress(OSError):  # of another user, or gone by now
        if folder.lstat().st_uid != os.getuid():
            return
        descriptor = _lock(folder)
        if descriptor is not None:
            _remove(folder)
            os.close(descriptor)


def _remove(folder: Path) -> None:
    with suppress(OSError):  # it holds something else, or is gone
        for path in folder.iterdir():
            if path.is_socket():
                path.unlink()
        folder.rmdir()


def _lock(folder: Path) -> int | None:
    # Return the descriptor that holds the lock; None where another process holds it.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
