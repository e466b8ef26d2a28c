"""A runner that does what its job says: the payload is ``{"do": [[verb, value], ...]}``. Standard library only."""

import json
import os
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Puppet:
    def __init__(self, fd: int) -> None:
        self.peer = socket.socket(fileno=fd)
        self.commands = self.peer.makefile("rb")
        self.verbs: dict[str, Callable[[Any], object]] = {
            "send": lambda text: self.peer.sendall(text.encode()),
            "play": self.play,
            "send_hex": lambda text: self.peer.sendall(bytes.fromhex(text)),
            "flood": lambda count: self.peer.sendall(b"x" * count),
            "sleep": time.sleep,
            "signal": lambda number: os.kill(os.getpid(), number),
            "ignore": lambda number: signal.signal(number, signal.SIG_IGN),
            "exit": os._exit,
            "print": lambda text: print(text, flush=True),
            "await_command": self.await_command,
            "close": self.close,
            "fork": self.fork,
        }

    def run(self) -> None:
        line = self.commands.readline()
        if not line:
            return  # the server has ended
        for verb, value in json.loads(line)["payload"]["do"]:
            self.verbs[verb](value)

    def play(self, file_and_seconds: tuple[str, float]) -> None:
        """Send the lines of a file, spread over so many seconds; what is too long for a job comes so."""
        name, seconds = file_and_seconds
        with open(name, "rb") as file:
            lines = file.readlines()
        for line in lines:
            self.peer.sendall(line)
            time.sleep(seconds / len(lines))

    def await_command(self, expected: object) -> None:
        if json.loads(self.commands.readline()) != expected:
            os._exit(9)

    def close(self, _value: object) -> None:
        self.commands.close()
        self.peer.close()

    def fork(self, seconds: float) -> None:
        """Leave a child that holds the socket, in a process group of its own as workers are."""
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            time.sleep(seconds)
            os._exit(0)
        print(child, flush=True)


if __name__ == "__main__":
    Puppet(int(sys.argv[sys.argv.index("--fd") + 1])).run()
