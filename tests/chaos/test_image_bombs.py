"""Promise P15: an image that claims more than it is costs neither time nor memory, only its own well."""

import json
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
import tifffile
from tests.broken_images import BOMBS
from tests.chaos.machinery import ROOT, promise
from tests.chaos.plates import tell
from tests.chaos.victims import STEPS, Victim, problems_of, reopen
from tests.integration.conftest import Bench
from tests.integration.test_resume import results

from plateflow.service.execute import ExecutorName

MEASURE = """
import json, sys, time, resource
from pathlib import Path
from plateflow.errors import ImageError
from plateflow.storage.tiff import read_header, read_plane

def peak():
    return 1024 * int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])

read_plane(sys.argv[1])  # what is imported for the first image is no bomb's
Path("/proc/self/clear_refs").write_text("5")
before, began = peak(), time.perf_counter()
try:
    {"header": read_header, "plane": read_plane}[sys.argv[3]](sys.argv[2])
except ImageError as e:
    said = str(e)
else:
    said = ""
print(json.dumps({"said": said, "ms": 1000 * (time.perf_counter() - began), "growth": peak() - before}))
"""
MOST_MS = 50.0
MOST_GROWTH = 20 * 2**20


class Measured(msgspec.Struct):
    """What it took a process of its own to refuse a bomb."""

    said: str
    ms: float
    growth: int
    """Bytes of memory, at its highest."""


def measure(image: Path, bomb: Path, what: str) -> Measured:
    command = [sys.executable, "-c", MEASURE, str(image), str(bomb), what]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=True)
    return msgspec.convert(json.loads(done.stdout), Measured)


@pytest.mark.timeout(300)
def test_p15_a_bomb_is_refused_from_its_header(tmp_path: Path) -> None:
    image, bomb = tmp_path / "image.tif", tmp_path / "bomb.tif"
    tifffile.imwrite(image, np.full((48, 48), 7, np.uint16), compression="zstd", metadata=None)
    kept = tried = 0
    for name, broken in BOMBS.items():
        broken.make(bomb)
        for what in ("header", "plane"):
            found = [measure(image, bomb, what) for _ in range(3)]
            best = min(found, key=lambda one: one.ms)  # another process may have held up one of them
            growth = max(one.growth for one in found)
            named = all(re.search(broken.words, one.said) and str(bomb) in one.said for one in found)
            tried += 1
            kept += named and best.ms < MOST_MS and growth < MOST_GROWTH
            size = bomb.stat().st_size
            print(f"\n{name} ({size} bytes), {what}: {best.ms:.1f} ms, +{growth / 2**20:.1f} MiB", end="")
    promise("P15 image bombs", kept, tried)


@pytest.mark.timeout(300)
def test_p15_a_bomb_costs_its_own_well(kind: str, bench: Bench, executor: ExecutorName) -> None:
    undisturbed = results(bench.run(STEPS, executor).output)
    problems: dict[str, str] = {}
    for place in (0, -1):
        wells = list(bench.plate.wells)[3 + place :: 3]
        victims = [
            Victim(bench.plate.wells[well][place], f"{name}, image {place}", broken.make, broken.words)
            for well, (name, broken) in zip(wells, BOMBS.items(), strict=False)
        ]
        whole = {victim.name: Path(victim.record.path).read_bytes() for victim in victims}
        for victim in victims:
            victim.make(Path(victim.record.path))
        run = bench.run(STEPS, executor, plate=reopen(bench))
        problems |= problems_of(run, victims, undisturbed)
        for victim in victims:
            Path(victim.record.path).write_bytes(whole[victim.name])
    tell(f"P15 image bombs in a run, {kind} plate, {executor}", problems)
