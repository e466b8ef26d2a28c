"""A process that does jobs as a runner does; each call by which it writes goes to a supervisor first.

Orders come on ``--fd``, a job in a JSON line each; the answer to one is all lines of its messages, then an empty one.
"""

import argparse
import os
import socket
import subprocess
import sys
from pathlib import Path
from select import select
from types import TracebackType
from typing import Self

import msgspec
from tests.chaos.jobs import Ended, do
from tests.chaos.refusal import Supervisor, trap_calls

from plateflow.progress.messages import decode_lines
from plateflow.service.job import JobSpec, decode_job

ROOT = Path(__file__).parents[2]


class JobProcess:
    """Such a process, from outside; ``supervisor`` decides on its calls."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        command = [sys.executable, "-m", "tests.chaos.job_process", "--fd", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()])
        _, [listener], _, _ = socket.recv_fds(self._socket, 1, 1)
        self.supervisor = Supervisor(listener)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._socket.close()
        os.close(self.supervisor.listener)

    def do(self, spec: JobSpec) -> Ended:
        """Have it do a job; return how that ended."""
        self._socket.sendall(msgspec.json.encode(spec) + b"\n")
        said = b""
        while not said.endswith(b"\n\n"):
            ready, _, _ = select([self._socket.fileno(), self.supervisor.listener], [], [])
            if self.supervisor.listener in ready:
                self.supervisor.answer()
            elif more := self._socket.recv(1 << 20):
                said += more
            else:
                raise AssertionError(f"the process died, exit code {self._process.wait()}; what it printed is above")
        return Ended(spec, decode_lines(said[:-1]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--fd", type=int, required=True)
    peer = socket.socket(fileno=parser.parse_args().fd)
    listener = trap_calls()
    socket.send_fds(peer, [b"!"], [listener])
    os.close(listener)
    for line in peer.makefile("rb"):
        do(decode_job(line), peer.sendall)
        peer.sendall(b"\n")


if __name__ == "__main__":
    main()
