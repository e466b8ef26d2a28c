"""What the workers of every design report: the updates of whole wells, 10 steps of 9 pattern groups each."""

from __future__ import annotations

import string
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from bench.harness import BenchError
from plateflow.progress.update import ProgressPhase, ProgressStatus

if TYPE_CHECKING:
    from collections.abc import Callable

PLATE: Final = "/data/screens/2024-03-07/plate_01"
STEP_NAMES: Final = tuple(
    "correct_illumination normalise denoise composite find_nuclei find_cells find_cytoplasm measure_intensity"
    " measure_shape overlay".split()
)
CHANNELS: Final = ("DAPI", "GFP", "Phalloidin")
SITES: Final = 3
GROUPS: Final = tuple((f"s{site} c={channel} z1 t1", channel) for site in range(1, SITES + 1) for channel in CHANNELS)
UPDATES_A_WELL: Final = 2 + len(STEP_NAMES) * (2 + len(GROUPS))
WORKERS: Final = 4
NICENESS: Final = 10
"""Of every design's workers: that of ``plateflow.execution.worker``, whose imports would take longer than a run."""
COLUMNS: Final = 48
"""Of a 1536-well plate."""


class Emits(Protocol):
    """What reports updates; plateflow's own :class:`~plateflow.progress.emitter.Emitter` is one."""

    def axis(self, axis_id: str, total_steps: int) -> Self: ...

    def step(self, name: str, index: int) -> Self: ...

    def emit(
        self,
        phase: ProgressPhase,
        status: ProgressStatus,
        completed: int,
        total: int,
        *,
        pattern: str = "",
        component: str = "",
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class DictEmitter:
    """Reports the same updates as plain dicts, as one does who has no types for them."""

    report: Callable[[dict[str, Any]], object]
    execution_id: str
    plate_id: str = PLATE
    axis_id: str = ""
    step_name: str = ""
    step_index: int = 0
    total_steps: int = 0

    def axis(self, axis_id: str, total_steps: int) -> DictEmitter:
        return replace(self, axis_id=axis_id, total_steps=total_steps)

    def step(self, name: str, index: int) -> DictEmitter:
        return replace(self, step_name=name, step_index=index)

    def emit(
        self,
        phase: ProgressPhase,
        status: ProgressStatus,
        completed: int,
        total: int,
        *,
        pattern: str = "",
        component: str = "",
    ) -> None:
        update = {
            "type": "progress",
            "execution_id": self.execution_id,
            "plate_id": self.plate_id,
            "axis_id": self.axis_id,
            "step_name": self.step_name,
            "step_index": self.step_index,
            "total_steps": self.total_steps,
            "phase": phase.value,
            "status": status.value,
            "completed": completed,
            "total": total,
            "percent": 100 * completed / total if total else 0.0,
            "timestamp": time.time(),
        }
        if pattern:
            update["pattern"] = pattern
            update["component"] = component
        self.report(update)


@dataclass(slots=True)
class Tally:
    """Counts what a subscriber received."""

    wells: int
    """That are to be completed."""
    counts: Counter[str] = field(default_factory=Counter)
    """Updates by well."""
    completed: int = 0

    @property
    def received(self) -> int:
        return self.counts.total()

    def add(self, axis_id: str, phase: str) -> bool:
        """Count one update; return whether it was the last of the last well."""
        self.counts[axis_id] += 1
        if phase != "axis_completed":
            return False
        self.completed += 1
        return self.completed == self.wells

    def check(self) -> int:
        """Return how many updates came.

        Raises
        ------
        BenchError
            If a well did not complete, or there are more updates of it than were sent.
        """
        if self.completed != self.wells or len(self.counts) != self.wells:
            raise BenchError(f"{self.completed} of {self.wells} wells were completed, {len(self.counts)} were heard of")
        if max(self.counts.values()) > UPDATES_A_WELL:
            raise BenchError(f"updates came twice: {self.counts.most_common(1)}")
        return self.received


def well_names(count: int) -> list[str]:
    """Return the first wells of a 1536-well plate."""
    rows = [*string.ascii_uppercase, *(f"A{letter}" for letter in "ABCDEF")]
    return [f"{rows[n // COLUMNS]}{n % COLUMNS + 1:02d}" for n in range(count)]


def share(wells: int, worker: int) -> list[str]:
    """Return the wells of one of the workers."""
    return well_names(wells)[worker::WORKERS]


def report_well(emitter: Emits, well: str) -> None:
    """Report one well from its start to its end, as :class:`~plateflow.execution.axis.AxisRunner` does."""
    at_well = emitter.axis(well, len(STEP_NAMES))
    at_well.emit(ProgressPhase.AXIS_STARTED, ProgressStatus.STARTED, 0, len(STEP_NAMES))
    for index, name in enumerate(STEP_NAMES):
        at_step = at_well.step(name, index)
        at_step.emit(ProgressPhase.STEP_STARTED, ProgressStatus.STARTED, 0, len(GROUPS))
        for done, (pattern, component) in enumerate(GROUPS, 1):
            where = {"pattern": f"{well} {pattern}", "component": component}
            at_step.emit(ProgressPhase.PATTERN_GROUP, ProgressStatus.RUNNING, done, len(GROUPS), **where)
        at_step.emit(ProgressPhase.STEP_COMPLETED, ProgressStatus.COMPLETED, len(GROUPS), len(GROUPS))
    at_well.emit(ProgressPhase.AXIS_COMPLETED, ProgressStatus.COMPLETED, len(STEP_NAMES), len(STEP_NAMES))
