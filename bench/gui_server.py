"""The server that the bench of the window watches: a real one, but that it lets 50 runs go on at once.

plateflow's own starts one run at a time. Fifty plates that change together are the worst that a window can meet, so
``RUNS_AT_ONCE`` is raised here, in this process only; all else is as users get it.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from plateflow.runtime import executions
from plateflow.runtime.server import ExecutionServer

RUNNER = (sys.executable, "-m", "bench.gui_runner")


def main() -> None:
    executions.RUNS_AT_ONCE = 50
    server = ExecutionServer(Path(sys.argv[1]), RUNNER)
    signal.signal(signal.SIGTERM, lambda *_: server.stop())
    server.serve()


if __name__ == "__main__":
    main()
