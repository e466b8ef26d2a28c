"""A plausible run, message by message, through the real fold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec import UNSET

from plateflow.plate.wells import well_name
from plateflow.progress.emitter import Emitter
from plateflow.progress.messages import (
    AxisKind,
    ExecutionKind,
    ExecutionMessage,
    ExecutionState,
    Message,
    Topology,
    TopologyAxis,
    TopologyStep,
)
from plateflow.progress.state import ExecutionProgress
from plateflow.progress.update import ProgressPhase as Phase
from plateflow.progress.update import ProgressStatus as Status

if TYPE_CHECKING:
    from collections.abc import Iterator

EXECUTION = "0" * 32
PLATE = "/data/screens/Plate_A"
STEPS = ("smooth", "find_nuclei", "ring_around", "measure_nuclei", "ratio")
ERROR = "ValueError: no objects found in channel 1,\nthe image is empty"
TRACEBACK = (
    "Traceback (most recent call last):\n"
    + "\n".join(f'  File "f.py", line {n}, in f' for n in range(9))
    + ("\nValueError: no objects found in channel 1")
)


@dataclass
class Script:
    """Makes the messages of one run in order; ``state`` has them all applied."""

    rows: int = 8
    columns: int = 12
    steps: tuple[str, ...] = STEPS
    groups: int = 4
    imaged: int | None = None
    """Wells of the plate that were imaged, the first ones; None for all."""
    kind: ExecutionKind = ExecutionKind.RUN
    seen: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = ExecutionProgress(execution_id=EXECUTION, plate_id=PLATE)
        self.emitter = Emitter(self.take, EXECUTION, PLATE)
        names = [well_name(row, column) for row in range(1, self.rows + 1) for column in range(1, self.columns + 1)]
        self.wells = names[: self.imaged]

    def take(self, message: Message) -> None:
        self.seen.append(message)
        self.state.apply(message, self.state.seq + 1)

    def drain(self) -> list[Message]:
        seen, self.seen = self.seen, []
        return seen

    def execution(self, state: ExecutionState, reason: str = "", topology: Topology | None = None) -> None:
        message = ExecutionMessage.now(
            EXECUTION, PLATE, self.kind, state, reason=reason or UNSET, topology=topology or UNSET
        )
        self.take(message)

    def init(self, files: int = 192, upto: int | None = None) -> None:
        self.execution(ExecutionState.RUNNING)
        self._prepare(Phase.INIT, files, upto)

    def found(self, *files: int) -> None:
        """List the folder; no total is known yet."""
        self.execution(ExecutionState.RUNNING)
        for number, count in enumerate(files):
            status = Status.RUNNING if number else Status.STARTED
            self.emitter.emit(Phase.INIT, status, 0, 0, message=f"{count:,} files found")

    def compile(self, upto: int | None = None) -> None:
        self._prepare(Phase.COMPILE, len(self.wells), upto)
        if upto is None:
            self.topology()

    def topology(self) -> None:
        steps = tuple(TopologyStep(name=name, groups=self.groups) for name in self.steps)
        axes = tuple(TopologyAxis(axis=well, kind=AxisKind.WELL, after=()) for well in self.wells)
        topology = Topology(part=0, parts=1, rows=self.rows, columns=self.columns, steps=steps, axes=axes)
        self.execution(ExecutionState.RUNNING, topology=topology)

    def prepare(self) -> None:
        self.init()
        self.compile()

    def well(self, well: str, fail_at: str = "") -> Iterator[None]:
        """One well's work; yields after each update, so that wells can be interleaved."""
        axis = self.emitter.axis(well, len(self.steps))
        axis.emit(Phase.AXIS_STARTED, Status.STARTED, 0, len(self.steps))
        yield
        for index, name in enumerate(self.steps):
            step = axis.step(name, index)
            step.emit(Phase.STEP_STARTED, Status.STARTED, 0, self.groups)
            yield
            for done in range(1, self.groups + 1):
                if name == fail_at and done == self.groups // 2 + 1:
                    error = {"error": ERROR}
                    step.emit(Phase.PATTERN_GROUP, Status.ERROR, done - 1, self.groups, traceback=TRACEBACK, **error)
                    step.emit(Phase.STEP_COMPLETED, Status.ERROR, done - 1, self.groups, **error)
                    step.emit(Phase.AXIS_COMPLETED, Status.ERROR, index, len(self.steps), **error)
                    yield
                    return
                step.emit(Phase.PATTERN_GROUP, Status.RUNNING, done, self.groups, pattern=f"{well} s{done} c*")
                yield
            step.emit(Phase.STEP_COMPLETED, Status.COMPLETED, self.groups, self.groups)
            yield
        axis.emit(Phase.AXIS_COMPLETED, Status.COMPLETED, len(self.steps), len(self.steps))
        yield

    def run(
        self, failing: dict[str, str] | None = None, workers: int = 6, updates: int | None = None
    ) -> Iterator[None]:
        """All wells, some at a time; stops after so many updates, with wells in the middle of their work."""
        waiting = [self.well(well, (failing or {}).get(well, "")) for well in reversed(self.wells)]
        busy: list[Iterator[None]] = []
        turn = 0
        while waiting or busy:
            while waiting and len(busy) < workers:
                busy.append(waiting.pop())
            if next(busy[turn := (turn * 5 + 3) % len(busy)], True) is not None:
                del busy[turn]
            yield
            if updates is not None and (updates := updates - 1) <= 0:
                return

    def _prepare(self, phase: Phase, total: int, upto: int | None) -> None:
        self.emitter.emit(phase, Status.STARTED, 0, total)
        end = total if upto is None else upto
        for done in range(0, end, max(1, total // 12)):
            self.emitter.emit(phase, Status.RUNNING, done, total)
        if upto is None:
            self.emitter.emit(phase, Status.COMPLETED, total, total)
        else:
            self.emitter.emit(phase, Status.RUNNING, upto, total)


def halfway(rows: int = 8, columns: int = 12, failing: tuple[str, ...] = ("B04", "C07"), share: float = 0.45) -> Script:
    """A run with wells in every state."""
    script = Script(rows, columns)
    script.prepare()
    per_well = 2 + len(STEPS) * (2 + script.groups)
    for _ in script.run(dict.fromkeys(failing, "measure_nuclei"), updates=int(per_well * len(script.wells) * share)):
        pass
    return script


def finished(**options: int) -> Script:
    """A run whose second well failed."""
    script = Script(**options)  # type: ignore[arg-type]  # the sizes are ints
    script.prepare()
    for _ in script.run({script.wells[1]: "measure_nuclei"}):
        pass
    script.execution(ExecutionState.COMPLETED)
    return script
