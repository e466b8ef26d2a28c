"""A runner that sends lines made ahead, in random batches at a random pace; standard library only.

Its job is ``{"lines": FILE, "count": N, "seed": N, "seconds": S, "sent": FILE}``: the first ``count`` lines of the
file, within about ``seconds``. With ``sent``, it then tells that file how many it sent, sends part of one more line,
and kills itself.
"""

import json
import os
import random
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

PLACEHOLDER = b"0123456789abcdef" * 2
"""Stands in the file for the execution id."""
BATCH = 40
"""Lines in one, on average."""


def main() -> None:
    peer = socket.socket(fileno=int(sys.argv[sys.argv.index("--fd") + 1]))
    command = peer.makefile("rb").readline()
    if command:
        talk(peer, json.loads(command))


def talk(peer: socket.socket, job: dict[str, Any]) -> None:
    order = job["payload"]
    data = Path(order["lines"]).read_bytes().replace(PLACEHOLDER, job["execution_id"].encode())
    lines = data.splitlines(keepends=True)
    rng = random.Random(order["seed"])
    try:
        send_batches(peer, lines[: order["count"]], order["seconds"], rng)
        if order["sent"]:
            Path(order["sent"]).write_text(str(order["count"]))
            die(peer, lines[order["count"]], rng)
    except BrokenPipeError:
        os._exit(1)  # the server was killed


def send_batches(peer: socket.socket, lines: list[bytes], seconds: float, rng: random.Random) -> None:
    began, at, due = time.monotonic(), 0, 0.0
    while at < len(lines):
        size = 1 + int(rng.expovariate(1 / BATCH))
        peer.sendall(b"".join(lines[at : at + size]))
        at += size
        due += rng.expovariate(1) * seconds * size / len(lines)
        time.sleep(max(0.0, began + due - time.monotonic()))


def die(peer: socket.socket, torn: bytes, rng: random.Random) -> None:
    peer.sendall(torn[: rng.randrange(len(torn))])
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
