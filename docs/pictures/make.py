"""Make the pictures of README: ``make pictures`` (needs ``PLATEFLOW_TEST_DATA``).

A run of the example on the real plate, with one image damaged so that a failing well shows; the live view as it stood
past the middle, and the plot that the example draws.
"""

import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

from plateflow.cli.view.pace import Pace, Stopwatch
from plateflow.cli.view.screen import render
from plateflow.progress.messages import ExecutionKind
from plateflow.progress.state import ExecutionProgress
from plateflow.service.connect import connect
from plateflow.service.job import JobSpec, describe_pipeline

PICTURES = Path(__file__).parent
EXAMPLE = PICTURES.parents[1] / "examples" / "translocation.py"
WIDTH, HEIGHT = 112, 30
SHOWN_PERCENT = 58


def main() -> None:
    """Run the example twice: once damaged, for the live view; once as it is, for the plot."""
    plate = Path(os.environ["PLATEFLOW_TEST_DATA"]) / "sbs_bbbc013"
    with tempfile.TemporaryDirectory(prefix="pf") as folder:
        work = Path(folder)
        damaged = work / "BBBC013"
        shutil.copytree(plate, damaged, copy_function=shutil.copyfile)
        image = next((damaged / "images").glob("Channel2-*-B-07.tif"))
        image.write_bytes(image.read_bytes()[:100_000])
        _run(damaged, work / "damaged", work / "server", PICTURES / "live.svg")
        _run(plate, work / "whole", work / "server", None)
        subprocess.run([sys.executable, EXAMPLE, work / "whole", PICTURES / "dose_response.svg"], check=True)


def _run(plate: Path, output: Path, server: Path, picture: Path | None) -> None:
    spec = JobSpec(plate=str(plate), pipeline=describe_pipeline(EXAMPLE), output=str(output))
    stopwatch = Stopwatch()
    with connect(server) as client:
        execution_id = os.urandom(16).hex()
        with client.follow(execution_id) as follower:
            client.submit(str(plate), ExecutionKind.RUN, spec, execution_id=execution_id)
            while not follower.state.ended:
                follower.poll(0.05)
                pace = stopwatch.read(follower.state, time.monotonic())
                if picture is not None and follower.state.percent >= SHOWN_PERCENT:
                    _save(follower.state, pace, picture)
                    picture = None
        client.shutdown()


def _save(state: ExecutionProgress, pace: Pace, picture: Path) -> None:
    console = Console(record=True, width=WIDTH, height=HEIGHT, force_terminal=True, file=io.StringIO())
    console.print(render(state, pace, console.size))
    console.save_svg(str(picture), title="plateflow run examples/translocation.py BBBC013", theme=MONOKAI)


if __name__ == "__main__":
    main()
