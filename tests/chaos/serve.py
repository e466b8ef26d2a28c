"""A server in a process of its own: says that its imports are done, and serves once it is told to."""

import argparse
import signal
import sys
from pathlib import Path

from plateflow.errors import ServerError
from plateflow.runtime import ports
from plateflow.runtime.server import ExecutionServer
from plateflow.service.server import RUNNER

TALKER = (sys.executable, "-I", "-S", str(Path(__file__).with_name("talker.py")))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--journal", type=Path)
    parser.add_argument("--plates", action="store_true", help="run plates, not talkers")
    parser.add_argument("--high-water", type=int, default=ports.STREAM_HIGH_WATER)
    options = parser.parse_args()
    ports.STREAM_HIGH_WATER = options.high_water
    runner = RUNNER if options.plates else TALKER
    server = ExecutionServer(options.directory, runner, exit_when_idle=60, journal=options.journal)
    signal.signal(signal.SIGTERM, lambda number, frame: server.stop())
    print("imported", flush=True)
    sys.stdin.readline()
    try:
        with server:
            server.wait()
    except ServerError as e:
        sys.exit(str(e))


if __name__ == "__main__":
    main()
