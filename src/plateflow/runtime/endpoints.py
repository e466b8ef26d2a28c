"""The server's private directory: its lock, its two ipc sockets, and the file that tells clients of them."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from plateflow.errors import ServerError
from plateflow.settings import RUNTIME_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

IPC_PATH_LIMIT = 107
"""Bytes in the path of a Unix socket."""
_PID_WAIT = 0.2
_MEND = "see that its disk has room and is writable,"


class Connection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a client reaches a server: what ``server.json`` holds."""

    server: str
    """Instance id, 32 hex digits; another one after a restart."""
    pid: int
    control: str
    """Address of the ROUTER socket."""
    stream: str
    """Address of the XPUB socket."""
    version: str


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where everything of a server lies."""

    directory: Path

    @property
    def control(self) -> Path:
        """Socket of requests and replies."""
        return self.directory / "control.ipc"

    @property
    def stream(self) -> Path:
        """Socket of the progress stream."""
        return self.directory / "stream.ipc"

    @property
    def lock(self) -> Path:
        """Locked for as long as a server lives; never removed."""
        return self.directory / "server.lock"

    @property
    def connection(self) -> Path:
        """Tells clients of a running server."""
        return self.directory / "server.json"

    @property
    def logs(self) -> Path:
        """What each runner printed."""
        return self.directory / "logs"

    def check_paths(self) -> None:
        """Check that both sockets can be bound by their paths.

        Raises
        ------
        ServerError
            If a path is too long.
        """
        for path in (self.control, self.stream):
            size = len(os.fsencode(path))
            if size > IPC_PATH_LIMIT:
                raise ServerError(
                    f"the socket path {path} has {size} bytes, the system allows {IPC_PATH_LIMIT}; "
                    f"set {RUNTIME_VARIABLE} to a shorter directory"
                )

    def remove_sockets(self) -> None:
        """Remove the two sockets, of a server that was killed or of this one; only under the lock.

        Raises
        ------
        ServerError
            If something else lies there.
        """
        for path in (self.control, self.stream):
            try:
                mode = path.lstat().st_mode
            except FileNotFoundError:
                continue
            if not stat.S_ISSOCK(mode):
                raise ServerError(f"{path} is not a socket, so plateflow did not make it; move it away and start again")
            path.unlink(missing_ok=True)

    def publish(self, connection: Connection) -> None:
        """Write the connection file at once and whole, readable by this user only; only under the lock.

        Raises
        ------
        ServerError
            If it cannot be written: then no client could find this server.
        """
        unfinished = self.directory / ".server.json"
        try:
            with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(msgspec.json.encode(connection))
            os.replace(unfinished, self.connection)
        except OSError as e:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise ServerError(
                f"{self.connection} cannot be written ({e.strerror}); {_MEND} or set {RUNTIME_VARIABLE} to another"
            ) from e


def read_connection(directory: Path) -> Connection:
    """Read how to reach the server of a directory.

    Raises
    ------
    ServerError
        If no server runs there.
    """
    try:
        data = Endpoints(directory).connection.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as e:
        raise ServerError(
            f"no server runs in {directory}, so nothing is running; `plateflow run` starts one by itself, "
            "`plateflow serve` one that stays"
        ) from e
    try:
        return msgspec.json.decode(data, type=Connection)
    except msgspec.MsgspecError as e:
        raise ServerError(f"{directory / 'server.json'} cannot be read ({e}); restart the server") from e


def private_directory(directory: Path) -> Path:
    """Make a directory that only this user can enter, or check that it is one; return it.

    Raises
    ------
    ServerError
        If it is somebody else's, or open to others.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as e:
        raise ServerError(f"{directory} cannot be made ({e.strerror}); set {RUNTIME_VARIABLE} to another") from e
    info = directory.lstat()
    if not stat.S_ISDIR(info.st_mode):
        raise ServerError(f"{directory} is a link, not a directory; set {RUNTIME_VARIABLE} to what it points to")
    if info.st_uid != os.geteuid():
        raise ServerError(f"{directory} belongs to user {info.st_uid}; set {RUNTIME_VARIABLE} to a directory of yours")
    if info.st_mode & 0o077:
        mode = stat.S_IMODE(info.st_mode)
        raise ServerError(f"{directory} is open to other users (mode {mode:04o}); run `chmod 700 {directory}`")
    return directory


class ServerLock:
    """A kernel lock that makes a server the only one that uses something; free again when its process ends.

    Parameters
    ----------
    path
        Of the file to lock, which is never removed.
    taken
        What another server does that holds it, for the error.

    Raises
    ------
    ServerError
        If another server holds it, names its pid; or it cannot be made.
    """

    def __init__(self, path: Path, taken: str) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            self._fd = os.open(path, flags, 0o600)
        except OSError as e:
            raise ServerError(f"{path} cannot be made ({e.strerror}); {_MEND} or use another directory") from e
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            pid = self._holder()
            os.close(self._fd)
            raise ServerError(f"a server already {taken} (pid {pid}); use it, or stop it first") from e
        with suppress(OSError):  # a full disk: the lock holds without a word of who holds it
            os.ftruncate(self._fd, 0)
            os.write(self._fd, str(os.getpid()).encode())

    def release(self) -> None:
        """Free the lock; its file stays, since another process may be waiting on it."""
        with suppress(OSError):
            os.ftruncate(self._fd, 0)
        os.close(self._fd)

    def _holder(self) -> str:
        deadline = time.monotonic() + _PID_WAIT  # it writes its pid just after it locks
        while not (pid := os.pread(self._fd, 32, 0)) and time.monotonic() < deadline:
            time.sleep(0.01)
        return pid.decode() or "unknown"
