"""No killed process leaves its folder of sockets for good."""

import os
import signal
import subprocess
import sys
from pathlib import Path

MAKE = """
import multiprocessing.util, sys
from plateflow.execution.socket_folder import make_socket_folder
make_socket_folder()
print(multiprocessing.util.get_temp_dir(), flush=True)
sys.stdin.read()
"""


def start(temporary: Path) -> "tuple[subprocess.Popen[str], Path]":
    pipe = subprocess.PIPE
    environment = os.environ | {"TMPDIR": str(temporary)}
    process = subprocess.Popen([sys.executable, "-c", MAKE], stdin=pipe, stdout=pipe, text=True, env=environment)
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    assert folder.parent == temporary
    return process, folder


def test_a_folder_goes_with_its_process_or_with_the_next(short_tmp: Path) -> None:
    killed, left = start(short_tmp)
    living, held = start(short_tmp)
    assert left.exists()  # its process lives
    with killed:
        killed.send_signal(signal.SIGKILL)
    last, own = start(short_tmp)
    assert sorted(short_tmp.iterdir()) == sorted([held, own])
    for process in (living, last):
        process.communicate("")
        assert process.returncode == 0
    assert list(short_tmp.iterdir()) == []


def test_what_others_put_there_stays(short_tmp: Path) -> None:
    other = short_tmp / "plateflow-sockets-12345678"
    other.mkdir()
    (other / "file").write_text("of somebody else")
    (short_tmp / "plateflow-sockets-link").symlink_to(short_tmp)
    process, _ = start(short_tmp)
    process.communicate("")
    assert (other / "file").exists()
    assert (short_tmp / "plateflow-sockets-link").is_symlink()
