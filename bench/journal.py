"""What the journal costs: CPU of writing updates in batches and one by one, and how fast they are read back.

The floor is a plain file that the same bytes are appended to, one ``write`` a batch, in the same rounds. The journal's
helper thread moves its WAL meanwhile, as in a server; its CPU counts.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.harness import Figure, Ratio, Report, Series, interleave
from bench.workload import PLATE, UPDATES_A_WELL, report_well, well_names
from plateflow.progress.emitter import Emitter
from plateflow.progress.messages import ExecutionKind, ExecutionState
from plateflow.progress.state import AxisState, ExecutionProgress
from plateflow.progress.update import ProgressUpdate, encode
from plateflow.runtime.checkpoints import Checkpointer
from plateflow.runtime.control import Summary
from plateflow.runtime.frames import read_batch
from plateflow.runtime.journal import Journal
from plateflow.runtime.tables import Batch
from plateflow.settings import Retention

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NAME: Final = "journal"
WELLS: Final = 900
BATCH: Final = 64
ROW: Final = 256
"""Updates in a row of which the reading is measured."""
SINGLE: Final = 5000
"""Updates that are committed one by one."""
MOST_CPU: Final = 1.5
"""Microseconds of CPU an update, at batches of 64."""
MOST_A_COMMIT: Final = 40.0
"""Microseconds of CPU a commit of one update."""
LEAST_REPLAY: Final = 1e6
"""Updates read back a second."""
EXECUTION: Final = "f" * 32


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one pass over some updates."""

    updates: int
    wall: float
    cpu: float

    @property
    def cpu_each(self) -> float:
        """Microseconds an update."""
        return 1e6 * self.cpu / self.updates

    @property
    def rate(self) -> float:
        """Updates a second of CPU."""
        return self.updates / self.cpu


def measure(rounds: int) -> Report:
    """Measure the journal."""
    lines = make_lines()
    batches, rows, singles = (join(lines, BATCH), join(lines, ROW), join(lines[:SINGLE], 1))
    with tempfile.TemporaryDirectory(prefix="pf") as folder:
        root = Path(folder)
        kept = Journal(root / "kept.sqlite", Retention())
        number = begin(kept)
        write(partial(kept.append, number), rows)
        subjects: dict[str, Callable[[], Cost]] = {
            "file": partial(append_to_file, root, batches),
            "journal": partial(append_to_journal, root, batches),
            "single": partial(append_to_journal, root, singles),
            "read": partial(read, kept, number, fold=False),
            "replay": partial(read, kept, number, fold=True),
        }
        for subject in subjects.values():
            subject()
        samples = interleave(subjects, rounds)
        kept.close()
    return make_report(samples, rounds)


def make_lines() -> list[bytes]:
    """Return the lines of whole wells."""
    lines: list[bytes] = []

    def report(update: ProgressUpdate) -> None:
        lines.append(encode(update) + b"\n")

    emitter = Emitter(report, EXECUTION, PLATE)
    for well in well_names(WELLS):
        report_well(emitter, well)
    return lines


def join(lines: list[bytes], count: int) -> list[tuple[int, bytes]]:
    """Return batches of so many lines, with how many each holds."""
    parts = (lines[start : start + count] for start in range(0, len(lines), count))
    return [(len(part), b"".join(part)) for part in parts]


def begin(journal: Journal) -> int:
    """Open a journal and add an execution; return its number."""
    journal.check()
    summary = Summary(
        execution_id=EXECUTION,
        plate_id=PLATE,
        kind=ExecutionKind.RUN,
        state=ExecutionState.RUNNING,
        reason="",
        seq=0,
        percent=0,
        counts=dict.fromkeys(AxisState, 0),
        submitted=1.0,
        started=1.0,
        seconds=0.0,
    )
    return journal.add(summary, b"{}", Batch(0, 0, b""))


def write(append: Callable[[Batch], object], batches: Sequence[tuple[int, bytes]]) -> Cost:
    """Write batches; return what it cost."""
    seq = 1
    wall, cpu = time.perf_counter(), time.process_time()
    for count, body in batches:
        append(Batch(seq, seq + count - 1, body))
        seq += count
    return Cost(seq - 1, time.perf_counter() - wall, time.process_time() - cpu)


def append_to_journal(root: Path, batches: Sequence[tuple[int, bytes]]) -> Cost:
    with tempfile.TemporaryDirectory(dir=root) as folder:
        journal = Journal(Path(folder) / "journal.sqlite", Retention())
        number = begin(journal)
        helper = Checkpointer(journal.path)
        try:
            return write(partial(journal.append, number), batches)
        finally:
            helper.close()
            journal.close()


def append_to_file(root: Path, batches: Sequence[tuple[int, bytes]]) -> Cost:
    with tempfile.TemporaryFile(dir=root, buffering=0) as file:
        return write(lambda batch: os.write(file.fileno(), batch.body), batches)


def read(journal: Journal, number: int, *, fold: bool) -> Cost:
    """Read all back in the chunks of a replay; with ``fold`` decoded, validated and folded too, as a viewer does."""
    progress = ExecutionProgress(execution_id=EXECUTION, plate_id=PLATE)
    seq = 1
    wall, cpu = time.perf_counter(), time.process_time()
    while chunk := journal.chunk(number, seq):
        if fold:
            progress.apply_all(read_batch(b"".join(chunk), EXECUTION, PLATE).messages, seq)
        seq += len(chunk)
    return Cost(seq - 1, time.perf_counter() - wall, time.process_time() - cpu)


def make_report(samples: dict[str, list[Cost]], rounds: int) -> Report:
    """Make the report of all rounds."""
    file = Series.of("plain file, batches of 64", "us CPU an update", samples["file"], lambda cost: cost.cpu_each)
    journal = Series.of("journal, batches of 64", "us CPU an update", samples["journal"], lambda cost: cost.cpu_each)
    single = Series.of("journal, one by one", "us CPU a commit", samples["single"], lambda cost: cost.cpu_each)
    served = Series.of("read in chunks", "updates/s", samples["read"], lambda cost: cost.rate)
    replay = Series.of("read, validated and folded", "updates/s", samples["replay"], lambda cost: cost.rate)
    return Report(
        title=f"{NAME}: {WELLS * UPDATES_A_WELL:,} updates into SQLite and back",
        rows=[file, Ratio(journal, file), single, served, replay],
        figures=[
            Figure("journal-cpu", Ratio(journal, _allowed(MOST_CPU, rounds)), 1.0),
            Figure("journal-commit", Ratio(single, _allowed(MOST_A_COMMIT, rounds)), 1.0),
            Figure("journal-read", Ratio(served, _allowed(LEAST_REPLAY, rounds)), 1.0, at_least=True),
            Figure("journal-replay", Ratio(replay, _allowed(LEAST_REPLAY, rounds)), 1.0, at_least=True),
        ],
        notes=[
            f"Figures are ratios to what is allowed: {MOST_CPU} us of CPU an update at batches of {BATCH},",
            f"{MOST_A_COMMIT:g} us a commit of one, and {LEAST_REPLAY:,.0f} updates/s read from rows of {ROW}.",
        ],
    )


def _allowed(value: float, rounds: int) -> Series:
    return Series("allowed", "", (value,) * rounds)
