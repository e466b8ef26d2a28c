"""Has the kernel refuse a call that writes, whichever: with a true error, in whatever process makes it.

seccomp hands each such call of a process, and of all that it starts, to a supervisor, which lets it pass or names an
error (seccomp_unotify(2)). Needs no compiler and no right but that to trace one's own children.
"""

import ctypes
import errno
import fcntl
import os
import platform
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

X86_64 = {
    1: "write", 18: "pwrite64", 20: "writev", 77: "ftruncate", 74: "fsync", 75: "fdatasync", 91: "fchmod",
    2: "open", 82: "rename", 83: "mkdir", 84: "rmdir", 87: "unlink", 90: "chmod",
    257: "openat", 258: "mkdirat", 263: "unlinkat", 264: "renameat", 316: "renameat2",
}  # fmt: skip
"""Numbers of all calls by which a run writes."""
BY_DESCRIPTOR = frozenset({"write", "pwrite64", "writev", "ftruncate", "fsync", "fdatasync", "fchmod"})
PATH_AT = {"openat": 1, "mkdirat": 1, "unlinkat": 1, "renameat": 3, "renameat2": 3, "rename": 1}
"""Which argument is the path, of a rename the new one, where it is not the first; the one before is its folder."""
_WITH_FOLDER = frozenset({"openat", "mkdirat", "unlinkat", "renameat", "renameat2"})

_SET_NO_NEW_PRIVS, _SECCOMP, _SET_MODE_FILTER, _NEW_LISTENER = 38, 317, 1, 8
_LOAD, _JUMP_IF_EQUAL, _RETURN, _ALLOW, _NOTIFY = 0x20, 0x15, 0x06, 0x7FFF0000, 0x7FC00000
_RECEIVE, _SEND, _PASS = 0xC0502100, 0xC0182101, 1
_NOTICE, _ANSWER = struct.Struct("QIIiIQ6Q"), struct.Struct("QqiI")
_LONGEST_PATH = 4096

Refuse = Callable[[str, str], int]
"""Takes the name of a call and the path that it writes to; returns the number of an error, or 0 to let it pass."""


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("value", ctypes.c_uint))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction)))


def is_possible() -> bool:
    """Tell whether this machine can do it."""
    actions = Path("/proc/sys/kernel/seccomp/actions_avail")
    known = sys.platform == "linux" and platform.machine() == "x86_64"
    return known and actions.exists() and "user_notif" in actions.read_text()


def trap_calls() -> int:
    """Hand the calls of this thread, and of all that it starts, to whoever holds the descriptor returned."""
    code = [(_LOAD, 0, 0, 0)]
    code += [(_JUMP_IF_EQUAL, len(X86_64) - n, 0, number) for n, number in enumerate(X86_64)]
    code += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _NOTIFY)]
    instructions = (_Instruction * len(code))(*(_Instruction(*line) for line in code))
    program = _Program(len(code), instructions)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    listener = int(libc.syscall(_SECCOMP, _SET_MODE_FILTER, _NEW_LISTENER, ctypes.byref(program)))
    if listener < 0:
        raise OSError(ctypes.get_errno(), "seccomp gave no listener")
    return listener


class Refused(NamedTuple):
    """A call that was refused."""

    call: str
    path: str


class Supervisor:
    """Answers trapped calls; of those below a folder it asks ``refuse``, and notes which were refused.

    Parameters
    ----------
    listener
        From :func:`trap_calls`, of another process; readable while one waits.
    """

    def __init__(self, listener: int) -> None:
        self.listener = listener
        self.folder = ""
        self.refuse: Refuse = lambda call, path: 0
        self.refused: list[Refused] = []

    def answer(self) -> None:
        """Take one call and answer it."""
        notice = bytearray(_NOTICE.size)
        try:
            fcntl.ioctl(self.listener, _RECEIVE, notice, True)
            number, thread, _, call, _, _, *arguments = _NOTICE.unpack(notice)
            refusal = self._judge(thread, X86_64[call], arguments)
            answer = _ANSWER.pack(number, 0, -refusal, 0 if refusal else _PASS)
            fcntl.ioctl(self.listener, _SEND, bytearray(answer), True)
        except OSError as e:
            if e.errno != errno.ENOENT:  # who called was killed meanwhile
                raise

    def _judge(self, thread: int, call: str, arguments: list[int]) -> int:
        try:
            path = _path_of(thread, call, arguments)
        except OSError:
            return 0  # it was killed
        if not self.folder or not f"{path}/".startswith(f"{self.folder}/"):
            return 0
        refusal = self.refuse(call, path)
        if refusal:
            self.refused.append(Refused(call, path))
        return refusal


def _path_of(thread: int, call: str, arguments: list[int]) -> str:
    # "" for a call that writes nothing.
    if call in BY_DESCRIPTOR:
        return os.readlink(f"/proc/{thread}/fd/{_as_int(arguments[0])}")
    at = PATH_AT.get(call, 0)
    if call in ("open", "openat") and not arguments[at + 1] & os.O_CREAT:
        return ""
    folder = _as_int(arguments[at - 1]) if call in _WITH_FOLDER else -1
    base = os.readlink(f"/proc/{thread}/fd/{folder}" if folder >= 0 else f"/proc/{thread}/cwd")
    return os.path.join(base, _text_at(thread, arguments[at]))


def _as_int(argument: int) -> int:
    return struct.unpack("i", struct.pack("I", argument & 0xFFFFFFFF))[0]  # type: ignore[no-any-return]


def _text_at(thread: int, address: int) -> str:
    with open(f"/proc/{thread}/mem", "rb", buffering=0) as memory:
        rest_of_page = 4096 - address % 4096
        text = os.pread(memory.fileno(), rest_of_page, address)
        if b"\0" not in text:
            text += os.pread(memory.fileno(), _LONGEST_PATH, address + rest_of_page)
    return os.fsdecode(text.partition(b"\0")[0])
